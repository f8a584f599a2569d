"""What a Knative Service says of a rollout: who has traffic, who is about to, and how long that is waited for."""

from __future__ import annotations

from typing import Any

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE, MINIMUM, TARGET, TARGET_PERCENTAGE
from ahpa.adapters.kubernetes.knative import KnativeServices
from ahpa.adapters.kubernetes.revisions import PATIENCE
from ahpa.ports import ClusterError
from ahpa.targets import Target
from tests.contracts.stage import ASKED
from tests.fakes.kube import FakeKube

ROOT = "/apis/serving.knative.dev/v1/namespaces/shop"
CREATED, CREATED_AT = "2023-11-14T22:13:20Z", 1_700_000_000.0


def cluster(
    meant: list[dict[str, Any]] | None, received: dict[str, int], newest: str = "r2", **created: dict[str, Any]
) -> tuple[KnativeServices, FakeKube]:
    """A Service with this spec.traffic, that sends these percents, and these Revisions with what their status says."""
    kube = FakeKube()
    traffic = [{"revisionName": name, "percent": percent} for name, percent in received.items()]
    meta = {"namespace": "shop", "name": "chat", "annotations": dict(ASKED)}
    spec = {} if meant is None else {"traffic": meant}
    status = {"traffic": traffic, "latestCreatedRevisionName": newest}
    kube.put(f"{ROOT}/services/chat", {"metadata": meta, "spec": spec, "status": status})
    for name, said in created.items():
        revision = {"namespace": "shop", "name": name, "annotations": {}, "creationTimestamp": CREATED}
        kube.put(
            f"{ROOT}/revisions/{name}", {"metadata": revision, "spec": {"containerConcurrency": 10}, "status": said}
        )
    return KnativeServices(kube), kube


def only(actuator: KnativeServices) -> Target:
    (target,) = actuator.targets()
    return target


def listed(stage: tuple[KnativeServices, FakeKube]) -> Target:
    return only(stage[0])


def shares(target: Target) -> dict[str, tuple[float, bool]]:
    """By Revision: its share, and whether it is yet to come."""
    return {part.name: (part.share, part.coming_until is not None) for part in target.parts}


LATEST = [{"latestRevision": True, "percent": 100}]
CANARY = [{"revisionName": "r1", "percent": 90}, {"latestRevision": True, "percent": 10}]
PINNED = [{"revisionName": "r1", "percent": 100}, {"latestRevision": True, "percent": 0, "tag": "next"}]
NAMED = [{"revisionName": "r1", "percent": 40}, {"revisionName": "r2", "percent": 60}]
WAITING = {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "Deploying"}]}
READY = {"conditions": [{"type": "Ready", "status": "True"}]}


@pytest.mark.parametrize(
    ("meant", "received", "expected"),
    [
        pytest.param(None, {"r1": 100}, {"r1": (1.0, False), "r2": (1.0, True)}, id="nothing said: all to the newest"),
        pytest.param(LATEST, {"r1": 100}, {"r1": (1.0, False), "r2": (1.0, True)}, id="the same, said"),
        pytest.param(CANARY, {"r1": 100}, {"r1": (1.0, False), "r2": (0.1, True)}, id="a tenth to the newest"),
        pytest.param(PINNED, {"r1": 100}, {"r1": (1.0, False)}, id="nothing to the newest"),
        pytest.param(NAMED, {"r1": 100}, {"r1": (1.0, False), "r2": (0.6, True)}, id="by name"),
        pytest.param(LATEST, {"r1": 70, "r2": 30}, {"r1": (0.7, False), "r2": (1.0, False)}, id="by steps"),
        pytest.param(LATEST, {"r2": 100}, {"r2": (1.0, False)}, id="done"),
    ],
)  # fmt: skip
def test_who_has_traffic_and_who_is_about_to(
    meant: list[dict[str, Any]] | None, received: dict[str, int], expected: dict[str, tuple[float, bool]]
) -> None:
    """A share is what a Revision receives or is to, whichever is more; `rollout-duration` moves it by steps."""
    target = listed(cluster(meant, received, r1=READY, r2=WAITING))
    assert shares(target) == expected
    assert target.refusal is None


def test_the_first_of_all_does_not_wait_for_replicas() -> None:
    """Nobody is served yet: Knative would hold back the only Revision until all are ready."""
    target = listed(cluster(None, {}, r2=WAITING))
    assert target.parts == ()
    assert target.refusal == "no Revision receives traffic yet"


