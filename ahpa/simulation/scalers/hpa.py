"""The HPA (reactive/hpa) as the scaler of a simulated service: an External metric, AverageValue of the concurrency.

The metric is the mean concurrency of the last minute, as an adapter reads it from Prometheus: on a GPU service
CPU says nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from ahpa.reactive.hpa.autoscaler import SYNC_SECONDS, Hpa
from ahpa.reactive.hpa.config import HpaConfig, Metric
from ahpa.reactive.hpa.replicas import per_replica_replicas
from ahpa.simulation.scalers.scaler import until_other
from ahpa.simulation.stream import Stream
from ahpa.simulation.units import GRAIN, Counts

WINDOW_SECONDS = 60
DEFAULT_MAX_REPLICAS = 100_000
"""An HPA must have a maximum; this one is never reached."""


def on_concurrency(target: float, minimum: int = 1, maximum: int = 0) -> HpaConfig:
    """An HPA without `behavior` that aims at `target` requests in flight per replica; `maximum` 0 means no limit."""
    return aimed_at(HpaConfig(maximum or DEFAULT_MAX_REPLICAS, (), minimum), target)


def aimed_at(config: HpaConfig, target: float) -> HpaConfig:
    """The same with its service's concurrency for its only metric, `target` requests in flight per replica."""
    metric = Metric("External", "concurrency", "AverageValue", max(1, round(1000 * target)))
    return replace(config, metrics=(metric,))


class HpaLoop:
    """Kubernetes' HPA beside a simulated service."""

    tick_seconds = SYNC_SECONDS

    def __init__(self, traffic: Stream, config: HpaConfig) -> None:
        """The only metric of `config` is that of `on_concurrency`."""
        self._config = config
        self._hpa = Hpa(config)
        self._units = traffic.units.copy()
        self._usage = self._usages().tolist()
        """Usage in 1/1000 at each tick of the open loop; from `_open` on it is what is seen."""
        self._open = 0
        self._replicas: int | None = None
        self.desired = 0

    def retarget(self, config: HpaConfig) -> None:
        """Follow another target from the next sync on; what it remembers stays."""
        self._config = config
        self._hpa.config = replace(config, min_replicas=self._hpa.config.min_replicas)

    def _usages(self) -> Counts:
        total = np.concatenate([[0], self._units.cumsum()])
        ends = np.arange(SYNC_SECONDS, len(total), SYNC_SECONDS)
        seconds = np.minimum(ends, WINDOW_SECONDS)
        return np.asarray(np.rint(1000 * (total[ends] - total[ends - seconds]) / GRAIN / seconds), np.int64)

    def _usage_now(self, tick: int) -> int:
        end = (tick + 1) * SYNC_SECONDS
        window = self._units[max(0, end - WINDOW_SECONDS) : end]
        return round(1000 * int(window.sum()) / GRAIN / len(window))

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        return tick

    def rush(
        self, tick: int, now: float, ready: int, floor: int, present: int, counts: Iterable[list[int]]
    ) -> tuple[int, int]:
        def play(at: int, units: list[int]) -> int:
            self._units[at * SYNC_SECONDS : (at + 1) * SYNC_SECONDS] = units
            self._open = at + WINDOW_SECONDS // SYNC_SECONDS
            return self.tick(at, now + SYNC_SECONDS * (at - tick), ready, floor)

        return until_other(tick, present, counts, play)

    def tick(self, tick: int, now: float, ready: int, floor: int) -> int:
        usage = self._usage[tick] if tick >= self._open else self._usage_now(tick)
        if self._replicas is None:
            self._replicas = max(ready, floor)
        metric = self._config.metrics[0]
        proposal = per_replica_replicas(self._replicas, usage, metric.target, self._config.tolerances)
        self.desired = proposal
        minimum = max(floor, self._config.min_replicas)
        if minimum != self._hpa.config.min_replicas:
            self._hpa.config = replace(self._config, min_replicas=minimum)
        self._replicas = self._hpa.sync(now, self._replicas, [proposal])
        return self._replicas

    def settle(self, tick: int) -> None:
        pass

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        """A moved minReplicas waits for the next sync."""
        return ready if self._replicas is None else self._replicas
