"""One service's played days, set up once: every contender and every setting plays in the same scenario."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from ahpa.core.capacity import replicas
from ahpa.reactive.kpa.config import NO_LIMIT, KpaConfig
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.scalers.hpa import HpaLoop
from ahpa.simulation.scalers.kpa import kpa_loop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.scalers.scaler import Scaler
from ahpa.simulation.stream import SimulatedService, Stream
from ahpa.simulation.world import World
from forecasting.panel import Floats, Panel

TICK_SECONDS = 60.0
"""How often the service decides."""


@dataclass(frozen=True, eq=False)
class Scenario:
    """The requests of the played days and what was known of the service before them."""

    name: str
    demand: Panel
    """One row: mean concurrency per step, history and tested days; NaN where nothing was observed."""
    traffic: Stream
    """The played days, second by second."""
    kpa: KpaConfig
    """How the service's own KPA is set."""
    seed: int = 0
    _inputs: dict[tuple[int, int, bool], KpaInputs] = field(default_factory=dict)

    @property
    def service(self) -> SimulatedService:
        return self.traffic.service

    @property
    def start(self) -> float:
        return self.traffic.start

    @property
    def minutes(self) -> int:
        return self.traffic.seconds // 60

    @property
    def ticks(self) -> Floats:
        """Unix seconds at which a service would decide, shape [minutes]."""
        return self.start + TICK_SECONDS * np.arange(self.minutes)

    @property
    def per_replica(self) -> float:
        """Concurrency that one replica serves at the KPA's target."""
        return self.kpa.in_flight(self.kpa.target_value, self.service.service_seconds)

    @property
    def _filled(self) -> float:
        """As `per_replica`, but no more than its slots: a target in requests per second may promise too much."""
        return min(self.per_replica, float(self.service.concurrency))

    @cached_property
    def ready(self) -> int:
        """Replicas that are ready when the played days begin: what the first minute needs, the owner's minimum."""
        return max(1, self.kpa.min_scale, replicas(float(self.traffic.demand[0]), self.per_replica))

    @cached_property
    def most(self) -> int:
        """Replicas that the largest minute of the played days needs at target."""
        return max(1, replicas(float(self.traffic.demand.max()), self._filled))

    @cached_property
    def most_before(self) -> int:
        """Replicas that the largest step before the played days needed at target: what a fixed fleet is sized by."""
        before = self.demand.until(self.start).values
        largest = float(np.nanmax(before)) if np.isfinite(before).any() else float(self.traffic.demand[0])
        return max(1, replicas(max(largest, 0.0), self._filled))

    @property
    def bounds(self) -> tuple[int, int]:
        """The owner's fewest and most replicas."""
        return self.kpa.min_scale, self.kpa.max_scale or NO_LIMIT

    def at(self, utilization: float) -> KpaConfig:
        """The KPA told to fill replicas to another share."""
        return replace(self.kpa, target_value=max(0.01, self.kpa.total_value * utilization))

    def kpa_world(self, config: KpaConfig, floor: int = 0) -> World:
        key = config.stable_window_seconds, config.panic_window_seconds, config.weighted
        if key not in self._inputs:
            self._inputs[key] = KpaInputs(self.traffic, config)
        ready = max(self.ready, floor)
        return self._world(kpa_loop(config, self._inputs[key], self.start, ready), ready, floor)

    def hpa_world(self, utilization: float) -> World:
        config = self.kpa
        target = config.in_flight(config.total_value * utilization, self.service.service_seconds)
        loop = HpaLoop(self.traffic, target, max(1, config.min_scale), config.max_scale)
        return self._world(loop, self.ready, 0)

    def fixed_world(self, count: int) -> World:
        return self._world(Fixed(), count, count)

    def _world(self, scaler: Scaler, ready: int, floor: int) -> World:
        return World(self.traffic, scaler, np.random.default_rng([self.seed, 2]), ready, max(floor, self.kpa.min_scale))
