"""The world in which a candidate is judged: its own scaler, its own starts, all in requests in flight.

A rate of requests is in flight for as long as each takes (Little 1961). A demand of another kind (cores, messages) is
taken as if a full replica held ten requests, as the service takes it where settings are tried (service/choose.py): then
shares of late requests can be compared, and their number means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ahpa.backtest.scaling import ByHpa, ByKpa, Scaling
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Setting
from ahpa.core.policy.rules import level_of
from ahpa.core.served import KPA
from ahpa.core.setting import FILLED
from ahpa.core.units import IN_FLIGHT, converted
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.kpa.config import SMALLEST_TARGET, KpaConfig
from ahpa.service.choose import HELD, SERVICE_SECONDS
from ahpa.simulation.scalers.hpa import DEFAULT_MAX_REPLICAS, aimed_at, on_concurrency
from ahpa.simulation.stream import SimulatedService
from ahpa.survey.candidates import Candidate
from ahpa.targets import Target

GIVE_UP_SECONDS = 300.0
LEAST = 1
"""To so many replicas an owner's minimum can be lowered where ahpa holds the floor; a Knative Service without a minimum
keeps none."""

Scaler = KpaConfig | HpaConfig | None
ScalerOf = Callable[[Target], Scaler]


@dataclass(frozen=True, eq=False)
class World:
    """How one candidate is played."""

    in_flight: float
    """Requests in flight for one unit of its demand."""
    counted: bool
    """Whether its demand counts requests, so that a number of late ones can be told."""
    now: Setting
    """As it is: its scaler with its owner's bounds."""
    ours: Setting
    """Below ahpa: the same, but a minimum that is held for peaks is lowered, as ahpa raises it for them."""
    question: Question

    @property
    def lowered(self) -> bool:
        """Whether the two differ."""
        return self.now.scaling.bounds != self.ours.scaling.bounds


def world_of(candidate: Candidate, scaler: Scaler, test_days: float, seed: int = 0) -> World:
    """`scaler` is how its autoscaler is configured; None: that is not known, and it is taken to be as it comes."""
    workload, policy = candidate.workload, candidate.workload.policy.policy
    assert workload.per_replica is not None
    unit = next((fit.unit for fit in candidate.asked.fits if fit.unit is not None), IN_FLIGHT)
    seconds = policy.service_time or SERVICE_SECONDS
    known = converted(1.0, unit, IN_FLIGHT, seconds)
    in_flight = HELD * FILLED / workload.per_replica if known is None else known
    per_replica = workload.per_replica * in_flight
    filled = workload.utilization if workload.utilization and workload.utilization <= 1 else FILLED
    slots = max(1, round(per_replica / filled))
    late_after = policy.late_after
    service = SimulatedService(seconds, slots, late_after, max(GIVE_UP_SECONDS, late_after), workload.readiness)

    def setting(least: int) -> Setting:
        scaling = _scaling(candidate.target, scaler, per_replica, slots, least)
        return Setting(service, scaling, test_days, seed, known=policy.known)

    least = workload.baseline
    question = Question(policy.late_target, level_of(policy), sweep=False)
    return World(in_flight, known is not None, setting(least), setting(min(least, LEAST)), question)


def _scaling(target: Target, scaler: Scaler, per_replica: float, slots: int, least: int) -> Scaling:
    most, full = target.maximum or 0, max(float(slots), per_replica)
    if isinstance(scaler, KpaConfig) or (scaler is None and target.reaction == KPA):
        return ByKpa(
            replace(
                scaler or KpaConfig(),
                metric="concurrency",
                target_value=max(SMALLEST_TARGET, per_replica),
                total_value=max(SMALLEST_TARGET, full),
                min_scale=least,
                max_scale=most,
            )
        )
    if scaler is None:
        return ByHpa(on_concurrency(per_replica, max(1, least), most), full)
    bounded = replace(scaler, min_replicas=max(1, least), max_replicas=most or DEFAULT_MAX_REPLICAS)
    return ByHpa(aimed_at(bounded, per_replica), full)
