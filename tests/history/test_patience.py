"""How long a reading of the whole history waits for what is missing in it, and for whom."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.ports import Reading
from forecasting.panel import DAY_SECONDS
from tests.history.world import KEEPING, MINUTE, Source, everything, hour, kept, queries, source


class Slow:
    """A world of which each reading takes a second."""

    def __init__(self, world: Source) -> None:
        self.world, self.now = world, 0.0

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        self.now += 1
        return self.world.read(queries, start, end, step, deadline)

    def kept(self, patience: float, history: float = KEEPING.history) -> Kept:
        return Kept(self, self, Keeping(history, MINUTE, patience=patience), stopwatch=lambda: self.now)


def test_while_the_past_is_being_filled_a_refit_waits_for_the_filler_only_if_somebody_is_new() -> None:
    """Of ten thousand fortnights half a minute of reading is little, and costs the round beside it half a minute."""
    world = source(np.random.default_rng(1), 3)
    reader = Slow(world).kept(patience=3.0)

    def refit(*of: str) -> int:
        """How many readings it needs beside that of the newest minutes."""
        world.asked.clear()
        some = {key: query for key, query in queries(world).items() if key in of}
        end = world.now * MINUTE
        reader.read(some, end - KEEPING.history, end, MINUTE)
        return len(world.asked) - 1

    first, second, third = queries(world)
    assert refit(first, second) > 0
    assert reader.complete < 0.9
    assert refit(first, second) == 0
    assert refit(first, second, third) > 1
    while reader.fill():
        pass
    assert refit(first, second, third) == 0


def test_who_was_forgotten_and_comes_again_is_waited_for_as_a_newcomer() -> None:
    """Of a Service that was away for hours nothing is held any more, though a refit had its answer before."""
    world = source(np.random.default_rng(1), 3)
    reader = Slow(world).kept(patience=3.0)
    everything(world, reader)
    first = dict([next(iter(queries(world).items()))])
    for _ in range(5):
        world.now += 20
        reader.read(first, (world.now - 60) * MINUTE, world.now * MINUTE, MINUTE)
    hour(world, reader)
    world.asked.clear()
    everything(world, reader)
    assert len(world.asked) > 2, "beside those of the newest minutes"


def test_one_query_that_always_fails_makes_no_refit_wait() -> None:
    world = source(np.random.default_rng(1), 3)
    world.down = {"query 1"}
    reader = Slow(world).kept(patience=3.0)
    everything(world, reader)
    assert reader.complete < 0.9
    world.asked.clear()
    everything(world, reader)
    assert len(world.asked) == 2, "the newest minutes of those who answer, and the hour of who does not"


def test_who_waited_for_anothers_filling_beyond_its_deadline_asks_for_nothing() -> None:
    """A source that is asked after the deadline says nothing of anybody, which would be taken for their failure."""
    world = source(np.random.default_rng(1), 3)
    reader = kept(world)
    hour(world, reader)
    world.asked.clear()
    assert not reader.fill(deadline=-1.0)
    assert world.asked == []


@pytest.mark.parametrize(("days", "seconds"), [(5.0, 8), (90.0, 6)])
def test_who_has_too_much_to_read_waits_half_as_long(days: float, seconds: int) -> None:
    """Ten seconds: of ninety days that is little, as half of it shows; five are whole before that."""
    world = source(np.random.default_rng(1), 3)
    slow, end = Slow(world), world.now * MINUTE
    reader = slow.kept(10.0, days * DAY_SECONDS)
    reader.read(queries(world), end - days * DAY_SECONDS, end, MINUTE)
    assert (slow.now, reader.complete == 1) == (seconds, days == 5)
