"""Each kind on a fake API server."""

from __future__ import annotations

from dataclasses import replace

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE, TARGET_PERCENTAGE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.reactive.hpa.config import parse_quantity
from tests.contracts.stage import ASKED, Stage, owned_by, picture_of
from tests.fakes.kube import FakeKube


def fake_knative(own: str | None) -> Stage:
    kube = FakeKube()
    root = "/apis/serving.knative.dev/v1/namespaces/shop"
    revision = {MIN_SCALE: own} if own is not None else {}
    service, where = f"{root}/services/chat", f"{root}/revisions/chat-00001"
    kube.put(service, {
        "metadata": {"namespace": "shop", "name": "chat", "annotations": dict(ASKED)},
        "spec": {"template": {}},
        "status": {"traffic": [{"revisionName": "chat-00001", "percent": 100}]},
    })  # fmt: skip
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "chat-00001", "annotations": revision},
        "spec": {"containerConcurrency": 10},
        "status": {"actualReplicas": 1, "desiredReplicas": 1},
    })  # fmt: skip
    return Stage(
        actuator=KINDS["knative"].actuator(kube, "shop"),
        minimum=lambda: int(kube.get(where)["metadata"]["annotations"].get(MIN_SCALE, 0)),
        edit=lambda n: kube.edit(where, {"metadata": {"annotations": {MIN_SCALE: str(n)}}}),
        adopt=lambda: kube.edit(service, owned_by("Platform")),
        picture=lambda: picture_of(kube.objects.values()),
        baseline=int(own or 0),
        writes=kube.writes,
        kube=kube,
        aim=lambda: float(kube.get(where)["metadata"]["annotations"].get(TARGET_PERCENTAGE, "70")) / 100,
        edit_aim=lambda percent: kube.edit(where, {"metadata": {"annotations": {TARGET_PERCENTAGE: str(percent)}}}),
    )


def fake_old_knative() -> Stage:
    """Knative 1.20: what we set is borne by the PodAutoscaler."""
    stage = fake_knative(None)
    kube = stage.kube
    assert kube is not None
    kube.install_knative("1.20.0")
    where = "/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/shop/podautoscalers/chat-00001"
    kube.put(where, {"metadata": {"namespace": "shop", "name": "chat-00001", "annotations": {}}, "spec": {}})

    def edit_aim(percent: int) -> None:
        kube.edit(where, {"metadata": {"annotations": {TARGET_PERCENTAGE: str(percent)}}})

    def said(key: str, otherwise: str) -> str:
        return str(kube.get(where)["metadata"]["annotations"].get(key, otherwise))

    return replace(
        stage,
        minimum=lambda: int(said(MIN_SCALE, "0")),
        aim=lambda: float(said(TARGET_PERCENTAGE, "70")) / 100,
        edit_aim=edit_aim,
    )


def fake_hpa(own: int, value: str = "") -> Stage:
    """On cpu, or on requests in flight with such an averageValue, which is taken for 70 % of what a pod holds."""
    kube = FakeKube()
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}}
    held = {"metric": {"name": "inflight"}, "target": {"type": "AverageValue", "averageValue": value}}
    metrics: list[Object] = [{"type": "Pods", "pods": held} if value else cpu]

    def aim() -> float:
        (metric,) = kube.get(where)["spec"]["metrics"]
        if not value:
            return float(metric["resource"]["target"]["averageUtilization"] / 100)
        ratio = parse_quantity(metric["pods"]["target"]["averageValue"]) / parse_quantity(value)
        return float(round(0.7 * float(ratio), 3))

    def edit_aim(percent: int) -> None:
        target = {"averageValue": f"{percent * 1000 * int(value) // 70}m"} if value else {"averageUtilization": percent}
        place = "pods" if value else "resource"
        kube.edit(where, {"spec": {"metrics": [{**metrics[0], place: {**metrics[0][place], "target": target}}]}})

    where = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/api"
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "api", "annotations": dict(ASKED)},
        "spec": {"minReplicas": own, "maxReplicas": 20, "scaleTargetRef": {"kind": "Deployment", "name": "api"},
                 "metrics": metrics},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    return Stage(
        actuator=KINDS["hpa"].actuator(kube, "shop"),
        minimum=lambda: int(kube.get(where)["spec"]["minReplicas"]),
        edit=lambda n: kube.edit(where, {"spec": {"minReplicas": n}}),
        adopt=lambda: kube.edit(where, owned_by("ScaledObject")),
        picture=lambda: picture_of(kube.objects.values()),
        baseline=own,
        writes=kube.writes,
        kube=kube,
        aim=aim,
        edit_aim=edit_aim,
    )


