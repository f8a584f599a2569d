"""Kubernetes' HorizontalPodAutoscaler, exactly: the replicas it sets every 15 seconds, given what it sees.

`Hpa.reconcile` is one sync of the controller: metrics to proposals (hpa_replicas), the largest of them, then
stabilisation, `behavior` and bounds. `Hpa.sync` is the same for a caller that has the proposals already.
Source: Kubernetes v1.36.2, pkg/controller/podautoscaler/horizontal.go; the proof against that code is in
tests/proofs. Time is unix seconds and always given; the controller's flags have their defaults.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ahpa.reactive.hpa.config import DOWN_STABILIZATION_SECONDS, HpaConfig, Metric, ScalingRules
from ahpa.reactive.hpa.replicas import (
    NoProposalError,
    Pod,
    Sample,
    average_value_replicas,
    external_total,
    group,
    per_replica_replicas,
    utilization_replicas,
    value_replicas,
)

SYNC_SECONDS = 15
UP_LIMIT_FACTOR = 2
UP_LIMIT_REPLICAS = 4

Reading = Mapping[str, Sample] | Sequence[int] | None
"""Of one metric: samples by pod (Resource, ContainerResource, Pods), the value or the values of its series
in milli-units (Object, External), or None where the metrics API had nothing."""


@dataclass(slots=True)
class ScaleEvent:
    """A change of replicas that `behavior` remembers."""

    change: int
    at: float
    outdated: bool = False


class Hpa:
    """One HorizontalPodAutoscaler; the state is what it recommended and did lately."""

    __slots__ = ("_added", "_recommended", "_removed", "config", "scaled_to_zero")

    def __init__(self, config: HpaConfig) -> None:
        self.config = config
        """May be replaced at any time: the annotations of a floor, or a changed spec."""
        self.scaled_to_zero = False
        """The condition ScaledToZero: it was this controller that took the last replica."""
        self._recommended: list[tuple[float, int]] = []
        self._added: list[ScaleEvent] = []
        self._removed: list[ScaleEvent] = []

    def reconcile(
        self,
        now: float,
        current: int,
        pods: Sequence[Pod],
        readings: Sequence[Reading],
        status_replicas: int | None = None,
    ) -> int:
        """The replicas to set at `now`.

        `current` is spec.replicas of the target, `status_replicas` its status.replicas (default: as many as
        asked for), `readings` stand in the order of the spec's metrics.
        """
        existing = current if status_replicas is None else status_replicas
        if self._needs_metrics(current):
            proposals = [
                _propose(self.config, metric, now, current, existing, pods, reading)
                for metric, reading in zip(self.config.metrics, readings, strict=True)
            ]
        else:
            proposals = []
        return self.sync(now, current, proposals)

    def sync(self, now: float, current: int, proposals: Iterable[int | None]) -> int:
        """The replicas to set at `now`, given each metric's proposal; None is an invalid metric."""
        config = self.config
        if not self._recommended:
            self._recommended.append((now, current))
        if not self._needs_metrics(current):
            # Bounds need no metrics, and neither `behavior` nor stabilisation: 1 to 9 in one sync.
            desired = current and min(max(current, config.min_replicas), config.max_replicas)
        else:
            proposed = _largest(proposals, current)
            if proposed is None:
                return current
            desired = self._normalize(now, current, max(0, proposed))
            if current == 0 and self._was_scaled_to_zero:
                desired = max(desired, config.min_replicas)
        if desired != current:
            self._note_change(now, current, desired)
        return desired

    @property
    def _was_scaled_to_zero(self) -> bool:
        return self.config.scale_to_zero and self.scaled_to_zero

    def _needs_metrics(self, current: int) -> bool:
        config = self.config
        if current == 0:
            # Whoever else set it to zero has switched the HPA off.
            return self._was_scaled_to_zero and (config.min_replicas != 0 or config.can_start_from_zero)
        return config.min_replicas <= current <= config.max_replicas

    def _normalize(self, now: float, current: int, desired: int) -> int:
        up, down = self.config.up, self.config.down
        if up is None or down is None:
            return self._within_old_limits(current, self._highest_recent(now, desired))
        return self._within_rates(now, current, self._stabilized(now, current, desired, up, down), up, down)

    # Without `behavior`

    def _highest_recent(self, now: float, desired: int) -> int:
        """The largest recommendation of the last five minutes, the oldest one's place taken by this one."""
        cutoff = now - DOWN_STABILIZATION_SECONDS
        highest = max([desired, *[count for at, count in self._recommended if at >= cutoff]])
        self._recommend(now, desired, cutoff)
        return highest

    def _within_old_limits(self, current: int, desired: int) -> int:
        limit = max(UP_LIMIT_FACTOR * current, UP_LIMIT_REPLICAS)
        if desired < self.config.min_replicas:
            return self.config.min_replicas
        return min(desired, self.config.max_replicas, limit)

    # With `behavior`

    def _stabilized(self, now: float, current: int, desired: int, up: ScalingRules, down: ScalingRules) -> int:
        """`current`, moved no further than every recommendation in either window agrees."""
        up_cutoff, down_cutoff = now - up.stabilization_seconds, now - down.stabilization_seconds
        lowest = min([desired, *(count for at, count in self._recommended if at > up_cutoff)])
        highest = max([desired, *(count for at, count in self._recommended if at > down_cutoff)])
        self._recommend(now, desired, min(up_cutoff, down_cutoff))
        return min(max(current, lowest), highest)

    def _recommend(self, now: float, desired: int, cutoff: float) -> None:
        """Remember `desired`, in the place of the last entry from before `cutoff` if there is one."""
        for i in range(len(self._recommended) - 1, -1, -1):
            if self._recommended[i][0] < cutoff:
                self._recommended[i] = (now, desired)
                return
        self._recommended.append((now, desired))

    def _within_rates(self, now: float, current: int, desired: int, up: ScalingRules, down: ScalingRules) -> int:
        if desired > current:
            limit = max(current, self._upper_limit(now, current, up))
            return min(desired, self.config.max_replicas, limit)
        if desired < current:
            limit = min(current, self._lower_limit(now, current, down))
            return max(desired, self.config.min_replicas, limit)
        return desired

    def _upper_limit(self, now: float, current: int, rules: ScalingRules) -> int:
        if rules.select == "Disabled":
            return current
        proposals = []
        for policy in rules.policies:
            start = self._replicas_before(now - policy.period_seconds, current)
            # Rounded up: 10 % of 3 replicas must still let one more come.
            percent = math.ceil(start * (1 + policy.value / 100))
            proposals.append(start + policy.value if policy.kind == "Pods" else percent)
        return min(proposals) if rules.select == "Min" else max(proposals)

    def _lower_limit(self, now: float, current: int, rules: ScalingRules) -> int:
        if rules.select == "Disabled":
            return current
        proposals = []
        for policy in rules.policies:
            start = self._replicas_before(now - policy.period_seconds, current)
            percent = int(start * (1 - policy.value / 100))
            proposals.append(start - policy.value if policy.kind == "Pods" else percent)
        return max(proposals) if rules.select == "Min" else min(proposals)

    def _replicas_before(self, cutoff: float, current: int) -> int:
        """The replicas at the beginning of a policy's period, by what was changed since."""
        added = sum(event.change for event in self._added if event.at > cutoff)
        removed = sum(event.change for event in self._removed if event.at > cutoff)
        return current - added + removed

    def _note_change(self, now: float, current: int, desired: int) -> None:
        config = self.config
        self.scaled_to_zero = (
            config.scale_to_zero and config.can_start_from_zero and config.min_replicas == 0 and desired == 0 < current
        )
        if config.up is None or config.down is None:
            return
        if desired > current:
            _remember(self._added, ScaleEvent(desired - current, now), config.up.longest_period_seconds)
        else:
            _remember(self._removed, ScaleEvent(current - desired, now), config.down.longest_period_seconds)


