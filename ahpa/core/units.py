"""What a number counts. Demand and capacity fit, or are converted by something known and named, or there is no plan.

Requests in flight and requests per second are tied by the time that one request takes (Little 1961: L = λ W), if its
owner says it. Nothing else is guessed: 200 requests/s over a target of 70 requests in flight is no number of replicas.

A query or a target that does not say its unit is taken to count what the other counts, and each sentence says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ahpa.core.policy.values import PREFIX


@dataclass(frozen=True)
class Unit:
    """One unit."""

    name: str
    """As an operator writes it in the list of queries."""
    words: str
    """As it stands beside a number."""
    counts: str
    """What is counted; only the same is the same."""
    factor: float = 1.0
    """So many of the first unit that counts the same are one of this."""


IN_FLIGHT = Unit("requests-in-flight", "requests in flight", "requests in flight")
PER_SECOND = Unit("requests-per-second", "requests/s", "requests per second")
CORES = Unit("cores", "cores", "cores")
BYTES = Unit("bytes", "bytes", "bytes")
MESSAGES = Unit("messages", "messages", "messages")
TOKENS_PER_SECOND = Unit("tokens-per-second", "tokens/s", "tokens per second")
MESSAGES_PER_SECOND = Unit("messages-per-second", "messages/s", "messages per second")
REPLICAS = Unit("replicas", "replicas' worth", "replicas")

UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        unit.name: unit
        for unit in (
            IN_FLIGHT,
            PER_SECOND,
            Unit("requests-per-minute", "requests/min", PER_SECOND.counts, 1 / 60),
            CORES,
            Unit("millicores", "millicores", CORES.counts, 1e-3),
            BYTES,
            MESSAGES,
            MESSAGES_PER_SECOND,
            Unit("tokens", "tokens", "tokens"),
            TOKENS_PER_SECOND,
            Unit("tokens-per-minute", "tokens/min", TOKENS_PER_SECOND.counts, 1 / 60),
            Unit("percent", "%", "percent"),
            Unit("ratio", "(a ratio)", "a ratio"),
            REPLICAS,
        )
    }
)
"""By name."""
_ALSO = {"concurrency": IN_FLIGHT, "rps": PER_SECOND, "rpm": UNITS["requests-per-minute"]}
"""Short names that people use."""


class UnitError(ValueError):
    """A unit that nobody knows; the message lists those that are."""


def unit_named(name: str) -> Unit:
    """The unit of this name. Raises UnitError."""
    found = UNITS.get(name) or _ALSO.get(name)
    if found is None:
        raise UnitError(f"no unit {name[:40]!r}; there are {', '.join((*UNITS, *_ALSO))}")
    return found


def converted(value: float, unit: Unit, into: Unit, service_seconds: float | None = None) -> float | None:
    """So much of `unit` in another one; None if nothing that is known ties the two.

    1.4 requests in flight are 70 requests/s, where each takes 20 ms.
    """
    base = value * unit.factor
    if unit.counts != into.counts:
        if service_seconds is None or not _tied(unit, into):
            return None
        base = base * service_seconds if into.counts == IN_FLIGHT.counts else base / service_seconds
    return base / into.factor


_RATES = frozenset({PER_SECOND.counts, MESSAGES_PER_SECOND.counts})
"""What comes, is served for a time, and is in flight that long: a request, or a message that a consumer has in hand."""


def _tied(one: Unit, other: Unit) -> bool:
    """Whether the time that one of them takes converts the two."""
    return IN_FLIGHT.counts in (one.counts, other.counts) and bool({one.counts, other.counts} & _RATES)


_LEAST, _MOST = 1e-12, 1e18
"""No replica serves less or more of anything: a picocore, an exabyte."""


def credible(per_replica: float) -> bool:
    """Whether a replica can serve so much: what is told by anybody who may write an annotation can be infinite once it
    is converted, or so small that a demand over it is."""
    return _LEAST <= per_replica <= _MOST


UNSAID = "its target"
"""Who says what one replica serves, where nobody in particular does."""


@dataclass(frozen=True)
class Capacity:
    """What one replica serves, as somebody said it."""

    value: float | None
    """None: nobody did."""
    unit: Unit | None = None
    """None: not said."""
    source: str = UNSAID
    """Who says so, in words."""
    utilization: float | None = None
    """Share of its slots that this is; None: not known."""


@dataclass(frozen=True)
class Fit:
    """A capacity in the unit of the demand that it is to serve."""

    per_replica: float | None
    """None: they do not fit, and `problem` says why."""
    unit: Unit | None = None
    """What both count; None: nobody said."""
    assumed: str = ""
    """What was taken for granted, in words."""
    problem: str = ""
    utilization: float | None = None
    """As of the capacity, where both count requests in flight; else None."""


def fit(capacity: Capacity, query: str, unit: Unit | None, service_seconds: float | None = None) -> Fit:
    """`capacity` for the demand that `query` measures in `unit`; `service_seconds` is how long one request takes."""
    found = _fit(capacity, query, unit, service_seconds)
    if found.per_replica is None or credible(found.per_replica):
        return replace(found, utilization=capacity.utilization) if found.unit is IN_FLIGHT else found
    return Fit(
        None,
        found.unit,
        problem=f"{capacity.source} comes to {found.per_replica:.4g} for one replica, which none can serve: "
        f"set {PREFIX}target-per-replica",
    )


def _fit(capacity: Capacity, query: str, unit: Unit | None, service_seconds: float | None) -> Fit:
    value, own = capacity.value, capacity.unit
    if value is None:
        within = f", in {unit.words}" if unit is not None else ""
        why = "nobody said what one replica serves" if capacity.source == UNSAID else capacity.source
        return Fit(None, unit, problem=f"{why}; set {PREFIX}target-per-replica{within}")
    if unit is None:
        said = "" if own is None else f"{query} does not say its unit: taken as {own.words}"
        return Fit(value, own, said)
    if own is None:
        return Fit(value, unit, f"{capacity.source} does not say its unit: taken as {unit.words}")
    found = converted(value, own, unit, service_seconds)
    if found is None:
        return Fit(None, unit, problem=_misfit(capacity.source, query, unit, own))
    tied = f"{value:.4g} {own.words} of {service_seconds:g} s" if own.counts != unit.counts else ""
    return Fit(found, unit, f"{capacity.source} is {tied} each" if tied else "")


def _misfit(source: str, query: str, unit: Unit, own: Unit) -> str:
    time = f", or {PREFIX}service-time (how long one request takes)" if _tied(unit, own) else ""
    return (
        f"{query} counts {unit.counts}, but {source} counts {own.counts}: set {PREFIX}demand to a query of "
        f"{own.counts}, or {PREFIX}target-per-replica in {unit.counts}{time}"
    )
