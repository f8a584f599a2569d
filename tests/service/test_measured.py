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
        ([resource("cpu", averageUtilization=70), pods_metric("http_requests_per_second", "2")],
         {"label_replace(sum(sum(rate(container_cpu": 6.2}, 7),
        ([resource("cpu", averageUtilization=70), pods_metric("vllm_queue", "3")], {"cpu_usage": 3.4}, 10),
    ],
    ids=["cpu", "both", "one that nobody knows"],
)  # fmt: skip
def test_an_hpa_needs_no_annotation_but_the_mode(metrics: list[Object], demands: dict[str, float], floor: int) -> None:
    """One pod that requests 0.5 cores. Of several metrics the largest number of replicas is one query."""
    kube = hpa(metrics)
    pod(kube, cpu="500m")
    decision = settled(at(kube, demands))
    assert decision.floor == floor
    unknown = "not by all that it is scaled by: no query of the list is for pods/vllm_queue"
    assert (unknown in decision.message) == (metrics[-1].get("pods", {}).get("metric", {}).get("name") == "vllm_queue")


GOOGLES = "prometheus.googleapis.com|vllm:num_requests_running|gauge"


def object_metric(name: str, ingress: str, average: str) -> Object:
    described = {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": ingress}
    target = {"type": "AverageValue", "averageValue": average}
    return {"type": "Object", "object": {"metric": {"name": name}, "describedObject": described, "target": target}}


@pytest.mark.parametrize(
    ("metric", "asked", "demand"),
    [
        (pods_metric("http_requests", "10"), "rate(http_requests_total{", 35.0),
        (pods_metric("DCGM_FI_DEV_GPU_UTIL", "70"), "DCGM_FI_DEV_GPU_UTIL{exported_namespace", 250.0),
        (pods_metric("vllm_num_requests_waiting", "2"), "vllm:num_requests_waiting{", 7.0),
        (pods_metric(GOOGLES, "4"), "vllm:num_requests_running{", 14.0),
        (pods_metric("sglang_num_queue_reqs", "5"), "sglang:num_queue_reqs{", 18.0),
        (object_metric("nginx_ingress_controller_requests", "front", "100"), 'ingress="front"', 350.0),
    ],
)  # fmt: skip
def test_metrics_as_the_usual_adapters_name_them_are_measured_by_a_preset(
    metric: Object, asked: str, demand: float
) -> None:
    """3.5 times what one replica serves; the unit that the name tells is that of the preset."""
    assert settled(at(hpa([metric]), {asked: demand})).floor == 4


def test_a_kafka_trigger_of_keda_is_measured_by_what_arrives_and_waits() -> None:
    """130 messages/s, of which each takes 200 ms: 26 in hand, one for each consumer."""
    kube = FakeKube()
    asked = {"topic": "orders", "consumerGroup": "workers", "lagThreshold": "10"}
    kube.put("/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/chat", {
        "metadata": {"namespace": "shop", "name": "chat",
                     "annotations": {"ahpa.dev/mode": "apply", "ahpa.dev/service-time": "200ms"}},
        "spec": {"scaleTargetRef": {"name": "chat"}, "minReplicaCount": 1,
                 "triggers": [{"type": "kafka", "metadata": asked}]},
        "status": {},
    })  # fmt: skip
    pod(kube)
    decision = settled(at(kube, {'consumergroup="workers"': 130.0}))
    assert decision.floor == 26
    assert "messages/s" in decision.message


def test_memory_is_no_demand_by_itself() -> None:
    """Each replica has its share of it when idle: beside an HPA on memory at a constant 77 % of 80 the floor went from
    11 to 58 in twenty minutes, each raise being demand for the next."""
    memory = resource("memory", averageValue="2Gi")
    alone = settled(at(hpa([memory]), {"memory_working_set": 9.5 * 2**30}))
    assert (alone.floor, "no query of the list is for resource/memory" in alone.message) == (1, True)
    kube = hpa([resource("cpu", averageUtilization=70), memory])
    pod(kube, cpu="500m")
    beside = settled(at(kube, {"cpu_usage": 3.4}))
    assert (beside.floor, "not by all that it is scaled by" in beside.message) == (10, True)
    named = settled(at(hpa([memory], demand="pod-memory"), {"memory_working_set": 9.5 * 2**30}))
    assert named.floor == 5, "who names it has it"


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
