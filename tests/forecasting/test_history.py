"""What is remembered is believable, in its row, and nobody else's to change."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from forecasting.history import History, caps, clean
from forecasting.panel import Panel, Storage, anywhere


def test_a_grid_that_does_not_fit_is_refused() -> None:
    history = History.of(Panel.of(0, 300.0, np.ones(100)), 100)
    with pytest.raises(ValueError, match="does not fit"):
        history.extended(Panel.of(100 * 300.0 + 7, 300.0, [1.0]))


def test_rows_find_their_keys_in_any_order_and_absent_ones_are_not_observed() -> None:
    history = History.of(Panel.of(0, 60, [[1.0, 1.0], [2.0, 2.0]], ("a", "b")), 100)
    grown = history.extended(Panel.of(120, 60, [[5.0], [7.0]], ("b", "x")))
    np.testing.assert_array_equal(grown.values, np.array([[1, 1, np.nan], [2, 2, 5]], dtype=np.float32))


def test_histories_that_grow_apart_do_not_disturb_each_other() -> None:
    base = History.of(Panel.of(0, 60, np.ones(10)), 100)
    left = base.extended(Panel.of(600, 60, [2.0]))
    right = base.extended(Panel.of(600, 60, [3.0]))
    assert left.values[0, -1] == 2
    assert right.values[0, -1] == 3
    assert base.length == 10


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(0, 200)), elements=st.floats(width=64)))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_cleaned_values_are_believable_or_not_observed(values: np.ndarray) -> None:
    cap = caps(values, 300.0)
    out = clean(values, cap)
    seen = out[np.isfinite(out)]
    assert (seen >= 0).all()
    assert (seen <= 1.001e30).all()
    assert not np.isinf(out).any()


def test_the_largest_demand_is_what_three_minutes_reached() -> None:
    values = np.array([[1, 9, 9, 2, 9, 1], [1, 2, 3, 4, 900, 900], [np.nan] * 5 + [7]], dtype=float)
    history = History.of(Panel.of(0, 60, values, ("a", "b", "c")), 100)
    assert history.largest.tolist() == [9, 4, 0]
    coarse = History.of(Panel.of(0, 300, values, ("a", "b", "c")), 100)
    assert coarse.largest.tolist() == [9, 900, 7]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=60), st.integers(1, 60), st.integers(0, 70))
def test_what_was_the_largest_stays_so_however_the_history_grew(row: list[int], first: int, cut: int) -> None:
    """Grown step by step, moved to new storage, cut back: as if it were read at once."""
    values = np.array([row], dtype=float)
    history = History.of(Panel.of(0, 60, values[:, :first]), 100)
    for i in range(first, len(row)):
        history = history.extended(Panel.of(60.0 * i, 60, values[:, i : i + 1]))
    top = sorted(row)[-3:]
    assert history.largest[0] == (top[0] if len(top) == 3 else 0)
    if history.start == 0:  # else what the storage has lost still counts
        shorter = history.cut(min(cut, history.length))
        seen = sorted(shorter.values[0].tolist())[-3:]
        assert shorter.largest[0] == (seen[0] if len(seen) == 3 else 0)


def test_a_history_that_moved_on_still_knows_its_largest() -> None:
    history = History.of(Panel.of(0, 60, [5.0, 9.0, 9.0, 9.0, *[1.0] * 36]), 40)
    for i in range(40, 140):
        history = history.extended(Panel.of(60.0 * i, 60, [1.0 + i / 100]))
    assert history.start > 0
    assert history.largest[0] == 9.0


def test_what_came_after_the_fit_counts_also_when_the_history_has_moved_on() -> None:
    """Storage moves when it is full, and loses its oldest columns: what came meanwhile must not be taken for known."""
    history = History.of(Panel.of(0, 60, [1.0] * 40), 40)
    for i in range(40, 60):
        history = history.extended(Panel.of(60.0 * i, 60, [8.0 if i in (50, 51, 52) else 1.0]))
    assert history.start > 0
    assert history.largest[0] == 8.0


def test_a_clean_panel_is_borrowed_until_the_first_tick_and_never_written() -> None:
    """A fleet's fortnight is not held twice while it is learned from; who has it sees no change."""
    values = np.random.default_rng(0).random((3, 400)).astype(np.float32)
    values[1, 7] = np.nan
    values.setflags(write=False)
    before = values.copy()
    panel = Panel(0.0, 60.0, values, ("a", "b", "c"))
    copied = Panel(0.0, 60.0, before.astype(float), panel.keys)
    borrowed, own = History.of(panel, 400), History.of(copied, 400)
    assert np.shares_memory(borrowed.values, values)
    for step in range(100):
        minute = Panel.of(panel.end + 60 * step, 60.0, np.full((3, 1), step), panel.keys)
        borrowed, own = borrowed.extended(minute), own.extended(minute)
        np.testing.assert_array_equal(borrowed.largest, own.largest)
        common = min(borrowed.length, own.length)
        np.testing.assert_array_equal(borrowed.values[:, -common:], own.values[:, -common:])
        assert borrowed.length == 401 + step or step > 40
    np.testing.assert_array_equal(values, before)


