"""The replicas of one service: asked for, landing on a tier, starting, ready, withdrawn, paid."""

from __future__ import annotations

import math

import numpy as np

from ahpa.core.readiness import Readiness

LEAST_LEVEL = 0.01
"""No start is faster than this quantile of its lag: a pull and a load have a least time, and so has the
clairvoyant's bound (oracle.py)."""


class Replicas:
    """How many replicas there are, and where.

    A new replica takes the first tier that has room and becomes ready after a lag drawn from that tier's
    distribution. The newest that is not ready is withdrawn first, as a ReplicaSet does it; then ready ones
    from the last tier. A withdrawn replica stops costing at once; what it was serving is still served.
    """

    __slots__ = (
        "_least",
        "_readiness",
        "_ready_in",
        "_rng",
        "_starting",
        "asked",
        "next_ready",
        "present",
        "ready",
        "withdrawn",
    )

    def __init__(self, readiness: Readiness, rng: np.random.Generator, ready: int = 0) -> None:
        self._readiness = readiness
        self._rng = rng
        self._least = [tier.lag.quantile(LEAST_LEVEL) for tier in readiness.tiers]
        self._starting: list[tuple[float, int]] = []
        """(unix seconds at which it is ready, tier), oldest first."""
        self._ready_in = [0] * len(readiness.tiers)
        for _ in range(ready):
            self._ready_in[self._tier()] += 1
        self.ready = ready
        self.present = ready
        """Ready or starting."""
        self.next_ready = math.inf
        """Unix seconds at which the next one becomes ready."""
        self.asked = 0
        self.withdrawn = 0

    @property
    def starting(self) -> int:
        return self.present - self.ready

    def in_tier(self, tier: int) -> int:
        """Replicas that are ready or starting in one tier."""
        return self._ready_in[tier] + sum(1 for _, where in self._starting if where == tier)

    def _tier(self) -> int:
        tiers = self._readiness.tiers
        if len(tiers) == 1:
            return 0
        for i, tier in enumerate(tiers):
            if tier.replicas is None or self.in_tier(i) < tier.replicas:
                return i
        raise AssertionError("the last tier has no end")

    def scale(self, wanted: int, now: float) -> None:
        """Ask for what is missing, withdraw what is too much."""
        for _ in range(wanted - self.present):
            self._ask(now)
        while self.present > wanted:
            self._withdraw()
        self._foresee()

    def _ask(self, now: float) -> None:
        tier = self._tier()
        lag = self._readiness.tiers[tier].lag
        drawn = math.exp(lag.mu + lag.sigma * self._rng.standard_normal())
        self._starting.append((now + max(drawn, self._least[tier]), tier))
        self.present += 1
        self.asked += 1

    def _withdraw(self) -> None:
        if self._starting:
            self._starting.pop()
        else:
            last = max(i for i, count in enumerate(self._ready_in) if count)
            self._ready_in[last] -= 1
            self.ready -= 1
        self.present -= 1
        self.withdrawn += 1

    def mature(self, now: float) -> None:
        """Those whose lag has passed become ready."""
        still = []
        for at, tier in self._starting:
            if at <= now:
                self._ready_in[tier] += 1
                self.ready += 1
            else:
                still.append((at, tier))
        self._starting = still
        self._foresee()

    def _foresee(self) -> None:
        self.next_ready = min(self._starting)[0] if self._starting else math.inf
