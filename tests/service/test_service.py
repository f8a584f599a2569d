"""The service on fakes: what it reads, whom it writes to, and what one broken thing does to the others."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ahpa.adapters.files.journal import JournalFile
from ahpa.adapters.kubernetes.api import KubeError
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.hpa import HorizontalPodAutoscalers
from ahpa.adapters.kubernetes.knative import MIN_SCALE, KnativeServices
from ahpa.adapters.prometheus.queries import Query
from ahpa.adapters.telemetry import Metrics
from ahpa.core.decision import Decision, Reason
from ahpa.core.readiness import Lag
from ahpa.service.service import Service, Settings, windows_up_to
from forecasting.model import Model
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday

DAY = 86_400.0
NOW = 1_700_000_000.0 // DAY * DAY + 9 * 3600.0  # 09:00 UTC
ROOT = "/apis/serving.knative.dev/v1/namespaces/shop"
HPAS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
QUERIES = {
    "knative-concurrency": Query("knative-concurrency", 'up{a="{{name}}"}'),
    "mine": Query("mine", 'x{a="{{name}}"}'),
}


def morning(now: float) -> float:
    """2 in the night, 42 from five past nine to five in the afternoon."""
    return 42.0 if 9 * 3600 + 300 <= now % DAY < 17 * 3600 else 2.0


@dataclass
class Scene:
    kube: FakeKube
    prometheus: FakePrometheus
    service: Service

    def tick(self, now: float = NOW) -> dict[str, Decision]:
        return {decision.key: decision for decision in self.service.tick(now)}

    def min_scale(self, name: str) -> str | None:
        return self.kube.objects[f"{ROOT}/revisions/{name}-00001"]["metadata"]["annotations"].get(MIN_SCALE)


def add_knative(kube: FakeKube, name: str, **annotations: str) -> None:
    noted = {f"ahpa.dev/{key}": value for key, value in annotations.items()}
    meta = {"namespace": "shop", "name": name, "annotations": noted}
    traffic = [{"revisionName": f"{name}-00001", "percent": 100}]
    kube.put(f"{ROOT}/services/{name}", {"metadata": meta, "spec": {}, "status": {"traffic": traffic}})
    kube.put(f"{ROOT}/revisions/{name}-00001", {
        "metadata": {"namespace": "shop", "name": f"{name}-00001", "annotations": {}},
        "spec": {"containerConcurrency": 10}, "status": {"actualReplicas": 1},
    })  # fmt: skip


def make_service(
    kube: FakeKube,
    prometheus: FakePrometheus,
    journal: Path | None = None,
    models: Mapping[str, Model] | None = None,
    **settings: Any,
) -> Service:
    return Service(
        settings=Settings(**{"lag": Lag.of(180, 300), "history_seconds": 2 * DAY, **settings}),
        kube=kube,  # type: ignore[arg-type]
        actuators={"knative": KnativeServices(kube, "shop"), "hpa": HorizontalPodAutoscalers(kube, "shop")},  # type: ignore[arg-type]
        prometheus=prometheus,  # type: ignore[arg-type]
        queries=QUERIES,
        models=models or {"fleet": SameAsYesterday()},
        metrics=Metrics(),
        events=Events(kube, "test"),  # type: ignore[arg-type]
        journal=JournalFile(str(journal)) if journal else None,
    )


def scene(*names: str, mode: str = "apply", journal: Path | None = None, **settings: Any) -> Scene:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning})
    for name in names or ("chat",):
        add_knative(kube, name, mode=mode)
    service = make_service(kube, prometheus, journal, **settings)
    service.refit(NOW)
    return Scene(kube, prometheus, service)


def test_the_floor_is_raised_before_the_morning_comes() -> None:
    """Two days of the same rise at 09:05; at 09:00 with a lag of up to five minutes it is time."""
    at = scene()
    decision = at.tick()["knative/shop/chat"]
    assert decision.reason in (Reason.PEAK_AHEAD, Reason.SCALE_UP_LIMITED)
    assert at.min_scale("chat") == str(decision.floor)
    assert decision.floor >= 4


def test_observe_writes_nothing_but_says_it() -> None:
    at = scene(mode="observe")
    decision = at.tick()["knative/shop/chat"]
    assert decision.floor >= 4
    assert at.kube.writes == []
    assert [body["reason"] for _, body in at.kube.created] == [str(decision.reason)]
    text = at.service.metrics.text().decode()
    chat = 'kind="knative",name="chat",namespace="shop"'
    assert f"ahpa_floor_replicas{{{chat}}} {float(decision.floor)}" in text
    assert 'ahpa_forecast_coverage_ratio{kind="knative",level="0.99",name="chat",namespace="shop"} 0.97' in text


def test_the_peak_on_the_metrics_is_the_one_that_decided() -> None:
    """The window reaches from now, not from the forecast's origin, which is up to a step older."""
    at = scene(mode="observe", tick_seconds=30)
    decision = at.tick(NOW + 59)["knative/shop/chat"]
    assert decision.plan is not None
    text = at.service.metrics.text().decode()
    labels = f'kind="knative",level="{decision.plan.level:g}",name="chat",namespace="shop"'
    assert f"ahpa_forecast_peak{{{labels}}} {decision.plan.peak}" in text


