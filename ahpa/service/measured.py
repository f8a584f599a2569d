"""What a target's demand is measured by: a query that its owner names, or those for what its object is scaled by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ahpa.core.policy.values import Policy
from ahpa.core.units import REPLICAS, Capacity, Fit, fit
from ahpa.ports import DemandQueries, DemandQuery, QueryError
from ahpa.targets import Measure, Target

_AUTO = "auto"


@dataclass(frozen=True)
class Measured:
    """A demand that can be asked for."""

    query: str
    """Filled."""
    late: str | None
    """The filled query for the share of its requests that was late; None: nobody measures it."""
    fits: tuple[Fit, ...]
    """What one replica serves in the unit of the query: one, or one for each part of the target."""
    words: str
    """By what, and what one replica serves of it: what was inferred of the object."""
    assumed: tuple[str, ...] = ()
    """What was taken for granted, in words."""


def measured(target: Target, policy: Policy, queries: DemandQueries, step: float) -> Measured:
    """Raises QueryError for wishes that the operator's list does not serve."""
    if policy.demand != _AUTO:
        query = _named(policy.demand, queries)
        return _by_one(target, policy, query, _meant(target, query), step)
    if not any(measure.metric for measure in target.measures):
        raise QueryError(f"ahpa.dev/demand: {target.no_demand or f'name the query that measures this {target.title}'}")
    known, unknown = _known(target, queries)
    if len(known) == 1:
        (query, measure), *_ = known
        found = _by_one(target, policy, query, measure, step)
    else:
        found = _by_all(target, policy, queries, known, step)
    return Measured(found.query, found.late, found.fits, found.words, (*found.assumed, *unknown))


def _named(name: str, queries: DemandQueries) -> DemandQuery:
    try:
        return queries.named(name)
    except QueryError as error:
        raise QueryError(f"ahpa.dev/demand: {error}") from error


def _known(target: Target, queries: DemandQueries) -> tuple[Sequence[tuple[DemandQuery, Measure]], tuple[str, ...]]:
    """What can be measured, and in words what cannot. Raises QueryError if nothing can."""
    known: list[tuple[DemandQuery, Measure]] = []
    problems: list[QueryError] = []
    for measure in target.measures:
        try:
            known.append((queries.of(measure, target.namespace), measure))
        except QueryError as error:
            problems.append(error)
    if not known:
        raise QueryError(f"ahpa.dev/demand: {problems[0]}")
    return known, tuple(f"not by all that it is scaled by: {problem}" for problem in problems)


def _meant(target: Target, query: DemandQuery) -> Measure:
    """Which of what the object is scaled by a query counts that was named: the one that it is for, or the only one."""
    fitting = [measure for measure in target.measures if query.measures(measure.metric)]
    if fitting or len(target.measures) == 1:
        return (fitting or target.measures)[0]
    return Measure("", (Capacity(None),) * max(1, len(target.parts)))


def _by_one(target: Target, policy: Policy, query: DemandQuery, measure: Measure, step: float) -> Measured:
    names = {**target.names, **measure.names}
    where = target.namespace, names.get("name", target.name), step
    own = policy.target_per_replica
    said = [c if own is None else Capacity(own, query.unit, "ahpa.dev/target-per-replica") for c in measure.capacities]
    fits = tuple(fit(capacity, query.name, query.unit, policy.service_time) for capacity in said)
    return Measured(query.fill(*where, names), query.fill_late(*where, names), fits, _words(query, said, fits))


def _by_all(
    target: Target,
    policy: Policy,
    queries: DemandQueries,
    known: Sequence[tuple[DemandQuery, Measure]],
    step: float,
) -> Measured:
    """Of several the one that needs most: a demand that counts replicas. Raises QueryError."""
    if policy.target_per_replica is not None:
        names = ", ".join(query.name for query, _ in known)
        raise QueryError(f"ahpa.dev/target-per-replica is of one metric, and there are several ({names}): name one")
    each = [_by_one(target, policy, query, measure, step) for query, measure in known]
    words = " and ".join(one.words for one in each)
    counted = [(one.query, one.fits[0].per_replica) for one in each]
    known_all = [(query, per_replica) for query, per_replica in counted if per_replica is not None]
    if len(known_all) < len(counted):
        problem = next(one.fits[0].problem for one in each if one.fits[0].per_replica is None)
        return Measured(each[0].query, None, (Fit(None, problem=problem),), words)
    return Measured(queries.largest(known_all), None, (Fit(1.0, REPLICAS),), f"whichever needs most: {words}")


def _words(query: DemandQuery, said: Sequence[Capacity], fits: Sequence[Fit]) -> str:
    served = [
        f"{one.per_replica:.4g}{f' {one.unit.words}' if one.unit else ''} for a replica ({capacity.source})"
        for capacity, one in zip(said, fits, strict=True)
        if one.per_replica is not None
    ]
    return f"{query.name}, {', '.join(dict.fromkeys(served))}" if served else query.name