def test_what_the_owner_had_is_remembered_of_a_coming_revision_that_one_list_lacks() -> None:
    """Its record was dropped, and in the next round our own 4 became its owner's minimum for ever."""
    actuator, kube = cluster(None, {"r1": 100}, r1=READY, r2=WAITING)
    actuator.write(only(actuator), (5, 4))
    gone = kube.objects.pop(f"{ROOT}/revisions/r2")
    target = only(actuator)
    kube.objects[f"{ROOT}/revisions/r2"] = gone
    actuator.write(target, (5,))
    assert only(actuator).baseline == 0
    actuator.restore(only(actuator))
    assert MIN_SCALE not in kube.objects[f"{ROOT}/revisions/r2"]["metadata"]["annotations"]


def test_a_revision_that_is_gone_for_good_leaves_no_record() -> None:
    actuator, kube = cluster(None, {"r1": 100}, r1=READY, r2=WAITING)
    actuator.write(only(actuator), (5, 4))
    del kube.objects[f"{ROOT}/revisions/r2"]
    actuator.write(only(actuator), (5,))
    assert MINIMUM.recorded(kube.objects[f"{ROOT}/services/chat"]) == {"r1": None}


def test_one_that_may_not_be_given_back_keeps_nobody_from_being_raised() -> None:
    """A policy that fences off the old Revision: the new one has its floor, and the old one is tried again."""
    actuator, kube = cluster(None, {"r1": 100}, r1=READY, r2=WAITING)
    actuator.write(only(actuator), (5, 4))
    kube.objects[f"{ROOT}/services/chat"]["status"]["traffic"] = [{"revisionName": "r2", "percent": 100}]
    kube.fail = lambda method, where: ClusterError(403, "fenced") if (method, where[-2:]) == ("PATCH", "r1") else None
    actuator.write(only(actuator), (7,))
    assert kube.objects[f"{ROOT}/revisions/r2"]["metadata"]["annotations"][MIN_SCALE] == "7"
    kube.fail = lambda method, where: None
    actuator.write(only(actuator), (7,))
    assert MIN_SCALE not in kube.objects[f"{ROOT}/revisions/r1"]["metadata"]["annotations"]


def test_a_revision_that_failed_is_not_waited_for() -> None:
    """A typo in the image: the traffic stays where it is, and so does the floor."""
    failed = {"conditions": [{"type": "Ready", "status": "False", "reason": "ContainerMissing"}]}
    assert shares(listed(cluster(None, {"r1": 100}, r1=READY, r2=failed))) == {"r1": (1.0, False)}


def test_a_revision_that_is_not_listed_yet_is_not_waited_for() -> None:
    assert shares(listed(cluster(None, {"r1": 100}, newest="r3", r1=READY))) == {"r1": (1.0, False)}


def test_what_a_revision_has_and_its_minimum_are_its_own() -> None:
    old, new = {"actualReplicas": 13, "desiredReplicas": 14}, {"actualReplicas": 1}
    target = listed(cluster(None, {"r1": 100}, r1=old, r2=new))
    assert [(part.floor, part.ready) for part in target.parts] == [(0, 13), (0, 1)]
    assert (target.ready, target.present) == (14, 15)


@pytest.mark.parametrize(
    ("annotated", "configured", "deadline"),
    [
        (None, None, 600.0),
        (None, "30m", 1800.0),
        ("15m", "30m", 900.0),
        ("soon", None, 600.0),
        (None, "soon", 600.0),
    ],
)
def test_a_coming_revision_is_waited_for_as_long_as_knative_does_and_a_little_less(
    annotated: str | None, configured: str | None, deadline: float
) -> None:
    """Its own progress deadline, else the cluster's (config-deployment), else Knative's ten minutes."""
    actuator, kube = cluster(None, {"r1": 100}, r1=READY, r2=WAITING)
    if annotated is not None:
        kube.edit(
            f"{ROOT}/revisions/r2", {"metadata": {"annotations": {"serving.knative.dev/progress-deadline": annotated}}}
        )
    if configured is not None:
        meta = {"namespace": "knative-serving", "name": "config-deployment"}
        where = "/api/v1/namespaces/knative-serving/configmaps/config-deployment"
        kube.put(where, {"metadata": meta, "data": {"progress-deadline": configured}})
    assert only(actuator).parts[1].coming_until == CREATED_AT + PATIENCE * deadline


