"""KEDA's own operator and metrics adapter on the testbed: what its owner asks for happens, what others do does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from testbed import Testbed
from testbed.kube import KubeError, Object, condition
from testbed.manifests import deployment, scaled_object
from tests.testbed.reading import ready_pods, replicas

pytestmark = pytest.mark.testbed

HPA = "keda-hpa-chat"
FOREIGN = {"example.com/foreign": "yes"}


def scaled(
    bed: Testbed,
    namespace: str,
    demand: Callable[[], float],
    annotations: dict[str, str] | None = None,
    *,
    min_replicas: int = 1,
    max_replicas: int | None = 10,
    idle_replicas: int | None = None,
) -> None:
    """A Deployment "chat" behind a ScaledObject that reads `demand` from the testbed's Prometheus."""
    bed.live_metric("keda_demand", {"namespace": namespace}, lambda now: demand())
    query = f'keda_demand{{namespace="{namespace}"}}'
    url = bed.prometheus_url
    bed.apply(
        deployment("chat", namespace, gpus=0, pull_seconds=0, ready_seconds=0),
        scaled_object(
            "chat",
            namespace,
            annotations or {},
            prometheus_url=url,
            query=query,
            threshold=4,
            min_replicas=min_replicas,
            max_replicas=max_replicas,
            idle_replicas=idle_replicas,
        ),
    )


def pods(bed: Testbed, namespace: str) -> int:
    return len(ready_pods(bed, namespace, "app=chat"))


def with_floor(bed: Testbed, namespace: str, least: int) -> Object | None:
    """The HPA if its minReplicas are these."""
    found = autoscaler(bed, namespace)
    return found if found["spec"]["minReplicas"] == least else None


def autoscaler(bed: Testbed, namespace: str) -> Object:
    return bed.get("hpa", HPA, namespace)


def test_a_scaled_object_follows_its_prometheus_query(keda_bed: Testbed, bed_namespace: str) -> None:
    """25 at 4 each need ceil(25 / 4) = 7 pods; the metric comes through the API server from KEDA's adapter."""
    scaled(keda_bed, bed_namespace, lambda: 25)
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 7, what="7 ready replicas")
    assert condition(keda_bed.get("so", "chat", bed_namespace), "Ready") == "True"
    assert condition(autoscaler(keda_bed, bed_namespace), "ScalingActive") == "True"
    labels = autoscaler(keda_bed, bed_namespace)["metadata"]["labels"]
    assert labels["app.kubernetes.io/managed-by"] == "keda-operator"
    assert labels["scaledobject.keda.sh/name"] == "chat"


def test_a_floor_on_the_hpa_is_reverted_and_one_on_the_scaled_object_holds(
    keda_bed: Testbed, bed_namespace: str
) -> None:
    """A demand of 5 asks for 2 pods. With the floor goes what else was written to the HPA: it is written anew."""
    scaled(keda_bed, bed_namespace, lambda: 5)
    keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA")

    written = {"metadata": {"annotations": FOREIGN}, "spec": {"minReplicas": 6}}
    assert keda_bed.patch("hpa", HPA, written, bed_namespace)["spec"]["minReplicas"] == 6
    reverted = keda_bed.wait_for(lambda: with_floor(keda_bed, bed_namespace, 1), what="KEDA reverts the HPA")
    assert "annotations" not in reverted["metadata"]

    keda_bed.patch("so", "chat", {"spec": {"minReplicaCount": 5}}, bed_namespace)
    keda_bed.wait_for(lambda: with_floor(keda_bed, bed_namespace, 5), what="the owner's floor")
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 5, what="5 ready replicas")


