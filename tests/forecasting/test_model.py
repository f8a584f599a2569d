"""What every model promises, on good and on damaged series."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from forecasting.choice.auto import AutoModel
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.levels import LEVELS
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import Ets, HoltWinters, LastValue, Prophet, SeasonalNaive, Stl
from forecasting.model import LooksFar, Model, Sketches
from forecasting.panel import Panel
from tests.forecasting.nasty import KINDS, STEP
from tests.forecasting.promises import kept
from tests.reliability.reached import Reached

SMALL = Training(hidden=(16,), members=2, epochs=1)
FLEET = FleetModel(samples=600, others=1, peaks=SMALL, steps=SMALL)
STRATEGIES = (LastValue(), SeasonalNaive(), HoltWinters(), Ets(), Stl())
LIBRARIES: list[Model] = [CalibratedModel(strategy) for strategy in STRATEGIES]
AUTO = AutoModel((CalibratedModel(SeasonalNaive()), CalibratedModel(LastValue())))
QUICK: list[Model] = [FLEET, *LIBRARIES, AUTO]
MODELS = [*QUICK, pytest.param(CalibratedModel(Prophet()), marks=pytest.mark.slow)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_series_give_a_kept_promise_or_a_reason(model: Model, kind: str, reached: Reached) -> None:
    """T1: 21 kinds of bad series; a forecast is finite, non-negative and monotone, or says why it is absent."""
    values = np.asarray(KINDS[kind](np.random.default_rng(0)), dtype=float)
    panel = Panel.of(0, STEP, values)
    forecaster = model.fit(panel)
    for _ in range(2):
        forecaster = forecaster.observe(Panel.of(forecaster.origin, STEP, [values[-1:].sum()]))
        kept(forecaster.forecast(6, (300.0, 900.0), (0.5, 0.9, 0.99)), panel)
    reached("T1", size="a kind and a model", figure="nothing raised; finite, in order, or with a reason")


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_a_good_series_gets_a_forecast_near_what_comes(model: Model) -> None:
    values = KINDS["normal"](np.random.default_rng(5))
    panel = Panel.of(0, STEP, values)
    said = model.fit(panel.until(700 * STEP)).forecast(12, (900.0,), (0.5, 0.99))
    assert said.reasons == (None,)
    assert said.peaks[0, 0, 0] == pytest.approx(values[700:703].max(), rel=0.5)
    assert said.steps[0, :, 1].mean() > values[700:712].mean()


@pytest.mark.parametrize("model", QUICK, ids=lambda m: m.name)
def test_the_same_history_gives_the_same_bytes(model: Model) -> None:
    panel = Panel.of(0, STEP, KINDS["10 % NaN"](np.random.default_rng(1)))
    first, second = (model.fit(panel).forecast(3, (900.0,)) for _ in range(2))
    assert first.steps.tobytes() == second.steps.tobytes()
    assert first.peaks.tobytes() == second.peaks.tobytes()


@pytest.mark.parametrize("model", [FLEET, CalibratedModel(SeasonalNaive()), AUTO], ids=lambda m: m.name)
def test_one_of_many_series_is_sketched_as_it_is_told_among_them(model: Model) -> None:
    """For who looks at one of ten thousand. The first steps are told one by one."""
    rows = np.array([KINDS[kind](np.random.default_rng(1)) for kind in ("normal", "10 % NaN", "normal")])
    known = model.fit(Panel.of(0, STEP, rows * [[1], [2], [3]], ("a", "b", "c")))
    assert isinstance(known, Sketches)
    among, alone = known.forecast(20, (900.0,)), known.sketch("b", 20)
    assert (alone.keys, alone.reasons, alone.steps.shape) == (("b",), among.reasons[1:2], (1, 20, len(LEVELS)))
    assert np.allclose(alone.steps[0, :5], among.steps[1, :5], rtol=1e-5)
    assert np.allclose(alone.steps[0], among.steps[1], rtol=0.2)


@pytest.mark.parametrize("model", QUICK, ids=lambda m: m.name)
def test_every_model_looks_far_ahead_without_all_that_lies_between(model: Model) -> None:
    """Each round does: all 1,440 steps of a day take `auto` a second or two, however few services there are."""
    rows = np.array([KINDS[kind](np.random.default_rng(1)) for kind in ("normal", "10 % NaN", "all NaN", "normal")])
    known = model.fit(Panel.of(0, STEP, rows * [[1], [2], [3], [4]], tuple("abcd")))
    assert isinstance(known, LooksFar)
    said, whole = known.at((0, 3, 15), LEVELS, 3), known.forecast(16, (), LEVELS)
    assert np.allclose(said, whole.steps[:3, [0, 3, 15]], rtol=1e-4, equal_nan=True)


def _anything(rows: int) -> st.SearchStrategy[np.ndarray]:
    """Some series of up to five days of hours, of any numbers there are."""
    shape = st.tuples(st.just(rows), st.integers(0, 120))
    return hnp.arrays(np.float64, shape, elements=st.floats(width=64))


def _keeps_on_anything(model: Model, values: np.ndarray) -> None:
    panel = Panel.of(0, 3600.0, values, [str(i) for i in range(len(values))])
    one = np.full((len(values), 1), 3.0)
    forecaster = model.fit(panel).observe(Panel.of(panel.end, 3600.0, one, panel.keys))
    kept(forecaster.forecast(2, (3600.0, 7200.0)), Panel.of(0, 3600.0, np.hstack([values, one]), panel.keys))


@pytest.mark.parametrize("model", LIBRARIES, ids=lambda m: m.name)
@given(_anything(1))
@settings(max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_every_model_keeps_its_promises_on_anything(model: Model, values: np.ndarray) -> None:
    _keeps_on_anything(model, values)


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", LIBRARIES, ids=lambda m: m.name)
def test_anything_in_full(model: Model, reached: Reached) -> None:
    """T1: 4,000 generated series for each of five models."""

    @given(_anything(4))
    @settings(max_examples=1000, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    def keeps(values: np.ndarray) -> None:
        _keeps_on_anything(model, values)

    keeps()
    reached("T1", size="a model, 4,000 series", figure="nothing raised; finite, in order, or with a reason")


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
    kept(forecaster.forecast(2, (300.0, 900.0)), Panel.of(0, STEP, np.append(values, 3.0)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("model", [model for model in MODELS if model is not AUTO], ids=lambda m: m.name)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_series_in_full(model: Model, kind: str, reached: Reached) -> None:
    """T1 in full: fifty of each kind at once; nothing raises, every promise is kept, and a series takes ten seconds of
    processor at most."""
    rows = [np.asarray(KINDS[kind](np.random.default_rng(seed)), dtype=float) for seed in range(50)]
    panel = Panel.of(0, STEP, rows, [str(seed) for seed in range(50)])
    began = time.process_time()
    forecaster = model.fit(panel)
    seconds = (time.process_time() - began) / 50
    forecaster = forecaster.observe(Panel.of(forecaster.origin, STEP, np.ones((50, 1)), panel.keys))
    seen = Panel.of(0, STEP, np.hstack([panel.values, np.ones((50, 1))]), panel.keys)
    kept(forecaster.forecast(6, (300.0, 900.0), (0.5, 0.9, 0.99)), seen)
    assert seconds <= 10
    figure = f"nothing raised; finite, in order, or with a reason; a fit {seconds:.2f} s"
    reached("T1", size="a kind and a model, 50 series", figure=figure)


@pytest.mark.parametrize(
    "model",
    [FleetModel(samples=4_000, others=2), CalibratedModel(LastValue()), AutoModel((CalibratedModel(SeasonalNaive()),))],
    ids=["fleet", "last-value", "auto"],
)
def test_what_is_realised_is_a_share_and_near_what_was_promised(model: Model) -> None:
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
