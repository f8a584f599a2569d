"""What is held of whom: who has gone, who is measured in another way, a clock that was wrong, a store that was away."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from ahpa.history.kept import Kept
from ahpa.history.matrix import BLOCK_ROWS, Matrix
from ahpa.history.store import Keeping
from ahpa.ports import Reading
from tests.history.world import BEGAN, DAYS, KEEPING, MINUTE, Source, everything, hour, kept, queries, source

RNG = np.random.default_rng(5)


def filled(world: Source, keeping: Keeping = KEEPING) -> Kept:
    """All of it was read."""
    reader = kept(world, keeping)
    hour(world, reader)
    while reader.fill():
        pass
    world.asked.clear()
    return reader


def test_the_newest_hours_are_read_first_and_a_reading_waits_only_so_long() -> None:
    """Decisions begin before the fortnight is complete, and it is said how complete it is."""
    world = source(RNG, 2, late=0.0)
    passed = iter(range(1000))
    reader = Kept(world, world, Keeping(KEEPING.history, MINUTE, patience=5), stopwatch=lambda: float(next(passed)))
    first = everything(world, reader)
    spans = [(begin, end) for _, begin, end in world.asked[1:]]
    assert spans[0] == (BEGAN - 120, BEGAN - 60)
    assert [end for _, end in spans[1:]] == [begin for begin, _ in spans[:-1]]
    seen = np.isfinite(first.panel.values)
    assert not seen[:, :1440].any()
    assert seen[:, -60:].mean() > 0.9
    assert 0 < reader.complete < 0.5
    assert not first.problems
    assert first.partial == set(first.panel.keys)
    grown = [reader.grown]
    while reader.fill():
        pass
    assert reader.complete == 1
    grown.append(reader.grown)
    assert not everything(world, reader).partial
    assert [*grown, reader.grown] == [False, True, False]


def test_nobody_asked_for_is_complete_and_nobody_readable_is_not() -> None:
    world = source(RNG, 2)
    world.down = set(world.truth)
    reader = kept(world)
    assert reader.complete == 1
    assert hour(world, reader).problems.keys() == queries(world).keys()
    assert reader.complete == 0
    assert not reader.fill()
    assert len(world.asked) == 1
    everything(world, reader)
    assert not reader.grown


def test_an_hour_that_failed_or_came_with_a_warning_is_asked_for_again_later() -> None:
    world = source(RNG, 2, late=0.0)
    past = source(RNG, 2, late=0.0)
    past.truth, past.early, past.settled = world.truth, world.early, world.settled
    past.now, past.down, past.warns = world.now, {"query 0"}, {"query 1"}
    reader = Kept(world, past, KEEPING, stopwatch=lambda: 0.0)
    doubted = everything(world, reader)
    assert doubted.partial == {"key of query 0", "key of query 1"}
    assert np.isfinite(doubted.panel.values).mean(axis=1) == pytest.approx([60 / 2880, 0.98], abs=0.01)
    past.down, past.warns = set(), set()
    assert not reader.fill()
    for _ in range(5):
        world.now += 10
        past.now = world.now
        hour(world, reader)
        while reader.fill():
            pass
    mended = everything(world, reader)
    assert mended.partial == frozenset()
    assert (np.isfinite(mended.panel.values).mean(axis=1) > 0.95).all()


def test_what_was_read_with_a_warning_replaces_nothing_better() -> None:
    world = source(RNG, 1, late=0.0)
    reader = filled(world)
    before = everything(world, reader).panel.values
    world.warns, world.loses = set(world.truth), 0.5
    for _ in range(4 * 6):
        world.now += 10
        said = hour(world, reader)
        assert said.partial == set(queries(world))
        reader.fill()
    after = everything(world, reader).panel.values
    common = slice(4 * 60, -4 * 60)
    np.testing.assert_array_equal(after[:, common], before[:, 8 * 60 :])


def on(world: Source, reader: Kept, minutes: int) -> None:
    """Rounds, ten minutes apart, with what is due between them."""
    for _ in range(minutes // 10):
        world.now += 10
        hour(world, reader)
        while reader.fill():
            pass


def test_a_store_that_was_away_without_a_word_is_found_again() -> None:
    world = source(RNG, 2, late=0.0)
    there = world.truth["query 1"].copy()
    world.truth["query 1"][:600] = np.nan
    reader = filled(world)
    assert not np.isfinite(everything(world, reader).panel.values[1, :600]).any()
    world.truth["query 1"] = there
    on(world, reader, 80)
    assert np.isfinite(everything(world, reader).panel.values[1, :500]).mean() > 0.9


def test_minutes_of_which_there_is_no_demand_are_not_asked_for_for_ever() -> None:
    """Else a service that is young would be asked for its fortnight each hour."""
    world = source(RNG, 2, late=0.0)
    world.truth["query 1"][:2000] = np.nan
    reader = filled(world)
    on(world, reader, 400)
    again = [begin for _, begin, end in world.asked if end < BEGAN - 1000]
    assert 0 < len(again) < 40
    world.asked.clear()
    on(world, reader, 300)
    assert min(begin for _, begin, _ in world.asked) > BEGAN - 1000


def test_who_has_gone_for_an_hour_is_forgotten_and_a_changed_query_begins_anew() -> None:
    world = source(RNG, 3, late=0.0)
    reader = filled(world)
    some = dict(list(queries(world).items())[:1])
    for _ in range(7):
        world.now += 10
        reader.read(some, (world.now - 60) * MINUTE, world.now * MINUTE, MINUTE)
    world.asked.clear()
    hour(world, reader)
    assert sorted(count for count, *_ in world.asked) == [1, 2]
    (key,) = some
    other = reader.read({key: "query 2"}, (world.now - 60) * MINUTE, world.now * MINUTE, MINUTE).panel.values
    truth = world.truth["query 2"][world.now - 60 - world.first : world.now - world.first]
    np.testing.assert_array_equal(other[0], truth.astype(np.float32))


def test_a_clock_that_was_wrong_for_two_hours_costs_nothing_and_for_a_day_a_new_beginning() -> None:
    world = source(RNG, 1, late=0.0, days=6)
    reader = filled(world)
    for hours, kept_values in ((2, True), (24, False)):
        right = world.now
        world.now += hours * 60
        hour(world, reader)
        world.now = right
        hour(world, reader)
        world.asked.clear()
        while reader.fill():
            pass
        assert (min((begin for _, begin, _ in world.asked), default=right) > right - 60 * 8) == kept_values
        found, direct = everything(world, reader), everything(world, world)
        np.testing.assert_array_equal(found.panel.values, direct.panel.values.astype(np.float32))


def test_another_step_or_a_longer_history_is_read_directly() -> None:
    world = source(RNG, 1)
    reader = filled(world)
    for start, step in ((BEGAN - 60, 30.0), (BEGAN - 4 * 1440, MINUTE)):
        world.asked.clear()
        reader.read(queries(world), start * MINUTE, BEGAN * MINUTE, step)
        assert world.asked == [(1, start * MINUTE // step, BEGAN * MINUTE // step)]


def test_a_source_that_says_less_of_an_hour_is_believed_only_if_it_keeps_to_it() -> None:
    """The second look, three hours later, meets a server that lost half of its shards without a word."""
    world = source(RNG, 1, late=0.0)
    reader = filled(world)
    past = len(world.asked)
    world.loses = 0.5
    for _ in range(30):
        world.now += 10
        hour(world, reader)
    before = everything(world, kept(world)).panel.values
    reader.fill()
    held = everything(world, reader).panel.values
    assert past == 0
    assert np.nanmean(held[0, :-360]) > 1.8 * np.nanmean(before[0, :-360])


def test_rows_of_a_growing_fleet_are_never_copied_and_the_ring_is_written_around_its_end() -> None:
    matrix = Matrix(100)
    matrix.advance(1000)
    first = matrix.add({f"a{i}": "q" for i in range(BLOCK_ROWS + 3)})
    matrix.put(first, 950, np.tile(np.arange(50.0), (len(first), 1)))
    assert matrix.capacity == 2 * BLOCK_ROWS
    matrix.advance(1030)
    got = matrix.get(first[[5, BLOCK_ROWS + 1, 2]], 940, 1040)
    assert got.shape == (3, 100)
    np.testing.assert_array_equal(got[1, 10:60], np.arange(50.0))
    assert np.isnan(got[:, :10]).all()
    assert np.isnan(got[:, 60:]).all()
    matrix.advance(1030 + 80)
    assert np.isfinite(matrix.get(first, 950, 1110)).sum(axis=1).tolist() == [0] * len(first)


@pytest.mark.parametrize("days", [3, -3])
def test_what_comes_back_after_the_clock_has_leapt_is_laid_to_no_other_hour(days: int) -> None:
    """A machine that slept while an answer was on its way: the ring has moved past the hours that it is of."""
    world = source(np.random.default_rng(7), 1, late=0.0, days=DAYS + 6)
    world.now = BEGAN + 2 * 1440

    class Sleeps:
        """Reads, and a round comes days later before it is back."""

        def read(
            self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
        ) -> Reading:
            found = world.read(queries, start, end, step, deadline)
            world.now += days * 1440
            hour(world, reader)
            return found

    reader = Kept(world, Sleeps(), KEEPING, stopwatch=lambda: 0.0)
    hour(world, reader)
    reader.fill()
    oldest, over = reader._store.hours
    ledger = reader._store.ledger
    assert not ledger.known(np.array([0]), oldest, over - 1).any()  # of the newest the round has told


@pytest.mark.parametrize("change", ["another query", "gone"])
def test_a_refit_that_asked_before_its_owner_changed_the_query_leaves_nothing_in_the_new_one(change: str) -> None:
    """The two read at once: a round lists anew while the refit waits for its answer."""
    world = source(np.random.default_rng(8), 3, late=0.0)

    class Meanwhile:
        """Reads, and before it is back a round has asked for something else."""

        def read(
            self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
        ) -> Reading:
            found = world.read(queries, start, end, step, deadline)
            if "query 0" in queries.values():
                if change == "gone":
                    world.now += 2 * 60
                reader.read({"a": "query 1"} if change != "gone" else {"c": "query 1"}, *last_hour())
            return found

    def last_hour() -> tuple[float, float, float]:
        return (world.now - 60) * MINUTE, world.now * MINUTE, MINUTE

    reader = Kept(Meanwhile(), world, KEEPING, stopwatch=lambda: 0.0)
    found = reader.read({"a": "query 0", "b": "query 2"}, *last_hour())
    assert "a" in found.problems
    assert np.isnan(found.panel.values[0]).all()
    if change != "gone":
        assert found.problems.keys() == {"a"}
        assert np.isfinite(found.panel.values[1]).any()
        direct = world.read({"a": "query 1"}, *last_hour())
        held = reader.read({"a": "query 1"}, *last_hour())
        np.testing.assert_array_equal(held.panel.values, direct.panel.values.astype(np.float32))
