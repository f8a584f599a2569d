"""A claim about reading peaks: quick, and the same as two plain interpolations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.forecast import LEVELS, Outlook


def plainly(outlook: Outlook, seconds: float, level: float) -> float:
    """Linear in the window, then linear in -ln(1 - level), by numpy."""
    by_level = np.array([np.interp(seconds, outlook.windows, column) for column in outlook.peaks.T])
    return float(np.interp(-np.log1p(-level), -np.log1p(-outlook.levels), by_level))


@given(
    st.floats(0, 5000),
    st.one_of(st.sampled_from(LEVELS), st.floats(0.01, 0.9999)),
    st.integers(1, 4),
    st.integers(0, 10_000),
)
def test_a_peak_is_read_as_by_two_interpolations(seconds: float, level: float, windows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    widths = np.sort(rng.choice(np.arange(60.0, 4000.0), windows, replace=False))
    peaks = np.cumsum(np.cumsum(rng.random((windows, len(LEVELS))), axis=0), axis=1)
    outlook = Outlook(0.0, np.array(LEVELS), widths, peaks, "m", None)
    assert outlook.peak(seconds, level) == pytest.approx(plainly(outlook, seconds, level), rel=1e-12)
