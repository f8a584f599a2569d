"""What a Knative Service and its Revisions say: shares of traffic, our record, bounds, replicas and capacity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.cluster_defaults import KnativeDefaults
from ahpa.adapters.kubernetes.hpa_metrics import KUBERNETES_DEFAULT, Requests, measure_of, metrics_of
from ahpa.adapters.kubernetes.kept import MIN_SCALE, TARGET, Record, owners
from ahpa.adapters.kubernetes.objects import annotations_of, count, seconds, whole
from ahpa.adapters.kubernetes.scaled import requests_of
from ahpa.core.policy.values import AHPA_CLASS
from ahpa.core.served import HPA, KPA, Reaction
from ahpa.core.setting import Lever
from ahpa.core.units import IN_FLIGHT, PER_SECOND, Capacity
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.kpa.config import GROUP, KPA_CLASS, PROGRESS_DEADLINE, ClusterDefaults, KpaConfig, KpaConfigError
from ahpa.reactive.kpa.hpa_class import HPA_CLASS, hpa_spec
from ahpa.reactive.kpa.reader import Reader

NOTHING: Record = MappingProxyType({})
_BY_HPA = Lever(fixed="Knative's class hpa has no utilization of its own")
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


def minimum(revision: Object, defaults: KnativeDefaults) -> int:
    """The minimum in force: kebab-case wins over camelCase; where none is set the cluster's default counts."""
    return _minimum(annotations_of(revision), defaults)


def _minimum(annotations: Mapping[str, str], defaults: KnativeDefaults) -> int:
    said = annotations.get(MIN_SCALE, annotations.get(GROUP + "minScale"))
    return defaults.autoscaler.min_scale if said is None else whole(said) or 0


