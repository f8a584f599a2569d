"""Each kind on the testbed, with its real controllers."""

from __future__ import annotations

from ahpa.adapters.kubernetes.api import Kube, Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE, TARGET_PERCENTAGE
from ahpa.adapters.kubernetes.kinds import KINDS
from testbed import Testbed
from testbed.kserve import MODE
from testbed.kube import condition
from testbed.manifests import deployment, inference_service, scaled_object
from tests.contracts.stage import ASKED, Stage, adopt_by_another, picture_of


def real_knative(bed: Testbed, namespace: str) -> Stage:
    bed.knative_service("chat", namespace, annotations=ASKED, template_annotations={MIN_SCALE: "1"}, concurrency=10)

    def said(key: str, otherwise: str) -> str:
        return str(bed.get("revisions", "chat-00001", namespace)["metadata"]["annotations"].get(key, otherwise))

    def set_to(key: str, number: int) -> None:
        bed.patch("revisions", "chat-00001", {"metadata": {"annotations": {key: str(number)}}}, namespace)

    return Stage(
        actuator=KINDS["knative"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(said(MIN_SCALE, "0")),
        edit=lambda number: set_to(MIN_SCALE, number),
        adopt=lambda: adopt_by_another(bed, "ksvc", "chat", namespace),
        picture=lambda: picture_of([*bed.find("ksvc", namespace), *bed.find("revisions", namespace)]),
        baseline=1,
        aim=lambda: float(said(TARGET_PERCENTAGE, "70")) / 100,
        edit_aim=lambda percent: set_to(TARGET_PERCENTAGE, percent),
    )


def real_older_knative(bed: Testbed, namespace: str) -> Stage:
    """Up to Knative 1.20, on a bed with that: the PodAutoscaler's min-scale is the one that counts."""
    bed.knative_service("chat", namespace, annotations=ASKED, template_annotations={MIN_SCALE: "1"}, concurrency=10)

    def said(key: str, otherwise: str) -> str:
        return str(bed.get("podautoscalers", "chat-00001", namespace)["metadata"]["annotations"].get(key, otherwise))

    def set_to(key: str, number: int) -> None:
        bed.patch("podautoscalers", "chat-00001", {"metadata": {"annotations": {key: str(number)}}}, namespace)

    def objects() -> list[Object]:
        return [each for kind in ("ksvc", "revisions", "podautoscalers") for each in bed.find(kind, namespace)]

    return Stage(
        actuator=KINDS["knative"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(said(MIN_SCALE, "0")),
        edit=lambda number: set_to(MIN_SCALE, number),
        adopt=lambda: adopt_by_another(bed, "ksvc", "chat", namespace),
        picture=lambda: picture_of(objects()),
        baseline=1,
        aim=lambda: float(said(TARGET_PERCENTAGE, "70")) / 100,
        edit_aim=lambda percent: set_to(TARGET_PERCENTAGE, percent),
    )


def real_hpa(bed: Testbed, namespace: str) -> Stage:
    bed.hpa_with_deployment("api", namespace, annotations=ASKED, min_replicas=2, max_replicas=20)

    def metrics(percent: int) -> Object:
        target = {"type": "Utilization", "averageUtilization": percent}
        return {"spec": {"metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]}}

    def aim() -> float:
        (metric,) = bed.get("hpa", "api", namespace)["spec"]["metrics"]
        return float(metric["resource"]["target"]["averageUtilization"] / 100)

    return Stage(
        actuator=KINDS["hpa"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(bed.get("hpa", "api", namespace)["spec"]["minReplicas"]),
        edit=lambda n: bed.patch("hpa", "api", {"spec": {"minReplicas": n}}, namespace),
        adopt=lambda: adopt_by_another(bed, "hpa", "api", namespace),
        picture=lambda: picture_of(bed.find("hpa", namespace)),
        baseline=2,
        aim=aim,
        edit_aim=lambda percent: bed.patch("hpa", "api", metrics(percent), namespace),
    )


def real_keda(bed: Testbed, namespace: str) -> Stage:
    """With KEDA's own operator, on a bed where it runs."""
    asked = scaled_object(
        "orders",
        namespace,
        ASKED,
        prometheus_url=bed.prometheus_url,
        query="vector(4)",
        threshold=4,
        min_replicas=2,
        max_replicas=20,
    )
    bed.apply(deployment("orders", namespace, gpus=0, pull_seconds=0, ready_seconds=0), asked)
    bed.wait_for(lambda: condition(bed.get("so", "orders", namespace), "Ready") == "True", what="KEDA takes it over")
    return Stage(
        actuator=KINDS["keda"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(bed.get("so", "orders", namespace)["spec"].get("minReplicaCount", 0)),
        edit=lambda n: bed.patch("so", "orders", {"spec": {"minReplicaCount": n}}, namespace),
        adopt=lambda: adopt_by_another(bed, "so", "orders", namespace),
        picture=lambda: picture_of(bed.find("so", namespace)),
        baseline=2,
    )


def real_kserve(bed: Testbed, namespace: str) -> Stage:
    """A raw one, KServe's controller played."""
    records = {"name": "ahpa-records", "namespace": "ahpa-system"}
    bed.apply(
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "ahpa-system"}},
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": records},
    )
    _made(bed, namespace, {MODE: "RawDeployment"})
    return Stage(
        actuator=KINDS["kserve"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(bed.get("isvc", "llm", namespace)["spec"]["predictor"].get("minReplicas", 1)),
        edit=lambda n: bed.patch("isvc", "llm", {"spec": {"predictor": {"minReplicas": n}}}, namespace),
        adopt=lambda: adopt_by_another(bed, "isvc", "llm", namespace),
        picture=lambda: picture_of([*bed.find("isvc", namespace), *bed.find("deployments", namespace)]),
        baseline=2,
    )


def real_kserve_serverless(bed: Testbed, namespace: str) -> Stage:
    """One behind which KServe, played, makes a Knative Service: the floor is its Revision's."""
    _made(bed, namespace, {"autoscaling.knative.dev/target-burst-capacity": "-1"})
    revision = "llm-predictor-00001"

    def objects() -> list[Object]:
        return [each for kind in ("isvc", "ksvc", "revisions") for each in bed.find(kind, namespace)]

    return Stage(
        actuator=KINDS["kserve"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(bed.get("revisions", revision, namespace)["metadata"]["annotations"].get(MIN_SCALE, 0)),
        edit=lambda n: bed.patch("revisions", revision, {"metadata": {"annotations": {MIN_SCALE: str(n)}}}, namespace),
        adopt=lambda: adopt_by_another(bed, "isvc", "llm", namespace),
        picture=lambda: picture_of(objects()),
        baseline=2,
    )


def _made(bed: Testbed, namespace: str, annotations: dict[str, str]) -> None:
    bed.play_kserve()
    bed.apply(inference_service("llm", namespace, {**ASKED, **annotations}, minReplicas=2, maxReplicas=20))
    bed.wait_for(lambda: condition(bed.get("isvc", "llm", namespace), "Ready") == "True", what="KServe takes it over")