def test_what_observe_would_have_done_goes_on_from_there() -> None:
    """Its ramp and its limits count from the floor it would have set, not from the owner's minimum for ever."""
    at = scene(mode="observe")
    first = at.tick()["knative/shop/chat"].floor
    second = at.tick(NOW + 60)["knative/shop/chat"]
    assert second.previous == first


def test_a_dry_run_writes_nothing_whatever_is_asked() -> None:
    at = scene(dry_run=True)
    assert at.tick()["knative/shop/chat"].apply
    assert at.kube.writes == []


def test_in_a_dry_run_the_ramp_goes_on_from_where_it_would_be() -> None:
    at = scene(dry_run=True)
    first = at.tick()["knative/shop/chat"].floor
    assert at.tick(NOW + 60)["knative/shop/chat"].previous == first


def test_a_fault_of_ours_in_one_write_does_not_end_the_round_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    at = scene("chat", "other")
    write = KnativeServices.write

    def faulty(self: KnativeServices, target: Any, floor: int) -> None:
        if target.name == "chat":
            raise ZeroDivisionError
        write(self, target, floor)

    monkeypatch.setattr(KnativeServices, "write", faulty)
    at.tick()
    assert at.min_scale("chat") is None
    assert int(at.min_scale("other") or 0) >= 4


def test_the_first_round_lowers_nothing_and_later_ones_do() -> None:
    at = scene()
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/baseline": '{"chat-00001":null}'}}})
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    night = NOW + 12 * 3600
    at.service.refit(night)
    assert at.tick(night)["knative/shop/chat"].reason is Reason.SETTLING
    assert at.min_scale("chat") == "40"
    at.tick(night + 60)
    assert at.min_scale("chat") == "30"


def test_an_outage_holds_the_floor_then_lets_it_decay_and_never_reads_zero() -> None:
    at = scene()
    for minute in range(10):
        at.tick(NOW + 60 * minute)
    high = int(at.min_scale("chat") or 0)
    assert high >= 6
    at.prometheus.down = True
    for minute in range(10, 24):
        decision = at.tick(NOW + 60 * minute)["knative/shop/chat"]
        assert decision.floor == high, decision.message
    floors = [at.tick(NOW + 60 * minute)["knative/shop/chat"].floor for minute in range(25, 30)]
    assert floors == sorted(floors, reverse=True)
    assert high - 6 <= floors[-1] < high


