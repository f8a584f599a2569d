"""What a Knative Service and its Revisions say: shares of traffic, our record, bounds, replicas and capacity."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.cluster_defaults import KnativeDefaults
from ahpa.adapters.kubernetes.objects import annotations_of, count, owns, seconds, whole
from ahpa.core.policy.values import AHPA_CLASS, STATE
from ahpa.core.served import HPA, KPA, Reaction
from ahpa.core.units import IN_FLIGHT, PER_SECOND, Capacity
from ahpa.reactive.kpa.config import KPA_CLASS, PROGRESS_DEADLINE, ClusterDefaults, KpaConfig, KpaConfigError
from ahpa.reactive.kpa.reader import Reader

AUTOSCALING = "autoscaling.knative.dev/"
MIN_SCALE = AUTOSCALING + "min-scale"
PATIENCE = 0.8
"""Of Knative's progress deadline (600 s): so long a coming Revision is given all its replicas. One that the cluster has
no room for is then given up for what is ready, in the time that is left."""


def traffic(service: Object) -> dict[str, int]:
    """Revision name -> percent, of those that receive any, as the Service's status says."""
    shares: dict[str, int] = {}
    for entry in (service.get("status") or {}).get("traffic") or []:
        name, percent = entry.get("revisionName"), count(entry.get("percent"), "percent of traffic")
        if name and percent > 0:
            shares[name] = shares.get(name, 0) + percent
    return shares


def meant(service: Object) -> dict[str, int]:
    """Revision name -> percent, of those that are to receive any, as the Service's spec says. What they do receive
    follows: once a new Revision is ready, or by steps where there is a rollout-duration."""
    status = service.get("status") or {}
    shares: dict[str, int] = {}
    for entry in (service.get("spec") or {}).get("traffic") or [{"percent": 100}]:
        name, percent = entry.get("revisionName"), count(entry.get("percent"), "percent of traffic")
        name = name or status.get("latestCreatedRevisionName")
        if isinstance(name, str) and percent > 0:
            shares[name] = shares.get(name, 0) + percent
    return shares


def failed(revision: Object) -> bool:
    """Whether it did not become ready, so that it gets no traffic."""
    conditions = (revision.get("status") or {}).get("conditions") or []
    return any(one.get("type") == "Ready" and one.get("status") == "False" for one in conditions)


def prepared_until(revision: Object, defaults: KnativeDefaults) -> float:
    """Unix seconds until which a new Revision may be waited for: before Knative gives it up, with time for fewer
    replicas than were wanted."""
    deadline = Reader(annotations_of(revision)).seconds(PROGRESS_DEADLINE, defaults.progress_deadline)
    return (seconds(revision["metadata"].get("creationTimestamp")) or 0.0) + PATIENCE * deadline


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
    """True if the Revision's min-scale is ours; a user's edit takes it away from us, and then it is theirs.

    A record above the minimum in force is not ours, whoever wrote it: we only ever raise. Believed, it would let a
    tenant who may edit nothing but the Service raise its Revisions.
    """
    name = revision["metadata"]["name"]
    plausible = name in state and (whole(state[name]) or 0) <= (whole(annotations_of(revision).get(MIN_SCALE)) or 0)
    return plausible and owns(revision, "metadata", "annotations", MIN_SCALE)


def own_min_scale(revision: Object) -> str | None:
    """The min-scale annotation as it stands, None where there is none (the cluster's default then rules)."""
    value = annotations_of(revision).get(MIN_SCALE)
    return None if value is None else str(value)


def minimum(revision: Object, defaults: KnativeDefaults) -> int:
    """The minimum in force: kebab-case wins over camelCase; where none is set the cluster's default counts."""
    return _minimum(annotations_of(revision), defaults)


def _minimum(annotations: Mapping[str, str], defaults: KnativeDefaults) -> int:
    said = annotations.get(MIN_SCALE, annotations.get(AUTOSCALING + "minScale"))
    return defaults.autoscaler.min_scale if said is None else whole(said) or 0


