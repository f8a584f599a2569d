"""A few single steps ahead, without all that lie between."""

from __future__ import annotations

import numpy as np

from forecasting.choice.per_series import PerSeriesModel
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import SeasonalNaive
from forecasting.model import Model
from forecasting.panel import Panel
from tests.fakes.models import Moody
from tests.forecasting.choice.test_per_series import START


def test_single_steps_are_said_as_in_the_whole_forecast_whoever_says_them() -> None:
    """The fleet has a short way to them, the others go the long one; who raises costs its own rows alone."""
    values = np.tile(np.arange(1.0, 5.0)[:, None], (1, 2 * 1440))
    panel = Panel.of(START, 60.0, values, ("a", "b", "c", "d"))
    small = Training(hidden=(8,), members=2, epochs=1)
    models: dict[str, Model] = {
        "fleet": FleetModel(samples=600, others=1, peaks=small, steps=small),
        "naive": CalibratedModel(SeasonalNaive()),
        "moody": Moody(raises := set[str]()),
    }
    chosen = {"a": "fleet", "b": "fleet", "c": "naive", "d": "moody"}
    fitted = PerSeriesModel(models, chosen, "fleet").fit(panel)
    steps, levels = (0, 14, 59), (0.05, 0.5, 0.95)
    whole, said = fitted.forecast(60, (), levels), fitted.ahead(steps, levels, 9)
    assert (said.keys, said.origin) == (whole.keys, whole.origin)
    assert np.isfinite(said.values).all()
    np.testing.assert_allclose(said.values, whole.steps[:, list(steps)], rtol=1e-6)
    for most in range(4):
        few = fitted.ahead(steps, levels, most)
        assert few.keys == tuple("abcd"[:most])
        np.testing.assert_allclose(few.values, said.values[:most], rtol=1e-6)
    raises.add("forecast")
    left = zip(said.keys, fitted.ahead(steps, levels, 9).values, strict=True)
    assert {key for key, values in left if np.isfinite(values).all()} == {"a", "b", "c"}
