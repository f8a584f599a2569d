"""Each kind on the testbed, with its real controllers."""

from __future__ import annotations

from ahpa.adapters.kubernetes.api import Kube, Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE, TARGET_PERCENTAGE
from ahpa.adapters.kubernetes.kinds import KINDS
from testbed import Testbed
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
