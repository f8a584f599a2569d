"""KServe's and Argo's controllers are played: what they do to their objects, as far as a scaler can tell."""

from __future__ import annotations

import pytest

from testbed import Testbed
from testbed.kserve import MODE, OWNER_LABEL
from testbed.kube import KubeError, Object, condition
from testbed.manifests import horizontal_pod_autoscaler, inference_service
from testbed.rollouts import HASH
from tests.testbed.reading import MIN_SCALE, ready_pods

pytestmark = pytest.mark.testbed

TARGET_BURST = {"autoscaling.knative.dev/target-burst-capacity": "-1"}


def ready(bed: Testbed, name: str, namespace: str) -> Object:
    def found() -> Object | None:
        service = bed.get("isvc", name, namespace)
        return service if condition(service, "Ready") == "True" else None

    return bed.wait_for(found, what=f"InferenceService {name} is Ready")


def test_a_serverless_inference_service_is_a_knative_service(bed: Testbed, bed_namespace: str) -> None:
    """Its annotations are the template's, so one more is one more Revision; its bounds are the Revision's."""
    bed.play_kserve()
    asked = {**TARGET_BURST, MIN_SCALE: "7", "example.com/team": "a"}
    bed.apply(inference_service("llm", bed_namespace, asked, minReplicas=2, maxReplicas=5, scaleTarget=4))
    status = ready(bed, "llm", bed_namespace)["status"]

    service = bed.get("ksvc", "llm-predictor", bed_namespace)
    assert service["metadata"]["labels"][OWNER_LABEL] == "llm"
    assert [(each["kind"], each["name"], each["controller"]) for each in service["metadata"]["ownerReferences"]] == [
        ("InferenceService", "llm", True)
    ]
    revision = status["components"]["predictor"]["latestReadyRevision"]
    annotations = bed.get("revisions", revision, bed_namespace)["metadata"]["annotations"]
    assert annotations[MIN_SCALE] == "2"
    assert annotations["autoscaling.knative.dev/max-scale"] == "5"
    assert annotations["autoscaling.knative.dev/target"] == "4"
    assert annotations["example.com/team"] == "a"

    bed.patch("isvc", "llm", {"metadata": {"annotations": {"example.com/team": "b"}}}, bed_namespace)
    bed.wait_for(lambda: len(bed.find("revisions", bed_namespace)) == 2, what="a second Revision")


def test_a_raw_inference_service_keeps_its_autoscaler_as_it_says(bed: Testbed, bed_namespace: str) -> None:
    """A floor written to the HPA is reverted; written to the InferenceService it holds. Pods bear its annotations."""
    bed.play_kserve()
    asked = {MODE: "RawDeployment", "example.com/team": "a"}
    bed.apply(inference_service("llm", bed_namespace, asked, minReplicas=1, maxReplicas=5))
    ready(bed, "llm", bed_namespace)
    pods = ready_pods(bed, bed_namespace, "app=isvc.llm-predictor")
    assert [each["metadata"]["annotations"]["example.com/team"] for each in pods] == ["a"]

    def autoscaler() -> Object:
        return bed.get("hpa", "llm-predictor", bed_namespace)

    before = autoscaler()["metadata"]["resourceVersion"]
    bed.patch("hpa", "llm-predictor", {"spec": {"minReplicas": 4}}, bed_namespace)
    bed.wait_for(lambda: autoscaler()["spec"]["minReplicas"] == 1, what="the revert of a foreign edit")
    assert autoscaler()["metadata"]["resourceVersion"] != before

    bed.patch("isvc", "llm", {"spec": {"predictor": {"minReplicas": 3}}}, bed_namespace)
    bed.wait_for(lambda: autoscaler()["spec"]["minReplicas"] == 3, what="the owner's floor")
    bed.wait_for(lambda: len(ready_pods(bed, bed_namespace, "app=isvc.llm-predictor")) == 3, what="3 ready replicas")


def test_an_external_autoscaler_class_leaves_no_autoscaler(bed: Testbed, bed_namespace: str) -> None:
    bed.play_kserve()
    asked = {MODE: "RawDeployment"}
    bed.apply(inference_service("llm", bed_namespace, asked, minReplicas=2))
    bed.wait_for(lambda: bed.get("hpa", "llm-predictor", bed_namespace), what="its HPA")
    bed.patch(
        "isvc", "llm", {"metadata": {"annotations": {"serving.kserve.io/autoscalerClass": "external"}}}, bed_namespace
    )
    bed.wait_for(lambda: bed.find("hpa", bed_namespace) == [], what="no HPA any more")
    bed.wait_for(lambda: len(ready_pods(bed, bed_namespace, "app=isvc.llm-predictor")) == 2, what="2 ready replicas")


def rollout(name: str, namespace: str, image: str) -> Object:
    labels = {"app": name}
    container = {"name": "main", "image": image, "resources": {"requests": {"cpu": "100m"}}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        },
    }


def test_an_hpa_scales_a_rollout(bed: Testbed, bed_namespace: str) -> None:
    """No Deployment is there: its /scale says how many, and which pods. A new template takes the pods over."""
    bed.play_rollouts()
    bed.apply(rollout("api", bed_namespace, "dev.local/api:1"))
    bed.wait_for(lambda: len(ready_pods(bed, bed_namespace, "app=api")) == 1, what="1 ready replica")
    scaler = horizontal_pod_autoscaler("api", bed_namespace, {}, 3, 10)
    scaler["spec"]["scaleTargetRef"] = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "api"}
    bed.apply(scaler)
    bed.wait_for(lambda: len(ready_pods(bed, bed_namespace, "app=api")) == 3, what="3 ready replicas")
    assert bed.find("deployments", bed_namespace) == []

    path = f"/apis/argoproj.io/v1alpha1/namespaces/{bed_namespace}/rollouts/api/scale"
    bed.wait_for(
        lambda: bed.api.request("GET", path)["status"] == {"replicas": 3, "selector": "app=api"}, what="/scale"
    )

    first = {each["metadata"]["labels"][HASH] for each in ready_pods(bed, bed_namespace, "app=api")}
    bed.apply(rollout("api", bed_namespace, "dev.local/api:2"))
    bed.wait_for(lambda: taken_over(bed, bed_namespace, first), what="3 pods of the new template alone")


def taken_over(bed: Testbed, namespace: str, first: set[str]) -> bool:
    pods = [each["metadata"]["labels"][HASH] for each in bed.find("pods", namespace, "app=api")]
    return len(pods) == 3 and not first & set(pods)


def test_what_a_played_owner_made_goes_with_it(bed: Testbed, bed_namespace: str) -> None:
    bed.play_rollouts()
    bed.apply(rollout("api", bed_namespace, "dev.local/api:1"))
    bed.wait_for(lambda: bed.find("replicasets", bed_namespace, HASH), what="its ReplicaSet")
    bed.delete("rollouts.argoproj.io", "api", bed_namespace)
    bed.wait_for(lambda: not bed.find("replicasets", bed_namespace), what="no ReplicaSet any more")
    with pytest.raises(KubeError, match="not found"):
        bed.get("rollouts.argoproj.io", "api", bed_namespace)
