"""The HPA that Knative makes of a Revision of the class `hpa.autoscaling.knative.dev`.

Source: knative.dev/serving v0.50.0, pkg/reconciler/autoscaling/hpa/resources/hpa.go (MakeHPA).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from ahpa.reactive.kpa.config import GROUP, ClusterDefaults, KpaConfigError
from ahpa.reactive.kpa.reader import INT32_MAX, Reader

HPA_CLASS = "hpa.autoscaling.knative.dev"


def hpa_spec(annotations: Mapping[str, str], defaults: ClusterDefaults) -> dict[str, object]:
    """Its `spec` but for what it scales. Without a `target` it has no metrics, and Kubernetes' default holds. Raises
    KpaConfigError."""
    read = Reader(annotations, GROUP)
    least, most = read.count("min-scale", defaults.min_scale), read.count("max-scale", defaults.max_scale)
    spec: dict[str, object] = {"minReplicas": max(1, least), "maxReplicas": most or INT32_MAX}
    if read.has("target"):
        spec["metrics"] = [_metric(read.text("metric", "cpu"), read.number("target", 1, 0.01))]
    if read.has("window"):
        window = {"stabilizationWindowSeconds": int(read.window("window", 0))}
        spec["behavior"] = {"scaleUp": window, "scaleDown": window}
    if read.problems:
        raise KpaConfigError(tuple(read.problems))
    return spec


def _metric(name: str, target: float) -> dict[str, object]:
    """One entry of spec.metrics. CPU is rounded up to whole percent, everything else down."""
    if name == "cpu":
        share = {"type": "Utilization", "averageUtilization": math.ceil(target)}
        return {"type": "Resource", "resource": {"name": "cpu", "target": share}}
    if name == "memory":
        value = {"type": "AverageValue", "averageValue": f"{int(target)}Mi"}
        return {"type": "Resource", "resource": {"name": "memory", "target": value}}
    value = {"type": "AverageValue", "averageValue": f"{int(target)}"}
    return {"type": "Pods", "pods": {"metric": {"name": name}, "target": value}}
