"""Whatever a library does, its answers are calibrated, guarded or a reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue
from forecasting.panel import DAY_SECONDS, Floats, Panel
from tests.forecasting.nasty import KINDS, STEP
from tests.forecasting.promises import kept


@dataclass(frozen=True)
class Liar(LastValue):
    """Says something reasonable of the next two steps, so that it passes for fitted, and then `lie`."""

    name: str = "liar"
    lie: float = np.nan

    def fit(self, values: Floats, step: float) -> Liar:
        return self

    def path(self, values: Floats, horizon: int) -> Floats:
        return np.append(np.full(min(2, horizon), values[-1]), np.full(max(0, horizon - 2), self.lie))


@pytest.mark.parametrize("lie", [np.nan, np.inf, -np.inf, 1e308, -1e308, 1e39, 5e-324])
def test_whatever_a_strategy_says_the_guard_keeps_the_promises(lie: float) -> None:
    panel = Panel.of(0, STEP, KINDS["normal"](np.random.default_rng(2)))
    forecaster = CalibratedModel(Liar(lie=lie)).fit(panel.until(panel.end - 900)).observe(panel)
    said = forecaster.forecast(6, (300.0, 900.0))
    kept(said, panel)
    assert (said.reasons[0] is None) == np.isfinite(lie)


def test_a_grid_that_does_not_fit_is_refused() -> None:
    forecaster = CalibratedModel(LastValue()).fit(Panel.of(0, STEP, np.ones(100)))
    with pytest.raises(ValueError, match="does not fit"):
        forecaster.observe(Panel.of(100 * STEP + 7, STEP, [1.0]))


@pytest.mark.parametrize("days", [1.0, 6.0])
def test_a_band_far_ahead_is_as_wide_as_the_errors_so_far_ahead(days: float) -> None:
    """What was seen last at the bottom of a wave says nothing of its top: an hour's errors stood for those of eight."""
    t = np.arange(round(days * DAY_SECONDS / STEP))
    wave = 60 - 50 * np.cos(2 * np.pi * t * STEP / DAY_SECONDS)
    said = CalibratedModel(LastValue()).fit(Panel.of(0, STEP, wave)).forecast(97, (), (0.5, 0.99)).steps[0]
    assert said[0, 1] < 40
    assert said[96, 1] > 80