def stored(values: NDArray[np.float32], step: float = 60.0) -> Panel:
    """In a storage of its own."""
    keys = tuple(f"s{row}" for row in range(len(values)))
    return Panel.of(0.0, step, values, keys).copied(keys, anywhere)


def minute(history: History, said: float) -> Panel:
    return Panel.of(history.end, 60.0, np.full((len(history.keys), 1), said), history.keys)


def test_what_comes_is_written_behind_a_panel_that_lies_in_a_storage() -> None:
    """Nothing moves before it is too long, and who has the panel sees no change."""
    values = np.random.default_rng(0).random((3, 900)).astype(np.float32)
    panel = stored(values)
    behind, own = History.of(panel, 900), History.of(Panel.of(0.0, 60.0, values, panel.keys), 900)
    for step in range(130):
        behind, own = behind.extended(minute(behind, step)), own.extended(minute(own, step))
        common = min(behind.length, own.length)
        np.testing.assert_array_equal(behind.values[:, -common:], own.values[:, -common:])
        np.testing.assert_array_equal(behind.largest, own.largest)
        assert np.shares_memory(behind.values, panel.values) == (step < 100), "no more are kept"
    np.testing.assert_array_equal(panel.values, values)


def test_storage_that_may_not_be_written_here_is_left_as_it_is() -> None:
    """A process that learns sees its parent's; what it plays through there it plays on a copy, of all of it."""
    columns = np.frombuffer(np.ones((2, 340), np.float32).tobytes(), np.float32).reshape(2, 340)
    panel = Panel.stored(0.0, 60.0, Storage.over(columns, 300), ("a", "b"))
    history = History.of(panel, 300)
    assert np.shares_memory(history.values, columns)
    after = history.extended(minute(history, 7.0))
    assert not np.shares_memory(after.values, columns)
    assert (after.length, after.values[:, -1].tolist()) == (301, [7.0, 7.0])
    assert (columns == 1).all()


@pytest.mark.parametrize("protocol", [4, 5])
def test_a_history_that_came_from_another_process_goes_on_where_it_is(protocol: int) -> None:
    """Numpy lets what it unpickled be written, and refuses to say so: who took that for a no lost a tenth."""
    history = History.of(Panel.of(0.0, 60.0, np.ones((2, 300)), ("a", "b")), 300)
    back: History = pickle.loads(pickle.dumps(history, protocol))
    after = back.extended(minute(back, 7.0))
    assert np.shares_memory(after.values, back.values)
    assert after.length == 301


@pytest.mark.parametrize("branch", [0, 5])
def test_two_that_went_on_from_one_panel_do_not_write_over_one_another(branch: int) -> None:
    panel = stored(np.ones((2, 300), np.float32))
    first, second = History.of(panel, 300), History.of(panel, 300)
    for step in range(branch):
        first = first.extended(minute(first, step))
    after = [each.extended(minute(each, said)) for each, said in ((first, 7), (second, 8), (first, 9))]
    assert [each.values[0, -1] for each in after] == [7, 8, 9]


