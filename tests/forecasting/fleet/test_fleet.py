"""Claims about the fleet model."""

from __future__ import annotations

import numpy as np

from forecasting.fleet.model import FleetModel
from forecasting.levels import TRACKED_LEVELS
from forecasting.model import Forecaster, Model
from forecasting.panel import Panel


def _panel(days: float = 4, n: int = 3, seed: int = 0) -> Panel:
    rng = np.random.default_rng(seed)
    t = np.arange(int(days * 1440))
    shape = 50 + 40 * np.sin(2 * np.pi * t / 1440)
    return Panel.of(0, 60, rng.poisson(shape, size=(n, len(t))), [f"s{i}" for i in range(n)])


def test_a_forecast_is_finite_non_negative_and_monotone() -> None:
    model: Model = FleetModel(samples=4000, others=4)
    panel = _panel()
    forecaster: Forecaster = model.fit(panel.until(3 * 86400))
    forecaster = forecaster.observe(panel.between(3 * 86400, 3 * 86400 + 600))
    assert forecaster.origin == 3 * 86400 + 600
    out = forecaster.forecast(12, (120.0, 240.0), (0.5, 0.9, 0.99))
    assert out.reasons == (None,) * 3
    assert np.isfinite(out.peaks).all()
    assert np.isfinite(out.steps).all()
    assert (out.peaks >= 0).all()
    assert (np.diff(out.peaks, axis=2) >= 0).all()
    assert (np.diff(out.peaks, axis=1) >= 0).all()


def test_rolling_says_what_ticking_says() -> None:
    panel = _panel(days=3, n=2, seed=4)
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
    panel = _panel(days=3, n=2, seed=5)
    split = 2.9 * 86400
    fitted = FleetModel(samples=2000, others=2).fit(panel.until(split))
    ticking: Forecaster = fitted
    ahead = panel.between(split, split + 60 * 60)
    for k, forecaster in enumerate(fitted.ticked(ahead, 20)):
        assert forecaster.origin == ticking.origin == split + 1200 * k
        ours, theirs = (f.forecast(12, (120.0,)) for f in (forecaster, ticking))
        np.testing.assert_allclose(ours.peaks, theirs.peaks, rtol=2e-3)
        np.testing.assert_allclose(ours.steps, theirs.steps, rtol=2e-3)
        for i in range(20 * k, min(20 * (k + 1), 60)):
            ticking = ticking.observe(panel.between(split + 60 * i, split + 60 * (i + 1)))
    assert k == 3


def test_a_young_service_says_that_it_borrowed() -> None:
    panel = _panel(days=2, n=2)
    values = panel.values.copy()
    values[0, : -5 * 60] = np.nan
    said = FleetModel(samples=1000, others=1).fit(Panel.of(0, 60, values, panel.keys)).forecast(3, (120.0,))
    assert said.models == ("fleet, by others' example (5 h of its own)", "fleet")
    assert said.reasons == (None, None)


def test_a_long_horizon_begins_with_the_short_one_and_goes_on() -> None:
    panel = _panel(days=2, n=2)
    fitted = FleetModel(samples=1000, others=1).fit(panel)
    short, long = fitted.forecast(10, (120.0,)), fitted.forecast(60, (120.0,))
    np.testing.assert_allclose(long.steps[:, :10], short.steps, rtol=1e-4)
    assert long.steps.shape == (2, 60, 8)
    assert (np.diff(long.steps, axis=2) >= 0).all()
    assert np.ptp(long.steps[:, 16:], axis=1).min() > 0


def test_a_job_at_a_fixed_hour_is_foreseen_out_of_silence() -> None:
    """By the demand of now alone, the silence before it would count for nothing."""
    t = np.arange(8 * 1440)
    rng = np.random.default_rng(2)
    jobs = np.where((t % 1440 >= 180) & (t % 1440 < 240), rng.poisson(60, len(t)), 0).astype(float)
    panel = Panel.of(0, 60, np.maximum(jobs, rng.random(len(t)) < 0.01))
    said = FleetModel(samples=24_000, others=2).fit(panel.until(86_400 * 7 + 60 * 178)).forecast(0, (300.0,), (0.9,))
    assert said.peaks[0, 0, 0] > 40
