"""Which object carries a Revision's min-scale, by the version of Knative."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.bearers import old
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.knative import KnativeServices
from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube

ROOT = "/apis/serving.knative.dev/v1/namespaces/shop"
REVISION = f"{ROOT}/revisions/chat-00001"
AUTOSCALER = "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/shop/podautoscalers/chat-00001"
CONTROLLER = "/apis/apps/v1/namespaces/knative-serving/deployments/controller"


def cluster(version: str) -> FakeKube:
    kube = FakeKube()
    labels = {"app.kubernetes.io/version": version}
    kube.put(CONTROLLER, {"metadata": {"namespace": "knative-serving", "name": "controller", "labels": labels}})
    kube.put(f"{ROOT}/services/chat", {
        "metadata": {"namespace": "shop", "name": "chat", "annotations": {"ahpa.dev/mode": "apply"}},
        "spec": {},
        "status": {"traffic": [{"revisionName": "chat-00001", "percent": 100}]},
    })  # fmt: skip
    noted = {MIN_SCALE: "2", "serving.knative.dev/creator": "me"}
    kube.put(REVISION, {
        "metadata": {"namespace": "shop", "name": "chat-00001", "annotations": noted},
        "spec": {"containerConcurrency": 10},
        "status": {"actualReplicas": 2},
    })  # fmt: skip
    copied = {MIN_SCALE: "2", "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev"}
    kube.put(AUTOSCALER, {"metadata": {"namespace": "shop", "name": "chat-00001", "annotations": copied}})
    return kube


@pytest.mark.parametrize(
    ("version", "is_old"),
    [("1.20.3", True), ("v1.9", True), ("1.21", False), ("v1.23.0", False), ("2.0", False), ("devel", False)],
)  # fmt: skip
def test_which_knative_is_old(version: str, is_old: bool) -> None:
    assert old(version) == is_old


@pytest.mark.parametrize(
    ("version", "bearer", "other"), [("1.20.0", AUTOSCALER, REVISION), ("1.21.0", REVISION, AUTOSCALER)]
)
def test_the_floor_is_written_to_what_bears_it_and_to_nothing_else(version: str, bearer: str, other: str) -> None:
    """Up to 1.20 an edit of a Revision restarts all of its pods; from 1.21 on one of the PodAutoscaler is reverted."""
    kube = cluster(version)
    actuator = KnativeServices(kube)
    (before,) = actuator.targets()
    actuator.write(before, (6,))
    assert kube.get(bearer)["metadata"]["annotations"][MIN_SCALE] == "6"
    assert kube.get(other)["metadata"]["annotations"][MIN_SCALE] == "2"
    (raised,) = actuator.targets()
    assert (raised.baseline, raised.floor, raised.measures) == (2, 6, before.measures)
    actuator.restore(raised)
    assert kube.get(bearer)["metadata"]["annotations"][MIN_SCALE] == "2"
    assert not actuator.targets()[0].managed


def test_an_upgrade_takes_the_floor_away_and_the_next_round_knows_its_owners_minimum() -> None:
    """Knative 1.21 copies the Revision's own minimum to the PodAutoscaler."""
    kube = cluster("1.20.0")
    KnativeServices(kube).write(KnativeServices(kube).targets()[0], (6,))
    kube.edit(CONTROLLER, {"metadata": {"labels": {"app.kubernetes.io/version": "1.21.0"}}})
    kube.edit(AUTOSCALER, {"metadata": {"annotations": {MIN_SCALE: "2"}}})
    (after,) = KnativeServices(kube).targets()
    assert (after.baseline, after.floor) == (2, 2)
    KnativeServices(kube).write(after, (7,))
    (raised,) = KnativeServices(kube).targets()
    assert (raised.baseline, raised.floor) == (2, 7)


def test_what_cannot_be_put_back_is_not_forgotten() -> None:
    """The PodAutoscaler is raised and Knative's version cannot be read: the record was taken off, the floor stayed."""
    kube = cluster("1.20.0")
    KnativeServices(kube).write(KnativeServices(kube).targets()[0], (6,))
    del kube.objects[CONTROLLER]
    fresh = KnativeServices(kube)
    with pytest.raises(ClusterError, match="version is unknown"):
        fresh.restore(fresh.targets()[0])
    assert "ahpa.dev/baseline" in kube.get(f"{ROOT}/services/chat")["metadata"]["annotations"]


def test_without_a_known_version_nothing_is_written() -> None:
    kube = cluster("1.21.0")
    del kube.objects[CONTROLLER]
    assert "version is unknown" in str(KnativeServices(kube).targets()[0].refusal)
