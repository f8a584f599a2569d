"""The autoscaler that a service has: Knative's KPA or Kubernetes' HPA, each exact, told how full a replica is to be.

What stands above it (ours, a constant floor, yesterday's rule) asks the same of either. Each says what the other would
be with the same target and bounds, as both are also played alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from ahpa.core.served import KPA, Reaction
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.hpa.reaction import reaction_of
from ahpa.reactive.kpa.config import NO_LIMIT, SMALLEST_TARGET, KpaConfig
from ahpa.simulation.scalers.hpa import DEFAULT_MAX_REPLICAS, HpaLoop, aimed_at, on_concurrency
from ahpa.simulation.scalers.kpa import KpaLoop
from ahpa.simulation.scalers.scaler import Scaler


@dataclass(frozen=True)
class ByKpa:
    """Knative's KPA."""

    config: KpaConfig
    name: ClassVar[str] = "kpa"

    @property
    def utilization(self) -> float:
        """The share of a full replica that it fills."""
        return round(self.config.target_value / self.config.total_value, 6)

    @property
    def bounds(self) -> tuple[int, int]:
        """The owner's fewest and most replicas."""
        return self.config.min_scale, self.config.max_scale or NO_LIMIT

    def per_replica(self, service_seconds: float) -> float:
        """Requests in flight that one replica serves at target."""
        return self.config.in_flight(self.config.target_value, service_seconds)

    def at(self, utilization: float) -> ByKpa:
        """Told to fill replicas to another share."""
        return ByKpa(replace(self.config, target_value=max(SMALLEST_TARGET, self.config.total_value * utilization)))

    def retarget(self, scaler: Scaler) -> None:
        """Let a running one follow this target from its next tick on."""
        assert isinstance(scaler, KpaLoop)
        scaler.retarget(self.config)

    @property
    def reaction(self) -> Reaction:
        """What the coarse world of the settings takes it for."""
        return KPA

    def kpa(self) -> ByKpa:
        return self

    def hpa(self, service_seconds: float) -> ByHpa:
        """Kubernetes' HPA in its place, as it is without `behavior`."""
        full = self.config.in_flight(self.config.total_value, service_seconds)
        least, most = self.config.min_scale, self.config.max_scale
        return ByHpa(on_concurrency(full * self.utilization, max(1, least), most), full)


@dataclass(frozen=True)
class ByHpa:
    """Kubernetes' HPA on the concurrency of its service."""

    config: HpaConfig
    """With `on_concurrency`'s metric as the only one."""
    full: float
    """Requests in flight that a full replica holds."""
    name: ClassVar[str] = "hpa"

    @property
    def utilization(self) -> float:
        """The share of a full replica that it fills."""
        return round(self.per_replica() / self.full, 6)

    @property
    def bounds(self) -> tuple[int, int]:
        """The owner's fewest and most replicas."""
        most = self.config.max_replicas
        return self.config.min_replicas, NO_LIMIT if most >= DEFAULT_MAX_REPLICAS else most

    def per_replica(self, service_seconds: float = 0.0) -> float:
        """Requests in flight that one replica serves at target, however long each takes."""
        return self.config.metrics[0].target / 1000

    def at(self, utilization: float) -> ByHpa:
        """Told to fill replicas to another share."""
        return ByHpa(aimed_at(self.config, self.full * utilization), self.full)

    def retarget(self, scaler: Scaler) -> None:
        """Let a running one follow this target from its next sync on."""
        assert isinstance(scaler, HpaLoop)
        scaler.retarget(self.config)

    @property
    def reaction(self) -> Reaction:
        """What the coarse world of the settings takes it for."""
        return reaction_of(self.config)

    def kpa(self) -> ByKpa:
        """Knative's KPA in its place, at Knative's defaults."""
        least, most = self.bounds
        return ByKpa(
            KpaConfig(
                target_value=max(SMALLEST_TARGET, self.per_replica()),
                total_value=self.full,
                min_scale=least,
                max_scale=0 if most == NO_LIMIT else most,
            )
        )

    def hpa(self, service_seconds: float = 0.0) -> ByHpa:
        return self


Scaling = ByKpa | ByHpa
