"""How many replicas one metric asks for: the HPA's replica calculator.

Source: Kubernetes v1.36.2, pkg/controller/podautoscaler/replica_calculator.go and metrics/utilization.go.
Values, requests and targets are integers in milli-units; integer division drops the rest, as in Go.
The functions take counts, so that a simulation of like replicas need not spell out each pod; `group` makes
the counts from pods.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ahpa.reactive.hpa.config import Tolerances

CPU_INITIALIZATION_SECONDS = 300.0
INITIAL_READINESS_SECONDS = 30.0
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1


class NoProposalError(ValueError):
    """The metric cannot be computed; the HPA calls it invalid."""


@dataclass(frozen=True, slots=True)
class Pod:
    """What the HPA looks at in a pod. Times are unix seconds."""

    name: str
    phase: str = "Running"
    deleting: bool = False
    ready: bool | None = True
    """The condition Ready; None if there is none yet."""
    ready_changed: float = 0.0
    """When `ready` became what it is."""
    started: float | None = 0.0
    requests: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Milli-units by container and resource."""

    def request(self, resource: str, container: str = "") -> int:
        """What `container` (default: all together) requests. Raises NoProposalError if one says nothing."""
        if container and container not in self.requests:
            raise NoProposalError(f"pod {self.name} has no container {container}")
        chosen = [self.requests[container]] if container else self.requests.values()
        try:
            return sum(requests[resource] for requests in chosen)
        except KeyError:
            raise NoProposalError(f"a container of pod {self.name} has no request for {resource}") from None


@dataclass(frozen=True, slots=True)
class Sample:
    """One pod's value of a metric, averaged over the `window_seconds` before `taken`."""

    value: int
    taken: float = 0.0
    window_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Groups:
    """The pods by what may be made of them: counts of replicas, and whom the values belong to."""

    ready: int
    measured: Mapping[str, int]
    """Values of all pods that count, by name; may hold names of no known pod."""
    unready: Sequence[str] = ()
    missing: Sequence[str] = ()


def group(
    pods: Iterable[Pod],
    samples: Mapping[str, Sample],
    now: float,
    cpu: bool,
    seconds: tuple[float, float] | None = None,
) -> Groups:
    """groupPods, with the values of ignored and unready pods taken out.

    Deleting and failed pods are ignored, pending ones are unready, others without a value are missing. For
    `cpu` a pod is unready too while its start may still distort its value. `seconds` are the controller's
    (cpu initialization period, initial readiness delay).
    """
    initialization, readiness = seconds or (CPU_INITIALIZATION_SECONDS, INITIAL_READINESS_SECONDS)
    ready, unready, missing = 0, [], []
    measured = {name: sample.value for name, sample in samples.items()}
    for pod in pods:
        if pod.deleting or pod.phase == "Failed":
            measured.pop(pod.name, None)
        elif pod.phase == "Pending":
            unready.append(pod.name)
            measured.pop(pod.name, None)
        elif pod.name not in samples:
            missing.append(pod.name)
        elif cpu and _starting(pod, samples[pod.name], now, initialization, readiness):
            unready.append(pod.name)
            measured.pop(pod.name, None)
        else:
            ready += 1
    return Groups(ready, measured, unready, missing)


def _starting(pod: Pod, sample: Sample, now: float, initialization: float, readiness: float) -> bool:
    """True if the pod's CPU says nothing yet of the load."""
    if pod.ready is None or pod.started is None:
        return True
    if pod.started + initialization > now:
        # A sample must lie wholly after the last change of readiness.
        return not pod.ready or sample.taken < pod.ready_changed + sample.window_seconds
    # Later, not ready counts only if it never was: its last change fell into its first seconds.
    return not pod.ready and pod.started + readiness > pod.ready_changed