def test_a_restart_into_an_outage_holds_the_floor() -> None:
    at = scene()
    at.tick()
    high = at.min_scale("chat")
    at.prometheus.down = True
    again = make_service(at.kube, at.prometheus)
    again.refit(NOW + 60)
    for minute in range(1, 14):
        again.tick(NOW + 60 * minute)
    assert at.min_scale("chat") == high


def test_partial_answers_may_raise_but_not_lower() -> None:
    at = scene()
    at.tick()
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    at.prometheus.warns = True
    assert at.tick(NOW + 60)["knative/shop/chat"].reason is Reason.PARTIAL_DATA
    assert at.min_scale("chat") == "40"


@pytest.mark.parametrize(
    ("annotations", "said"),
    [
        ({"mode": "apply", "quantile": "lots"}, "not a level"),
        ({"mode": "apply", "demand": "nonsense"}, "no query 'nonsense'"),
        ({"mode": "maybe"}, "observe, apply or off"),
        ({"mode": "apply", "model": "oracle"}, "no model 'oracle'"),
    ],
)
def test_a_bad_object_harms_only_itself(annotations: dict[str, str], said: str) -> None:
    at = scene("chat")
    add_knative(at.kube, "other", **annotations)
    decisions = at.tick()
    assert decisions["knative/shop/other"].reason is Reason.INVALID_POLICY
    assert said in decisions["knative/shop/other"].message
    assert at.min_scale("other") is None
    assert int(at.min_scale("chat") or 0) >= 4


def test_a_kind_that_cannot_be_listed_harms_only_itself() -> None:
    at = scene()
    at.kube.fail = lambda method, where: KubeError(404, "no such kind") if "horizontalpod" in where else None
    assert "knative/shop/chat" in at.tick()


def test_if_nothing_can_be_listed_the_round_fails_as_a_whole() -> None:
    at = scene()
    at.kube.fail = lambda method, where: KubeError(0, "no answer")
    with pytest.raises(KubeError):
        at.tick()
    assert at.kube.writes == []


def test_a_refused_write_is_not_tried_again_for_a_while_and_the_pause_grows() -> None:
    at = scene("chat", "other")
    refused: list[str] = []

    def fail(method: str, where: str) -> KubeError | None:
        if method == "PATCH" and "chat" in where:
            refused.append(where)
            return KubeError(403, "forbidden")
        return None

    at.kube.fail = fail
    tries = []
    for minute in range(12):
        before = len(refused)
        at.tick(NOW + 60 * minute)
        tries.append(len(refused) > before)
    assert [i for i, tried in enumerate(tries) if tried] == [0, 1, 3, 7]
    assert int(at.min_scale("other") or 0) >= 4


def test_a_conflict_is_tried_again_in_the_next_round() -> None:
    at = scene()
    at.kube.fail = lambda method, where: KubeError(409, "modified") if method == "PATCH" else None
    at.tick()
    at.kube.fail = lambda method, where: None
    at.tick(NOW + 60)
    assert int(at.min_scale("chat") or 0) >= 4


def test_a_new_target_asks_for_a_refit_but_not_too_often() -> None:
    at = scene()
    at.tick(NOW + 30)
    assert not at.service.wants_refit
    add_knative(at.kube, "other", mode="apply")
    at.tick(NOW + 60)
    assert not at.service.wants_refit
    at.tick(NOW + 360)
    assert at.service.wants_refit
    at.service.refit(NOW + 361)
    assert at.tick(NOW + 420)["knative/shop/other"].plan is not None
    assert not at.service.wants_refit


def test_switching_off_restores_and_the_metrics_forget_a_deleted_target() -> None:
    at = scene()
    at.tick()
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}})
    at.tick(NOW + 60)
    assert at.min_scale("chat") is None
    assert "ahpa.dev/baseline" not in at.kube.objects[f"{ROOT}/services/chat"]["metadata"]["annotations"]
    del at.kube.objects[f"{ROOT}/services/chat"]
    at.tick(NOW + 120)
    assert 'name="chat"' not in at.service.metrics.text().decode()


