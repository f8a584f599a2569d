"""HorizontalPodAutoscalers: the floor is `spec.minReplicas`, with our record in the same patch.

The HPA controller acts on a raised minReplicas at the next sync, without metrics and past `behavior`
(horizontal.go: "current number of replicas is below the minimum"), so our own ramp replaces it.
An HPA that another controller made is refused: that controller would revert us (KEDA, Knative, KServe) or
fight (another predictor).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.objects import (
    annotations_of,
    concerns_us,
    count,
    owns,
    reference_to,
    somebody_elses,
    target_or_refusal,
    whole,
)
from ahpa.core.policy.values import STATE
from ahpa.ports import ClusterError, Target
from ahpa.transport import NEVER

AUTOSCALING_V2 = "autoscaling/v2"


class HorizontalPodAutoscalers:
    """The actuator for HPAs in `namespace`, or in all."""

    def __init__(self, kube: KubeApi, namespace: str | None = None) -> None:
        self._kube = kube
        self._namespace = namespace

    def targets(self, deadline: float = NEVER) -> list[Target]:
        within = HorizontalPodAutoscalers(self._kube.within(deadline), self._namespace)
        listed = within._kube.items(path(*collection(AUTOSCALING_V2, "horizontalpodautoscalers", self._namespace)))
        return [
            target_or_refusal(item, HPA, reference_to(item, AUTOSCALING_V2, "HorizontalPodAutoscaler"), within._target)
            for item in listed
            if concerns_us(item)
        ]

    def write(self, target: Target, floor: int) -> None:
        if floor != target.floor:
            self._patch(_listed(target), floor, str(target.baseline))

    def restore(self, target: Target) -> None:
        self._patch(_listed(target), target.baseline, None)

    def _patch(self, item: Object, floor: int, record: str | None) -> None:
        meta = item["metadata"]
        where = path(*collection(AUTOSCALING_V2, "horizontalpodautoscalers", meta["namespace"]), meta["name"])
        body = {
            "metadata": {
                "resourceVersion": meta["resourceVersion"],
                "uid": meta["uid"],
                "annotations": {STATE: record},
            },
            "spec": {"minReplicas": floor},
        }
        self._kube.merge_patch(where, body)

    def _target(self, item: Object) -> Target:
        meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
        namespace = str(meta.get("namespace"))
        minimum = spec.get("minReplicas")
        floor = (
            1 if minimum is None else count(minimum, "minReplicas")
        )  # 0 is a minimum too, where the cluster allows it
        record = whole(annotations_of(item).get(STATE))
        held = record is not None and owns(item, "spec", "minReplicas")
        scaled = self._scaled(namespace, spec.get("scaleTargetRef") or {})
        asked = count(((scaled or {}).get("spec") or {}).get("replicas"), "replicas of what it scales")
        current = count(status.get("currentReplicas"), "currentReplicas")
        # What cannot be read is not "still starting": that would hold it at a higher level than was asked for.
        started = ((scaled or {}).get("status") or {}).get("readyReplicas")
        ready = current if scaled is None else count(started, "readyReplicas of what it scales")
        return Target(
            kind=HPA.name,
            namespace=namespace,
            name=str(meta.get("name")),
            annotations=annotations_of(item),
            reference=reference_to(item, AUTOSCALING_V2, "HorizontalPodAutoscaler"),
            baseline=record if held and record is not None else floor,
            floor=floor,
            ready=ready,
            present=max(current, asked),
            maximum=count(spec.get("maxReplicas"), "maxReplicas") or None,
            per_replica=_average_value(spec.get("metrics") or []),
            managed=STATE in annotations_of(item),
            selector=_selector(scaled),
            demand=HPA.demand,
            refusal=somebody_elses(item, HPA.title),
            handle=item,
        )

    def _scaled(self, namespace: str, reference: Mapping[str, Any]) -> Object | None:
        """The Deployment or StatefulSet that is scaled; None if it is something else or cannot be read."""
        resource = {"Deployment": "deployments", "StatefulSet": "statefulsets"}.get(str(reference.get("kind")))
        if resource is None:
            return None
        try:
            return self._kube.get(path(*collection("apps/v1", resource, namespace), str(reference.get("name"))))
        except ClusterError:
            return None


HPA = Kind(
    name="hpa",
    title="HPA",
    actuator=HorizontalPodAutoscalers,
    demand=None,
    capacity="the `averageValue` of its metric, if it has just one and that is of type Pods or External",
)


def _listed(target: Target) -> Object:
    if not isinstance(target.handle, dict):
        raise TypeError(f"{target.key} was not listed by this actuator")
    return target.handle


def _selector(scaled: Object | None) -> str:
    labels = ((scaled or {}).get("spec") or {}).get("selector", {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _average_value(metrics: list[Any]) -> float | None:
    """What one replica serves at target, if the HPA has just one Pods or External metric with an average."""
    if len(metrics) != 1 or metrics[0].get("type") not in ("Pods", "External"):
        return None
    source = metrics[0].get(str(metrics[0]["type"]).lower()) or {}
    text = (source.get("target") or {}).get("averageValue")
    if text is None:
        return None
    from kubernetes.utils import parse_quantity

    value = float(parse_quantity(text))
    return value if 0 < value < math.inf else None
