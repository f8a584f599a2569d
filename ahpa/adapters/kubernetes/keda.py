"""KEDA's ScaledObjects: the floor is `spec.minReplicaCount`, with our record in the same patch.

KEDA makes the HPA anew from it, so the HPA itself is not ours to write to (keda v2.21, controllers/keda/hpa.go:
updateHPAIfNeeded reverts foreign edits, and copies all annotations of the ScaledObject to the HPA). While no trigger is
active it scales to minReplicaCount by itself, so a floor acts on what sleeps too (pkg/scaling/executor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.concern import Concern, concerns_us
from ahpa.adapters.kubernetes.hpa import config_of, reaction, workload_names
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.objects import (
    annotations_of,
    count,
    handle_of,
    in_git,
    only_raised,
    patch_listed,
    reference_to,
    somebody_elses,
    target_or_refusal,
    whole,
)
from ahpa.adapters.kubernetes.scaled import Workloads
from ahpa.adapters.kubernetes.triggers import measures_of, windows_of
from ahpa.adapters.kubernetes.unchanged import Look, Unchanged, looking
from ahpa.core.policy.values import PREFIX, STATE
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.targets import Target
from ahpa.transport import NEVER

KEDA_V1 = "keda.sh/v1alpha1"
_NOTHING = "absent"
"""Our record of a minReplicaCount that was not set."""
_MAXIMUM = 100
"""KEDA's own (apis/keda/v1alpha1/scaledobject_types.go)."""
_PAUSED = "autoscaling.keda.sh/paused"


class ScaledObjects:
    """The actuator for ScaledObjects in `namespace`, or in all."""

    def __init__(self, kube: KubeApi, namespace: str | None = None, concerns: Concern = concerns_us) -> None:
        self._kube = kube
        self._namespace = namespace
        self._concerns = concerns
        self._unchanged = Unchanged()

    def targets(self, deadline: float = NEVER) -> list[Target]:
        kube = self._kube.within(deadline)
        found = kube.items(path(*collection(KEDA_V1, "scaledobjects", self._namespace)))

        def read(item: Object, look: Look) -> Target:
            reference = reference_to(item, KEDA_V1, "ScaledObject")
            return target_or_refusal(item, KEDA, reference, lambda each: _target(each, Workloads(look)))

        return self._unchanged.targets(filter(self._concerns, found), read, looking(kube))

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        (floor,) = floors
        if floor == target.floor:
            return False
        item = handle_of(target, dict)
        own = _record(item) if _held(item) else _said(item)
        self._patch(item, floor, _NOTHING if own is None else str(own))
        return True

    def fill(self, target: Target, share: float | None) -> bool:
        return False  # its HPA is KEDA's, which reverts us, and its triggers may have any form

    def restore(self, target: Target) -> None:
        item = handle_of(target, dict)
        self._patch(item, _record(item) if _held(item) else _said(item), None)

    def _patch(self, item: Object, minimum: int | None, record: str | None) -> None:
        spec = {"minReplicaCount": minimum}
        patch_listed(self._kube, item, KEDA_V1, "scaledobjects", annotations={STATE: record}, spec=spec)


def _target(item: Object, workloads: Workloads) -> Target:
    meta, spec = item["metadata"], item.get("spec") or {}
    namespace, scales = str(meta.get("namespace")), spec.get("scaleTargetRef") or {}
    scales = {"kind": "Deployment", **scales}
    scaled = workloads.read(namespace, scales)
    floor = count(spec.get("minReplicaCount"), "minReplicaCount")
    maximum = spec.get("maxReplicaCount")
    ready, present = scaled.replicas(floor)
    return Target(
        kind=KEDA.name,
        title=KEDA.title,
        namespace=namespace,
        name=str(meta.get("name")),
        annotations={**_windows(spec), **annotations_of(item)},
        reference=reference_to(item, KEDA_V1, "ScaledObject"),
        baseline=(_record(item) or 0) if _held(item) else floor,
        floor=floor,
        ready=ready,
        present=present,
        maximum=_MAXIMUM if maximum is None else count(maximum, "maxReplicaCount"),
        measures=measures_of(spec, lambda: workloads.requests(namespace, scaled)),
        managed=STATE in annotations_of(item),
        selector=scaled.selector,
        names=workload_names(scales),
        no_demand="none of its triggers can be measured by itself: name the query that measures this ScaledObject",
        reaction=reaction(behaving(spec)),
        refusal=somebody_elses(item, KEDA.title) or _idle(spec) or _paused(annotations_of(item)),
        in_git=in_git(item, "spec", "minReplicaCount"),
        doubt=_fallen_back(item),
        handle=item,
    )


def behaving(spec: Object) -> Object:
    """What of a ScaledObject's spec goes into its HPA as it is, `behavior` among it."""
    return (spec.get("advanced") or {}).get("horizontalPodAutoscalerConfig") or {}


def _scaler(target: Target) -> HpaConfig | None:
    """Of the HPA that KEDA makes, but for its metrics; None where its `behavior` cannot be read."""
    spec = handle_of(target, dict).get("spec") or {}
    try:
        behavior = behaving(spec).get("behavior")
    except AttributeError:
        return None
    return config_of({"maxReplicas": _MAXIMUM, "behavior": behavior})


KEDA = Kind(
    name="keda",
    title="ScaledObject",
    actuator=ScaledObjects,
    demand="what its triggers are of: cpu, memory, Kafka, their own PromQL where the operator allows that; of several "
    "the one that needs most replicas",
    capacity="the trigger's threshold, or its share of what a pod requests",
    scaler=_scaler,
)


def _windows(spec: Object) -> dict[str, str]:
    """What its cron triggers say, as its owner would say it to us; what the owner does say stands above it."""
    found = windows_of(spec)
    return {f"{PREFIX}windows": found} if found else {}


def _said(item: Object) -> int | None:
    """The minimum as it stands; None: there is none, which means 0."""
    minimum = (item.get("spec") or {}).get("minReplicaCount")
    return None if minimum is None else count(minimum, "minReplicaCount")


def _record(item: Object) -> int | None:
    """What we noted of its owner's minimum; None: that there was none."""
    return whole(annotations_of(item).get(STATE))


def _held(item: Object) -> bool:
    """Whether the minimum in force is ours."""
    noted = annotations_of(item).get(STATE)
    known = noted == _NOTHING or whole(noted) is not None
    return known and only_raised(item, _record(item) or 0, _said(item) or 0, "spec", "minReplicaCount")


def _idle(spec: Object) -> str | None:
    if spec.get("idleReplicaCount") is None:
        return None
    return (
        "while no trigger is active KEDA keeps its idleReplicaCount, whatever the minimum is: a floor would come with "
        "the load. Remove idleReplicaCount, or let a trigger read ahpa_floor_replicas (docs/without-writing.md)"
    )


def _paused(annotations: Mapping[str, str]) -> str | None:
    """KEDA's pauses are its owner's word; one of scaling in alone is no reason, as we only keep what is there."""
    for key in (_PAUSED + "-replicas", _PAUSED, _PAUSED + "-scale-out"):
        value = annotations.get(key)
        if value is not None and (key.endswith("-replicas") or str(value).lower() not in ("false", "f", "0")):
            return f"its owner has paused it ({key}), and KEDA does nothing about a minimum until that is gone"
    return None


def _fallen_back(item: Object) -> str | None:
    """Whether KEDA cannot read its own triggers now: no time to release anything."""
    for one in (item.get("status") or {}).get("conditions") or []:
        if one.get("type") == "Fallback" and one.get("status") == "True":
            return "KEDA has fallen back, as it cannot read its triggers"
    return None
