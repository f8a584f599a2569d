"""What a Knative Service and its Revisions say: shares of traffic, our record, bounds and replicas."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.objects import annotations_of, count, owns, whole
from ahpa.core.policy.values import STATE
from ahpa.reactive.kpa.config import KpaConfig, KpaConfigError

AUTOSCALING = "autoscaling.knative.dev/"
MIN_SCALE = AUTOSCALING + "min-scale"


def traffic(service: Object) -> dict[str, int]:
    """Revision name -> percent, of those that receive any, as the Service's status says."""
    shares: dict[str, int] = {}
    for entry in (service.get("status") or {}).get("traffic") or []:
        name, percent = entry.get("revisionName"), count(entry.get("percent"), "percent of traffic")
        if name and percent > 0:
            shares[name] = shares.get(name, 0) + percent
    return shares


def apportion(
    total: int, shares: Mapping[str, int], least: Mapping[str, int], most: Mapping[str, int] = MappingProxyType({})
) -> dict[str, int]:
    """Split a floor over Revisions by traffic (largest remainder), none below its own `least` or above its `most`.

    Knative refuses a min-scale above max-scale; what one Revision may not take, its traffic gives to no other.

    7 over 90 % and 10 % gives 6 and 1.
    """
    whole_share = sum(shares.values()) or 1
    exact = {name: total * share / whole_share for name, share in shares.items()}
    out = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (out[name] - exact[name], name))
    for name in by_remainder[: total - sum(out.values())]:
        out[name] += 1
    return {name: max(min(count, most.get(name, count)), least.get(name, 0)) for name, count in out.items()}


def recorded(service: Object) -> dict[str, str | None]:
    """Our record on the Service: Revision name -> its own min-scale annotation (None: it had none)."""
    text = annotations_of(service).get(STATE)
    if text is None or len(text) > 4096:
        return {}
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    return {k: None if v is None else str(v) for k, v in parsed.items() if v is None or whole(v) is not None}


def held(revision: Object, state: Mapping[str, str | None]) -> bool:
    """True if the Revision's min-scale is ours; a user's edit takes it away from us, and then it is theirs."""
    return revision["metadata"]["name"] in state and owns(revision, "metadata", "annotations", MIN_SCALE)


def own_min_scale(revision: Object) -> str | None:
    """The min-scale annotation as it stands, None where there is none (the cluster's default then rules)."""
    value = annotations_of(revision).get(MIN_SCALE)
    return None if value is None else str(value)


def minimum(revision: Object) -> int:
    """The minimum in force: kebab-case wins over camelCase; none set counts as 0."""
    annotations = annotations_of(revision)
    return whole(annotations.get(MIN_SCALE, annotations.get(AUTOSCALING + "minScale"))) or 0


@dataclass(frozen=True)
class Facts:
    """What a Revision says of its bounds and replicas."""

    baseline: int
    """The minimum that its owner had set."""
    floor: int
    """The minimum in force."""
    ready: int
    present: int
    maximum: int | None
    per_replica: float | None


def facts(revision: Object, state: Mapping[str, str | None]) -> Facts:
    """Read a Revision; `state` is our record of what its owner had."""
    name = revision["metadata"]["name"]
    annotations = dict(annotations_of(revision))
    status = revision.get("status") or {}
    floor = minimum(revision)
    if held(revision, state):
        annotations[MIN_SCALE] = state[name] or annotations.get(AUTOSCALING + "minScale", "0")
    baseline = whole(annotations.get(MIN_SCALE, annotations.get(AUTOSCALING + "minScale"))) or 0
    ready = count(status.get("actualReplicas"), "actualReplicas")
    limits = [whole(annotations.get(AUTOSCALING + key)) for key in ("max-scale", "activation-scale")]
    limits = [limit for limit in limits if limit] or [whole(annotations.get(AUTOSCALING + "maxScale")) or None]
    try:
        concurrency = count((revision.get("spec") or {}).get("containerConcurrency"), "containerConcurrency")
        per_replica: float | None = KpaConfig.from_annotations(annotations, None, concurrency).target_value
    except KpaConfigError:
        per_replica = None  # the HPA class on cpu, say: its owner must tell us
    return Facts(
        baseline=baseline,
        floor=floor,
        ready=ready,
        present=max(ready, count(status.get("desiredReplicas"), "desiredReplicas")),
        maximum=min(limit for limit in limits if limit) if any(limits) else None,
        per_replica=per_replica,
    )
