"""HorizontalPodAutoscalers: the floor is `spec.minReplicas`, with our record in the same patch; the second lever its
metrics' targets (hpa_target.py).

The HPA controller acts on a raised minReplicas at the next sync, without metrics and past `behavior`
(horizontal.go: "current number of replicas is below the minimum"), so our own ramp replaces it.
An HPA that another controller made is refused: that controller would revert us (KEDA, Knative, KServe) or
fight (another predictor).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.concern import Concern, concerns_us
from ahpa.adapters.kubernetes.hpa_metrics import Requests, measure_of, metrics_of
from ahpa.adapters.kubernetes.hpa_target import lever_of, own_metrics, raised, record_of, same
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.objects import (
    annotations_of,
    count,
    handle_of,
    in_git,
    maker_of,
    only_raised,
    patch_listed,
    reference_to,
    somebody_elses,
    target_or_refusal,
    whole,
)
from ahpa.adapters.kubernetes.scaled import Scaled, Workloads
from ahpa.adapters.kubernetes.unchanged import Look, Unchanged, looking
from ahpa.core.policy.values import STATE, TARGET_STATE
from ahpa.core.served import HPA as WITHOUT_BEHAVIOR
from ahpa.core.served import Reaction
from ahpa.core.turns import in_turn
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.hpa.reaction import reaction_of
from ahpa.targets import Measure, Target
from ahpa.transport import NEVER

AUTOSCALING_V2, HPAS = "autoscaling/v2", "horizontalpodautoscalers"


class HorizontalPodAutoscalers:
    """The actuator for HPAs in `namespace`, or in all."""

    def __init__(
        self,
        kube: KubeApi,
        namespace: str | None = None,
        concerns: Concern = concerns_us,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._concerns = concerns
        self._stopwatch = stopwatch
        self._unchanged = Unchanged()
        self._late: tuple[str, ...] = ()
        """Whose scaled objects the last listing had no time to read: they come first in the next."""

    def targets(self, deadline: float = NEVER) -> list[Target]:
        kube = self._kube.within(deadline)
        found = kube.items(path(*collection(AUTOSCALING_V2, HPAS, self._namespace)))
        ours = {_name(item): item for item in found if self._concerns(item)}
        late: list[str] = []

        def read(item: Object, look: Look) -> Target:
            if self._stopwatch() >= deadline:
                late.append(_name(item))
            reference = reference_to(item, AUTOSCALING_V2, "HorizontalPodAutoscaler")
            return target_or_refusal(item, HPA, reference, lambda each: _target(each, Workloads(look)))

        turns = in_turn(ours, self._late)
        targets = self._unchanged.targets((ours[name] for name in turns), read, looking(kube))
        self._late = tuple(late)
        by_name = dict(zip(turns, targets, strict=True))
        return [by_name[name] for name in ours]

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        (floor,) = floors
        if floor == target.floor:
            return False
        self._patch(handle_of(target, dict), {"minReplicas": floor}, {STATE: str(target.baseline)})
        return True

    def fill(self, target: Target, share: float | None) -> bool:
        item, lever = handle_of(target, dict), target.lever
        if share is not None and (lever.own is None or share <= lever.own):
            share = None
        metrics = own_metrics(item) if share is None or lever.own is None else raised(item, lever.own, share)
        if same(metrics, (item.get("spec") or {}).get("metrics") or []):
            return False
        record = None if share is None else record_of(item)
        self._patch(item, {"metrics": metrics}, {TARGET_STATE: record})
        return True

    def restore(self, target: Target) -> None:
        item = handle_of(target, dict)
        spec: dict[str, object] = {"minReplicas": target.baseline}
        if target.lever.raised is not None:
            spec["metrics"] = own_metrics(item)
        noted = {key: None for key in (STATE, TARGET_STATE) if key in annotations_of(item)}
        self._patch(item, spec, noted)

    def _patch(self, item: Object, spec: Mapping[str, object], annotations: Mapping[str, str | None]) -> None:
        """One patch for the spec and our record of what its owner had there."""
        patch_listed(self._kube, item, AUTOSCALING_V2, HPAS, annotations=annotations, spec=spec)


def _target(item: Object, workloads: Workloads) -> Target:
    meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
    namespace = str(meta.get("namespace"))
    minimum = spec.get("minReplicas")
    # 0 is a minimum too, where the cluster allows it.
    floor = 1 if minimum is None else count(minimum, "minReplicas")
    record = whole(annotations_of(item).get(STATE))
    held = record is not None and only_raised(item, record, floor, "spec", "minReplicas")
    current = count(status.get("currentReplicas"), "currentReplicas")
    scales = spec.get("scaleTargetRef") or {}
    scaled = workloads.read(namespace, scales)
    return Target(
        kind=HPA.name,
        title=HPA.title,
        namespace=namespace,
        name=str(meta.get("name")),
        annotations=annotations_of(item),
        reference=reference_to(item, AUTOSCALING_V2, "HorizontalPodAutoscaler"),
        baseline=record if held and record is not None else floor,
        floor=floor,
        # What cannot be read is not "still starting": that would hold it at a higher level than was asked for.
        ready=current if scaled.ready is None else scaled.ready,
        present=max(current, scaled.asked),
        maximum=count(spec.get("maxReplicas"), "maxReplicas") or None,
        measures=measures({**spec, "metrics": own_metrics(item)}, namespace, scaled, workloads),
        lever=lever_of(item),
        managed=not annotations_of(item).keys().isdisjoint((STATE, TARGET_STATE)),
        selector=scaled.selector,
        names=workload_names(scales),
        no_demand="it has no metric that can be measured by itself: name the query that measures this HPA",
        reaction=reaction(spec),
        refusal=somebody_elses(item, HPA.title),
        inertia=inertia(scaled),
        maker=maker_of(item),
        in_git=in_git(item, "spec", "minReplicas"),
        handle=item,
    )


def measures(spec: Object, namespace: str, scaled: Scaled, workloads: Workloads) -> tuple[Measure, ...]:
    """What an HPA with such metrics is scaled by. Raises what damaged text in it raises."""
    metrics = metrics_of(spec)
    shares = any(metric.utilization is not None for metric in metrics)
    requests: Requests = workloads.requests(namespace, scaled) if shares else {}
    return tuple(measure_of(metric, requests) for metric in metrics)


def inertia(scaled: Scaled) -> str:
    """Why an HPA would not follow a minimum (horizontal.go: scaling is disabled at 0 replicas)."""
    at_zero = scaled.known and not scaled.asked
    return "at 0 replicas an HPA does nothing, whatever its minimum is; scale it to 1 by hand" if at_zero else ""


def workload_names(reference: Object) -> dict[str, str]:
    """The names that queries may be filled with, from a `scaleTargetRef`."""
    return {"workload": str(reference.get("name")), "workload-kind": str(reference.get("kind"))}


def config_of(spec: Object) -> HpaConfig | None:
    """Of an HPA's spec, or of what stands in for it; None where that cannot be read."""
    try:
        return HpaConfig.from_spec(spec)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


HPA = Kind(
    name="hpa",
    title="HPA",
    actuator=HorizontalPodAutoscalers,
    demand="what its metrics are of: cpu and memory of its pods, for others the query of the list that is `for` them; "
    "of several the one that needs most replicas",
    capacity="the metric's `averageValue`, or its `averageUtilization` of what a pod requests",
    scaler=lambda target: config_of({**(handle_of(target, dict).get("spec") or {}), "minReplicas": 1}),
)


def reaction(spec: Object) -> Reaction:
    """What its `behavior` comes to; what cannot be read is taken to be as if there were none."""
    config = config_of({"maxReplicas": 1, "behavior": spec.get("behavior")})
    return WITHOUT_BEHAVIOR if config is None else reaction_of(config)


def _name(item: Object) -> str:
    meta = item["metadata"]
    return f"{meta.get('namespace')}/{meta.get('name')}"
