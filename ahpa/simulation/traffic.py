"""Requests second by second, and what they ask of a service on which nobody waits.

A count per step is all that exported metrics say. Inside its step each request falls on a second at random
(multinomial; a Poisson stream, given its count). `dispersion` above 1 makes seconds unequal first: their rates
are gamma distributed so that the variance of a second's count is about `dispersion` times its mean.
Within one second requests are spread evenly: bursts shorter than a second are not modelled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ahpa.readiness import Lag, Readiness
from forecasting.panel import Floats

Counts = NDArray[np.int64]

GRAIN = 1024
"""Concurrency is kept in whole 1/1024 requests. Sums of such numbers are exact in any order, so a window
average taken from a precomputed array and one kept while running are the same number."""


@dataclass(frozen=True)
class Service:
    """How one service works. All its replicas draw from one queue, first come first served."""

    service_seconds: float = 2.0
    """Seconds for which each request holds a slot."""
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
            raise ValueError("service_seconds must be positive and concurrency at least 1")
        if not 0 <= self.late_after_seconds <= self.give_up_seconds:
            raise ValueError("need 0 <= late_after_seconds <= give_up_seconds")
        if self.prices is not None and len(self.prices) != len(self.readiness.tiers):
            raise ValueError(f"{len(self.readiness.tiers)} tiers need as many prices, got {len(self.prices)}")


def spread(per_step: Floats, step_seconds: int, rng: np.random.Generator, dispersion: float = 1.0) -> Counts:
    """Requests per second, shape [t * step_seconds], from requests per step, shape [t].

    A count with a fraction is rounded up or down at random, which keeps its mean; a millionth is no fraction but
    what changing units left of a whole count. Raises ValueError for
    counts that are negative or not finite.
    """
    if not (np.isfinite(per_step).all() and (per_step >= 0).all()):
        raise ValueError("requests per step must be finite and non-negative")
    whole = np.asarray(np.floor(per_step + 1e-6))
    counts = (whole + (rng.random(len(per_step)) < per_step - whole)).astype(np.int64)
    if step_seconds == 1:
        return counts
    if dispersion > 1:
        shape = np.maximum(per_step / step_seconds, 1e-6) / (dispersion - 1)
        weights = rng.gamma(shape[:, None], size=(len(counts), step_seconds)) + 1e-12
        shares = weights / weights.sum(axis=1, keepdims=True)
    else:
        shares = np.full((1, step_seconds), 1 / step_seconds)
    return np.asarray(rng.multinomial(counts, shares)).reshape(-1)


Number = TypeVar("Number", float, Floats)


@dataclass(frozen=True)
class Kernel:
    """The arithmetic of a fixed service time S = whole + fraction on a grid of seconds.

    Works on scalars and on arrays alike, with the same operations in the same order, so that both give the
    same bits. `begun` counts requests that have begun to be served; between the ends of seconds it is linear,
    and what is finished at time t had begun by t - S. For second k: here = begun(k), there = begun(k + 1),
    oldest, before, after = begun(k - whole - 1), begun(k - whole), begun(k - whole + 1).
    """

    whole: int
    fraction: float

    @classmethod
    def of(cls, service_seconds: float) -> Kernel:
        whole = math.floor(service_seconds)
        return cls(whole, service_seconds - whole)

    def serving(self, here: Number, there: Number, oldest: Number, before: Number, after: Number) -> Number:
        """Requests in service, mean over second k. One a second for 0.2 s: 0.2; for 2 s: 2."""
        f = self.fraction
        edge = (f * f / 2) * (before - oldest) - ((1 - f) * (1 - f) / 2) * (after - before)
        return (here - before) + (there - here) / 2 + edge

    def held(self, here: Number, before: Number, after: Number) -> Number:
        """Requests begun before second k that are still in service at its end; for S of a second or more."""
        return (here - before) - (1 - self.fraction) * (after - before)

    def limit(self, slots: int) -> float:
        """The most that `pressure` may be for nobody to wait on so many slots.

        Below one second of service time a slot serves several requests a second: 4 slots x 0.5 s take 8.
        """
        if self.whole:
            return float(slots)
        return math.floor(slots / self.fraction * GRAIN) / GRAIN


@dataclass(frozen=True, eq=False)
class Traffic:
    """One service's arrivals, and its concurrency as long as nobody waits (the open loop)."""

    start: float
    """Unix seconds of a whole minute."""
    arrivals: Counts
    """Shape [n]: requests of each second `[start + k, start + k + 1)`; n is whole minutes."""
    service: Service

    def __post_init__(self) -> None:
        if self.start % 60 or len(self.arrivals) % 60 or not len(self.arrivals):
            raise ValueError("traffic must begin at a whole minute and last whole minutes")

    @property
    def seconds(self) -> int:
        return len(self.arrivals)

    @cached_property
    def arrivals_list(self) -> list[int]:
        """`arrivals` for loops: a list is several times quicker to walk than an array."""
        return self.arrivals.tolist()  # type: ignore[no-any-return]

    @cached_property
    def kernel(self) -> Kernel:
        return Kernel.of(self.service.service_seconds)

    @cached_property
    def arrived(self) -> Floats:
        """Shape [n + 1]: requests that arrived before the end of each second, whole numbers."""
        return np.concatenate([[0.0], np.cumsum(self.arrivals, dtype=float)])

    def _begun(self, shift: int) -> Floats:
        """Shape [n]: requests begun before k - whole + shift."""
        lag = self.kernel.whole - shift
        if lag < 0:
            return self.arrived[1:]
        return np.concatenate([np.zeros(lag), self.arrived])[: self.seconds]

    @cached_property
    def units(self) -> Counts:
        """Shape [n]: mean concurrency of each second in 1/GRAIN requests."""
        mean = self.kernel.serving(self.arrived[:-1], self.arrived[1:], self._begun(-1), self._begun(0), self._begun(1))
        return np.rint(mean * GRAIN).astype(np.int64)

    @cached_property
    def pressure(self) -> Floats:
        """Shape [n]: nobody waits in a second whose pressure is within `kernel.limit(slots)`."""
        if not self.kernel.whole:
            return self.arrivals.astype(float)
        held = self.kernel.held(self.arrived[:-1], self._begun(0), self._begun(1))
        return self.arrivals + np.ceil(held * GRAIN) / GRAIN

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

    @cached_property
    def demand(self) -> Floats:
        """Shape [n / 60]: mean concurrency that each minute's arrivals ask for."""
        per_minute = self.arrivals.reshape(-1, 60).sum(axis=1)
        return np.asarray(per_minute * (self.service.service_seconds / 60))
