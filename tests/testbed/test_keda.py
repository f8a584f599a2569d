"""KEDA's own operator and metrics adapter on the testbed: what its owner asks for happens, what others do does not."""

from __future__ import annotations

from testbed import Testbed
from testbed.kube import Object, condition
from testbed.manifests import deployment, scaled_object
from tests.testbed.test_testbed import pytestmark, ready_pods

__all__ = ["pytestmark"]

THRESHOLD = 4.0
HPA = "keda-hpa-chat"


def scaled(bed: Testbed, namespace: str, demand: float, annotations: dict[str, str] | None = None) -> None:
    """A Deployment "chat" behind a ScaledObject that reads `demand` from the testbed's Prometheus."""
    bed.live_metric("keda_demand", {"namespace": namespace}, lambda now: demand)
    query = f'keda_demand{{namespace="{namespace}"}}'
    bed.apply(
        deployment("chat", namespace, gpus=0, pull_seconds=0, ready_seconds=0),
        scaled_object(
            "chat",
            namespace,
            annotations or {},
            prometheus_url=bed.prometheus_url,
            query=query,
            threshold=THRESHOLD,
        ),
    )


def pods(bed: Testbed, namespace: str) -> int:
    return len(ready_pods(bed, namespace, "app=chat"))


def autoscaler(bed: Testbed, namespace: str) -> Object:
    return bed.get("hpa", HPA, namespace)


def test_a_scaled_object_follows_its_prometheus_query(keda_bed: Testbed, bed_namespace: str) -> None:
    """25 at 4 each need ceil(25 / 4) = 7 pods; the metric comes through the API server from KEDA's adapter."""
    scaled(keda_bed, bed_namespace, demand=25)
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 7, what="7 ready replicas")
    assert condition(keda_bed.get("so", "chat", bed_namespace), "Ready") == "True"
    assert condition(autoscaler(keda_bed, bed_namespace), "ScalingActive") == "True"
    labels = autoscaler(keda_bed, bed_namespace)["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "keda-operator"
    assert labels["scaledobject.keda.sh/name"] == "chat"


def test_a_floor_on_the_hpa_is_reverted_and_one_on_the_scaled_object_holds(
    keda_bed: Testbed, bed_namespace: str
) -> None:
    """A demand of 5 asks for 2 pods."""
    scaled(keda_bed, bed_namespace, demand=5)
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 2, what="2 ready replicas")

    before = autoscaler(keda_bed, bed_namespace)["metadata"]["resourceVersion"]
    keda_bed.patch("hpa", HPA, {"spec": {"minReplicas": 6}}, bed_namespace)
    keda_bed.wait_for(
        lambda: autoscaler(keda_bed, bed_namespace)["spec"]["minReplicas"] == 1, what="KEDA reverts the HPA"
    )
    assert autoscaler(keda_bed, bed_namespace)["metadata"]["resourceVersion"] != before

    keda_bed.patch("so", "chat", {"spec": {"minReplicaCount": 5}}, bed_namespace)
    keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace)["spec"]["minReplicas"] == 5, what="the owner's floor")
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 5, what="5 ready replicas")


def test_the_annotations_of_a_scaled_object_are_those_of_its_hpa(keda_bed: Testbed, bed_namespace: str) -> None:
    """So what asks something of a ScaledObject seems to be asked of its HPA too. A foreign one on the HPA stays."""
    scaled(keda_bed, bed_namespace, demand=5, annotations={"ahpa.dev/mode": "observe"})
    found = keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA")
    assert found["metadata"]["annotations"]["ahpa.dev/mode"] == "observe"
    owner = found["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ScaledObject", "chat", True)


def test_a_paused_scaled_object_has_no_hpa(keda_bed: Testbed, bed_namespace: str) -> None:
    """`paused-replicas` holds the Deployment where it says; with the annotation gone KEDA makes the HPA anew."""
    scaled(keda_bed, bed_namespace, demand=5)
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 2, what="2 ready replicas")
    paused = "autoscaling.keda.sh/paused-replicas"
    keda_bed.patch("so", "chat", {"metadata": {"annotations": {paused: "3"}}}, bed_namespace)
    keda_bed.wait_for(lambda: keda_bed.find("hpa", bed_namespace) == [], what="no HPA")
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 3, what="3 ready replicas")
    keda_bed.patch("so", "chat", {"metadata": {"annotations": {paused: None}}}, bed_namespace)
    keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA again")
