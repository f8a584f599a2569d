"""HorizontalPodAutoscalers: the floor is `spec.minReplicas`, with our record in the same patch.

The HPA controller acts on a raised minReplicas at the next sync, without metrics and past `behavior`
(horizontal.go: "current number of replicas is below the minimum"), so our own ramp replaces it.
An HPA that another controller made is refused: that controller would revert us (KEDA, Knative, KServe) or
fight (another predictor).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ahpa.adapters.kubernetes.api import Kube, KubeError, Object, collection, controller_of, owns, path
from ahpa.adapters.kubernetes.target import Target, concerns_us, whole
from ahpa.core.policy.values import STATE

AUTOSCALING_V2 = "autoscaling/v2"
_KEDA_LABEL = "scaledobject.keda.sh/name"


class HorizontalPodAutoscalers:
    """The actuator for HPAs in `namespace`, or in all."""

    def __init__(self, kube: Kube, namespace: str | None = None) -> None:
        self._kube = kube
        self._namespace = namespace

    def targets(self) -> list[Target]:
        listed = self._kube.items(path(*collection(AUTOSCALING_V2, "horizontalpodautoscalers", self._namespace)))
        return [self._target(item) for item in listed if concerns_us(item["metadata"].get("annotations") or {})]

    def write(self, target: Target, floor: int) -> None:
        if floor != target.floor:
            self._patch(target.handle, floor, str(target.baseline))

    def restore(self, target: Target) -> None:
        self._patch(target.handle, target.baseline, None)

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
        record = whole((meta.get("annotations") or {}).get(STATE))
        held = record is not None and owns(item, "spec", "minReplicas")
        scaled = self._scaled(namespace, spec.get("scaleTargetRef") or {})
        asked = int(((scaled or {}).get("spec") or {}).get("replicas") or 0)
        current = int(status.get("currentReplicas") or 0)
        # What cannot be read is not "still starting": that would hold it at a higher level than was asked for.
        ready = current if scaled is None else int((scaled.get("status") or {}).get("readyReplicas") or 0)
        return Target(
            kind="hpa",
            namespace=namespace,
            name=str(meta.get("name")),
            annotations=meta.get("annotations") or {},
            reference={
                "apiVersion": AUTOSCALING_V2,
                "kind": "HorizontalPodAutoscaler",
                "namespace": namespace,
                "name": str(meta.get("name")),
                "uid": str(meta.get("uid")),
            },
            baseline=record if held and record is not None else floor,
            floor=floor,
            ready=ready,
            present=max(current, asked),
            maximum=int(spec.get("maxReplicas") or 0) or None,
            per_replica=_average_value(spec.get("metrics") or []),
            managed=STATE in (meta.get("annotations") or {}),
            selector=_selector(scaled),
            refusal=_refusal(item),
            handle=item,
        )

    def _scaled(self, namespace: str, reference: Mapping[str, Any]) -> Object | None:
        """The Deployment or StatefulSet that is scaled; None if it is something else or cannot be read."""
        resource = {"Deployment": "deployments", "StatefulSet": "statefulsets"}.get(str(reference.get("kind")))
        if resource is None:
            return None
        try:
            return self._kube.get(path(*collection("apps/v1", resource, namespace), str(reference.get("name"))))
        except KubeError:
            return None


def _selector(scaled: Object | None) -> str:
    labels = ((scaled or {}).get("spec") or {}).get("selector", {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _refusal(item: Object) -> str | None:
    owner = controller_of(item)
    if owner is not None:
        return f"{owner} made this HPA and would revert us; annotate that object instead"
    if _KEDA_LABEL in (item["metadata"].get("labels") or {}):
        return "KEDA made this HPA and would revert us; annotate the ScaledObject instead"
    return None


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
    return value if value > 0 else None
