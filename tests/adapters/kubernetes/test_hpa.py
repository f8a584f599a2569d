"""What is special about HPAs: who made them, and what one replica serves."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.hpa import HorizontalPodAutoscalers
from tests.fakes.kube import FakeKube

WHERE = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/api"


def cluster(meta: Object | None = None, spec: Object | None = None) -> tuple[FakeKube, HorizontalPodAutoscalers]:
    kube = FakeKube()
    item = {
        "metadata": {"namespace": "shop", "name": "api", "annotations": {"ahpa.dev/mode": "apply"}, **(meta or {})},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 9,
            "scaleTargetRef": {"kind": "Deployment", "name": "api"},
            **(spec or {}),
        },
        "status": {"currentReplicas": 3},
    }
    kube.put(WHERE, item)
    kube.put("/apis/apps/v1/namespaces/shop/deployments/api", {
        "metadata": {"namespace": "shop", "name": "api"},
        "spec": {"replicas": 5, "selector": {"matchLabels": {"app": "api", "tier": "gpu"}}},
        "status": {"readyReplicas": 2},
    })  # fmt: skip
    return kube, HorizontalPodAutoscalers(kube)


def test_what_is_read() -> None:
    _, actuator = cluster()
    (target,) = actuator.targets()
    assert (target.key, target.floor, target.maximum) == ("hpa/shop/api", 2, 9)
    assert (target.ready, target.present, target.selector) == (2, 5, "app=api,tier=gpu")


def test_only_the_minimum_and_our_record_are_written() -> None:
    kube, actuator = cluster()
    actuator.write(actuator.targets()[0], 6)
    ((where, body),) = kube.writes
    assert where == WHERE
    assert body["spec"] == {"minReplicas": 6}
    assert body["metadata"]["annotations"] == {"ahpa.dev/baseline": "2"}
    assert set(body["metadata"]) == {"annotations", "resourceVersion", "uid"}


def test_a_minimum_of_zero_is_given_back_as_zero() -> None:
    kube, actuator = cluster(spec={"minReplicas": 0})
    actuator.write(actuator.targets()[0], 4)
    assert actuator.targets()[0].baseline == 0
    actuator.restore(actuator.targets()[0])
    assert kube.get(WHERE)["spec"]["minReplicas"] == 0


def test_where_the_scaled_object_cannot_be_read_its_replicas_do_not_count_as_starting() -> None:
    kube, actuator = cluster()
    del kube.objects["/apis/apps/v1/namespaces/shop/deployments/api"]
    (target,) = actuator.targets()
    assert (target.ready, target.present) == (3, 3)


@pytest.mark.parametrize(
    "meta",
    [
        {"ownerReferences": [{"kind": "ScaledObject", "name": "api", "controller": True}]},
        {"ownerReferences": [{"kind": "PodAutoscaler", "name": "api-00001", "controller": True}]},
        {"labels": {"scaledobject.keda.sh/name": "api"}},
    ],
)
def test_an_hpa_that_another_controller_made_is_refused(meta: Object) -> None:
    _, actuator = cluster(meta)
    assert "would revert us" in str(actuator.targets()[0].refusal)


@pytest.mark.parametrize(
    ("metrics", "per_replica"),
    [
        ([], None),
        ([{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}], None),
        ([{"type": "Pods", "pods": {"target": {"averageValue": "1500m"}}}], 1.5),
        ([{"type": "External", "external": {"target": {"averageValue": "30"}}}], 30.0),
        ([{"type": "External", "external": {"target": {"value": "30"}}}], None),
        ([{"type": "Pods", "pods": {"target": {"averageValue": "3"}}}, {"type": "Resource"}], None),
    ],
)
def test_what_one_replica_serves_is_read_where_there_is_one_answer(
    metrics: list[Object], per_replica: float | None
) -> None:
    _, actuator = cluster(spec={"metrics": metrics})
    assert actuator.targets()[0].per_replica == per_replica
