"""Lags from pods, and Events that are news."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ahpa.adapters.kubernetes.api import KubeError, owns, path
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.pods import Starts
from ahpa.adapters.kubernetes.target import Target
from ahpa.core.decision import Decision, Reason
from ahpa.core.readiness import Lag
from tests.fakes.kube import FakeKube

PRIOR = Lag.of(180, 300)


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pod(uid: str, created: float, ready: float | None = None, restarts: int = 0, **meta: str) -> dict:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": stamp(ready)}] if ready is not None else []
    return {
        "metadata": {"uid": uid, "creationTimestamp": stamp(created), **meta},
        "status": {"conditions": conditions, "containerStatuses": [{"restartCount": restarts}]},
    }


def test_a_start_is_learned_once_however_often_it_is_seen() -> None:
    starts = Starts()
    for now in (1010, 1060, 1120):
        starts.see([pod("a", 1000, 1040 if now > 1040 else None)], now)
    assert list(starts.done) == [40.0]
    assert starts.waiting == {}


def test_a_later_flip_of_readiness_is_not_a_start() -> None:
    starts = Starts()
    starts.see([pod("a", 1000, 1040)], 1050)
    starts.see([pod("a", 1000, 9000)], 9010)
    assert list(starts.done) == [40.0]


@pytest.mark.parametrize(
    "bad",
    [pod("a", 1000, 1040, restarts=1), pod("a", 1000, 990), pod("a", 1000, 1e6), {"metadata": {"uid": "a"}}],
    ids=["restarted", "ready before it was made", "a lag of days", "no stamps"],
)
def test_a_pod_that_would_teach_nonsense_teaches_nothing(bad: dict) -> None:
    starts = Starts()
    starts.see([bad], 2e6)
    assert list(starts.done) == []


def test_what_still_waits_or_was_withdrawn_counts_as_longer_than_that() -> None:
    starts = Starts()
    starts.see([pod("a", 1000), pod("b", 1000)], 1900)
    starts.see([pod("a", 1000)], 1960)
    assert list(starts.withdrawn) == [900.0]
    assert starts.waiting == {"a": 960.0}
    assert starts.readiness(PRIOR).leads(0.5)[0][1] > 200


def test_a_pod_that_waits_for_days_does_not_teach_a_lead_of_days() -> None:
    starts = Starts()
    starts.see([pod("stuck", 1000)], 1000 + 30 * 86_400)
    assert starts.waiting == {"stuck": 4 * 3600.0}


def target() -> Target:
    reference = {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "name": "chat", "uid": "u1"}
    return Target("knative", "shop", "chat", {}, reference, 1, 1, 1, 1, None, 7.0, False, "")


def decision(floor: int, reason: Reason = Reason.PEAK_AHEAD) -> Decision:
    return Decision("knative/shop/chat", floor, 1, 1, True, reason, "raise 1 -> 2: because")


def test_the_same_news_is_told_once_a_quarter_of_an_hour() -> None:
    kube = FakeKube()
    events = Events(kube, "pod-1")  # type: ignore[arg-type]
    told = [events.tell(target(), decision(2), now) for now in (0, 60, 800, 901)]
    assert told == [True, False, False, True]
    assert events.tell(target(), decision(3), 902)
    (where, body) = kube.created[0]
    assert where == "/apis/events.k8s.io/v1/namespaces/shop/events"
    assert (body["reason"], body["note"], body["type"]) == ("PeakAhead", "raise 1 -> 2: because", "Normal")
    assert body["regarding"]["uid"] == "u1"


def test_resting_is_no_news() -> None:
    kube = FakeKube()
    assert not Events(kube, "p").tell(target(), decision(1, Reason.DESIRED_WITHIN_RANGE), 0)  # type: ignore[arg-type]
    assert kube.created == []


def test_a_long_note_is_cut_to_the_bytes_that_the_api_takes() -> None:
    kube = FakeKube()
    assert Events(kube, "p").say(target(), "InvalidPolicy", "é" * 2000, 0)  # type: ignore[arg-type]
    assert kube.created[0][1]["note"] == "é" * 500


def test_an_event_that_cannot_be_written_harms_nothing() -> None:
    kube = FakeKube()
    kube.fail = lambda method, where: KubeError(403, "no events for you")
    assert not Events(kube, "p").tell(target(), decision(2), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["../../secrets", "a/b", "a?b=c", "a#b", "%2f"])
def test_a_name_cannot_become_a_path(name: str) -> None:
    assert path("api", "v1", name).count("/") == 3
    assert not set(path(name)[1:]) & set("/?#")


def test_ownership_is_what_the_api_server_says() -> None:
    fields = {"f:spec": {"f:minReplicas": {}}}
    item = {"metadata": {"managedFields": [{"manager": "ahpa", "fieldsV1": fields}]}}
    assert owns(item, "spec", "minReplicas")
    assert not owns(item, "spec", "maxReplicas")
    assert not owns(
        {"metadata": {"managedFields": [{"manager": "kubectl", "fieldsV1": fields}]}}, "spec", "minReplicas"
    )
    assert not owns({"metadata": {}}, "spec")
