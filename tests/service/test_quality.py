"""Quality lost, in the service: whatever the model, the step, or what its owner named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.core.decision import Decision, Reason
from ahpa.service.settings import Settings
from forecasting.model import Model
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday
from tests.service.peak import CHAT
from tests.service.stage import DAY, NOW, SETTINGS, Stage, add_knative, staged
from tests.service.test_rehearse import TenTimes

COARSE = replace(SETTINGS, step_seconds=300.0, tick_seconds=300.0)
"""Steps of five minutes: no setting is tried in them."""
FIVE_HOURS = range(60)


def wavering(now: float) -> float:
    """Between 20 and 30, as on every day: nothing to foresee, and nothing to be surprised by."""
    return 20.0 + now % DAY // 60 * 7 % 11


def live(at: Stage, rounds: range) -> list[Decision]:
    seconds = at.service.settings.tick_seconds
    return [at.tick(NOW + seconds * number)[CHAT] for number in rounds]


def with_forecasts_of(forecasts: Model, settings: Settings = COARSE, **annotations: str) -> Stage:
    """The model is called `fleet`, and `other`."""
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply", **annotations)
    prometheus = FakePrometheus({"chat": wavering})
    at = staged(kube, prometheus, settings, models={"fleet": forecasts, "other": forecasts})
    at.service.refit(NOW)
    return at


@pytest.mark.parametrize(
    ("settings", "annotations"),
    [
        (COARSE, {}),
        (COARSE, {"model": "other"}),
        (COARSE, {"quantile": "0.99"}),
        (replace(SETTINGS, tick_seconds=300.0), {}),
    ],
    ids=["steps of five minutes", "a model of its own", "its owner's quantile", "rounds of five minutes"],
)
def test_forecasts_that_reacting_outdoes_lose_their_say_where_no_setting_is_tried(
    settings: Settings, annotations: dict[str, str]
) -> None:
    """Ten times too much, and no refit meanwhile; nothing was rehearsed, as there is no way. After four hours the
    service only observes, and its owner's minimum is back soon after."""
    at = with_forecasts_of(TenTimes(), settings, **annotations)
    decisions = live(at, range(90))
    assert decisions[30].floor > 20
    assert (decisions[-1].floor, decisions[-1].reason) == (0, Reason.QUALITY_LOST)
    assert "times as much as reacting alone" in decisions[-1].message
    assert at.min_scale("chat") in (None, "0")
    assert "QualityLost" in {body["reason"] for _, body in at.kube.created}
    assert 'ahpa_decisions_total{reason="QualityLost"}' in at.metrics()
    assert 'ahpa_forecast_error_ratio{kind="knative",name="chat",namespace="shop"}' in at.metrics()


def test_forecasts_that_are_better_than_reacting_keep_their_say() -> None:
    at = with_forecasts_of(SameAsYesterday())
    assert Reason.QUALITY_LOST not in {each.reason for each in live(at, FIVE_HOURS)}
    (quality,) = at.service._memory.quality.values()
    assert quality.ratio < 1


def test_what_is_doubted_is_not_judged() -> None:
    """A Prometheus that warns shows a tenth of the demand: that is no fault of the forecast."""
    at = with_forecasts_of(SameAsYesterday())
    live(at, FIVE_HOURS[:3])
    at.prometheus.warns = True
    at.prometheus.demands["chat"] = lambda now: wavering(now) / 10
    live(at, FIVE_HOURS[3:])
    (quality,) = at.service._memory.quality.values()
    assert (quality.judged, quality.claim) == (600.0, None), "what came before that"


def test_they_have_it_again_when_they_are_better() -> None:
    """A morning that was not as the mornings before, and then all is as ever."""
    at = with_forecasts_of(SameAsYesterday())
    at.prometheus.demands["chat"] = lambda now: wavering(now) * (0.1 if NOW <= now < NOW + 5 * 3600 else 1)
    assert live(at, FIVE_HOURS)[-1].reason is Reason.QUALITY_LOST
    said = live(at, range(60, 180))[-1]
    assert said.reason is not Reason.QUALITY_LOST
    assert said.plan is not None
