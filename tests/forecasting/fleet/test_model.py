"""Claims about what the fleet model learns."""

from __future__ import annotations

import numpy as np

from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.fleet.synthetic import services
from forecasting.model import Forecaster, Model
from forecasting.panel import Panel
from tests.forecasting.fleet.fleets import noisy_days


def test_a_forecast_is_finite_non_negative_and_monotone() -> None:
    model: Model = FleetModel(samples=4000, others=4)
    panel = noisy_days()
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


def test_a_young_service_says_that_it_borrowed() -> None:
    panel = noisy_days(days=2, n=2)
    values = panel.values.copy()
    values[0, : -5 * 60] = np.nan
    said = FleetModel(samples=1000, others=1).fit(Panel.of(0, 60, values, panel.keys)).forecast(3, (120.0,))
    assert said.models == ("fleet, by others' example (5 h of its own)", "fleet")
    assert said.reasons == (None, None)


def test_a_service_of_three_hours_borrows_from_its_neighbours() -> None:
    """It has no yesterday; its forecast stands near what comes, because it shares their networks."""
    step, n = 300.0, 6
    rng = np.random.default_rng(3)
    values = services(n, 8, step, rng).astype(float)
    values[0] = rng.poisson(60, values.shape[1])
    values[0, : -36 - 12] = np.nan
    panel = Panel.of(0, step, values, [str(i) for i in range(n)])
    model = FleetModel(samples=8000, others=4, peaks=Training(members=2, epochs=4))
    said = model.fit(panel.until(panel.end - 12 * step)).forecast(12, (900.0,), (0.5, 0.9))
    assert said.reasons[0] is None
    assert 45 < said.peaks[0, 0, 0] < 80
    assert 55 < said.peaks[0, 0, 1] < 110


def test_a_job_at_a_fixed_hour_is_foreseen_out_of_silence() -> None:
    """By the demand of now alone, the silence before it would count for nothing."""
    t = np.arange(8 * 1440)
    rng = np.random.default_rng(2)
    jobs = np.where((t % 1440 >= 180) & (t % 1440 < 240), rng.poisson(60, len(t)), 0).astype(float)
    panel = Panel.of(0, 60, np.maximum(jobs, rng.random(len(t)) < 0.01))
    said = FleetModel(samples=24_000, others=2).fit(panel.until(86_400 * 7 + 60 * 178)).forecast(0, (300.0,), (0.9,))
    assert said.peaks[0, 0, 0] > 40