def fake_keda(own: int | None) -> Stage:
    kube = FakeKube()
    where = "/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/orders"
    trigger = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "orders", "annotations": dict(ASKED),
                     "labels": {"scaledobject.keda.sh/name": "orders"}},
        "spec": {"maxReplicaCount": 20, "scaleTargetRef": {"name": "orders"}, "triggers": [trigger],
                 **({} if own is None else {"minReplicaCount": own})},
    })  # fmt: skip
    return Stage(
        actuator=KINDS["keda"].actuator(kube, "shop"),
        minimum=lambda: int(kube.get(where)["spec"].get("minReplicaCount", 0)),
        edit=lambda n: kube.edit(where, {"spec": {"minReplicaCount": n}}),
        adopt=lambda: kube.edit(where, owned_by("InferenceService")),
        picture=lambda: picture_of(kube.objects.values()),
        baseline=own or 0,
        writes=kube.writes,
        kube=kube,
    )


def fake_kserve(own: int | None) -> Stage:
    """A raw one: Deployment and HPA are KServe's."""
    kube = FakeKube()
    where = "/apis/serving.kserve.io/v1beta1/namespaces/shop/inferenceservices/llm"
    kube.put("/api/v1/namespaces/ahpa-system/configmaps/ahpa-records", {
        "metadata": {"namespace": "ahpa-system", "name": "ahpa-records"}, "data": {},
    })  # fmt: skip
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": "llm", "annotations": dict(ASKED)},
        "spec": {"predictor": {"maxReplicas": 20, **({} if own is None else {"minReplicas": own})}},
    })  # fmt: skip
    share = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}
    kube.put("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/llm-predictor", {
        "metadata": {"namespace": "shop", "name": "llm-predictor"},
        "spec": {"minReplicas": own or 1, "maxReplicas": 20, "metrics": [share]},
    })  # fmt: skip
    return Stage(
        actuator=KINDS["kserve"].actuator(kube, "shop"),
        minimum=lambda: int(kube.get(where)["spec"]["predictor"].get("minReplicas", 1)),
        edit=lambda n: kube.edit(where, {"spec": {"predictor": {"minReplicas": n}}}),
        adopt=lambda: kube.edit(where, owned_by("ModelDeployment")),
        picture=lambda: picture_of([kube.get(where)]),
        baseline=1 if own is None else own,
        writes=kube.writes,
        kube=kube,
    )


def fake_kserve_serverless(own: str | None) -> Stage:
    """One that has a Knative Service, which KServe made."""
    stage = fake_knative(own)
    kube = stage.kube
    assert kube is not None
    (service,) = [where for where in kube.objects if "/services/" in where]
    made = kube.objects.pop(service)
    made["metadata"] |= {"name": "llm-predictor", "annotations": {}}
    made["metadata"]["ownerReferences"] = [{"kind": "InferenceService", "name": "llm", "controller": True}]
    kube.put(service.replace("/chat", "/llm-predictor"), made)
    where = "/apis/serving.kserve.io/v1beta1/namespaces/shop/inferenceservices/llm"
    meta = {"namespace": "shop", "name": "llm", "annotations": dict(ASKED)}
    kube.put(where, {"metadata": meta, "spec": {"predictor": {"minReplicas": 0}}})
    adopt = lambda: kube.edit(where, owned_by("ModelDeployment"))  # noqa: E731
    return replace(stage, actuator=KINDS["kserve"].actuator(kube, "shop"), adopt=adopt)
