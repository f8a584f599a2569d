"""The only clock: APScheduler keeps two jobs, one tick and one refit, and this loop tells them what time it is."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError
from datetime import UTC, datetime
from typing import Protocol

from ahpa.ports import ClusterError, Telemetry
from ahpa.service.settings import Settings

IDLE_SHARE = 0.25
"""Of a tick, after which the next one comes while nobody asks for a plan."""
OVERDUE_SHARE = 1.5
"""Of a tick, after which the next one comes whatever the wall clock says: set back an hour, it would wait for one."""
SPARE, SPARE_BESIDE_A_REFIT = 0.5, 0.15
"""Of the time, for who works beside the jobs."""

_LOOK_SECONDS = 0.2
"""Between two looks whether to stop while the first round goes on."""


def wall_clock() -> float:
    """Unix seconds, for a command that looks once."""
    return time.time()


class Jobs(Protocol):
    """What is run; a Service."""

    @property
    def settings(self) -> Settings: ...

    def refit(self, now: float, /) -> object: ...

    def tick(self, now: float, /) -> object: ...

    @property
    def idle(self) -> bool: ...

    def take_wish(self, job: str, /) -> bool: ...


class Pace:
    """Waits where more is done than `per_second`, after a burst of so many seconds' worth; slower for a server that has
    no time for us.

    Each answer that says so (429, 5xx, none at all) halves the rate, down to a hundredth; each good one gives a
    fiftieth of it back. That is TCP's way (additive increase, multiplicative decrease; Chiu and Jain 1989), and what
    the API's priority and fairness asks of a client (docs/decisions/0074-the-pace-of-writes.md).
    """

    def __init__(
        self,
        per_second: float,
        burst_seconds: float = 1.0,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._most = self._rate = per_second
        self._ahead = burst_seconds
        self._monotonic = monotonic
        self._sleep = sleep
        self._free_at = -math.inf
        """When what was let through would be over, had it kept the rate."""

    def __call__(self) -> None:
        now = self._monotonic()
        self._free_at = max(self._free_at, now) + 1 / self._rate
        wait = self._free_at - now - max(self._ahead, 1 / self._rate)
        if wait > 0:
            self._sleep(wait)

    def answered(self, status: int) -> None:
        """Take note of an answer: its HTTP status, 0 where there was none."""
        if status in (0, 429) or status >= 500:
            self._rate = max(self._rate / 2, self._most / 100)
        else:
            self._rate = min(self._rate + self._most / 50, self._most)


class Loop:
    """Runs a service by the wall clock until told to stop."""

    def __init__(
        self,
        service: Jobs,
        telemetry: Telemetry,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        tidy: Callable[[], None] = lambda: None,
    ) -> None:
        """`tidy` is called after each job, however that ended."""
        self._service = service
        self._telemetry = telemetry
        self._clock = clock
        self._monotonic = monotonic
        self._tidy = tidy
        self._stop = threading.Event()
        self._advanced = monotonic()
        self._ticked = self._advanced
        """When the last tick ended; a slow one is followed by a pause all the same."""
        self._rounds = 0
        """Ticks that are over, however they ended."""
        self._busy: set[str] = set()
        self._failed: set[str] = set()
        """Jobs whose last run could not reach the cluster."""
        self.ready = False
        """A tick has done its work: targets were listed, decisions made."""

    @property
    def alive(self) -> bool:
        """The loop advanced within three ticks. It says nothing of Prometheus or the API server."""
        return self._monotonic() - self._advanced < 3 * self._service.settings.tick_seconds

    def stop(self) -> None:
        self._stop.set()

    def run_once(self) -> None:
        """One refit and one tick. Raises ClusterError if the cluster cannot be reached."""
        now = self._clock()
        self._service.refit(now)
        self._service.tick(now)
        self.ready = True

    def run(self) -> None:
        """Until `stop`, whatever runs then. The floors stay as they are: a restart must not drop a fleet."""
        from apscheduler.events import EVENT_JOB_MAX_INSTANCES
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        settings = self._service.settings
        common = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        threads = {"default": ThreadPoolExecutor(2)}  # one for each job: more would only hold what a job once held
        scheduler = BackgroundScheduler(executors=threads, timezone="UTC", job_defaults=common, daemon=False)
        self._begin()
        for job, seconds in (("tick", settings.tick_seconds), ("refit", settings.refit_seconds)):
            scheduler.add_job(self.do, "interval", (job,), seconds=seconds, id=job)
        scheduler.add_listener(lambda event: self._skipped(event.job_id), EVENT_JOB_MAX_INSTANCES)
        scheduler.start()
        try:
            while not self._stop.wait(1.0):
                for job in self.hurried():
                    scheduler.modify_job(job, next_run_time=datetime.fromtimestamp(self._clock(), UTC))
        finally:  # its threads are no daemons: who ends the process gives a round the time to end what it writes
            scheduler.pause()
            scheduler.shutdown(wait=False)
        self._telemetry.log("service.stopped")

    def _begin(self) -> None:
        """The first refit and the first tick, one after the other; a stop does not wait for them. On a thread of their
        own: the first refit takes minutes, and who is told to stop has half a minute to give its leases back."""

        def both() -> None:
            for job in ("refit", "tick"):
                if not self._stop.is_set():
                    self.do(job)

        first = threading.Thread(target=both, name="first")
        first.start()
        while first.is_alive() and not self._stop.is_set():
            first.join(_LOOK_SECONDS)

    @property
    def spare(self) -> float:
        """What share of the time is left for who else wants the interpreter: nothing while a round goes on or the first
        is still to come, little during a refit, which shares the cores, and else half of it."""
        if "tick" in self._busy or not self._rounds:
            return 0.0
        return SPARE_BESIDE_A_REFIT if "refit" in self._busy else SPARE

    def hurried(self) -> list[str]:
        """Jobs that should not wait for their turn. A round that found nobody who asks costs nothing, so the next one
        comes early: the first annotation of all is seen soon. So it does while no round has done its work yet, as where
        the first lists of a large cluster take longer than a round: the first that sees them wishes for a refit."""
        free = [job for job in ("refit", "tick") if job not in self._busy]
        wished = [job for job in free if self._service.take_wish(job)]
        share = IDLE_SHARE if self._service.idle or not self.ready else OVERDUE_SHARE
        late = self._monotonic() - self._ticked >= share * self._service.settings.tick_seconds
        if "tick" in free and "tick" not in wished and late:
            wished.append("tick")
        return wished

    def _skipped(self, job: str) -> None:
        self._telemetry.skipped(job)
        self._telemetry.log(f"{job}.skipped", logging.WARNING)

    def do(self, job: str) -> None:
        """A `tick` or a `refit`, now. Raises nothing: what failed is counted and logged, and the next one comes."""
        self._busy.add(job)
        try:
            (self._service.tick if job == "tick" else self._service.refit)(self._clock())
        except ClusterError as error:
            self._telemetry.job_failed(job)
            again = job in self._failed  # an outage is told of once when it begins and once when it is over
            self._telemetry.log(f"{job}.failed", logging.DEBUG if again else logging.ERROR, problem=str(error))
            self._failed.add(job)
        except Exception as error:
            if isinstance(error, CancelledError) and self._stop.is_set():  # it was ended with all the rest
                self._telemetry.log(f"{job}.ended")
            else:
                self._telemetry.job_failed(job)
                self._telemetry.fault(f"{job}.failed")
        else:
            if job in self._failed:
                self._telemetry.log(f"{job}.works_again")
            self._failed.discard(job)
            if job == "tick":
                self.ready = True
        self._advanced = self._monotonic()
        if job == "tick":
            self._ticked = self._advanced
            self._rounds += 1
        self._tidy()
        self._busy.discard(job)
