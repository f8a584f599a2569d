"""The arithmetic of a fixed service time on a grid of seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

from ahpa.simulation.units import GRAIN
from forecasting.panel import Floats

Number = TypeVar("Number", float, Floats)


@dataclass(frozen=True)
class FixedServiceTime:
    """The arithmetic of a fixed service time S = whole + fraction on a grid of seconds.

    Works on scalars and on arrays alike, with the same operations in the same order, so that both give the
    same bits. `begun` counts requests that have begun to be served; between the ends of seconds it is linear,
    and what is finished at time t had begun by t - S. For second k: here = begun(k), there = begun(k + 1),
    oldest, before, after = begun(k - whole - 1), begun(k - whole), begun(k - whole + 1).
    """

    whole: int
    fraction: float

    @classmethod
    def of(cls, service_seconds: float) -> FixedServiceTime:
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