def utilization_replicas(
    current: int, groups: Groups, requests: Mapping[str, int], target_percent: int, tolerances: Tolerances
) -> int:
    """Replicas that bring the resource's utilisation, in percent of the requests, to its target.

    Missing pods count as using all of their request (or the target, if above 100 %) when that would shrink
    the service, and nothing when it would grow. `requests` is by pod name. Raises NoProposalError.
    """
    _need_values(groups)
    values = dict(groups.measured)
    ratio = _utilization(values, requests) / target_percent
    growing = bool(groups.unready) and ratio > 1.0
    if not growing and not groups.missing:
        return current if tolerances.hold(ratio) else math.ceil(ratio * groups.ready)
    if ratio < 1.0:
        fallback = max(100, target_percent)
        values |= {name: _quotient(requests[name] * fallback, 100) for name in groups.missing}
    elif ratio > 1.0:
        values |= dict.fromkeys(groups.missing, 0)
    if growing:
        values |= dict.fromkeys(groups.unready, 0)
    return _rebalanced(current, ratio, _utilization(values, requests) / target_percent, len(values), tolerances)


def average_value_replicas(current: int, groups: Groups, target: int, tolerances: Tolerances) -> int:
    """Replicas that bring the pods' average value to `target`. Raises NoProposalError.

    Missing pods count as at the target when that would shrink the service, as nothing when it would grow.
    """
    _need_values(groups)
    total, count = sum(groups.measured.values()), len(groups.measured)
    ratio = _quotient(total, count) / target
    growing = bool(groups.unready) and ratio > 1.0
    if not growing and not groups.missing:
        return current if tolerances.hold(ratio) else math.ceil(ratio * groups.ready)
    if ratio < 1.0:
        total, count = total + target * len(groups.missing), count + len(groups.missing)
    elif ratio > 1.0:
        count += len(groups.missing)
    if growing:
        count += len(groups.unready)
    return _rebalanced(current, ratio, _quotient(total, count) / target, count, tolerances)


def value_replicas(current: int, ready: int | None, usage: int, target: int, tolerances: Tolerances) -> int:
    """Replicas for a whole value (Object or External, target type Value): `ready` times the usage ratio.

    `ready` counts the running and ready pods; None means that there are no pods at all. Raises NoProposalError.
    """
    ratio = usage / target
    if current == 0:
        return math.ceil(ratio)
    if tolerances.hold(ratio):
        return current
    if ready is None:
        raise NoProposalError("no pods")
    return min(INT32_MAX, math.ceil(ratio * ready))


def per_replica_replicas(status_replicas: int, usage: int, target: int, tolerances: Tolerances) -> int:
    """Replicas for a whole value per replica (Object or External, target type AverageValue)."""
    if status_replicas and tolerances.hold(usage / (float(target) * float(status_replicas))):
        return status_replicas
    return min(INT32_MAX, math.ceil(usage / target))


def external_total(values: Iterable[int]) -> int:
    """The sum of an external metric's series, held within 64 bits."""
    return min(INT64_MAX, sum(values))


def _rebalanced(current: int, ratio: float, again: float, count: int, tolerances: Tolerances) -> int:
    """The second look, with assumed values: it may not reverse the first one's direction."""
    if tolerances.hold(again) or (ratio < 1.0 < again) or (again < 1.0 < ratio):
        return current
    replicas = math.ceil(again * count)
    if (again < 1.0 and replicas > current) or (again > 1.0 and replicas < current):
        return current
    return replicas


def _need_values(groups: Groups) -> None:
    if not groups.measured:
        raise NoProposalError("no values of pods that count")


def _utilization(values: Mapping[str, int], requests: Mapping[str, int]) -> int:
    """Whole percent, over the pods that have both."""
    known = [name for name in values if name in requests]
    requested = sum(requests[name] for name in known)
    if requested == 0:
        raise NoProposalError("no values of known pods")
    return _quotient(sum(values[name] for name in known) * 100, requested)


def _quotient(dividend: int, divisor: int) -> int:
    """Integer division towards zero."""
    whole = abs(dividend) // divisor
    return whole if dividend >= 0 else -whole
