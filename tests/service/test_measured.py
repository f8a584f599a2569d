"""One annotation is enough: what is measured, and what one replica serves, follow from the object."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.api import Object
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, ROOT
from tests.service.test_units import at, chat, hpa, pods_metric, settled


def test_a_revision_of_the_class_hpa_is_measured_by_what_its_hpa_looks_at() -> None:
    """3.4 cores of its pods, of which each requests 0.5 and is to use 70 %."""
    annotations = {"class": "hpa.autoscaling.knative.dev", "metric": "cpu", "target": "70"}
    kube = chat(annotations)
    asked = at(kube, {"cpu_usage": 3.4})
    assert settled(asked).message == (
        "the cpu that its containers request cannot be read; set ahpa.dev/target-per-replica, in cores"
    )
    containers = [{"name": "model", "resources": {"requests": {"cpu": "500m"}}}]
    kube.objects[f"{ROOT}/revisions/chat-00001"]["spec"]["containers"] = containers
    assert settled(at(kube, {"cpu_usage": 3.4})).floor == 10
    whole = settled(at(chat(annotations, demand="istio-rps", target_per_replica="20"), {"istio": 60.0}))
    assert whole.floor == 3


def resource(name: str, **target: object) -> Object:
    return {"type": "Resource", "resource": {"name": name, "target": target}}


def pod(kube: FakeKube, **requests: str) -> None:
    """Of the Deployment `chat`, which each HPA here scales."""
    kube.put("/apis/apps/v1/namespaces/shop/deployments/chat", {
        "metadata": {"namespace": "shop", "name": "chat"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "chat"}}},
        "status": {"readyReplicas": 1},
    })  # fmt: skip
    kube.put("/api/v1/namespaces/shop/pods/chat-1", {
        "metadata": {"namespace": "shop", "name": "chat-1"},
        "spec": {"containers": [{"name": "model", "resources": {"requests": requests}}]},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("metrics", "demands", "floor"),
    [
        ([resource("cpu", averageUtilization=70)], {"cpu_usage": 3.4}, 10),
        ([resource("memory", averageValue="2Gi")], {"memory_working_set": 9.5 * 2**30}, 5),
        ([resource("cpu", averageUtilization=70), resource("memory", averageValue="2Gi")],
         {"label_replace(sum(sum(rate(container_cpu": 6.2}, 7),
        ([resource("cpu", averageUtilization=70), pods_metric("vllm_queue", "3")], {"cpu_usage": 3.4}, 10),
    ],
    ids=["cpu", "memory", "both", "one that nobody knows"],
)  # fmt: skip
def test_an_hpa_needs_no_annotation_but_the_mode(metrics: list[Object], demands: dict[str, float], floor: int) -> None:
    """One pod that requests 0.5 cores. Of several metrics the largest number of replicas is one query."""
    kube = hpa(metrics)
    pod(kube, cpu="500m")
    decision = settled(at(kube, demands))
    assert decision.floor == floor
    unknown = "not by all that it is scaled by: no query of the list is for pods/vllm_queue"
    assert (unknown in decision.message) == (metrics[-1]["type"] == "Pods")


def test_what_was_found_out_of_an_object_is_said_once_and_when_it_changes() -> None:
    """A wrong guess should be seen before the bill."""
    kube = hpa([resource("cpu", averageUtilization=70)])
    pod(kube, cpu="500m")
    stage = at(kube, {"cpu_usage": 3.4})
    for minute in range(3):
        stage.tick(NOW + 60 * minute)

    def told() -> list[str]:
        return [body["note"] for _, body in kube.created if body["reason"] == "Measured"]

    overrides = "ahpa.dev/demand and ahpa.dev/target-per-replica override it"
    first = "measured by pod-cpu, 0.35 cores for a replica (70 % of the cpu that it requests); "
    assert told() == [first + overrides]
    pod(kube, cpu="1")
    stage.tick(NOW + 180)
    assert told()[1:] == [first.replace("0.35", "0.7") + overrides]
