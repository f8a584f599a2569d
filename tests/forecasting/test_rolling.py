"""RollingSettings forecasts know only what was complete, and what they say hangs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from forecasting.choice.auto import AutoModel
from forecasting.choice.per_series import PerSeriesModel
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue, SeasonalNaive
from forecasting.model import Forecaster, Model
from forecasting.panel import Array, Panel
from forecasting.rolling import RollingSettings, resampled, rolled_peaks, rolling, ticked
from tests.fakes.models import SameAsYesterday

START = 1_700_000_000.0 // 86_400 * 86_400


def panel_of(days: float = 3.0, step: float = 60.0) -> Panel:
    values = np.random.default_rng(1).uniform(1, 9, (2, round(days * 86_400 / step)))
    return Panel.of(START, step, values, ("a", "b"))


def test_a_coarser_grid_holds_means_and_unknown_where_less_than_half_was_seen() -> None:
    values = np.array([[1.0, 3.0, np.nan, np.nan, 5.0, np.nan, np.nan, 7.0]])
    coarse = resampled(Panel.of(START, 60.0, values), 240.0)
    assert coarse.values[0, 0] == 2.0
    assert coarse.values[0, 1] == 6.0
    assert np.isnan(resampled(Panel.of(START, 60.0, values[:, 2:]), 120.0).values[0, 0])


def test_a_coarser_step_says_when_it_really_begins() -> None:
    """Stamps 17 s after the minute: a step that holds five of them begins with the first of them."""
    fine = Panel.of(START + 17, 60.0, np.arange(30.0))
    coarse = resampled(fine, 300.0)
    assert coarse.start == START + 317
    assert coarse.values[0, 0] == fine.between(START + 317, START + 617).values.mean()


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="whole multiple"):
        resampled(panel_of(), 90.0)


def test_the_future_changes_nothing_that_was_said_before_it() -> None:
    asked = RollingSettings(every=6 * 3600.0, horizon=600.0, step=300.0, levels=(0.5, 0.9), windows=(180.0,))
    panel = panel_of()
    cut = panel.end - 12 * 3600.0
    other = replace(panel, values=np.where(panel.times() >= cut, 1e6, panel.values))
    early = [
        [rows for origin, rows in rolling(p, SameAsYesterday(), 1.0, asked) if origin <= cut] for p in (panel, other)
    ]
    assert early[0] == early[1]
    assert early[0]


def test_rows_say_when_they_are_meant_for() -> None:
    asked = RollingSettings(every=3600.0, horizon=600.0, step=300.0, levels=(0.9,), windows=(180.0,))
    origin, rows = next(iter(rolling(panel_of(), SameAsYesterday(), 1.0, asked)))
    of_a = {(row.kind, row.timestamp - origin) for row in rows if row.series == "a"}
    assert of_a == {("window-max", 180.0), ("step", 0.0), ("step", 300.0)}


def _by_hand(forecaster: Forecaster, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Array:
    """Tick, ask, tick, ask."""
    said = []
    for column in range(panel.values.shape[1]):
        said.append(forecaster.forecast(0, windows, levels).peaks)
        end = panel.start + panel.step * (column + 1)
        forecaster = forecaster.observe(panel.between(end - panel.step, end))
    return np.stack(said, axis=1).astype(np.float32)


@pytest.mark.parametrize(
    "model",
    [
        SameAsYesterday(),
        CalibratedModel(SeasonalNaive()),
        AutoModel((CalibratedModel(SeasonalNaive()), CalibratedModel(LastValue()))),
        PerSeriesModel(
            {"one": CalibratedModel(LastValue()), "other": CalibratedModel(SeasonalNaive())}, {"b": "other"}, "one"
        ),
    ],
    ids=lambda model: model.name,
)
def test_any_model_is_rolled_as_a_service_ticks(model: Model) -> None:
    """To the bit, what follows changes nothing, and nothing is said where there is nothing to say."""
    panel, windows, levels = panel_of(days=3.0, step=300.0), (300.0, 900.0), (0.5, 0.9)
    fitted = model.fit(panel.until(panel.end - 20 * 300))
    ahead = panel.between(fitted.origin, panel.end)
    rolled = rolled_peaks(fitted, ahead, windows, levels)
    np.testing.assert_array_equal(rolled, _by_hand(fitted, ahead, windows, levels))
    assert rolled.shape == (2, 20, 2, 2)
    short = rolled_peaks(fitted, ahead.until(ahead.start + 10 * 300), windows, levels)
    np.testing.assert_array_equal(rolled[:, :10], short)


def test_where_there_is_no_forecast_nothing_is_rolled() -> None:
    """Half an hour without data is stale, and is over with the first number."""
    panel = panel_of(days=2.0, step=300.0)
    gap = np.where(np.arange(panel.values.shape[1]) >= panel.values.shape[1] - 12, np.nan, panel.values)
    gap[:, -2] = 5.0
    panel = replace(panel, values=gap)
    fitted = CalibratedModel(LastValue()).fit(panel.until(panel.end - 12 * 300))
    rolled = rolled_peaks(fitted, panel.between(fitted.origin, panel.end), (300.0,), (0.9,))
    np.testing.assert_array_equal(np.isfinite(rolled[0, :, 0, 0]), [True] * 6 + [False] * 5 + [True])


@pytest.mark.parametrize("every", [1, 7])
def test_ticking_stops_at_every_so_many_steps(every: int) -> None:
    panel = panel_of(days=3.0, step=300.0)
    for model in (SameAsYesterday(), AutoModel((CalibratedModel(LastValue()),))):
        fitted = model.fit(panel.until(panel.end - 20 * 300))
        ahead = panel.between(fitted.origin, panel.end)
        origins = [forecaster.origin for forecaster in ticked(fitted, ahead, every)]
        assert origins == [fitted.origin + 300 * step for step in range(0, 21, every)]
