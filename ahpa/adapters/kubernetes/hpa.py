"""HorizontalPodAutoscalers: the floor is `spec.minReplicas`, with our record in the same patch.

The HPA controller acts on a raised minReplicas at the next sync, without metrics and past `behavior`
(horizontal.go: "current number of replicas is below the minimum"), so our own ramp replaces it.
An HPA that another controller made is refused: that controller would revert us (KEDA, Knative, KServe) or
fight (another predictor).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.hpa_metrics import average_value
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.objects import annotations_of, concerns_us, owns, reference_to, somebody_elses, whole
from ahpa.core.policy.values import STATE
from ahpa.ports import ClusterError, Target

AUTOSCALING_V2 = "autoscaling/v2"


class HorizontalPodAutoscalers:
    """The actuator for HPAs in `namespace`, or in all."""

    def __init__(self, kube: KubeApi, namespace: str | None = None) -> None:
        self._kube = kube
        self._namespace = namespace

    def targets(self) -> list[Target]:
        listed = self._kube.items(path(*collection(AUTOSCALING_V2, "horizontalpodautoscalers", self._namespace)))
        return [self._target(item) for item in listed if concerns_us(item)]

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
        floor = 1 if minimum is None else int(minimum)  # 0 is a minimum too, where the cluster allows it
        record = whole(annotations_of(item).get(STATE))
        held = record is not None and owns(item, "spec", "minReplicas")
        scaled = self._scaled(namespace, spec.get("scaleTargetRef") or {})
        asked = int(((scaled or {}).get("spec") or {}).get("replicas") or 0)
        current = int(status.get("currentReplicas") or 0)
        # What cannot be read is not "still starting": that would hold it at a higher level than was asked for.
        ready = current if scaled is None else int((scaled.get("status") or {}).get("readyReplicas") or 0)
        return Target(
            kind=HPA.name,
            title=HPA.title,
            namespace=namespace,
            name=str(meta.get("name")),
            annotations=annotations_of(item),
            reference=reference_to(item, AUTOSCALING_V2, "HorizontalPodAutoscaler"),
            baseline=record if held and record is not None else floor,
            floor=floor,
            ready=ready,
            present=max(current, asked),
            maximum=int(spec.get("maxReplicas") or 0) or None,
            capacities=(average_value(spec.get("metrics") or []),),
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
    capacity="the `averageValue` of its metric, if it has just one; what that counts is told by its name",
)


def _listed(target: Target) -> Object:
    if not isinstance(target.handle, dict):
        raise TypeError(f"{target.key} was not listed by this actuator")
    return target.handle


def _selector(scaled: Object | None) -> str:
    labels = ((scaled or {}).get("spec") or {}).get("selector", {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