def of_another_predictor(revisions: Mapping[str, Object], defaults: KnativeDefaults) -> str | None:
    """Why Revisions that Alibaba's AHPA scales must not be written to, and what to do; None if it scales none."""
    theirs = [name for name, each in revisions.items() if _class(annotations_of(each), defaults) == AHPA_CLASS]
    if not theirs:
        return None
    return (
        f"{', '.join(theirs)[:120]} is of class {AHPA_CLASS}: Alibaba's AHPA scales it, or nothing does, and a second "
        f"predictor would fight it. Remove {GROUP}class from the Service's template, so that Knative's own "
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
    metric: str
    """What it is scaled by, as a query of the list is `for` it; empty: it cannot be read."""
    capacity: Capacity
    lever: Lever
    reaction: Reaction = KPA
    """Of the scaler of its class."""
    inertia: str = ""
    """Why Knative would not follow its minimum now."""


def facts(
    revision: Object,
    minima: Record,
    defaults: KnativeDefaults,
    requests: Callable[[Object], Requests] = lambda revision: requests_of(revision.get("spec") or {}),
    targets: Record = NOTHING,
) -> Facts:
    """Read a Revision; `minima` and `targets` are our records of what its owner had, `requests` tells what one of its
    pods requests. What one serves is by the owner's own target, whatever is in force."""
    annotations = owners(revision, minima, targets)
    status = revision.get("status") or {}
    floor = minimum(revision, defaults)
    ready = count(status.get("actualReplicas"), "actualReplicas")
    by_requests = _class(annotations, defaults) == KPA_CLASS
    metric, capacity = (
        _by_requests(revision, annotations, defaults)
        if by_requests
        else _by_metric(revision, annotations, defaults, requests)
    )
    return Facts(
        baseline=_minimum(annotations, defaults),
        floor=floor,
        ready=ready,
        present=max(ready, count(status.get("desiredReplicas"), "desiredReplicas")),
        maximum=_maximum(annotations, defaults.autoscaler),
        metric=metric,
        capacity=capacity,
        lever=_lever(revision, capacity, targets) if by_requests else _BY_HPA,
        reaction=KPA if by_requests else HPA,
        inertia=_inertia(revision)
        if max(ready, count(status.get("desiredReplicas"), "desiredReplicas")) < floor
        else "",
    )


def _lever(revision: Object, capacity: Capacity, targets: Record) -> Lever:
    said = TARGET.read(annotations_of(revision).get(TARGET.annotation)) if TARGET.held(revision, targets) else None
    return Lever(capacity.utilization, None if said is None else said / 100)


def _inertia(revision: Object) -> str:
    """Knative ignores the minimum of a Revision that no route reaches, and of one that sleeps since its autoscaler was
    started anew, until a request comes (serving, pkg/reconciler/autoscaling/kpa/scaler.go: desiredScale -1)."""
    name = revision["metadata"]["name"]
    conditions = (revision.get("status") or {}).get("conditions") or []
    active = {one.get("status") for one in conditions if one.get("type") == "Active"}
    if (revision["metadata"].get("labels") or {}).get("serving.knative.dev/routingState") == "reserve":
        return f"no route reaches {name}, and Knative ignores its minimum"
    if "False" in active:
        return f"{name} sleeps, and Knative ignores its minimum until the first request"
    return ""


def _maximum(annotations: Mapping[str, str], defaults: ClusterDefaults) -> int | None:
    """The least of what bounds it from above: Knative refuses a min-scale above max-scale or activation-scale."""
    own = annotations.get(GROUP + "max-scale", annotations.get(GROUP + "maxScale"))
    most = whole(own) if own is not None else defaults.max_scale
    limits = (most, whole(annotations.get(GROUP + "activation-scale")), defaults.max_scale_limit)
    return min((limit for limit in limits if limit), default=None)


def _by_requests(revision: Object, annotations: Mapping[str, str], defaults: KnativeDefaults) -> tuple[str, Capacity]:
    """What the KPA scales it by, and what one replica serves of that."""
    name = revision["metadata"]["name"]
    limit = (revision.get("spec") or {}).get("containerConcurrency")
    concurrency = defaults.container_concurrency if limit is None else count(limit, "containerConcurrency")
    # Its bounds and windows do not decide what a replica serves; one that Knative would refuse is said by Knative.
    read = {key: value for key, value in annotations.items() if key.removeprefix(GROUP) in _TARGETING}
    try:
        config = KpaConfig.from_annotations(read, defaults.autoscaler, concurrency)
    except KpaConfigError as error:
        return "knative/concurrency", Capacity(None, source=str(error))
    filled = config.target_value / config.total_value
    capacity = Capacity(config.target_value, _COUNTED[config.metric], f"the target of {name}", filled)
    return f"knative/{config.metric}", capacity


def _by_metric(
    revision: Object,
    annotations: Mapping[str, str],
    defaults: KnativeDefaults,
    requests: Callable[[Object], Requests],
) -> tuple[str, Capacity]:
    """What the HPA scales it by that Knative makes for it, and what one replica serves of that."""
    if (scaler := _class(annotations, defaults)) != HPA_CLASS:
        return "", Capacity(None, source=f"the class {scaler[:60]} is not Knative's own")
    read = {key: value for key, value in annotations.items() if key.removeprefix(GROUP) in _TARGETING}
    try:
        spec = hpa_spec(read, defaults.autoscaler)
    except KpaConfigError as error:
        return "", Capacity(None, source=str(error))
    (metric,) = metrics_of(spec) or metrics_of(KUBERNETES_DEFAULT)
    measure = measure_of(metric, requests(revision) if metric.utilization is not None else {})
    return measure.metric, measure.capacities[0]


def scaler_of(revision: Object, defaults: KnativeDefaults) -> KpaConfig | HpaConfig | None:
    """How the autoscaler of its class is configured; None where that cannot be read."""
    annotations = annotations_of(revision)
    limit = (revision.get("spec") or {}).get("containerConcurrency")
    try:
        if _class(annotations, defaults) == HPA_CLASS:
            return HpaConfig.from_spec(hpa_spec(annotations, defaults.autoscaler))
        concurrency = defaults.container_concurrency if limit is None else count(limit, "containerConcurrency")
        return KpaConfig.from_annotations(annotations, defaults.autoscaler, concurrency)
    except ValueError:  # what Knative would refuse too, or Kubernetes
        return None


def _class(annotations: Mapping[str, str], defaults: KnativeDefaults) -> str:
    return annotations.get(GROUP + "class", defaults.autoscaler.autoscaler_class)


_TARGETING = frozenset({"class", "metric", "target", "target-utilization-percentage", "targetUtilizationPercentage"})
_COUNTED = {"concurrency": IN_FLIGHT, "rps": PER_SECOND}
"""By Knative's metric: its unit."""
