"""The named models through the service: fitted elsewhere, and what one bad fit does to the rest (T9, T14)."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from ahpa.adapters.processes.fits import FitPool
from ahpa.core.decision import Reason
from ahpa.service.rounds import Service
from forecasting.choice.auto import AutoModel
from forecasting.choice.models import models
from forecasting.libraries.calibrated import CalibratedModel, FitAll, Fitted
from forecasting.libraries.strategies import LastValue, SeasonalNaive, Strategy
from forecasting.model import Model
from forecasting.panel import Floats
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.forecasting.poison import DEEDS, Poison
from tests.reliability.reached import Reached
from tests.service.stage import DAY, NOW, SETTINGS, Stage, add_knative, morning, staged

MARK = 13.0
FOUR_DAYS = replace(SETTINGS, step_seconds=300, history_seconds=4 * DAY)


def _poisoned(deed: str, fit_all: FitAll) -> Stage:
    """`bad` has the mark, `good` has the same model without it, `other` has another model."""
    kube = FakeKube()
    prometheus = FakePrometheus({"bad": lambda now: MARK, "good": morning, "other": morning})
    for name, model in {"bad": "poison", "good": "poison", "other": "last-value"}.items():
        add_knative(kube, name, mode="apply", model=model)
    poison, plain = CalibratedModel(Poison(deed=deed, mark=MARK), fit_all), CalibratedModel(LastValue())
    known = {"poison": poison, "last-value": plain, "fleet": plain}
    return staged(kube, prometheus, replace(SETTINGS, step_seconds=300), models=known)


@pytest.mark.parametrize("deed", DEEDS)
def test_a_fit_that_goes_wrong_leaves_one_service_without_a_forecast_and_says_why(
    deed: str, caplog: pytest.LogCaptureFixture, reached: Reached
) -> None:
    """T22 too: the round counts it under its reason, and nobody else; the log names model and object; its Event tells
    the owner."""
    at = _poisoned(deed, FitPool(deadline_seconds=3.0))  # of the clock, in which a busy machine may do little
    with caplog.at_level(logging.INFO, logger="ahpa"):
        at.service.refit(NOW)
    said = at.tick()
    assert said["knative/shop/bad"].reason == Reason.NO_FORECAST
    assert "poison failed" in said["knative/shop/bad"].message
    assert said["knative/shop/bad"].floor == 0  # the owner's, as before
    for name in ("good", "other"):
        assert said[f"knative/shop/{name}"].plan is not None
    (line,) = [vars(each)["fields"] for each in caplog.records if each.getMessage() == "refit.model_failed"]
    assert line["model"] == "poison"
    assert "knative/shop/bad" in str(line)
    assert 'ahpa_decisions_total{reason="NoForecast"} 1.0' in at.metrics()
    assert {body["regarding"]["name"] for _, body in at.kube.created if body["reason"] == "NoForecast"} == {"bad"}
    reached("T22", size="a fit that goes wrong", figure="one counter, one line and one Event, of the culprit alone")


def test_ticks_go_on_while_a_fit_hangs() -> None:
    """It hangs until five ticks are over; if one of them waited for it, it would hang until it gives up."""
    hangs, let_go, pool = threading.Event(), threading.Event(), FitPool(deadline_seconds=3.0)
    was_let_go = []

    def hanging(strategy: Strategy, rows: Sequence[Floats], step: float) -> list[Fitted]:
        hangs.set()
        was_let_go.append(let_go.wait(120))
        return pool(strategy, rows, step)

    at = _poisoned("leave", hanging)
    at.tick_beside_a_refit(hangs, let_go)
    assert was_let_go == [True]
    assert at.tick(NOW + 600)["knative/shop/good"].plan is not None


LIBRARIES = ("holt-winters", "ets", "stl", "prophet")


def test_every_named_model_is_fitted_outside_the_controller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the libraries cannot be imported at all; in the workers they can."""
    for name in [m for m in sys.modules if m.partition(".")[0] in ("statsmodels", "prophet")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("statsmodels", "prophet"):
        monkeypatch.setitem(sys.modules, name, None)
    kube = FakeKube()
    prometheus = FakePrometheus(dict.fromkeys(LIBRARIES, morning))
    for name in LIBRARIES:
        add_knative(kube, name, mode="apply", model=name)
    fits = FitPool(workers=1, deadline_seconds=60.0)
    service = staged(kube, prometheus, FOUR_DAYS, models=models(fits)).service
    service.refit(NOW)
    said = {decision.key.rpartition("/")[2]: decision for decision in service.tick(NOW)}
    assert {name: said[name].model for name in LIBRARIES} == {name: name for name in LIBRARIES}
    assert min(said[name].floor for name in LIBRARIES) >= 4  # the rise at 09:05 is seen from 09:00


@dataclass(frozen=True)
class Fragile(SeasonalNaive):
    """Seasonal, but for a history of four whole days."""

    name: str = "fragile"

    def fit(self, values: Floats, step: float) -> SeasonalNaive:
        if len(values) * step > 3.5 * DAY:
            raise RuntimeError("no convergence")
        return super().fit(values, step)


def _auto(*strategies: Strategy) -> dict[str, Model]:
    auto = AutoModel(tuple(CalibratedModel(strategy) for strategy in strategies))
    return {"auto": auto, "fleet": CalibratedModel(LastValue())}


def _chat(models: dict[str, Model]) -> Service:
    """One service whose model is chosen among these."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply", model="auto")
    return staged(kube, FakePrometheus({"chat": morning}), FOUR_DAYS, models=models).service


def test_auto_stays_with_its_model_from_refit_to_refit() -> None:
    """Two that are equally good: whichever was first is kept when the other one comes first."""
    known = _auto(SeasonalNaive("one"), SeasonalNaive("other"), LastValue())
    turned = _auto(SeasonalNaive("other"), SeasonalNaive("one"), LastValue())
    service, fresh = _chat(known), _chat(turned)
    service.refit(NOW)
    assert service.tick(NOW)[0].model == "one"
    known.update(turned)
    for each, model in ((service, "one"), (fresh, "other")):
        each.refit(NOW + 3600)
        assert each.tick(NOW + 3600)[0].model == model


def test_auto_falls_back_down_its_chain_and_says_why() -> None:
    service = _chat(_auto(LastValue(), SeasonalNaive(), Fragile()))
    service.refit(NOW)
    said = service.tick(NOW)[0]
    assert said.plan is not None
    assert said.model == "seasonal-naive"  # as good as the fragile one, and before it
    service = _chat(_auto(Fragile(), LastValue(), SeasonalNaive()))
    service.refit(NOW)
    said = service.tick(NOW)[0]
    assert said.plan is not None
    assert said.model == "seasonal-naive (instead of fragile: fragile failed: RuntimeError: no convergence)"


def test_auto_tries_the_named_libraries() -> None:
    auto = models()["auto"]
    assert isinstance(auto, AutoModel)
    assert [m.name for m in auto.candidates] == ["fleet", "holt-winters", "stl", "seasonal-naive", "last-value"]
