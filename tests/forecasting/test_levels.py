"""One interpolation between levels, for one quantile and for many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.levels import LEVELS, TRACKED_LEVELS, level_weights, one_level_weights, read_level

KNOWN = np.array([0.5, 0.9, 0.99])


def test_a_straight_line_in_the_tail_s_logarithm_is_read_exactly() -> None:
    """1 + 2 (-ln(1 - level)), as an exponential tail has it: halfway in the logarithm, at 1 - sqrt(0.1 x 0.01)."""
    quantiles = 1 - 2 * np.log(1 - KNOWN)
    level = 1 - np.sqrt(0.1 * 0.01)
    assert read_level(KNOWN, quantiles, level) == pytest.approx(1 - 2 * np.log(1 - level))
    assert read_level(KNOWN, quantiles, level) == pytest.approx((quantiles[1] + quantiles[2]) / 2)


def test_beyond_the_outermost_levels_these_speak() -> None:
    quantiles = np.array([1.0, 2.0, 4.0])
    assert read_level(KNOWN, quantiles, 0.1) == 1.0
    assert read_level(KNOWN, quantiles, 0.9999) == 4.0
    np.testing.assert_array_equal(quantiles @ level_weights(KNOWN, np.array([0.1, 0.9999])), [1.0, 4.0])


@given(level=st.floats(0.01, 0.9999), quantiles=st.lists(st.floats(0, 1e6), min_size=8, max_size=8).map(sorted))
def test_weights_read_what_is_read_one_by_one(level: float, quantiles: list[float]) -> None:
    levels, said = np.array(LEVELS), np.array(quantiles)
    one = read_level(levels, said, level)
    assert said @ one_level_weights(levels, level) == pytest.approx(one)
    assert (said @ level_weights(levels, np.array([level])))[0] == pytest.approx(one)


def test_a_level_that_is_known_is_read_as_it_was_said() -> None:
    """To the bit: rolled peaks at the tracked levels are the networks' own."""
    said = np.random.default_rng(0).random((50, len(TRACKED_LEVELS)))
    np.testing.assert_array_equal(said @ level_weights(TRACKED_LEVELS, TRACKED_LEVELS.astype(float)), said)
