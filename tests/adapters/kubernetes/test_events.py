"""Events are news: told once, cut to size, and never a reason to fail."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.events import Events
from ahpa.core.decision import Decision, Reason
from ahpa.ports import ClusterError
from ahpa.targets import Target
from tests.fakes.kube import FakeKube


def target() -> Target:
    reference = {"apiVersion": "v1", "kind": "Service", "namespace": "shop", "name": "chat", "uid": "u1"}
    return Target("knative", "shop", "chat", {}, reference, 1, 1, 1, 1, None, (), False, "")


def decision(floor: int, reason: Reason = Reason.PEAK_AHEAD) -> Decision:
    return Decision("knative/shop/chat", floor, 1, 1, True, reason, "raise 1 -> 2: because")


def test_the_same_news_is_told_once_a_quarter_of_an_hour() -> None:
    kube = FakeKube()
    events = Events(kube, "pod-1")
    told = [events.tell(target(), decision(2), now) for now in (0, 60, 800, 901)]
    assert told == [True, False, False, True]
    assert events.tell(target(), decision(3), 902)
    (where, body) = kube.created[0]
    assert where == "/apis/events.k8s.io/v1/namespaces/shop/events"
    assert (body["reason"], body["note"], body["type"]) == ("PeakAhead", "raise 1 -> 2: because", "Normal")
    assert body["regarding"]["uid"] == "u1"


def test_resting_is_no_news() -> None:
    kube = FakeKube()
    assert not Events(kube, "p").tell(target(), decision(1, Reason.DESIRED_WITHIN_RANGE), 0)
    assert kube.created == []


def test_a_long_note_is_cut_to_the_bytes_that_the_api_takes() -> None:
    kube = FakeKube()
    assert Events(kube, "p").say(target(), "InvalidPolicy", "é" * 2000, 0)
    assert kube.created[0][1]["note"] == "é" * 500


def test_an_event_that_cannot_be_written_harms_nothing() -> None:
    kube = FakeKube()
    kube.fail = lambda method, where: ClusterError(403, "no events for you")
    assert not Events(kube, "p").tell(target(), decision(2), 0)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(Reason.PEAK_AHEAD, "Normal"), (Reason.REFUSED, "Warning"), (Reason.FLEET_FROZEN, "Warning")],
)
def test_an_event_warns_where_somebody_should_do_something(reason: Reason, kind: str) -> None:
    kube = FakeKube()
    assert Events(kube, "p").tell(target(), decision(2, reason), 0)
    assert kube.created[0][1]["type"] == kind
