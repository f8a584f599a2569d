"""A fitted fleet goes through time, one tick or many at once."""

from __future__ import annotations

import numpy as np

from forecasting.fleet.model import FleetModel
from forecasting.levels import TRACKED_LEVELS
from forecasting.model import Forecaster
from tests.forecasting.fleet.fleets import noisy_days


def test_rolling_says_what_ticking_says() -> None:
    panel = noisy_days(days=3, n=2, seed=4)
    split = 2.9 * 86400
    fitted = FleetModel(samples=2000, others=2).fit(panel.until(split))
    ahead = panel.between(split, split + 40 * 60)
    windows = (120.0, 660.0)
    rolled = fitted.rolled_peaks(ahead, windows, TRACKED_LEVELS.tolist())
    ticking: Forecaster = fitted
    for i in range(40):
        said = ticking.forecast(1, windows, tuple(TRACKED_LEVELS.tolist())).peaks
        np.testing.assert_allclose(rolled[:, i], said, rtol=2e-3)
        ticking = ticking.observe(panel.between(split + 60 * i, split + 60 * (i + 1)))


def test_going_through_a_panel_at_once_is_ticking_through_it() -> None:
    panel = noisy_days(days=3, n=2, seed=5)
    split = 2.9 * 86400
    fitted = FleetModel(samples=2000, others=2).fit(panel.until(split))
    ticking: Forecaster = fitted
    ahead = panel.between(split, split + 60 * 60)
    for k, forecaster in enumerate(fitted.ticked(ahead, 20)):
        assert forecaster.origin == ticking.origin == split + 1200 * k
        ours, theirs = (f.forecast(200, (120.0,)) for f in (forecaster, ticking))
        np.testing.assert_allclose(ours.peaks, theirs.peaks, rtol=2e-3)
        np.testing.assert_allclose(ours.steps, theirs.steps, rtol=2e-3)
        for i in range(20 * k, min(20 * (k + 1), 60)):
            ticking = ticking.observe(panel.between(split + 60 * i, split + 60 * (i + 1)))
    assert k == 3


def test_a_long_horizon_begins_with_the_short_one_and_goes_on() -> None:
    panel = noisy_days(days=2, n=2)
    fitted = FleetModel(samples=1000, others=1).fit(panel)
    short, long = fitted.forecast(10, (120.0,)), fitted.forecast(60, (120.0,))
    np.testing.assert_allclose(long.steps[:, :10], short.steps, rtol=1e-4)
    assert long.steps.shape == (2, 60, 8)
    assert (np.diff(long.steps, axis=2) >= 0).all()
    assert np.ptp(long.steps[:, 16:], axis=1).min() > 0