def _remember(events: list[ScaleEvent], event: ScaleEvent, longest_period_seconds: int) -> None:
    """Add `event`, in the place of the last one that is out of every policy's period if there is one."""
    for old in events:
        old.outdated = old.outdated or old.at < event.at - longest_period_seconds
    for i in range(len(events) - 1, -1, -1):
        if events[i].outdated:
            events[i] = event
            return
    events.append(event)


def _largest(proposals: Iterable[int | None], current: int) -> int | None:
    """The largest proposal; None if there is none, or if an invalid metric might have forbidden to shrink."""
    largest, valid, invalid = 0, 0, 0
    for proposal in proposals:
        if proposal is None:
            invalid += 1
            continue
        valid += 1
        if largest == 0 or proposal > largest:
            largest = proposal
    return None if valid == 0 or (invalid and largest < current) else largest


def _propose(
    config: HpaConfig, metric: Metric, now: float, current: int, existing: int, pods: Sequence[Pod], reading: Reading
) -> int | None:
    """The replicas that one metric asks for, or None if it is invalid: computeReplicasForMetric."""
    if reading is None:
        return None
    try:
        if isinstance(reading, Mapping):
            return _propose_by_pods(config, metric, now, current, pods, reading)
        usage = external_total(reading) if metric.source == "External" else reading[0]
        if metric.target_type == "AverageValue":
            return per_replica_replicas(existing, usage, metric.target, config.tolerances)
        ready = sum(pod.phase == "Running" and pod.ready is True for pod in pods) if pods else None
        return value_replicas(current, ready, usage, metric.target, config.tolerances)
    except NoProposalError:
        return None


def _propose_by_pods(
    config: HpaConfig, metric: Metric, now: float, current: int, pods: Sequence[Pod], samples: Mapping[str, Sample]
) -> int:
    if not pods:
        raise NoProposalError("no pods")
    of_resource = metric.source in ("Resource", "ContainerResource")
    groups = group(pods, samples, now, cpu=of_resource and metric.name == "cpu")
    if metric.target_type == "AverageValue":
        return average_value_replicas(current, groups, metric.target, config.tolerances)
    requests = {pod.name: pod.request(metric.name, metric.container) for pod in pods}
    return utilization_replicas(current, groups, requests, metric.target, config.tolerances)
