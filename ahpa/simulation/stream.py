"""Streams of requests, and what they ask of a service on which nobody waits.

A `Stream` is all that the world, the scalers and the clairvoyant know of the requests: counted second by second, with
one service time for all (traffic.py), or a list, each with its own (requests.py).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ahpa.core.readiness import Lag, Readiness
from ahpa.simulation.queues.queue import Queue
from ahpa.simulation.units import Counts
from forecasting.panel import Floats


@dataclass(frozen=True)
class SimulatedService:
    """How one service works. All its replicas draw from one queue, first come first served."""

    service_seconds: float = 2.0
    """Seconds for which each request holds a slot, or the mean where each has a duration of its own."""
    concurrency: int = 4
    """Requests that one replica serves at once."""
    late_after_seconds: float = 1.0
    """A request that waits longer for a slot is late."""
    give_up_seconds: float = 300.0
    """A request that waits longer leaves unserved (Knative's default request timeout)."""
    readiness: Readiness = field(default_factory=lambda: Readiness.single(Lag.of(180.0, 270.0)))
    prices: tuple[float, ...] | None = None
    """Price of a replica-hour in each tier of `readiness`."""

    def __post_init__(self) -> None:
        if not self.service_seconds > 0 or self.concurrency < 1:
            raise ValueError("the service time must be longer than nothing, and a replica needs at least one slot")
        if not 0 <= self.late_after_seconds <= self.give_up_seconds:
            raise ValueError("late-after cannot be longer than give-up-after")
        if self.prices is not None and len(self.prices) != len(self.readiness.tiers):
            raise ValueError(f"{len(self.readiness.tiers)} tiers need as many prices, got {len(self.prices)}")


@dataclass(frozen=True)
class Asked:
    """What the clairvoyant's bound needs of a window length; why it holds stands in oracle.py."""

    amounts: Floats
    """Shape [n]: what the requests that came in the window ending with each second ask of the slots within it."""
    per_slot: float
    """How much of it a slot can give."""
    spared: float
    """How much the late requests can take off all amounts together."""


@dataclass(frozen=True, eq=False)
class Stream(ABC):
    """One service's arrivals, and its concurrency as long as nobody waits (the open loop)."""

    start: float
    """Unix seconds of a whole minute."""
    arrivals: Counts
    """Shape [n]: requests of each second `[start + k, start + k + 1)`; n is whole minutes."""
    service: SimulatedService

    def __post_init__(self) -> None:
        if self.start % 60 or len(self.arrivals) % 60 or not len(self.arrivals):
            raise ValueError("traffic must begin at a whole minute and last whole minutes")

    @property
    def seconds(self) -> int:
        return len(self.arrivals)

    @cached_property
    def arrived(self) -> Floats:
        """Shape [n + 1]: requests that arrived before the end of each second, whole numbers."""
        return np.concatenate([[0.0], np.cumsum(self.arrivals, dtype=float)])

    @cached_property
    def arrivals_list(self) -> list[int]:
        """`arrivals` for loops: a list is several times quicker to walk than an array."""
        out: list[int] = self.arrivals.tolist()
        return out

    # What kinds of streams differ in

    @property
    @abstractmethod
    def units(self) -> Counts:
        """Shape [n]: mean concurrency of each second in 1/GRAIN requests."""

    @property
    @abstractmethod
    def pressure(self) -> Floats:
        """Shape [n]: nobody waits in a second whose pressure is within `limit(slots)`."""

    @property
    @abstractmethod
    def demand(self) -> Floats:
        """Shape [n / 60]: mean concurrency that each minute's arrivals ask for."""

    @property
    @abstractmethod
    def longest_seconds(self) -> float:
        """No request holds a slot for longer."""

    @property
    @abstractmethod
    def link_seconds(self) -> int:
        """Windows of which this is a divisor can be `asked`."""

    @abstractmethod
    def limit(self, slots: int) -> float:
        """The most that `pressure` may be for nobody to wait on so many slots."""

    @abstractmethod
    def queue(self) -> Queue:
        """A queue for these requests, for one run."""

    @abstractmethod
    def asked(self, window: int, late: float) -> Asked:
        """What windows of so many seconds ask, where all but `late` requests have begun within late_after."""

    @abstractmethod
    def work(self, most_seconds: float, late: float) -> float:
        """Slot-seconds that all but `late` requests take within the stream, none counted for more than the most."""

    # What follows from it

    def pressures(self, tick_seconds: int) -> list[float]:
        """The largest pressure of each tick; remembered."""
        if tick_seconds not in self._pressures:
            rows = self.pressure[: self.seconds // tick_seconds * tick_seconds].reshape(-1, tick_seconds)
            self._pressures[tick_seconds] = rows.max(axis=1).tolist()
        return self._pressures[tick_seconds]

    @cached_property
    def _pressures(self) -> dict[int, list[float]]:
        return {}

    @cached_property
    def peak_pressure(self) -> list[float]:
        """The largest pressure of each minute."""
        return [float(x) for x in self.pressure.reshape(-1, 60).max(axis=1)]