@pytest.mark.parametrize("rows", [(9, 8), (8, 9), (8, 8)], ids=["all, then most", "most, then all", "most, twice"])
def test_nor_do_those_that_see_some_of_its_rows(rows: tuple[int, int]) -> None:
    """Of nine rows eight go on in the storage of all."""
    panel = stored(np.ones((9, 300), np.float32))
    each = [History.of(panel.select(panel.keys[:count]), 300) for count in rows]
    after = [history.extended(minute(history, 7 + k)) for k, history in enumerate(each)]
    assert np.shares_memory(after[0].values, panel.values)
    for said, history in zip((7, 8), after, strict=True):
        assert (history.values[:, -1] == said).all()


def test_what_is_read_only_is_not_written_even_from_its_beginning() -> None:
    panel = Panel(0.0, 60.0, np.broadcast_to(np.float32(1), (2, 300)), ("a", "b"))
    history = History.of(panel, 300)
    assert np.shares_memory(history.values, panel.values)
    after = history.cut(0).extended(Panel.of(0.0, 60.0, [[9.0], [9.0]], panel.keys))
    assert (after.values[0, 0], panel.values[0, 0]) == (9, 1)


@pytest.mark.parametrize(("steps", "most"), [(180, 280), (1440, 1584)])
def test_a_short_history_is_not_kept_as_long_as_its_storage_is(steps: int, most: int) -> None:
    """Three hours in a row that has room for fourteen more."""
    history = History.of(stored(np.ones((2, steps), np.float32)), steps)
    lengths = []
    for _ in range(1200):
        history = history.extended(minute(history, 2.0))
        lengths.append(history.length)
    assert max(lengths) == most
    assert min(lengths) >= 0.9 * steps


def test_a_day_of_a_fortnight_does_not_keep_the_memory_of_all() -> None:
    values = np.full((2, 14 * 288), np.nan, np.float32)
    values[:, -200:] = 3.0
    panel = stored(values, 300.0)
    history = History.of(panel, 14 * 288)
    assert history.length == 288
    after = history.extended(Panel.of(history.end, 300.0, [[1.0], [1.0]], panel.keys))
    assert panel.storage is not None
    assert not np.shares_memory(after.values, panel.storage.columns)


def test_what_must_be_cleaned_or_may_be_changed_is_copied() -> None:
    values = np.ones((2, 300), np.float32)
    panel = Panel(0.0, 60.0, values, ("a", "b"))
    assert not np.shares_memory(History.of(panel, 300).values, values)
    bad = values.copy()
    bad[0, 5] = -1.0
    bad.setflags(write=False)
    history = History.of(Panel(0.0, 60.0, bad, ("a", "b")), 300)
    assert np.isnan(history.values[0, 5])


def test_days_before_anything_was_observed_are_left_out_and_come_back_as_it_grows() -> None:
    """Of a fortnight of which 30 hours are read two days are looked at; as many steps as a fortnight has are kept."""
    hour, day = 12, 288
    values = np.full((130, 14 * day), np.nan)
    values[129, -30 * hour :] = 3.0
    values[0, -hour:] = 5.0
    keys = tuple(f"s{i}" for i in range(130))
    history = History.of(Panel.of(0.0, 300.0, values, keys), 28 * day)
    assert (history.start, history.length) == (12 * 86_400.0, 2 * day)
    assert history.end == 14 * 86_400.0
    np.testing.assert_array_equal(history.values, values[:, -2 * day :].astype(np.float32))
    for _ in range(13):
        history = history.extended(Panel.of(history.end, 300.0, np.full((130, day), 4.0), keys))
        assert history.start == 12 * 86_400.0 or history.length >= 0.9 * 14 * day
    assert history.start > 12 * 86_400.0


@pytest.mark.parametrize("observed", [np.array([], int), np.array([0]), np.array([40])])
def test_what_is_less_than_a_day_or_was_never_observed_is_whole(observed: np.ndarray) -> None:
    values = np.full((2, 100), np.nan)
    values[1, observed] = 2.0
    assert History.of(Panel.of(0.0, 60.0, values, ("a", "b")), 400).length == 100
