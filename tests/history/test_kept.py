"""Reading through memory shows what reading directly would have shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.ports import Reading
from forecasting.panel import Panel
from tests.history.world import BEGAN, KEEPING, MINUTE, Guarded, everything, hour, kept, queries, source


def same(one: Reading, other: Reading) -> None:
    """The same panel to seven digits, the same problems and doubts."""
    assert (one.panel.start, one.panel.step, one.panel.keys) == (other.panel.start, other.panel.step, other.panel.keys)
    np.testing.assert_array_equal(one.panel.values, other.panel.values.astype(np.float32))
    assert (one.problems, one.partial, one.skew) == (other.problems, other.partial, other.skew)


WHAT = st.sampled_from(["tick", "tick", "tick", "pause", "refit", "fill", "down", "up", "one down", "warns", "skewed"])


@settings(deadline=None, max_examples=15)
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
@settings(deadline=None, max_examples=6)
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
    while reader.fill():
        pass
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
    assert world.asked == [(3, now - 16, now - 1), (2, now - 15, now), (1, now - 60, now)]
    assert KEEPING.newest == 15
    assert len(queries(world)) == 3


@given(st.integers(0, 2**32 - 1), st.lists(st.sampled_from([1.0, 1.0, 0.5, 0.0]), min_size=3, max_size=8))
@settings(deadline=None, max_examples=8)
def test_a_server_that_says_less_is_doubted_as_if_read_directly(seed: int, says: list[float]) -> None:
    """It loses half of its shards, or all of what it had, for some minutes at a time, without a word. Once it says all
    again, all is as it was."""
    world = source(np.random.default_rng(seed), 2, late=0.0)
    direct, reader = Guarded(world), Kept(Guarded(world), Guarded(world), KEEPING, stopwatch=lambda: 0.0)
    for loses in says:
        world.loses = loses
        for _ in range(3):
            world.now += 1
            ours, theirs = hour(world, reader), hour(world, direct)
            assert ours.partial == theirs.partial
        if loses == 1:
            same(ours, theirs)


def test_a_server_that_lacked_half_of_all_and_recovers_is_read_again_from_the_beginning() -> None:
    """At the start nobody can tell; a fortnight of half of the demand must not be learned from for a fortnight."""
    world = source(np.random.default_rng(4), 2, late=0.0)
    world.loses = 0.5
    reader = Kept(Guarded(world), Guarded(world), KEEPING, stopwatch=lambda: 0.0)
    everything(world, reader)
    world.loses = 1.0
    for _ in range(2):
        world.now += 1
        hour(world, reader)
    same(everything(world, reader), everything(world, world))
    world.now += 1
    hour(world, reader)
    assert not reader.fill()


def test_a_source_whose_samples_are_always_late_is_not_read_anew_for_ever() -> None:
    """Ten minutes after each minute its demand doubles."""
    world = source(np.random.default_rng(4), 1, late=0.0)
    (query,) = world.truth
    world.truth[query] = np.nan_to_num(world.truth[query], nan=1.0)
    reader = kept(world)
    everything(world, reader)
    world.early[query] = world.truth[query] / 2
    world.settled[query] = world.first + np.arange(len(world.truth[query])) + 10.0
    world.asked.clear()
    for _ in range(120):
        world.now += 1
        hour(world, reader)
        while reader.fill():
            pass
    assert sum(end - begin for _, begin, end in world.asked if end < BEGAN - 240) <= 2 * 1440


def test_half_of_the_shards_are_missed_for_as_long_as_if_read_directly() -> None:
    world = source(np.random.default_rng(4), 1, late=0.0)
    direct, reader = Guarded(world), Kept(Guarded(world), Guarded(world), KEEPING, stopwatch=lambda: 0.0)
    found = []
    for minute in range(150):
        world.loses = 0.5 if minute >= 40 else 1.0
        world.now += 1
        found.append((bool(hour(world, reader).partial), bool(hour(world, direct).partial)))
    ours, theirs = zip(*found, strict=True)
    assert ours == theirs
    assert sum(ours) > 50


@pytest.mark.parametrize("step", [15.0, 300.0, 700.0, 3600.0])
def test_any_step_is_kept(step: float) -> None:
    """Also one of which no whole number is an hour."""
    calls: list[tuple[float, float]] = []

    class Counting:
        """A demand that is the number of its step."""

        def read(
            self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
        ) -> Reading:
            first, last = math.floor(start / step), math.floor(end / step)
            calls.append((start, end))
            values = np.tile(np.arange(first, last) % 1000, (len(queries), 1)).astype(float)
            return Reading(Panel(first * step, step, values, tuple(queries)), {}, frozenset())

    reader = Kept(Counting(), Counting(), Keeping(86_400.0, step), stopwatch=lambda: 0.0)
    now = 1_700_000_000.0
    for _ in range(40):
        now += 600
        for seconds in (3600.0, 86_400.0):
            got = reader.read({"a": "q"}, now - seconds, now, step)
            direct = Counting().read({"a": "q"}, now - seconds, now, step)
            same(got, direct)
    assert reader.complete == 1


@dataclass
class SlowQuery:
    """One query takes all the time that there is; the others are asked before it, but in one reading."""

    now: float = 0.0
    readings: int = 0

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        self.readings += 1
        first, last = math.floor(start / step), math.floor(end / step)
        late = self.now >= deadline
        problems = {key: "no time" for key, query in queries.items() if late or query == "slow"}
        if "slow" in queries.values():
            self.now = max(self.now, deadline)
        values = np.array([np.full(last - first, math.nan if key in problems else 1.0) for key in queries])
        return Reading(Panel(first * step, step, values, tuple(queries)), problems, frozenset())


def test_a_query_that_takes_all_the_time_costs_its_neighbours_no_round() -> None:
    slow = SlowQuery()
    reader = Kept(slow, slow, KEEPING, stopwatch=lambda: slow.now)
    for minute in range(BEGAN, BEGAN + 10):
        end = minute * MINUTE
        found = reader.read({"a": "slow", "b": "quick"}, end - 3600, end, MINUTE, slow.now + 30)
        assert found.problems.keys() == {"a"}


@pytest.mark.parametrize("step", [55.0, 60.0, 700.0])
def test_a_round_never_waits_for_the_past_whatever_the_step(step: float) -> None:
    """Of steps that do not divide an hour, it has sometimes one more."""
    rounds, past = SlowQuery(), SlowQuery()
    reader = Kept(rounds, past, Keeping(86_400.0, step), stopwatch=lambda: 0.0)
    for end in np.arange(BEGAN * MINUTE, BEGAN * MINUTE + 7200, 100.0).tolist():
        assert not reader.read({"a": "q"}, end - 3600, end, step).partial
    assert past.readings == 0


def test_a_whole_history_has_columns_to_spare_and_a_rounds_minutes_have_none() -> None:
    """What is learned goes on behind it. A round's ten minutes would take a page of memory for each service."""
    world = source(np.random.default_rng(0), 3)
    reader = kept(world)
    assert everything(world, reader).panel.storage is not None
    minutes = hour(world, reader).panel
    assert minutes.storage is None
    assert minutes.values.strides[0] == minutes.values.itemsize * minutes.values.shape[1]
