"""What every model promises, on good and on damaged series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecasting.choice.auto import AutoModel
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.forecast import Forecast
from forecasting.history import History, caps, clean
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import Ets, HoltWinters, LastValue, Prophet, SeasonalNaive, Stl
from forecasting.model import Model
from forecasting.panel import Floats, Panel
from tests.forecasting.nasty import KINDS, STEP

SMALL = Training(hidden=(16,), members=2, epochs=1)
FLEET = FleetModel(samples=600, others=1, peaks=SMALL, steps=SMALL)
MODELS: list[Model] = [
    FLEET,
    CalibratedModel(LastValue()),
    CalibratedModel(SeasonalNaive()),
    CalibratedModel(HoltWinters()),
    CalibratedModel(Ets()),
    CalibratedModel(Stl()),
    AutoModel((CalibratedModel(SeasonalNaive()), CalibratedModel(LastValue()))),
    pytest.param(CalibratedModel(Prophet()), marks=pytest.mark.slow),  # type: ignore[list-item]
]


def _kept(forecast: Forecast, panel: Panel) -> None:
    """The promises of `Forecast`."""
    for row, reason in enumerate(forecast.reasons):
        steps, peaks = forecast.steps[row], forecast.peaks[row]
        if reason is not None:
            assert np.isnan(steps).all()
            assert np.isnan(peaks).all()
            continue
        assert np.isfinite(steps).all()
        assert np.isfinite(peaks).all()
        assert (steps >= 0).all()
        assert (peaks >= 0).all()
        assert (np.diff(steps, axis=1) >= 0).all()
        assert (np.diff(peaks, axis=1) >= 0).all()
        assert (np.diff(peaks, axis=0) >= 0).all()
        seen = panel.values[row][np.isfinite(panel.values[row]) & (panel.values[row] >= 0)]
        assert peaks.max() / 3001 <= np.max(seen, initial=1e-9)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_series_give_a_kept_promise_or_a_reason(model: Model, kind: str) -> None:
    """T1: 21 kinds of bad series; a forecast is finite, non-negative and monotone, or says why it is absent."""
    for seed in range(1):
        values = np.asarray(KINDS[kind](np.random.default_rng(seed)), dtype=float)
        panel = Panel.of(0, STEP, values)
        forecaster = model.fit(panel)
        for _ in range(2):
            forecaster = forecaster.observe(Panel.of(forecaster.origin, STEP, [values[-1:].sum()]))
            _kept(forecaster.forecast(6, (300.0, 900.0), (0.5, 0.9, 0.99)), panel)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_a_good_series_gets_a_forecast_near_what_comes(model: Model) -> None:
    values = KINDS["normal"](np.random.default_rng(5))
    panel = Panel.of(0, STEP, values)
    said = model.fit(panel.until(700 * STEP)).forecast(12, (900.0,), (0.5, 0.99))
    assert said.reasons == (None,)
    assert said.peaks[0, 0, 0] == pytest.approx(values[700:703].max(), rel=0.5)
    assert said.steps[0, :, 1].mean() > values[700:712].mean()


@pytest.mark.parametrize("model", MODELS[:7], ids=lambda m: m.name)
def test_the_same_history_gives_the_same_bytes(model: Model) -> None:
    panel = Panel.of(0, STEP, KINDS["10 % NaN"](np.random.default_rng(1)))
    first, second = (model.fit(panel).forecast(3, (900.0,)) for _ in range(2))
    assert first.steps.tobytes() == second.steps.tobytes()
    assert first.peaks.tobytes() == second.peaks.tobytes()


def test_a_grid_that_does_not_fit_is_refused() -> None:
    forecaster = CalibratedModel(LastValue()).fit(Panel.of(0, STEP, np.ones(100)))
    with pytest.raises(ValueError, match="does not fit"):
        forecaster.observe(Panel.of(100 * STEP + 7, STEP, [1.0]))


def test_rows_find_their_keys_in_any_order_and_absent_ones_are_not_observed() -> None:
    history = History.of(Panel.of(0, 60, [[1.0, 1.0], [2.0, 2.0]], ("a", "b")), 100)
    grown = history.extended(Panel.of(120, 60, [[5.0], [7.0]], ("b", "x")))
    np.testing.assert_array_equal(grown.values, np.array([[1, 1, np.nan], [2, 2, 5]], dtype=np.float32))


def test_histories_that_grow_apart_do_not_disturb_each_other() -> None:
    base = History.of(Panel.of(0, 60, np.ones(10)), 100)
    left = base.extended(Panel.of(600, 60, [2.0]))
    right = base.extended(Panel.of(600, 60, [3.0]))
    assert left.values[0, -1] == 2
    assert right.values[0, -1] == 3
    assert base.length == 10


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(0, 200)), elements=st.floats(width=64)))
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_cleaned_values_are_believable_or_not_observed(values: np.ndarray) -> None:
    cap = caps(values, 300.0)
    out = clean(values, cap)
    seen = out[np.isfinite(out)]
    assert (seen >= 0).all()
    assert (seen <= 1.001e30).all()
    assert not np.isinf(out).any()


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
    _kept(said, panel)
    assert (said.reasons[0] is None) == np.isfinite(lie)


def _anything(rows: int) -> st.SearchStrategy[np.ndarray]:
    """Some series of up to five days of hours, of any numbers there are."""
    shape = st.tuples(st.just(rows), st.integers(0, 120))
    return hnp.arrays(np.float64, shape, elements=st.floats(width=64))


def _keeps_on_anything(model: Model, values: np.ndarray) -> None:
    panel = Panel.of(0, 3600.0, values, [str(i) for i in range(len(values))])
    one = np.full((len(values), 1), 3.0)
    forecaster = model.fit(panel).observe(Panel.of(panel.end, 3600.0, one, panel.keys))
    _kept(forecaster.forecast(2, (3600.0, 7200.0)), Panel.of(0, 3600.0, np.hstack([values, one]), panel.keys))


@pytest.mark.parametrize("model", MODELS[1:6], ids=lambda m: m.name)
@given(_anything(1))
@settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_every_model_keeps_its_promises_on_anything(model: Model, values: np.ndarray) -> None:
    _keeps_on_anything(model, values)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", MODELS[1:6], ids=lambda m: m.name)
@given(_anything(4))
@settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_anything_in_full(model: Model, values: np.ndarray) -> None:
    """T1: 4,000 generated series for each of five models."""
    _keeps_on_anything(model, values)


@given(
    hnp.arrays(np.float64, st.tuples(st.just(1), st.integers(0, 120)), elements=st.floats(width=64)),
    st.integers(0, 3),
)
@settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_fleet_keeps_its_promises_on_anything(values: np.ndarray, ticks: int) -> None:
    panel = Panel.of(0, STEP, values)
    forecaster = FLEET.fit(panel)
    for _ in range(ticks):
        forecaster = forecaster.observe(Panel.of(forecaster.origin, STEP, [3.0]))
    _kept(forecaster.forecast(2, (300.0, 900.0)), Panel.of(0, STEP, np.append(values, 3.0)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", [m for m in MODELS if m is not MODELS[6]], ids=lambda m: m.name)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_series_in_full(model: Model, kind: str) -> None:
    """T1 in full: fifty of each kind at once; nothing raises, and every promise is kept."""
    rows = [np.asarray(KINDS[kind](np.random.default_rng(seed)), dtype=float) for seed in range(50)]
    panel = Panel.of(0, STEP, rows, [str(seed) for seed in range(50)])
    forecaster = model.fit(panel)
    forecaster = forecaster.observe(Panel.of(forecaster.origin, STEP, np.ones((50, 1)), panel.keys))
    seen = Panel.of(0, STEP, np.hstack([panel.values, np.ones((50, 1))]), panel.keys)
    _kept(forecaster.forecast(6, (300.0, 900.0), (0.5, 0.9, 0.99)), seen)
