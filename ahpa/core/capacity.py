"""How many replicas a demand needs, also where parts of a service serve it differently (two Revisions in a rollout)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SLACK = 1e-9
"""2, 3, 4 by a straight line gives 6.000000000000001, which must need 6 replicas and not 7."""

_MOST = 1_000_000_000
"""More than anyone has. 1e300 over 1e-9 is infinite, and an owner may write such a target."""


def replicas(demand: float, per_replica: float) -> int:
    """The fewest replicas that serve `demand` when each serves `per_replica` of it at target.

    Raises ValueError unless demand is finite and non-negative and per_replica positive.
    """
    if not (math.isfinite(demand) and demand >= 0):
        raise ValueError(f"demand must be finite and non-negative, got {demand}")
    if not per_replica > 0:
        raise ValueError(f"per_replica must be positive, got {per_replica}")
    exact = demand / per_replica
    if exact > _MOST:
        return _MOST
    return math.ceil(exact - _SLACK * max(1.0, exact))


@dataclass(frozen=True)
class Part:
    """A part of a service that has its own share of the demand, its own capacity and its own bounds: a Revision."""

    name: str
    share: float
    """Of the service's demand, 0-1, that it serves or is about to, whichever is more: in a rollout those of the old and
    the new add up to more than 1."""
    per_replica: float
    """Demand that one of its replicas serves at target."""
    least: int = 0
    """Its owner's minimum."""
    most: int | None = None
    """Its owner's maximum; None where none is set."""
    floor: int = 0
    """The minimum in force."""
    ready: int = 0
    coming_until: float | None = None
    """It has no traffic yet and is prepared for it, until this moment (unix seconds). None: it has traffic."""

    def needs(self, demand: float) -> int:
        """Replicas of this part when the whole service is asked for so much, within its bounds."""
        return self.bounded(replicas(demand * self.share, self.per_replica))

    def bounded(self, count: int) -> int:
        return max(self.least, count if self.most is None else min(count, self.most))


def mean_capacity(parts: Sequence[Part]) -> float:
    """Demand that a replica serves on average: 10 % at 70 and 90 % at 1.4 is 1.55."""
    return sum(part.share for part in parts) / sum(part.share / part.per_replica for part in parts)


def apportion(floor: int, parts: Sequence[Part]) -> tuple[int, ...]:
    """Split a floor over the parts so that it serves the largest demand it can, none outside its own bounds.

    Each part is rounded up by itself, as the plan does (Adams' method of apportionment): 27 over 10 % at 70 and 90 % at
    1.4 is 1 and 26. What a part may not take goes to the others, so that the sum stays `floor` where bounds allow it.
    """
    if not parts:
        return ()
    weights = [part.share / part.per_replica for part in parts]
    low, high = 0.0, max((floor / weight for weight in weights if weight > 0), default=0.0) + 1.0
    for _ in range(100):
        demand = (low + high) / 2
        if sum(part.needs(demand) for part in parts) <= floor:
            low = demand
        else:
            high = demand
    counts = [part.needs(low) for part in parts]
    while (left := floor - sum(counts)) > 0:
        open_parts = [i for i, part in enumerate(parts) if part.bounded(counts[i] + 1) > counts[i]]
        if not open_parts:
            break
        # At `low` one more of anything is too much, but for several that step at once; the most loaded comes first.
        neediest = sorted(open_parts, key=lambda i: (-weights[i] / max(counts[i], 0.5), parts[i].name))
        for i in neediest[:left]:
            counts[i] += 1
    return tuple(counts)
