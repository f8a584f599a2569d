"""Realised coverage reaches whoever asks, by service, window and level."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forecasting.choice.auto import AutoModel
from forecasting.fleet.model import FleetModel
from forecasting.forecast import Coverage
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue, SeasonalNaive
from forecasting.panel import Panel


def test_the_nearest_window_and_level_speak() -> None:
    ratios = np.arange(8.0).reshape(2, 2, 2) / 10
    coverage = Coverage(("a", "b"), np.array([60.0, 600.0]), np.array([0.9, 0.99]), ratios)
    assert coverage.of("a", 100.0, 0.9) == 0.0
    assert coverage.of("b", 500.0, 0.999) == pytest.approx(0.7)
    assert math.isnan(coverage.of("c", 60.0, 0.9))


@pytest.mark.parametrize(
    "model",
    [FleetModel(samples=4_000, others=2), CalibratedModel(LastValue()), AutoModel((CalibratedModel(SeasonalNaive()),))],
    ids=["fleet", "last-value", "auto"],
)
def test_what_is_realised_is_a_share_and_near_what_was_promised(model) -> None:
    """Noise without any rhythm, three days of it and 300 ticks: 0.9 is held within 8 points."""
    rng = np.random.default_rng(3)
    values = rng.poisson(40, (2, 3 * 288 + 300)).astype(float)
    panel = Panel.of(1_700_000_000.0 // 300 * 300, 300.0, values, ("a", "b"))
    forecaster = model.fit(panel.between(panel.start, panel.end - 300 * 300))
    for column in range(300, 0, -1):
        forecaster = forecaster.observe(panel.until(panel.end - (column - 1) * 300))
    coverage = forecaster.realised()
    assert coverage.keys == ("a", "b")
    assert coverage.of("a", 300.0, 0.9) == pytest.approx(0.9, abs=0.08)
    assert coverage.of("b", 1800.0, 0.5) < coverage.of("b", 1800.0, 0.95)
