"""Claims about online calibration."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.calibration import Calibration, walk
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.panel import Panel
from forecasting.rolling import rolled_peaks
from forecasting.scoring import coverage
from forecasting.tail import calibrated

LEVELS = np.array([0.5, 0.9, 0.99], dtype=np.float32)


def _fresh(rate: float = 0.02) -> Calibration:
    return Calibration.fresh(1, 1, LEVELS, rate, 1000)


def test_a_miss_widens_and_a_hit_narrows() -> None:
    said = np.array([[1.0, 2.0, 3.0]], dtype=np.float32)
    missed = _fresh().settle(0, said, np.array([10.0]))
    hit = _fresh().settle(0, said, np.array([0.0]))
    np.testing.assert_allclose(missed.offsets[0, 0], 0.02 * LEVELS, rtol=1e-5)
    np.testing.assert_allclose(hit.offsets[0, 0], -0.02 * (1 - LEVELS), rtol=1e-4)


def test_an_unknown_truth_changes_nothing() -> None:
    after = _fresh().settle(0, np.ones((1, 3), dtype=np.float32), np.array([np.nan]))
    assert (after.offsets == 0).all()
    assert np.isnan(after.coverage()).all()


@settings(deadline=None, max_examples=30, derandomize=True)
@given(shift=st.floats(-2, 2), scale=st.floats(0.2, 3), seed=st.integers(0, 99))
def test_coverage_is_kept_however_wrong_the_model(shift: float, scale: float, seed: int) -> None:
    """A model off by two tail widths and three times too narrow covers what it promised, within 3 points."""
    rng = np.random.default_rng(seed)
    said = np.tile(np.array([0, 1.28, 2.33], dtype=np.float32), (1, 3000, 1))
    truth = (shift + scale * rng.standard_normal((1, 3000))).astype(np.float32)
    trail, _ = walk(_fresh(0.05), 0, said, truth, delay=3)
    inside = (truth[..., None] <= calibrated(said, trail, LEVELS))[0, 500:].mean(axis=0)
    np.testing.assert_allclose(inside, LEVELS, atol=0.03)


def test_truths_are_used_only_once_they_are_known() -> None:
    said = np.zeros((1, 10, 3), dtype=np.float32)
    trail, _ = walk(_fresh(), 0, said, np.full((1, 10), 9.0), delay=4)
    assert (trail[0, :4] == 0).all()
    assert (trail[0, 4] > 0).all()


def test_coverage_recovers_within_a_day_of_a_level_shift() -> None:
    """Demand rises fourfold at once; the second day after it is covered as promised, within 5 points.

    On minutes. At five-minute steps, with fewer truths a day, quantiles stay too wide for longer.
    """
    step, day = 60.0, 1440
    rng = np.random.default_rng(2)
    t = np.arange(11 * day)
    shape = 100 * (1 + 0.5 * np.sin(2 * np.pi * t / day)) * np.where(t >= 9 * day, 4, 1)
    values = rng.poisson(shape, (4, len(t))).astype(float)
    panel = Panel.of(0, step, values, tuple("abcd"))
    model = FleetModel(samples=20_000, others=4, peaks=Training(members=3))
    fitted = model.fit(panel.until(9 * day * step))
    said = rolled_peaks(fitted, panel.between(9 * day * step, panel.end), (660.0,), (0.9,))
    truth = np.lib.stride_tricks.sliding_window_view(values[:, 9 * day :], 11, axis=1).max(axis=2)
    second = coverage(truth[:, day:], said[:, day : truth.shape[1], 0, 0])
    assert abs(second.mean() - 0.9) <= 0.05


def test_windows_and_rows_that_were_walked_by_themselves_are_as_all_that_were_walked_together() -> None:
    """A rehearsal walks many rows at once, one window after the other."""
    rng = np.random.default_rng(5)
    said, truth = (rng.normal(10, wide, size).astype(np.float32) for wide, size in ((1, (4, 30, 3)), (3, (4, 30))))
    together, parts, delays = Calibration.fresh(4, 2, LEVELS, 0.05, 100), [], (2, 5)
    for window, delay in enumerate(delays):
        _, together = walk(together, window, said, truth, delay)
        parts.append(walk(Calibration.fresh(4, 1, LEVELS, 0.05, 100), 0, said, truth, delay)[1])
        _, alone = walk(Calibration.fresh(1, 1, LEVELS, 0.05, 100), 0, said[2:3], truth[2:3], delay)
        for name in ("offsets", "settled", "covered"):
            np.testing.assert_array_equal(getattr(alone, name)[0, 0], getattr(together, name)[2, window])
    joined = Calibration.joined(parts)
    assert joined.offsets.any(axis=(0, 2)).all()
    np.testing.assert_array_equal(joined.offsets, together.offsets)
    np.testing.assert_array_equal(joined.settled, together.settled)
    np.testing.assert_array_equal(joined.covered, together.covered)
