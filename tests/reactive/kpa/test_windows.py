"""The averages agree with the numbers of the upstream tests (bucketing_test.go, max/window_test.go)."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.reactive.kpa.windows import (
    Averages,
    DelayWindow,
    LinearWindow,
    WeightedWindow,
    go_power,
    linear_averages,
    round_to_micro,
    smoothing_coefficient,
    weighted_averages,
)

T = 1_700_000_000.0


def filled(values: list[float], seconds: int = 5) -> LinearWindow:
    window = LinearWindow(seconds)
    for i, value in enumerate(values):
        window.record(T + i, value)
    return window


def test_the_first_seconds_are_averaged_over_what_has_elapsed() -> None:
    window = filled([1])
    assert window.average(T) == 1  # not 1/5
    for i in range(1, 5):
        window.record(T + i, i + 1)
    assert window.average(T + 4) == 15 / 5
    assert window.average(T + 3.6) == 15 / 5  # a reader that lags behind


def test_gaps_shrink_the_window_and_then_empty_it() -> None:
    window = filled([1, 2, 3, 4, 5])
    assert window.average(T + 6) == (15 - 1 - 2) / (5 - 2)
    assert window.average(T + 10) == 0
    assert not window.is_empty(T + 9)
    assert window.is_empty(T + 10)


def test_a_write_after_a_short_gap_counts_the_missing_seconds_as_zero() -> None:
    window = filled([1, 2, 3, 4, 5])
    window.record(T + 6, 91)
    assert window.average(T + 6) == pytest.approx((15 - 1 - 2 + 91) / 5, abs=1e-6)


def test_early_and_late_writes() -> None:
    """A write within the window joins its second; an older one is ignored; after a window all starts anew."""
    window = LinearWindow(5)
    window.record(T, 1984)
    window.record(T - 3, 4)
    assert window.average(T) == (4 + 1984) / 4
    window.record(T + 1, 5)
    assert window.average(T + 1) == pytest.approx((4 + 1984 + 5) / 5)
    window.record(T - 2, 10)
    for too_early in (-5, -4):
        window.record(T + too_early, 10)
    assert window.average(T + 1) == pytest.approx((4 + 10 + 1984 + 5) / 5)
    window.record(T + 6, 10)
    assert window.average(T + 6) == 10


def test_two_stats_in_one_second_add_up() -> None:
    window = filled([8])
    window.record(T + 0.5, 1)
    assert window.average(T) == 9


def test_resizing_keeps_what_both_windows_cover() -> None:
    window = filled([1, 2, 3, 4, 5])
    window.resize(2, T + 4)
    assert window.average(T + 4) == (4 + 5) / 2
    window.resize(4, T + 4)
    assert window.average(T + 4) == 4.5  # the two older buckets are gone, and so is their time
    window.resize(3, T + 60)
    window.record(T + 60, 7)
    assert window.average(T + 60) == 7


def test_weighted_average_follows_its_own_formula() -> None:
    window = WeightedWindow(5)
    c = window.smoothing
    window.record(T, 2)
    assert window.average(T) == 2 * c
    assert window.average(T + 1) == 2 * c * (1 - c)
    for i in range(5):
        window.record(T + 2 + i, i + 2)
    expected = sum((6 - age) * c * (1 - c) ** age for age in range(5))
    assert window.average(T + 6) == pytest.approx(expected, rel=1e-14)
    assert window.average(T + 16) == 0


@pytest.mark.parametrize(("seconds", "coefficient"), [(100, 0.2), (60, 0.2), (40, 0.20567), (6, 0.78456)])
def test_smoothing_coefficient(seconds: int, coefficient: float) -> None:
    assert smoothing_coefficient(seconds) == pytest.approx(coefficient, abs=1e-5)


def test_no_data_is_no_opinion_only_where_pods_are_scraped() -> None:
    averages = Averages(60, 6)
    assert averages.at(T) is None
    assert averages.at(T, scraped=False) == (0.0, 0.0)
    averages.record(T, 12.0)
    assert averages.at(T) == (12.0, 12.0)
    assert averages.at(T + 60) == (0.0, 0.0)
    assert averages.at(T + 61) is None
    averages.resize(6, 1, T)
    assert averages.at(T + 6) == (0.0, 0.0)


values = st.lists(st.floats(0, 1e6, allow_subnormal=False), min_size=1, max_size=200)


@given(values, st.integers(1, 70))
def test_the_arrays_hold_what_the_windows_say(demand: list[float], seconds: int) -> None:
    """The precomputed averages of a whole trace are those of the second-by-second windows, bit for bit."""
    linear, weighted = LinearWindow(seconds), WeightedWindow(seconds)
    says: list[tuple[float, float]] = []
    for i, value in enumerate(demand):
        linear.record(T + i, value)
        weighted.record(T + i, value)
        says.append((linear.average(T + i), weighted.average(T + i)))
    arrays = linear_averages(np.array(demand), seconds), weighted_averages(np.array(demand), seconds)
    assert [tuple(row) for row in np.transpose(arrays).tolist()] == says


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=1), st.integers(1, 8))
def test_the_delay_window_is_the_largest_of_its_slots(steps: list[tuple[int, int]], slots: int) -> None:
    window, slot, seen = DelayWindow(slots), 1000, []
    for ahead, count in steps:
        slot += ahead
        seen.append((slot, count))
        assert window.record(slot, count) == max(c for s, c in seen if s > slot - slots)


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(0.0000005, 0.000001), (-0.0000005, -0.000001), (2.5e-6, 3e-6), (1 / 3, 0.333333), (1e15, 1e15)],
)
def test_rounding_is_away_from_zero(value: float, rounded: float) -> None:
    """2.5e-6 becomes 3e-6: Python's round would give 2e-6."""
    assert round_to_micro(value) == rounded


@given(st.floats(0.01, 0.99), st.integers(0, 60))
def test_go_power_is_a_power(base: float, exponent: int) -> None:
    assert math.isclose(go_power(base, exponent), base**exponent, rel_tol=1e-13)