def test_a_deadline_that_cannot_be_read_is_no_reason_to_doubt_a_floor() -> None:
    assert listed(cluster(None, {"r1": 100}, r1=READY, r2=WAITING)).assumed == ()


def test_a_coming_revision_is_written_to_and_given_back_like_any_other() -> None:
    actuator, kube = cluster(None, {"r1": 100}, r1=READY, r2=WAITING)
    actuator.write(only(actuator), (5, 4))
    revisions = [kube.objects[f"{ROOT}/revisions/{name}"]["metadata"]["annotations"] for name in ("r1", "r2")]
    assert [annotations[MIN_SCALE] for annotations in revisions] == ["5", "4"]
    assert [part.floor for part in only(actuator).parts] == [5, 4]
    assert only(actuator).baseline == 0
    actuator.restore(only(actuator))
    assert [MIN_SCALE in annotations for annotations in revisions] == [False, False]


def test_where_the_rollout_fails_the_floor_of_what_did_not_come_is_given_back() -> None:
    actuator, kube = cluster(None, {"r1": 100}, r1=READY, r2=WAITING)
    actuator.write(only(actuator), (5, 5))
    kube.objects[f"{ROOT}/revisions/r2"]["status"] = {"conditions": [{"type": "Ready", "status": "False"}]}
    actuator.write(only(actuator), (5,))
    assert MIN_SCALE not in kube.objects[f"{ROOT}/revisions/r2"]["metadata"]["annotations"]
    assert [part.name for part in only(actuator).parts] == ["r1"]


def test_parts_are_in_the_order_of_their_names() -> None:
    """What is written goes by it."""
    target = listed(
        cluster([{"revisionName": n, "percent": 50} for n in ("b", "a")], {"b": 50, "a": 50}, a=READY, b=READY)
    )
    assert [part.name for part in target.parts] == ["a", "b"]


def test_a_raised_target_goes_with_the_traffic() -> None:
    """The new Revision is told to fill its replicas too; the old one, which nobody asks any more, has its own back."""
    actuator, kube = cluster(LATEST, {"r1": 100}, newest="r1", r1=READY, r2=READY)
    actuator.fill(only(actuator), 0.9)
    status = {"traffic": [{"revisionName": "r2", "percent": 100}], "latestCreatedRevisionName": "r2"}
    kube.objects[f"{ROOT}/services/chat"]["status"] = status

    def said(name: str) -> str | None:
        annotations: dict[str, str] = kube.objects[f"{ROOT}/revisions/{name}"]["metadata"]["annotations"]
        return annotations.get(TARGET_PERCENTAGE)

    assert actuator.fill(only(actuator), 0.9)
    assert (said("r1"), said("r2")) == (None, "90")
    assert actuator.fill(only(actuator), None)
    assert (said("r1"), said("r2")) == (None, None)
    assert TARGET.recorded(kube.objects[f"{ROOT}/services/chat"]) == {}


def test_each_revision_is_raised_only_above_its_own_target() -> None:
    actuator, kube = cluster(NAMED, {"r1": 40, "r2": 60}, r1=READY, r2=READY)
    kube.edit(f"{ROOT}/revisions/r1", {"metadata": {"annotations": {TARGET_PERCENTAGE: "95"}}})
    assert only(actuator).lever.fills == (1.0,)
    actuator.fill(only(actuator), 0.9)
    assert kube.objects[f"{ROOT}/revisions/r1"]["metadata"]["annotations"][TARGET_PERCENTAGE] == "95"
    assert kube.objects[f"{ROOT}/revisions/r2"]["metadata"]["annotations"][TARGET_PERCENTAGE] == "90"
    actuator.restore(only(actuator))
    assert kube.objects[f"{ROOT}/revisions/r1"]["metadata"]["annotations"][TARGET_PERCENTAGE] == "95"
    assert TARGET_PERCENTAGE not in kube.objects[f"{ROOT}/revisions/r2"]["metadata"]["annotations"]


def test_under_knatives_class_hpa_no_target_is_raised() -> None:
    actuator, kube = cluster(None, {"r2": 100}, r2=READY)
    noted = {"autoscaling.knative.dev/class": "hpa.autoscaling.knative.dev"}
    kube.edit(f"{ROOT}/revisions/r2", {"metadata": {"annotations": noted}})
    lever = only(actuator).lever
    assert (lever.free, lever.fills, lever.fixed) == (False, (), "Knative's class hpa has no utilization of its own")
