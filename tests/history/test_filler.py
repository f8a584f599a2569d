"""Beside the rounds, at a pace: what is missing is read, it is said how much is there, and a copy is kept."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

import numpy as np
import pytest

from ahpa.history.filler import IDLE_SECONDS, SAVE_SECONDS, Filler
from ahpa.history.kept import Kept
from tests.history.world import hour, kept, source


@dataclass
class Said:
    """What was told."""

    events: list[str] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def log(self, event: str, level: int = logging.INFO, **fields: object) -> None:
        self.events.append(event)

    def fault(self, event: str, **fields: object) -> None:
        self.events.append(event)

    def history(self, complete: float) -> None:
        self.ratios.append(complete)


def half() -> float:
    return 0.5


def unfilled() -> Kept:
    world = source(np.random.default_rng(2), 2)
    reader = kept(world)
    hour(world, reader)
    return reader


def test_it_reads_for_its_share_of_the_time_and_says_how_complete_it_is() -> None:
    said, times = Said(), iter(np.repeat(np.arange(100.0), 2))
    filler = Filler(unfilled(), said, share=lambda: 0.25, stopwatch=lambda: float(next(times)))
    rests = [filler.step() for _ in range(12)]
    assert rests[0] == 3.0
    assert rests[-1] == IDLE_SECONDS
    assert said.ratios == sorted(said.ratios)
    assert said.ratios[-1] == 1
    assert said.events == ["history.filling", "history.complete"]


def test_while_others_want_the_interpreter_nothing_is_read() -> None:
    said, share = Said(), 0.0
    reader = unfilled()
    before = reader.complete
    filler = Filler(reader, said, stopwatch=lambda: 0.0, share=lambda: share)
    assert 0 < filler.step() <= IDLE_SECONDS
    assert (reader.complete, said.ratios) == (before, [])
    share = 0.5
    filler.step()
    assert reader.complete > before


def test_a_copy_is_written_though_others_want_all_the_time() -> None:
    """Rounds that take their whole minute, each one: what was read before is still worth keeping."""
    times = [10.0, SAVE_SECONDS - 1, SAVE_SECONDS, SAVE_SECONDS + 1]
    clock, saved = iter([0.0, *times[:3], SAVE_SECONDS, times[3]]), list[int]()
    filler = Filler(unfilled(), Said(), save=lambda: saved.append(1), stopwatch=lambda: next(clock), share=lambda: 0.0)
    copies = []
    for _ in times:
        filler.step()
        copies.append(len(saved))
    assert copies == [0, 0, 1, 1]


def test_a_fault_of_ours_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    said, reader = Said(), unfilled()
    monkeypatch.setattr(reader, "fill", lambda deadline: 1 / 0)
    assert Filler(reader, said, half, stopwatch=lambda: 0.0).step() == IDLE_SECONDS
    assert said.events == ["history.failed"]


def test_a_copy_that_cannot_be_made_ends_nothing_either() -> None:
    def save() -> None:
        raise KeyError("gone")

    said, now = Said(), 0.0
    filler = Filler(unfilled(), said, half, save=save, stopwatch=lambda: now)
    now = SAVE_SECONDS
    filler.step()
    assert "history.failed" in said.events


def test_a_copy_is_written_now_and_then_and_at_the_end_and_a_full_volume_is_told_of() -> None:
    said, saved = Said(), []

    def save() -> None:
        saved.append(now)
        if len(saved) == 2:
            raise OSError("no space left on device")

    now = 0.0
    filler = Filler(unfilled(), said, half, save=save, stopwatch=lambda: now)
    for seconds in (1.0, SAVE_SECONDS, SAVE_SECONDS + 1, 2 * SAVE_SECONDS):
        now = seconds
        filler.step()
    stop = threading.Event()
    stop.set()
    filler.run(stop)
    assert saved == [SAVE_SECONDS, 2 * SAVE_SECONDS, 2 * SAVE_SECONDS]
    assert "history.not_saved" in said.events
