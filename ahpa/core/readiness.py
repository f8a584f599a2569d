"""How long a new replica takes to become ready: a distribution per tier, learned from starts.

A lag is log-normal: starts multiply (pull x load x warm-up), are never negative and have a long tail;
the 11.9 million cold starts of Joosen et al. (SoCC 2023) fit one. Pods that are still starting, or were
withdrawn before they were ready, are right-censored: they say "longer than this". Leaving them out would
teach us only the fast starts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from statistics import NormalDist

_NORMAL = NormalDist()
_SIGMAS = (0.05, 1.5)
"""Widest spread that a few odd starts may teach: at 1.5 the 95th percentile is 12 times the median."""
_PRIOR_STARTS = 5.0
"""Completed starts that the operator's assumption is worth."""
_ENOUGH_STARTS = 20
"""Of so many completed ones nobody needs to assume anything."""


@dataclass(frozen=True)
class Lag:
    """Seconds from *asked for* to *ready*: exp(Normal(mu, sigma))."""

    mu: float
    sigma: float
    samples: int = 0
    """Completed starts behind it; 0 = what the operator assumed."""

    @classmethod
    def of(cls, p50_seconds: float, p95_seconds: float) -> Lag:
        """The lag with this median and 95th percentile. Raises ValueError unless 0 < p50 <= p95."""
        if not 0 < p50_seconds <= p95_seconds < math.inf:
            raise ValueError(f"need 0 < p50 <= p95, got {p50_seconds} and {p95_seconds}")
        return cls(math.log(p50_seconds), math.log(p95_seconds / p50_seconds) / _NORMAL.inv_cdf(0.95))

    def quantile(self, level: float) -> float:
        """Seconds within which a share `level` of the starts is done."""
        return math.exp(self.mu + self.sigma * _NORMAL.inv_cdf(level))


def learn(prior: Lag, done: Sequence[float], pending: Sequence[float] = ()) -> Lag:
    """The lag after `done` starts (seconds each) and those `pending` for so many seconds already.

    The prior is somebody's guess. It counts as five starts where none is completed, and as fewer with each that is,
    until at twenty they speak for themselves: a guess of 300 s beside thirty starts of 90 s would else be seen in the
    spread for ever. Censored starts enter by expectation-maximisation for the log-normal (Tobin 1958; the E-step is the
    mean and variance of a truncated normal).
    """
    weight = _PRIOR_STARTS * max(0.0, 1 - len(done) / _ENOUGH_STARTS)
    logs = [math.log(max(seconds, 0.5)) for seconds in done]
    bounds = [math.log(max(seconds, 0.5)) for seconds in pending]
    mu, sigma = prior.mu, _clip(prior.sigma)
    if not logs and not bounds:
        return prior
    total = weight + len(logs) + len(bounds)
    for _ in range(30):
        tails = [_above(bound, mu, sigma) for bound in bounds]
        mean = (weight * prior.mu + sum(logs) + sum(m for m, _ in tails)) / total
        spread = weight * (prior.sigma**2 + (prior.mu - mean) ** 2)
        spread += sum((x - mean) ** 2 for x in logs) + sum(v + (m - mean) ** 2 for m, v in tails)
        moved = abs(mean - mu)
        mu, sigma = mean, _clip(math.sqrt(spread / total))
        if moved < 1e-6:
            break
    return Lag(mu, sigma, len(logs))


def _clip(sigma: float) -> float:
    return min(max(sigma, _SIGMAS[0]), _SIGMAS[1])


def _above(bound: float, mu: float, sigma: float) -> tuple[float, float]:
    """Mean and variance of Normal(mu, sigma) given that it exceeds `bound`."""
    z = min((bound - mu) / sigma, 6.0)
    tail = max(1.0 - _NORMAL.cdf(z), 1e-12)
    hazard = _NORMAL.pdf(z) / tail
    mean = max(mu + sigma * hazard, bound)
    return mean, max(sigma**2 * (1 + z * hazard - hazard**2), 0.0)


@dataclass(frozen=True)
class Tier:
    """A place where replicas land, up to `replicas` of them (None: no end), with its own lag."""

    name: str
    lag: Lag
    replicas: int | None = None
    nodes: str = "*"
    """Its nodes, by name: a pattern such as `gpu-warm-*`."""


@dataclass(frozen=True)
class Readiness:
    """The tiers in the order in which they fill: the warm node first, then the one that must be bought."""

    tiers: tuple[Tier, ...]

    @classmethod
    def single(cls, lag: Lag) -> Readiness:
        return cls((Tier("any", lag),))

    def __post_init__(self) -> None:
        if not self.tiers or any(t.replicas is None for t in self.tiers[:-1]) or self.tiers[-1].replicas is not None:
            raise ValueError("tiers: every one but the last needs a number of replicas, the last has none")

    def tier_of(self, node: str) -> int:
        """Which tier a replica on this node is in: the first that claims it. One that nobody claims, or without a node
        yet, is on the way to the last: it waits for a machine."""
        last = len(self.tiers) - 1
        for i in range(last):
            if node and fnmatchcase(node, self.tiers[i].nodes):
                return i
        return last

    @property
    def learned(self) -> int:
        """Completed starts behind it, of all tiers; 0: all of it is assumed."""
        return sum(tier.lag.samples for tier in self.tiers)

    def longest(self, level: float) -> float:
        """Seconds of the longest lead, whichever tier it is."""
        return max(seconds for _, seconds in self.leads(level))

    def leads(self, level: float) -> tuple[tuple[int | None, float], ...]:
        """(last replica of the tier, seconds) per tier: the k-th replica is ready within its tier's seconds."""
        if level not in self._leads:  # a round asks for the same ones six times
            self._leads[level] = self._worked_out(level)
        return self._leads[level]

    @cached_property
    def _leads(self) -> dict[float, tuple[tuple[int | None, float], ...]]:
        return {}

    def _worked_out(self, level: float) -> tuple[tuple[int | None, float], ...]:
        out: list[tuple[int | None, float]] = []
        last = 0
        for tier in self.tiers:
            last += tier.replicas or 0
            out.append((None if tier.replicas is None else last, tier.lag.quantile(level)))
        return tuple(out)