def test_a_refit_in_an_outage_keeps_what_was_learned() -> None:
    """At 08:55 the history cannot be read; the rise of 09:05 was learned before and is still to come."""
    at = scene()
    at.prometheus.down = True
    at.service.refit(NOW + 30)
    decision = at.tick(NOW + 60)["knative/shop/chat"]
    assert decision.plan is not None
    assert decision.floor >= 4


def test_a_query_that_never_answers_does_not_make_the_fleet_learn_anew_again_and_again() -> None:
    at = scene()
    add_knative(at.kube, "mute", mode="apply")
    at.tick(NOW + 400)
    assert not at.service.wants_refit
    at.prometheus.demands["mute"] = morning
    at.tick(NOW + 460)
    assert at.service.wants_refit


def test_a_kind_that_did_not_answer_once_is_not_forgotten() -> None:
    at = scene(mode="observe")
    first = at.tick()["knative/shop/chat"].floor
    hpas = f"{HPAS}/other"
    at.kube.put(hpas, {
        "metadata": {"namespace": "shop", "name": "other", "annotations": {"ahpa.dev/mode": "observe"}},
        "spec": {"maxReplicas": 20}, "status": {},
    })  # fmt: skip
    at.kube.fail = lambda method, where: KubeError(0, "timeout") if where.endswith("/services") else None
    assert "knative/shop/chat" not in at.tick(NOW + 60)
    at.kube.fail = lambda method, where: None
    assert at.tick(NOW + 120)["knative/shop/chat"].previous == first


def test_a_scrape_during_the_writes_sees_every_target() -> None:
    at = scene("chat", "other")
    seen: list[str] = []

    def scrape(method: str, where: str) -> None:
        if method == "PATCH":
            seen.append(at.service.metrics.text().decode())

    at.kube.fail = scrape
    at.tick()
    assert seen
    assert all('ahpa_floor_replicas{kind="knative",name="other"' in text for text in seen)


@pytest.mark.parametrize(
    "wrong", [{"tick_seconds": 0}, {"step_seconds": 0.4}, {"step_seconds": 7200}, {"history_seconds": 60}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Settings(**wrong)


def test_an_hpa_is_served_beside_it() -> None:
    at = scene()
    noted = {"ahpa.dev/mode": "apply", "ahpa.dev/demand": "mine", "ahpa.dev/target-per-replica": "7"}
    at.kube.put(f"{HPAS}/other", {
        "metadata": {"namespace": "shop", "name": "other", "annotations": noted},
        "spec": {"minReplicas": 1, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "other"}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    at.service.refit(NOW)
    assert at.tick()["hpa/shop/other"].floor >= 4
    assert at.kube.objects[f"{HPAS}/other"]["spec"]["minReplicas"] >= 4


def test_an_unknown_parameter_is_an_event_with_the_nearest_name() -> None:
    at = scene()
    add_knative(at.kube, "other", mode="observe", quantil="0.9")
    at.tick()
    notes = [body["note"] for _, body in at.kube.created if body["reason"] == "UnknownParameter"]
    assert notes == ["ahpa.dev/quantil is not a parameter; did you mean ahpa.dev/quantile?"]


def test_every_round_is_in_the_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    at = scene("chat", "other", journal=file)
    at.tick()
    at.tick(NOW + 60)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["now"], row["workload"]["key"]) for row in rows] == [
        (now, f"knative/shop/{name}") for now in (NOW, NOW + 60) for name in ("chat", "other")
    ]


@pytest.mark.parametrize(("seconds", "step"), [(30, 60), (60, 60), (361, 60), (3600, 60), (4000, 300)])
def test_windows_reach_as_far_as_they_must_and_no_window_is_left_out_by_much(seconds: float, step: float) -> None:
    windows = windows_up_to(seconds, step)
    assert windows[0] == step
    assert windows[-1] >= seconds
    assert all(a < b <= max(1.25 * a + step, a + step) for a, b in itertools.pairwise(windows))
