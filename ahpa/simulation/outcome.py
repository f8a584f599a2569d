"""What one contender did to one service: the common result of backtest, demo and sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forecasting.panel import Floats


@dataclass(frozen=True)
class Outcome:
    """The figures by which a contender is judged."""

    replica_hours: float
    """Paid from the moment a replica is asked for until it is gone."""
    late_ratio: float
    """Share of requests that waited for capacity longer than the world's late_after_seconds (unserved ones too)."""
    unserved_ratio: float
    """Share of requests that were never served."""
    scale_ups: int
    """Replicas asked for, added up."""
    churn: int
    """Replicas that were withdrawn, added up; those not yet ready included."""
    cold_hits: int
    """Requests that arrived when no replica was ready."""
    wait_p50_seconds: float
    wait_p95_seconds: float
    wait_p99_seconds: float
    requests: float
    money: float | None = None
    """Cost of the replica-hours by tier price, where prices are given."""
    coverage: Mapping[str, float] = field(default_factory=dict)
    """Realised coverage of the predicted peak by nominal level ("0.95"), where the contender predicts."""


@dataclass(frozen=True)
class Move:
    """A decision that changed the floor."""

    at: float
    """Unix seconds."""
    previous: int
    floor: int
    why: str
    """Its sentence."""

    @property
    def change(self) -> int:
        return self.floor - self.previous


@dataclass(frozen=True, eq=False)
class Run:
    """The course of one contender over one series, one row per minute (or per step of the demand)."""

    series: str
    contender: str
    knob: str
    """The setting that was swept, for people: "quantile 0.99", "floor 4", "" where there is none."""
    outcome: Outcome
    step: float
    """Seconds per row."""
    timestamp: Floats
    """Unix seconds at which the row begins, shape [t]."""
    demand: Floats
    """Mean concurrency that the arrivals ask for (requests per second times service time), shape [t]."""
    ready: Floats
    """Replicas ready, mean over the row."""
    starting: Floats
    """Replicas asked for and not yet ready, mean over the row."""
    floor: Floats
    """The minimum in force at the end of the row."""
    desired: Floats
    """What the reactive scaler wanted at the end of the row."""
    late: Floats
    """Late requests that arrived in the row."""
    peak: Floats | None = None
    """The predicted peak that the floor was made from (at its level), where the contender predicts."""
    moves: tuple[Move, ...] = ()
    """The decisions that changed the floor, in their order."""
