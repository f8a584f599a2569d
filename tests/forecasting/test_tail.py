"""Claims about the far tail."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.calibration import Calibration, rate_of, walk
from forecasting.fleet.model import FleetModel
from forecasting.levels import TRACKED_LEVELS
from forecasting.panel import Array, Panel
from forecasting.rolling import rolled_peaks
from forecasting.tail import Calibrated, calibrated, calibrated_logs

NORMAL = np.array([-1.645, -0.674, 0, 0.842, 1.282, 1.645, 1.960, 2.326, 9, 9], dtype=np.float32)
"""Quantiles of the standard normal distribution at TRACKED_LEVELS, but nonsense in the far tail."""
NONE = np.zeros(len(TRACKED_LEVELS), dtype=np.float32)


def test_an_exponential_tail_is_found_from_what_was_learned() -> None:
    exponential = -np.log(1 - TRACKED_LEVELS)
    said = calibrated(np.where(TRACKED_LEVELS > 0.99, 99, exponential), NONE, TRACKED_LEVELS)
    np.testing.assert_allclose(said, exponential, rtol=1e-4)


def test_the_far_tail_is_that_of_demand_in_logarithms_too() -> None:
    """As steep as from 5 to 20 the line goes on from 100 to 125; in logarithms, fourfold and fourfold, to 1,000."""
    demand = np.array([0.1, 0.5, 1, 5, 10, 20, 50, 100, 100, 100], dtype=np.float32)
    by_logs = np.exp(calibrated_logs(np.log(demand), NONE, TRACKED_LEVELS))
    np.testing.assert_allclose(by_logs, calibrated(demand, NONE, TRACKED_LEVELS), rtol=1e-4)
    assert by_logs[-1] == pytest.approx(125, rel=0.01)


def _said(truth: Array, model: Array, say: Calibrated = calibrated) -> Array:
    """Calibrated quantiles [n, o, q] of a model that says the same `model` at each minute of `truth` [n, o]."""
    always = np.tile(model, (*truth.shape, 1))
    fresh = Calibration.fresh(len(truth), 1, TRACKED_LEVELS, rate_of(60), 1000)
    trail, _ = walk(fresh, 0, always, truth, 2, say=say)
    return say(always, trail, TRACKED_LEVELS)


def test_the_far_tail_is_kept_in_the_long_run_however_wrong_the_model() -> None:
    """Normal and heavy-tailed truths of half, once and twice the width that the model says: within a tenth of a point,
    in thirty days of minutes after the first ten."""
    rng, minutes = np.random.default_rng(4), 40 * 1440
    drawn = np.concatenate([rng.standard_normal((3, minutes)), rng.standard_t(3, (3, minutes))])
    truth = (np.tile([[0.5], [1], [2]], (2, 1)) * drawn).astype(np.float32)
    inside = (truth[..., None] <= _said(truth, NORMAL))[:, 10 * 1440 :].mean(axis=1)
    np.testing.assert_allclose(inside[:, -2:], np.tile([0.995, 0.999], (6, 1)), rtol=0, atol=0.001)


def test_rare_giants_do_not_make_the_far_tail_run_away() -> None:
    """A minute of fifty times the usual every second day is rarer than one in a thousand: 0.999 owes it nothing."""
    truth = np.exp(0.1 * np.random.default_rng(5).standard_normal((1, 30 * 1440))).astype(np.float32)
    truth[0, 2000::2880] *= 50
    said = np.exp(_said(np.log(truth), 0.1 * NORMAL, calibrated_logs))[0, :, -1]
    assert said.mean() < 1.6
    assert said.max() < 3


def test_the_far_tail_of_smooth_services_is_near_the_true_one() -> None:
    """Poisson counts around a day's wave: how far 0.999 lies above the median, within 60 % of the truth's distance.

    Asked of the network it lay at more than twice that.
    """
    rng, width, day = np.random.default_rng(6), 4, 1440
    wave = np.array([[20], [200]]) * (1 + 0.5 * np.sin(2 * np.pi * np.arange(8 * day) / day))
    panel = Panel.of(0, 60, rng.poisson(np.repeat(wave, 2, axis=0)), tuple("abcd"))
    fitted = FleetModel().fit(panel.until(7 * day * 60))
    said = rolled_peaks(fitted, panel.between(7 * day * 60, panel.end), (width * 60.0,), (0.5, 0.999))[:, :, 0]
    peaks = rng.poisson(wave[:, :day], (4000, width, 2, day)).max(axis=1)
    true = np.repeat(np.diff(np.quantile(peaks, (0.5, 0.999), axis=0), axis=0)[0].mean(axis=1), 2)
    ratio = np.diff(said, axis=2)[..., 0].mean(axis=1) / true
    assert ratio.min() > 0.8
    assert ratio.max() < 1.6
