"""The only clock: APScheduler keeps two jobs, one tick and one refit, and this loop tells them the time."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ahpa.adapters.kubernetes.api import KubeError
from ahpa.adapters.telemetry import log
from ahpa.service.service import Service


class Loop:
    """Runs a service by the wall clock until told to stop; APScheduler keeps the two jobs."""

    def __init__(self, service: Service, clock: Callable[[], float] = time.time) -> None:
        self._service = service
        self._clock = clock
        self._stop = threading.Event()
        self._advanced = time.monotonic()
        self.ready = False

    @property
    def alive(self) -> bool:
        """The loop advanced within three ticks. It says nothing of Prometheus or the API server."""
        return time.monotonic() - self._advanced < 3 * self._service.settings.tick_seconds

    def stop(self, *_: Any) -> None:
        self._stop.set()

    def run_once(self) -> None:
        """One refit and one tick. Raises KubeError if the cluster cannot be reached."""
        now = self._clock()
        self._service.refit(now)
        self._service.tick(now)

    def run(self) -> None:
        """Until SIGTERM or SIGINT. The floors stay as they are: a restart must not drop a fleet."""
        from apscheduler.schedulers.background import BackgroundScheduler

        settings = self._service.settings
        common: dict[str, Any] = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        scheduler = BackgroundScheduler(timezone="UTC", job_defaults=common)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.stop)
        self._once("refit", self._service.refit)
        self._once("tick", self._service.tick)
        scheduler.add_job(self._once, "interval", ("tick", self._service.tick), seconds=settings.tick_seconds)
        refit = scheduler.add_job(
            self._once, "interval", ("refit", self._service.refit), seconds=settings.refit_seconds
        )
        scheduler.start()
        while not self._stop.wait(1.0):
            if self._service.wants_refit:
                self._service.wants_refit = False
                refit.modify(next_run_time=datetime.fromtimestamp(self._clock(), UTC))
        scheduler.pause()
        scheduler.shutdown(wait=False)
        log("service.stopped")

    def _once(self, job: str, work: Callable[[float], Any]) -> None:
        try:
            work(self._clock())
        except KubeError as error:
            self._service.metrics.job_errors.labels(job).inc()
            log(f"{job}.failed", logging.ERROR, problem=str(error))
        except Exception:
            self._service.metrics.job_errors.labels(job).inc()
            logging.getLogger("ahpa").exception("%s.failed", job)
        if job == "tick":
            self.ready = True
        self._advanced = time.monotonic()
