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
from pathlib import Path

import pytest

from benchmarks.fleet.processes import children, descriptors, resident_mib, threads
from testbed import Testbed
from tests.reliability.growth import growth
from tests.reliability.reached import Reached
from tests.testbed.chaos import judge, targets
from tests.testbed.chaos.befallen import Befallen
from tests.testbed.chaos.replicas import Life, install
from tests.waiting import until

MINUTES = float(os.environ.get("AHPA_CHAOS_MINUTES", "60"))
WARM_MINUTES = min(12.0, MINUTES / 3)
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

    def keep(self, file: Path) -> None:
        file.write_text(json.dumps([self.ticks, self.mib, self.counts]))

    def least(self, quarter: int) -> tuple[int, ...]:
        """Of each count in this quarter of the time: what is open for a while, in a fault, is none of it."""
        size = len(self.counts) // 4
        return tuple(map(min, zip(*self.counts[quarter * size : (quarter + 1) * size], strict=True)))


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
    befallen.keep(tmp_path / "befallen.json")
    watched.keep(tmp_path / "watched.json")
    found, led = judge.writes(bed.audit.events()), judge.reigns(bed.audit.events())
    taken = [write for write in found if write.status == 200 and write.at < switched_off]
    blind = [each for each in befallen.outages if each.name == "prometheus"]
    seen = judge.rounds(replicas)
    bad = [
        said for write in taken if write.new != write.old
        for said in judge.broken(write, seen.get((write.pod, write.key), []), blind)
    ]  # fmt: skip
    both_led = judge.two_leaders([write for write in found if write.status == 200], led)
    lowered = sum(write.new < write.old for write in taken)
    raised = sum(write.new > write.old for write in taken)
    fenced = sum(write.status == 422 for write in found)
    slope = growth(watched.ticks, watched.mib)
    said = (
        f"{raised} raises and {lowered} lowerings by {len(led)} reigns, 0 of them on data that were not trusted, "
        f"two-leader time {both_led:.2f} s, {fenced} late writes refused; {len(befallen.killed)} leaders killed and "
        f"{len(befallen.frozen)} frozen; all {len(targets.ALL)} given back {restored:.0f} s after being switched off, "
        f"the leader killed meanwhile; the replica that is never killed: {slope:.2f} MiB in 1,000 rounds "
        f"({watched.ticks[-1]} rounds, {watched.mib[-1]:.0f} MiB), descriptors, threads and children "
        f"{watched.least(0)} and then {watched.least(3)}"
    )
    print(f"{time.time() - began:.0f} s; {said}; faults {len(befallen.outages)}, leaderless {befallen.leaderless}")
    assert bad == []
    assert both_led == 0
    assert lowered > MINUTES, "else nothing was tried"
    assert len(befallen.killed) >= 0.8 * MINUTES - 1
    assert len(befallen.outages) >= 0.9 * MINUTES - 1
    assert slope <= 1.0
    assert all(after <= before for before, after in zip(watched.least(0), watched.least(3), strict=True))
    faults = f"{len(befallen.outages)} faults, {len({each.name for each in befallen.outages})} dependencies in turn"
    reached("T13", f"{MINUTES:g} min on the testbed, {len(targets.ALL)} targets, {len(NAMES)} replicas; {faults}", said)
