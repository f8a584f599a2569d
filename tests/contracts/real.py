"""Each kind on the testbed, with its real controllers."""

from __future__ import annotations

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.revisions import MIN_SCALE
from testbed import Testbed
from tests.contracts.stage import ASKED, Stage, adopt_by_another, picture_of


def real_knative(bed: Testbed, namespace: str) -> Stage:
    bed.knative_service("chat", namespace, annotations=ASKED, template_annotations={MIN_SCALE: "1"}, concurrency=10)

    def minimum() -> int:
        return int(bed.get("revisions", "chat-00001", namespace)["metadata"]["annotations"].get(MIN_SCALE, 0))

    def edit(number: int) -> None:
        patch = {"metadata": {"annotations": {MIN_SCALE: str(number)}}}
        bed.patch("revisions", "chat-00001", patch, namespace)

    return Stage(
        actuator=KINDS["knative"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=minimum,
        edit=edit,
        adopt=lambda: adopt_by_another(bed, "ksvc", "chat", namespace),
        picture=lambda: picture_of([*bed.find("ksvc", namespace), *bed.find("revisions", namespace)]),
        baseline=1,
    )


def real_hpa(bed: Testbed, namespace: str) -> Stage:
    bed.hpa_with_deployment("api", namespace, annotations=ASKED, min_replicas=2, max_replicas=20)
    return Stage(
        actuator=KINDS["hpa"].actuator(Kube.connect(str(bed.kubeconfig)), namespace),
        minimum=lambda: int(bed.get("hpa", "api", namespace)["spec"]["minReplicas"]),
        edit=lambda n: bed.patch("hpa", "api", {"spec": {"minReplicas": n}}, namespace),
        adopt=lambda: adopt_by_another(bed, "hpa", "api", namespace),
        picture=lambda: picture_of(bed.find("hpa", namespace)),
        baseline=2,
    )
