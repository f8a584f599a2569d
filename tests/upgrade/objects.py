"""Two hundred objects of every kind, as their owners made them, in two clusters: one of them has an old Knative."""

from __future__ import annotations

import copy
from typing import Any

from tests.fakes.kube import FakeKube

ASKED = {"ahpa.dev/mode": "apply", "team/owner": "ml", "ahpa.dev/of-a-version-to-come": "kept"}
LEVER = {**ASKED, "ahpa.dev/manage-target": "true"}
MIN_SCALE, TARGET = "autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/target-utilization-percentage"
SERVING = "/apis/serving.knative.dev/v1/namespaces/shop"
Objects = dict[str, Any]


def new_cluster() -> Objects:
    """80 Knative Services, 50 HPAs, 30 ScaledObjects, 20 raw InferenceServices."""
    kube = FakeKube()
    kube.put("/api/v1/namespaces/ahpa-system/configmaps/ahpa-records", {
        "metadata": {"namespace": "ahpa-system", "name": "ahpa-records"}, "data": {"of/a-version-to-come": "{}"},
    })  # fmt: skip
    for i in range(80):
        _knative(kube, f"s{i}", i)
    for i in range(50):
        _hpa(kube, f"h{i}", i)
    for i in range(30):
        _scaled_object(kube, f"k{i}", i)
    for i in range(20):
        _inference_service(kube, f"i{i}", i)
    return kube.objects


def old_cluster() -> Objects:
    """20 Knative Services under 1.20: their PodAutoscalers bear what we set."""
    kube = FakeKube()
    kube.install_knative("1.20.0")
    for i in range(20):
        _knative(kube, f"o{i}", 3 * i)
    for where in [where for where in kube.objects if "/revisions/" in where]:
        name = where.rpartition("/")[2]
        meta = {"namespace": "shop", "name": name, "annotations": {}}
        kube.put(f"/apis/autoscaling.internal.knative.dev/v1alpha1/namespaces/shop/podautoscalers/{name}",
                 {"metadata": meta, "spec": {}})  # fmt: skip
    return kube.objects


def of_a_fleet() -> dict[str, Objects]:
    """Both."""
    return {"new": new_cluster(), "old": old_cluster()}


def _knative(kube: FakeKube, name: str, i: int) -> None:
    """With a minimum or none, with a target of its owner's, with traffic that is split, with the second lever."""
    revisions = [f"{name}-00001", f"{name}-00002"][: 1 + (i % 5 == 4)]
    shares = [100] if len(revisions) == 1 else [70, 30]
    traffic = [{"revisionName": each, "percent": share} for each, share in zip(revisions, shares, strict=True)]
    kube.put(f"{SERVING}/services/{name}", {
        "metadata": {"namespace": "shop", "name": name, "annotations": dict(LEVER if i % 4 == 1 else ASKED)},
        "spec": {"template": {"metadata": {"annotations": {"team/kept": "yes"}}}}, "status": {"traffic": traffic},
    })  # fmt: skip
    own = {MIN_SCALE: str(i % 3)} if i % 3 else {}
    own |= {TARGET: "60"} if i % 8 == 1 else {}
    for each in revisions:
        kube.put(f"{SERVING}/revisions/{each}", {
            "metadata": {"namespace": "shop", "name": each, "annotations": dict(own)},
            "spec": {"containerConcurrency": 10}, "status": {"actualReplicas": 1},
        })  # fmt: skip


def _hpa(kube: FakeKube, name: str, i: int) -> None:
    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}
    held = {"metric": {"name": "inflight"}, "target": {"type": "AverageValue", "averageValue": "3"}}
    metrics = [[cpu], [{"type": "Pods", "pods": held}], [cpu, {"type": "Pods", "pods": held}]][i % 3]
    kube.put(f"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/{name}", {
        "metadata": {"namespace": "shop", "name": name, "annotations": dict(LEVER if i % 2 else ASKED)},
        "spec": {"minReplicas": 1 + i % 4, "maxReplicas": 20, "metrics": copy.deepcopy(metrics),
                 "scaleTargetRef": {"kind": "Deployment", "name": name}, "behavior": {"scaleDown": {}}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip


def _scaled_object(kube: FakeKube, name: str, i: int) -> None:
    trigger = {"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}
    kube.put(f"/apis/keda.sh/v1alpha1/namespaces/shop/scaledobjects/{name}", {
        "metadata": {"namespace": "shop", "name": name, "annotations": dict(ASKED),
                     "labels": {"scaledobject.keda.sh/name": name}},
        "spec": {"maxReplicaCount": 20, "scaleTargetRef": {"name": name}, "triggers": [trigger],
                 **({"minReplicaCount": i % 3} if i % 3 else {})},
    })  # fmt: skip


def _inference_service(kube: FakeKube, name: str, i: int) -> None:
    own = {"minReplicas": 1 + i % 2} if i % 3 else {}
    kube.put(f"/apis/serving.kserve.io/v1beta1/namespaces/shop/inferenceservices/{name}", {
        "metadata": {"namespace": "shop", "name": name, "annotations": dict(ASKED)},
        "spec": {"predictor": {"maxReplicas": 20, "model": {"storageUri": "s3://x"}, **own}},
    })  # fmt: skip
    share = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}
    kube.put(f"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/{name}-predictor", {
        "metadata": {"namespace": "shop", "name": f"{name}-predictor"},
        "spec": {"minReplicas": own.get("minReplicas", 1), "maxReplicas": 20, "metrics": [share]},
    })  # fmt: skip
