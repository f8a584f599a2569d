"""Claims about `model: auto`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from forecasting.choice.auto import AutoModel
from forecasting.history import History
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue, SeasonalNaive
from forecasting.model import Forecaster
from forecasting.panel import Floats, Panel, anywhere
from forecasting.rolling import rolled_peaks

STEP, DAY = 300.0, 288
LAST, SEASONAL = CalibratedModel(LastValue()), CalibratedModel(SeasonalNaive())


@dataclass(frozen=True)
class Broken(LastValue):
    """A library that raises, but only once it sees the last step."""

    name: str = "broken"
    limit: int = 0

    def fit(self, values: Floats, step: float) -> LastValue:
        if len(values) > self.limit:
            raise RuntimeError("no convergence")
        return LastValue()


def _panel() -> Panel:
    rng = np.random.default_rng(0)
    t = np.arange(4 * DAY)
    square = np.where(t % 48 < 24, 100.0, 10.0) + rng.normal(0, 1, len(t))
    walk = 1000 + np.cumsum(rng.normal(0, 5, len(t)))
    return Panel.of(0, STEP, [square, walk], ("square", "walk"))


def test_each_service_gets_the_model_that_did_best_on_its_last_day() -> None:
    chosen = AutoModel((LAST, SEASONAL)).fit(_panel()).chosen()
    assert chosen == {"square": "seasonal-naive", "walk": "last-value"}


def test_a_present_model_stays_until_another_is_clearly_better() -> None:
    panel = _panel()
    auto = AutoModel((LAST, SEASONAL), present={"walk": "seasonal-naive"}, hysteresis_ratio=0.999)
    assert auto.fit(panel).chosen()["walk"] == "seasonal-naive"


def test_when_the_best_has_no_forecast_the_next_speaks_and_says_so() -> None:
    panel = _panel()
    broken = CalibratedModel(Broken(limit=panel.values.shape[1] - 1))
    said = AutoModel((broken, SEASONAL), present={"walk": "broken"}, hysteresis_ratio=0.9999).fit(panel)
    forecast = said.forecast(3, (900.0,))
    assert forecast.reasons == (None, None)
    assert "instead of broken: broken failed: RuntimeError: no convergence" in forecast.models[1]


def test_rolled_it_says_what_the_best_that_has_an_answer_says() -> None:
    panel = _panel()
    split = panel.end - 10 * STEP
    broken = CalibratedModel(Broken(limit=round((split - panel.start) / STEP) - 1))
    fitted = AutoModel((broken, SEASONAL), present={"walk": "broken"}, hysteresis_ratio=0.9999).fit(panel.until(split))
    assert fitted.chosen()["walk"] == "broken"
    rolled, seasonal = (
        rolled_peaks(forecaster, panel.between(split, panel.end), (900.0,), (0.9,))
        for forecaster in (fitted, fitted.forecasters[1])
    )
    assert np.isfinite(rolled).all()
    np.testing.assert_array_equal(rolled[1], seasonal[1])


@dataclass(frozen=True)
class Remembering:
    """A model that keeps what it was shown last."""

    name: str
    shown: list[Panel] = field(default_factory=list)

    def fit(self, history: Panel) -> Forecaster:
        self.shown.append(history)
        return LAST.fit(history)


def test_one_candidate_goes_on_in_the_storage_and_no_other() -> None:
    """The first may learn in another process, and what comes back from there has a count of its own: a second that
    learned here would write over it."""
    panel = _panel().copied(("square", "walk"), anywhere)
    first, second = Remembering("first"), Remembering("second")
    AutoModel((first, second)).fit(panel)
    assert all(shown.storage is None for shown in second.shown)
    histories = [History.of(each.shown[-1], 10_000) for each in (first, second)]
    newest = Panel(panel.end, STEP, np.full((2, 1), 7.0, np.float32), panel.keys)
    after = [history.extended(newest) for history in histories]
    assert [np.shares_memory(history.values, panel.values) for history in after] == [True, False]
