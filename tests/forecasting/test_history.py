"""What is remembered is believable, in its row, and nobody else's to change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecasting.history import History, caps, clean
from forecasting.panel import Panel


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
    shorter = history.cut(min(cut, history.length))
    seen = sorted(shorter.values[0].tolist())[-3:]
    assert shorter.largest[0] == (seen[0] if len(seen) == 3 else 0) or shorter.length >= first


def test_a_history_that_moved_on_still_knows_its_largest() -> None:
    history = History.of(Panel.of(0, 60, [5.0, 9.0, 9.0, 9.0, *[1.0] * 36]), 40)
    for i in range(40, 140):
        history = history.extended(Panel.of(60.0 * i, 60, [1.0 + i / 100]))
    assert history.start > 0
    assert history.largest[0] == 9.0
