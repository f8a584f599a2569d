"""Reading through memory shows what reading directly would have shown."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.ports import Reading
from tests.history.world import BEGAN, KEEPING, everything, hour, kept, queries, source


def same(one: Reading, other: Reading) -> None:
    """The same panel to seven digits, the same problems and doubts."""
    assert (one.panel.start, one.panel.step, one.panel.keys) == (other.panel.start, other.panel.step, other.panel.keys)
    np.testing.assert_array_equal(one.panel.values, other.panel.values.astype(np.float32))
    assert (one.problems, one.partial, one.skew) == (other.problems, other.partial, other.skew)


WHAT = st.sampled_from(["tick", "tick", "tick", "pause", "refit", "fill", "down", "up", "one down", "warns", "skewed"])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 2**32 - 1), st.lists(WHAT, max_size=40))
def test_whatever_happens_all_is_as_if_read_directly_once_what_is_late_has_come(seed: int, course: list[str]) -> None:
    rng = np.random.default_rng(seed)
    world = source(rng, 3)
    reader = kept(world)
    some = "query 1"
    for what in course:
        match what:
            case "tick":
                world.now += int(rng.integers(1, 4))
                hour(world, reader)
            case "pause":
                world.now += int(rng.integers(10, 200))
            case "refit":
                everything(world, reader)
            case "fill":
                reader.fill()
            case "down":
                world.down = set(world.truth)
            case "one down":
                world.down = {some}
            case "warns":
                world.warns = {some}
            case "skewed":
                world.skew = 120.0
            case _:
                world.down, world.warns, world.skew = set(), set(), 0.0
    world.down, world.warns, world.skew = set(), set(), 0.0
    world.no_more_late()
    for _ in range(6 * 12):  # the longest pause after a failure
        world.now += 10
        hour(world, reader)
        while reader.fill():
            pass
    same(everything(world, reader), everything(world, world))


@given(st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=10)
def test_without_late_samples_each_reading_is_as_if_read_directly(seed: int) -> None:
    """Problems, warnings and skew too, in that very round."""
    rng = np.random.default_rng(seed)
    world = source(rng, 3, late=0.0)
    reader = kept(world)
    everything(world, reader)
    for _ in range(40):
        world.now += int(rng.integers(1, 20))
        world.down = {q for q in world.truth if rng.random() < 0.1}
        world.warns = {q for q in world.truth if rng.random() < 0.1}
        same(hour(world, reader), hour(world, world))
    world.down = world.warns = set()
    hour(world, reader)
    same(everything(world, reader), everything(world, world))


def test_a_round_reads_a_quarter_of_an_hour_and_a_refit_nothing_but_that() -> None:
    world = source(np.random.default_rng(1), 3)
    reader = kept(world)
    everything(world, reader)
    while reader.fill():
        pass
    world.asked.clear()
    for _ in range(5):
        world.now += 1
        hour(world, reader)
        everything(world, reader)
    assert world.asked == [(3, BEGAN + i - 15, BEGAN + i) for i in range(1, 6) for _ in range(2)]


@pytest.mark.parametrize("what", ["down", "warns"])
def test_who_could_not_be_trusted_is_read_for_the_whole_hour_and_the_others_are_not(what: str) -> None:
    """The guards of a source weigh an hour against the one before: a quarter of it would be forgotten too soon."""
    world = source(np.random.default_rng(1), 3)
    reader = kept(world)
    hour(world, reader)
    setattr(world, what, {"query 1"})
    world.asked.clear()
    for _ in range(2):
        world.now += 1
        hour(world, reader)
    now = world.now
    assert world.asked == [(3, now - 16, now - 1), (1, now - 60, now), (2, now - 15, now)]
    assert KEEPING.newest == 15
    assert len(queries(world)) == 3
