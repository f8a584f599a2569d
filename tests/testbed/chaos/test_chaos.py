"""T13 on a real control plane: an hour in which each dependency is killed and frozen in turn and the leader is killed
each minute; at the end everybody is switched off. `AHPA_CHAOS_MINUTES` makes it shorter.

All is judged afterwards: each write of a floor by the API server's own log, against the schedule and the journal of the
process that wrote. Three replicas in pods of ours, under the rights and fences that are installed; one of them is never
killed (it is frozen where the others are killed), and does not grow.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.fleet.processes import children, descriptors, resident_mib, threads
from testbed import Testbed
from tests.reliability.reached import Reached
from tests.testbed.chaos import targets
from tests.testbed.chaos.befallen import Befallen
from tests.testbed.chaos.replicas import Life, install
from tests.testbed.chaos.verdict import Hour, said, slope, verdict_on
from tests.waiting import until

MINUTES = float(os.environ.get("AHPA_CHAOS_MINUTES", "60"))
WARM_MINUTES = min(12.0, MINUTES / 3)
LEAST_MINUTES = 30
"""In less it has not settled: its growth is said, and not judged, and nothing was reached."""
NAMES = ["ahpa-lasting", "ahpa-one", "ahpa-other"]
SEED = 13
RESTORED_SECONDS = 300.0


class Watched:
    """What is seen of a process, second by second."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self.ticks: list[int] = []
        self.mib: list[float] = []
        self.counts: list[tuple[int, int, int]] = []
        """Descriptors, threads, children."""

    def until(self, end: float, going_on: Callable[[], bool]) -> None:
        while time.time() < end and going_on():
            pid = self._life.process.pid
            assert self._life.process.poll() is None, "it never exits on data"
            self._life.look()
            self.ticks.append(self._life.ticks)
            self.mib.append(resident_mib(pid))
            self.counts.append((descriptors(pid), threads(pid), len(children(pid))))
            time.sleep(1.0)


@pytest.mark.testbed
@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_an_hour_in_which_everything_fails_in_turn(bed: Testbed, tmp_path: Path, reached: Reached) -> None:
    targets.make(bed)
    replicas = install(bed, tmp_path, NAMES)
    befallen = Befallen(bed, replicas, SEED)
    began = time.time()
    try:
        for each in replicas:
            each.start()
        until(lambda: any(each.life.leads for each in replicas), "somebody leads", 300.0, 0.5)
        watched = Watched(replicas[0].life)
        with ThreadPoolExecutor(2) as both:
            running = [both.submit(befallen.faults), both.submit(befallen.leaders)]
            try:
                ends = time.time() + 60 * MINUTES
                time.sleep(60 * WARM_MINUTES)
                watched.until(ends, lambda: not any(each.done() for each in running))
            finally:
                befallen.over.set()
            for done in running:
                done.result()
        switched_off = time.time()
        targets.switch_off(bed)
        until(lambda: any(each.life.leads for each in replicas), "somebody leads", 60.0, 0.1)
        befallen.over.clear()
        befallen.depose(random.Random(SEED))
        until(lambda: not targets.left(bed), f"given back: {targets.left(bed)}", RESTORED_SECONDS, 1.0)
        restored = time.time() - switched_off
    finally:
        for each in replicas:
            each.kill()
    hour = Hour(
        switched_off,
        restored,
        befallen.outages,
        len(befallen.killed),
        len(befallen.frozen),
        watched.ticks,
        watched.mib,
        watched.counts,
    )
    (tmp_path / "hour.json").write_text(json.dumps(asdict(hour)))
    verdict = verdict_on(hour, replicas, bed.audit.events)
    print(f"{time.time() - began:.0f} s: {said(hour, verdict)}; {befallen.leaderless} minutes without a leader to kill")
    assert verdict.broken == []
    assert verdict.both_led == 0
    assert verdict.lowered > MINUTES, "else nothing was tried"
    assert hour.killed >= 0.8 * MINUTES - 1
    assert len(hour.outages) >= 0.9 * MINUTES - 1
    assert slope(hour) <= 1.0 or MINUTES < LEAST_MINUTES
    assert all(after <= before for before, after in zip(hour.least(0), hour.least(3), strict=True))
    faults = f"{len(hour.outages)} faults, {len({each.name for each in hour.outages})} dependencies in turn"
    size = f"{MINUTES:g} min on the testbed, {len(targets.ALL)} targets, {len(NAMES)} replicas; {faults}"
    if MINUTES >= LEAST_MINUTES:
        reached("T13", size, said(hour, verdict))
