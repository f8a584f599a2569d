"""T13: the real command for ten minutes at a cycle a second, while both servers fail; once with one process to the end,
whose memory, descriptors, threads and children are watched, and once with a new one each minute.

`AHPA_SOAK_SERVICES` and `AHPA_SOAK_MINUTES` make it smaller or longer. A server that hangs is left out here: it costs
its time-out, and no cycle of a second survives that (T4 and T5 have it).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.fleet.objects import SERVING, fleet, place
from benchmarks.fleet.processes import children, descriptors, resident_mib, serving, threads
from benchmarks.fleet.prometheus import serve
from benchmarks.fleet.store import Store
from tests.reliability.audit import Audited, Faulty, broken, service_of
from tests.reliability.growth import growth
from tests.reliability.reached import Reached
from tests.waiting import until

SERVICES = int(os.environ.get("AHPA_SOAK_SERVICES", "500"))
MINUTES = float(os.environ.get("AHPA_SOAK_MINUTES", "10"))
FAULTS = 0.05
LIFE_SECONDS = 60.0
OWN = 2
"""The minimum that the owner of every third service has set."""
WORDS = (
    "--tick", "1s", "--history", "1d", "--kinds", "knative", "--metrics-port", "-1", "--health-port", "-1",
    "--page-port", "-1",
)  # fmt: skip


@dataclass
class Soak:
    """Both servers, the process, and what is seen of it second by second."""

    folder: Path
    api: Audited
    prometheus: Faulty
    url: str
    process: subprocess.Popen[bytes] | None = None
    began: list[float] = field(default_factory=list)
    seen: list[tuple[float, float, int, int, int]] = field(default_factory=list)
    """Seconds since the start of the process; MiB, descriptors, threads, children."""

    def start(self) -> None:
        self.process = serving(self.folder, self.api.url, self.url, WORDS)
        self.began.append(time.time())

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def look(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, "it never exits on data"
        pid = self.process.pid
        counts = descriptors(pid), threads(pid), len(children(pid))
        self.seen.append((time.time() - self.began[-1], resident_mib(pid), *counts))

    def log(self) -> list[dict[str, Any]]:
        """Lines that are whole: a process that was killed leaves half of one."""
        rows = []
        for line in (self.folder / "log").read_text().splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                continue
        return rows

    def ticks(self) -> int:
        return sum(row["event"] in ("tick.done", "tick.failed") for row in self.log())

    def skipped(self) -> int:
        return sum(row["event"] == "tick.skipped" for row in self.log())

    def violations(self) -> list[str]:
        """Of all writes; a process that has just begun has one settled round behind it before it may lower."""
        first = self._first_ticks()
        found: list[str] = []
        for write in self.api.taken:
            own = OWN if int(service_of(write.path)[1].rpartition("-")[2]) % 3 == 0 else 0
            began = max((at for at in self.began if at <= write.at), default=0.0)
            found += broken(write, own, first.get(began, 0.0))
        return found

    def _first_ticks(self) -> dict[float, float]:
        """By the start of a process: the end of its first round."""
        from datetime import datetime

        done = [datetime.fromisoformat(row["ts"]).timestamp() for row in self.log() if row["event"] == "tick.done"]
        return {began: min((at for at in done if at > began), default=np.inf) for began in self.began}


@contextmanager
def soak(folder: Path) -> Iterator[Soak]:
    """With the servers, whose faults begin once the first process has decided."""
    store = Store()
    for where, item in fleet(SERVICES, {"ahpa.dev/mode": "apply"}):
        store.put(where, item)
    for number in range(0, SERVICES, 3):
        namespace, name = place(number)
        patch = {"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": str(OWN)}}}
        store.edit(f"{SERVING}/namespaces/{namespace}/revisions/{name}-00001", patch)
    prometheus = Faulty(SERVICES, 0.0, seed=5)
    server = serve(prometheus)
    api = Audited(store, prometheus, 0.0, seed=7)
    at = Soak(folder, api, prometheus, server.url)
    try:
        at.start()
        yield at
    finally:
        at.kill()
        api.close()
        server.close()


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_one_process_to_the_end_grows_in_nothing_and_misses_no_cycle(tmp_path: Path, reached: Reached) -> None:
    with soak(tmp_path) as at:
        until(lambda: at.api.taken, "a write", 1200.0, 0.5)
        first = at.ticks()
        until(lambda: at.ticks() > first, "all floors of the first plan are written", 60.0, 0.1)
        at.prometheus.share = at.api.share = FAULTS
        ends, warm = time.time() + 60 * MINUTES, time.time() + 12 * MINUTES
        before, skipped_before = at.ticks(), at.skipped()
        while time.time() < ends:
            time.sleep(1.0)
            if time.time() > warm:
                at.look()
        cycles = at.ticks() - before
        skipped = at.skipped() - skipped_before
        seen = np.array(at.seen)
        half = len(seen) // 2
        slope = growth(seen[:, 0], seen[:, 1])  # a round a second
        assert at.violations() == []
        assert skipped == 0
        assert cycles >= 0.98 * 60 * MINUTES - 2, "but for the first and the last"
        # The least of each: while somebody learns there is a process more.
        assert (seen[half:, 2:].min(axis=0) <= seen[:half, 2:].min(axis=0)).all(), "descriptors, threads, children"
        assert slope <= 1.0
        moved = sum(write.floors()[0] != write.floors()[1] for write in at.api.taken)
        assert moved, "else nothing was tried"
        figure = (
            f"{cycles} cycles, none missed, 0 of {len(at.api.taken)} writes break an invariant ({moved} moved a "
            f"floor), {slope:.2f} MiB in 1,000 cycles, descriptors, threads and children constant"
        )
        reached("T13", f"{SERVICES} services, {MINUTES:g} min at a cycle a second, 5 % faults", figure)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_new_process_each_minute_breaks_nothing(tmp_path: Path, reached: Reached) -> None:
    with soak(tmp_path) as at:
        until(lambda: at.api.taken, "a write", 1200.0, 0.5)
        at.prometheus.share = at.api.share = FAULTS
        before = [at.ticks()]
        for _ in range(round(60 * MINUTES / LIFE_SECONDS)):
            time.sleep(LIFE_SECONDS)
            at.kill()
            before.append(at.ticks())
            at.start()
        until(lambda: at.ticks() > before[-1] + 1, "two ticks more", 1200.0, 0.5)
        assert at.violations() == []
        assert np.diff(before).min() >= 10, "each lived long enough to do something"
        lowered = sum(write.floors()[1] < write.floors()[0] for write in at.api.taken)
        assert lowered, "else nothing was tried"
        figure = (
            f"{len(at.began)} lives, {at.ticks()} cycles, 0 of {len(at.api.taken)} writes break an invariant "
            f"({lowered} lowered a floor)"
        )
        reached("T13", f"{SERVICES} services, {MINUTES:g} min, 5 % faults, killed each minute", figure)
