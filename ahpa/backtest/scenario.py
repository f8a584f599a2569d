"""One service's played days, set up once: every contender and every setting plays in the same scenario."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ahpa.backtest.scaling import ByHpa, Scaling
from ahpa.core.capacity import replicas
from ahpa.core.known.knowledge import Known
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
    scaling: Scaling
    """The service's own autoscaler: floors stand above it."""
    seed: int = 0
    known: Known = field(default_factory=Known)
    """What is known of the service beforehand."""
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
        """Concurrency that one replica serves at the scaler's target."""
        return self.scaling.per_replica(self.service.service_seconds)

    @property
    def _filled(self) -> float:
        """As `per_replica`, but no more than its slots: a target in requests per second may promise too much."""
        return min(self.per_replica, float(self.service.concurrency))

    @cached_property
    def ready(self) -> int:
        """Replicas that are ready when the played days begin: what the first minute needs, the owner's minimum."""
        return max(1, self.bounds[0], replicas(float(self.traffic.demand[0]), self.per_replica))

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
        return self.scaling.bounds

    def world(self, scaling: Scaling, floor: int = 0) -> World:
        """The service under an autoscaler, above a floor."""
        ready = max(self.ready, floor)
        return self._world(self._loop(scaling, ready), ready, floor)

    def fixed_world(self, count: int) -> World:
        """The service without one."""
        return self._world(Fixed(), count, count)

    def _loop(self, scaling: Scaling, ready: int) -> Scaler:
        if isinstance(scaling, ByHpa):
            return HpaLoop(self.traffic, scaling.config)
        config = scaling.config
        key = config.stable_window_seconds, config.panic_window_seconds, config.weighted
        if key not in self._inputs:
            self._inputs[key] = KpaInputs(self.traffic, config)
        return kpa_loop(config, self._inputs[key], self.start, ready)

    def _world(self, scaler: Scaler, ready: int, floor: int) -> World:
        return World(self.traffic, scaler, np.random.default_rng([self.seed, 2]), ready, max(floor, self.bounds[0]))