def test_the_annotations_of_a_scaled_object_are_those_of_its_hpa(keda_bed: Testbed, bed_namespace: str) -> None:
    """So what asks something of a ScaledObject seems to be asked of its HPA too."""
    scaled(keda_bed, bed_namespace, lambda: 5, annotations={"ahpa.dev/mode": "observe"})
    found = keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA")
    assert found["metadata"]["annotations"]["ahpa.dev/mode"] == "observe"
    owner = found["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("ScaledObject", "chat", True)


def test_a_foreign_annotation_alone_is_reverted_where_the_scaled_object_has_none(
    keda_bed: Testbed, bed_namespace: str
) -> None:
    scaled(keda_bed, bed_namespace, lambda: 5)
    keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA")
    written = keda_bed.patch("hpa", HPA, {"metadata": {"annotations": FOREIGN}}, bed_namespace)
    assert written["metadata"]["annotations"] == FOREIGN
    keda_bed.wait_for(
        lambda: "annotations" not in autoscaler(keda_bed, bed_namespace)["metadata"], what="KEDA reverts the HPA"
    )


def test_an_idle_scaled_object_is_not_raised_by_its_floor(keda_bed: Testbed, bed_namespace: str) -> None:
    """idleReplicaCount 0: without demand there is no pod, whatever minReplicaCount says; with some the floor is there
    at once, though 1 pod would do."""
    demand = [1.0]
    scaled(keda_bed, bed_namespace, lambda: demand[0], idle_replicas=0)
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 1, what="1 ready replica")
    demand[0] = 0.0
    keda_bed.wait_for(lambda: replicas(keda_bed, "chat", bed_namespace) == 0, what="no replica")
    keda_bed.patch("so", "chat", {"spec": {"minReplicaCount": 5}}, bed_namespace)
    keda_bed.wait_for(lambda: with_floor(keda_bed, bed_namespace, 5), what="a floor of 5")
    keda_bed.wait_for(lambda: replicas(keda_bed, "chat", bed_namespace) == 0, what="still no replica")
    demand[0] = 1.0
    keda_bed.wait_for(lambda: replicas(keda_bed, "chat", bed_namespace) == 5, what="5 replicas")


@pytest.mark.parametrize(
    ("least", "most", "why"),
    [
        (11, 10, "minReplicaCount must be less than or equal to maxReplicaCount"),
        (-1, 10, "greater than or equal to 0"),
        (101, None, "minReplicaCount must be less than or equal to maxReplicaCount"),
    ],
    ids=["above max", "negative", "above the default max of 100"],
)
def test_a_floor_out_of_bounds_is_refused_by_the_api_server(
    keda_bed: Testbed, bed_namespace: str, least: int, most: int | None, why: str
) -> None:
    """By the CRD's own rules, so also where KEDA's webhook does not run."""
    with pytest.raises(KubeError, match=why):
        scaled(keda_bed, bed_namespace, lambda: 1, min_replicas=least, max_replicas=most)


def test_a_paused_scaled_object_has_no_hpa(keda_bed: Testbed, bed_namespace: str) -> None:
    """`paused-replicas` holds the Deployment where it says; with the annotation gone KEDA makes the HPA anew."""
    scaled(keda_bed, bed_namespace, lambda: 5)
    keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA")
    paused = "autoscaling.keda.sh/paused-replicas"
    keda_bed.patch("so", "chat", {"metadata": {"annotations": {paused: "3"}}}, bed_namespace)
    keda_bed.wait_for(lambda: keda_bed.find("hpa", bed_namespace) == [], what="no HPA")
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 3, what="3 ready replicas")
    keda_bed.patch("so", "chat", {"metadata": {"annotations": {paused: None}}}, bed_namespace)
    keda_bed.wait_for(lambda: autoscaler(keda_bed, bed_namespace), what="its HPA again")


def test_a_fallback_is_a_metric_and_not_a_floor(keda_bed: Testbed, bed_namespace: str) -> None:
    """With the server of its query gone, KEDA serves what asks for 4 pods, and says so in a condition; the HPA's
    minReplicas are as before."""
    broken = scaled_object(
        "chat", bed_namespace, {}, prometheus_url="http://127.0.0.1:1", query="up", threshold=4, min_replicas=2
    )
    broken["spec"]["fallback"] = {"failureThreshold": 0, "replicas": 4}
    keda_bed.apply(deployment("chat", bed_namespace, gpus=0, pull_seconds=0, ready_seconds=0), broken)
    keda_bed.wait_for(lambda: pods(keda_bed, bed_namespace) == 4, what="4 ready replicas")
    assert condition(keda_bed.get("so", "chat", bed_namespace), "Fallback") == "True"
    assert autoscaler(keda_bed, bed_namespace)["spec"]["minReplicas"] == 2
