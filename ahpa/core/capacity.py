"""How many replicas a demand needs."""

from __future__ import annotations

import math

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
