"""What is foreseen far ahead, and what was measured, as a scrape finds it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from ahpa.service.loop import Loop
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import Moody
from tests.service.stage import NOW, SETTINGS, Stage, add_knative, stage, staged


def shown(at: Stage, metric: str, **labels: str) -> dict[str, float]:
    """By the service's name: the value of the series with these labels."""
    found = re.findall(rf"^{metric}{{(.*)}} (\S+)$", at.metrics(), re.M)
    rows = [(dict(re.findall(r'(\w+)="([^"]*)"', said)), float(value)) for said, value in found]
    return {said["name"]: value for said, value in rows if labels.items() <= said.items()}


def predicted(at: Stage, horizon: str, level: str = "0.5") -> dict[str, float]:
    return shown(at, "ahpa_forecast_demand", horizon=horizon, level=level)


def test_what_is_predicted_is_what_the_demand_will_be_shown_to_be() -> None:
    """So `ahpa_forecast_demand{horizon="15m"} offset 15m` lies on `ahpa_demand` where a forecast is right, minute by
    minute: the demand rises twentyfold at five past nine, as yesterday, whose repetition this model predicts."""
    at = stage("chat")
    said, came = [], []
    for minute in range(30):
        at.tick(NOW + 60 * minute)
        said.append(predicted(at, "15m")["chat"])
        came.append(shown(at, "ahpa_demand")["chat"])
    assert said[:15] == came[15:]
    assert {2.0, 42.0} == set(came)


def test_each_horizon_and_level_is_a_series_and_a_service_costs_twelve() -> None:
    at = stage("chat")
    at.tick()
    lines = [line for line in at.metrics().splitlines() if line.startswith("ahpa_forecast_demand{")]
    assert len(lines) == 12
    assert [predicted(at, horizon)["chat"] for horizon in ("15m", "1h", "4h", "24h")] == [42.0, 42.0, 42.0, 2.0]


@pytest.mark.parametrize(("most", "names"), [(0, []), (1, ["chat"]), (2, ["chat", "other"])])
def test_an_operator_bounds_how_many_targets_have_them_and_those_are_the_same_in_each_round(
    most: int, names: list[str]
) -> None:
    at = stage("other", "chat", settings=replace(SETTINGS, most_foretold=most))
    for minute in range(3):
        at.tick(NOW + 60 * minute)
        assert sorted(predicted(at, "1h")) == names


def test_while_there_are_no_data_nothing_is_predicted_and_no_demand_is_shown() -> None:
    """A line that goes on would look like one that is right."""
    at = stage("chat")
    at.tick()
    at.prometheus.down = True
    at.tick(NOW + 60)
    assert (predicted(at, "1h"), shown(at, "ahpa_demand")) == ({"chat": 42.0}, {})
    at.tick(NOW + 600)
    assert predicted(at, "1h") == {}
    at.prometheus.down = False
    at.tick(NOW + 660)
    assert predicted(at, "1h") == {"chat": 42.0}


def test_a_model_that_raises_costs_its_predictions_and_no_round() -> None:
    kube, raises = FakeKube(), set[str]()
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, FakePrometheus({"chat": lambda now: 20.0}), models={"fleet": Moody(raises)})
    loop = Loop(at.service, at.telemetry, clock=lambda: NOW)
    loop.run_once()
    assert predicted(at, "1h") == {"chat": 20.0}
    raises.add("forecast")
    loop.do("tick")
    assert (predicted(at, "1h"), loop.ready) == ({}, True)


def test_a_target_that_is_gone_takes_its_predictions_with_it() -> None:
    at = stage("chat", "other")
    at.tick()
    for where in [where for where in at.kube.objects if where.endswith(("/other", "/other-00001"))]:
        del at.kube.objects[where]
    at.tick(NOW + 60)
    assert sorted(predicted(at, "1h")) == ["chat"]


def test_why_each_is_where_it_is_can_be_asked_of_the_metrics() -> None:
    """Mode and reason as labels of one series for each target."""
    at = stage("chat", mode="observe")
    at.tick()
    reasons = []
    for minute in range(1, 4):
        (decision,) = at.tick(NOW + 60 * minute).values()
        reasons.append(str(decision.reason))
        assert shown(at, "ahpa_decision_info", mode="observe", reason=reasons[-1]) == {"chat": 1.0}
        assert len(shown(at, "ahpa_decision_info")) == 1
    assert "PeakAhead" in reasons
