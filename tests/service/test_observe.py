"""What the service sees, and what one broken thing in it does to the others."""

from __future__ import annotations

import pytest

from ahpa.core.decision import Reason
from ahpa.ports import ClusterError
from tests.service.stage import HPAS, NOW, add_knative, stage


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
    at = stage("chat")
    add_knative(at.kube, "other", **annotations)
    decisions = at.tick()
    assert decisions["knative/shop/other"].reason is Reason.INVALID_POLICY
    assert said in decisions["knative/shop/other"].message
    assert at.min_scale("other") is None
    assert int(at.min_scale("chat") or 0) >= 4


def test_a_kind_that_cannot_be_listed_harms_only_itself() -> None:
    at = stage()
    at.kube.fail = lambda method, where: ClusterError(404, "no such kind") if "horizontalpod" in where else None
    assert "knative/shop/chat" in at.tick()


def test_if_nothing_can_be_listed_the_round_fails_as_a_whole() -> None:
    at = stage()
    at.kube.fail = lambda method, where: ClusterError(0, "no answer")
    with pytest.raises(ClusterError):
        at.tick()
    assert at.kube.writes == []


def test_a_kind_that_did_not_answer_once_is_not_forgotten() -> None:
    at = stage(mode="observe")
    first = at.tick()["knative/shop/chat"].floor
    hpas = f"{HPAS}/other"
    at.kube.put(hpas, {
        "metadata": {"namespace": "shop", "name": "other", "annotations": {"ahpa.dev/mode": "observe"}},
        "spec": {"maxReplicas": 20}, "status": {},
    })  # fmt: skip
    at.kube.fail = lambda method, where: ClusterError(0, "timeout") if where.endswith("/services") else None
    assert "knative/shop/chat" not in at.tick(NOW + 60)
    at.kube.fail = lambda method, where: None
    assert at.tick(NOW + 120)["knative/shop/chat"].previous == first


def test_an_hpa_is_served_beside_it() -> None:
    at = stage()
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
    at = stage()
    add_knative(at.kube, "other", mode="observe", quantil="0.9")
    at.tick()
    notes = [body["note"] for _, body in at.kube.created if body["reason"] == "UnknownParameter"]
    assert notes == ["ahpa.dev/quantil is not a parameter; did you mean ahpa.dev/quantile?"]
