"""The two ways to look back give the same numbers, and both agree with the definition."""

from __future__ import annotations

import warnings

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from forecasting.fleet.window_stats import LatestOrigin, PrefixSums


def _values(seed: int, length: int, gaps: float, alike: bool) -> np.ndarray:
    """Three rows, whose gaps are `alike` or each row's own."""
    rng = np.random.default_rng(seed)
    values = rng.gamma(0.5, 100, (3, length)).astype(np.float32)
    missing = rng.random((1 if alike else 3, length)) < gaps
    values[np.broadcast_to(missing, values.shape)] = np.nan
    return values


@given(
    seed=st.integers(0, 99),
    length=st.integers(1, 200),
    gaps=st.sampled_from([0.0, 0.3, 1.0]),
    first=st.integers(-250, -1),
    width=st.integers(1, 120),
    alike=st.booleans(),
)
def test_prefix_sums_and_slices_agree_with_the_definition(
    seed: int, length: int, gaps: float, first: int, width: int, alike: bool
) -> None:
    values = _values(seed, length, gaps, alike)
    last = min(0, first + width)
    part = values[:, max(0, length + first) : max(0, length + last)].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        empty = np.full(3, np.nan)
        mean = np.nanmean(part, axis=1) if part.shape[1] else empty
        peak = np.nanmax(part, axis=1) if part.shape[1] else empty
        rough = np.nanmean(np.abs(np.diff(part, axis=1)), axis=1) if part.shape[1] > 1 else empty
    for stats in (PrefixSums(values, np.array([length])), LatestOrigin(values)):
        np.testing.assert_allclose(stats.mean(first, last)[:, 0], mean, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(stats.max(first, last)[:, 0], peak, rtol=1e-6)
        np.testing.assert_allclose(stats.roughness(first, last)[:, 0], rough, rtol=1e-4, atol=1e-3)


@given(
    seed=st.integers(0, 99),
    length=st.integers(20, 200),
    gaps=st.sampled_from([0.0, 0.05]),
    back=st.integers(0, 150),
    first=st.integers(-20, 5),
    width=st.integers(1, 20),
    alike=st.booleans(),
)
def test_looking_back_is_looking_from_an_earlier_origin(
    seed: int, length: int, gaps: float, back: int, first: int, width: int, alike: bool
) -> None:
    """What lay ahead of the earlier origin may be seen, as far as the history goes."""
    values = _values(seed, length, gaps, alike)
    origin, last = length - back, min(first + width, back)
    if last <= first:
        return
    part = values[:, max(0, origin + first) : max(0, origin + last)]
    whole = np.isfinite(part).sum(axis=1) == last - first
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        peak = np.nanmax(part, axis=1) if part.shape[1] else np.full(3, np.nan)
    sums, latest = PrefixSums(values, np.array([length, length])), LatestOrigin(values)
    latest.max(first - back, last - back)  # what is remembered is not taken for another origin's
    for stats in (sums.back(np.array([0, back])), sums.back(back), latest.back(back)):
        np.testing.assert_allclose(stats.max(first, last)[:, -1], peak, rtol=1e-6)
        np.testing.assert_array_equal(stats.complete(first, last)[:, -1], whole)