def of_another_predictor(revisions: Mapping[str, Object], defaults: KnativeDefaults) -> str | None:
    """Why Revisions that Alibaba's AHPA scales must not be written to, and what to do; None if it scales none."""
    theirs = [name for name, each in revisions.items() if _class(annotations_of(each), defaults) == AHPA_CLASS]
    if not theirs:
        return None
    return (
        f"{', '.join(theirs)[:120]} is of class {AHPA_CLASS}: Alibaba's AHPA scales it, or nothing does, and a second "
        f"predictor would fight it. Remove {AUTOSCALING}class from the Service's template, so that Knative's own "
        "autoscaler scales it (`ahpa migrate FILE` rewrites the Service, its metric and its target too)"
    )


@dataclass(frozen=True)
class Facts:
    """What a Revision says of its bounds, its replicas and what one of them serves."""

    baseline: int
    """The minimum that its owner had set."""
    floor: int
    """The minimum in force."""
    ready: int
    present: int
    maximum: int | None
    capacity: Capacity
    demand: str | None
    """The query that measures what it is scaled by; None: there is none."""
    no_demand: str = ""
    """Why not."""
    reaction: Reaction = KPA
    """Of the scaler of its class."""


def facts(revision: Object, state: Mapping[str, str | None], defaults: KnativeDefaults) -> Facts:
    """Read a Revision; `state` is our record of what its owner had."""
    name = revision["metadata"]["name"]
    annotations = dict(annotations_of(revision))
    status = revision.get("status") or {}
    floor = minimum(revision, defaults)
    if held(revision, state):
        own = state[name]
        annotations.pop(MIN_SCALE)
        annotations |= {} if own is None else {MIN_SCALE: own}
    ready = count(status.get("actualReplicas"), "actualReplicas")
    capacity, demand, no_demand = _capacity(revision, annotations, defaults)
    return Facts(
        baseline=_minimum(annotations, defaults),
        floor=floor,
        ready=ready,
        present=max(ready, count(status.get("desiredReplicas"), "desiredReplicas")),
        maximum=_maximum(annotations, defaults.autoscaler),
        capacity=capacity,
        demand=demand,
        no_demand=no_demand,
        reaction=KPA if _class(annotations, defaults) == KPA_CLASS else HPA,
    )


def _maximum(annotations: Mapping[str, str], defaults: ClusterDefaults) -> int | None:
    """The least of what bounds it from above: Knative refuses a min-scale above max-scale or activation-scale."""
    own = annotations.get(AUTOSCALING + "max-scale", annotations.get(AUTOSCALING + "maxScale"))
    most = whole(own) if own is not None else defaults.max_scale
    limits = (most, whole(annotations.get(AUTOSCALING + "activation-scale")), defaults.max_scale_limit)
    return min((limit for limit in limits if limit), default=None)


def _capacity(
    revision: Object, annotations: Mapping[str, str], defaults: KnativeDefaults
) -> tuple[Capacity, str | None, str]:
    """(what one replica serves, the query that counts the same, or why there is none)."""
    scaler = _class(annotations, defaults)
    name = revision["metadata"]["name"]
    if scaler != KPA_CLASS:
        by = annotations.get(AUTOSCALING + "metric", "cpu")
        why = (
            f"{name} is scaled by {by[:40]} (class {scaler[:60]}), for which Knative counts no requests: "
            "name the query that measures it, and what one replica serves in its unit (ahpa.dev/target-per-replica)"
        )
        return Capacity(None), None, why
    limit = (revision.get("spec") or {}).get("containerConcurrency")
    concurrency = defaults.container_concurrency if limit is None else count(limit, "containerConcurrency")
    # Its bounds and windows do not decide what a replica serves; one that Knative would refuse is said by Knative.
    read = {key: value for key, value in annotations.items() if key.removeprefix(AUTOSCALING) in _TARGETING}
    try:
        config = KpaConfig.from_annotations(read, defaults.autoscaler, concurrency)
    except KpaConfigError as error:
        return Capacity(None), "knative-concurrency", str(error)
    unit, query = _COUNTED[config.metric]
    filled = config.target_value / config.total_value
    return Capacity(config.target_value, unit, f"the target of {name}", filled), query, ""


def _class(annotations: Mapping[str, str], defaults: KnativeDefaults) -> str:
    return annotations.get(AUTOSCALING + "class", defaults.autoscaler.autoscaler_class)


_TARGETING = frozenset({"class", "metric", "target", "target-utilization-percentage", "targetUtilizationPercentage"})
_COUNTED = {"concurrency": (IN_FLIGHT, "knative-concurrency"), "rps": (PER_SECOND, "knative-rps")}
"""By Knative's metric: its unit, and the query that counts it."""
