"""Observe: which targets there are, what their owners ask, what they have and what was demanded of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.observation import Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import Parsed, Policy
from ahpa.core.starts import StartLog
from ahpa.ports import (
    Actuator,
    ClusterError,
    DemandQuery,
    DemandSource,
    QueryError,
    Reading,
    StartSource,
    Target,
    Telemetry,
)
from ahpa.service.memory import Memory
from ahpa.service.settings import RECENT_SECONDS, Settings


@dataclass(frozen=True, eq=False)
class Asked:
    """One target and what its owner asks of us."""

    target: Target
    parsed: Parsed
    query: str | None
    """The filled query; None: no plan is wanted, or what is wanted cannot be served."""


@dataclass(frozen=True, eq=False)
class Listing:
    """All targets at one moment."""

    asked: tuple[Asked, ...]
    unlisted: frozenset[str]
    """Kinds that did not answer: their targets are not gone, only not seen."""

    @property
    def queries(self) -> dict[str, str]:
        """By target's key, of those that want a plan."""
        return {a.target.key: a.query for a in self.asked if a.query is not None}


@dataclass(frozen=True)
class Observer:
    """Holds its ports and nothing else."""

    settings: Settings
    actuators: Mapping[str, Actuator]
    """By the name of their kind."""
    demand: DemandSource
    starts: StartSource
    queries: Mapping[str, DemandQuery]
    models: Collection[str]
    """Names of models that can be asked for."""
    telemetry: Telemetry

    def list(self, deadline: float = math.inf) -> Listing:
        """All targets of every kind that answers; one without its CRD harms no other. Raises ClusterError if none
        answers."""
        targets: list[Target] = []
        failures: dict[str, ClusterError] = {}
        for kind, actuator in self.actuators.items():
            try:
                targets += actuator.targets(deadline)
            except ClusterError as error:
                failures[kind] = error
                self.telemetry.log("targets.unavailable", logging.WARNING, kind=kind, problem=str(error))
        if len(failures) == len(self.actuators):
            raise next(iter(failures.values()))
        return Listing(tuple(self._asked(target) for target in targets), frozenset(failures))

    def _asked(self, target: Target) -> Asked:
        parsed = parse_policy(target.annotations)
        if not parsed.requested or parsed.policy.mode == "off":
            return Asked(target, parsed, None)
        try:
            return Asked(target, parsed, self._query(target, parsed.policy))
        except QueryError as error:
            return Asked(target, replace(parsed, problems=(*parsed.problems, str(error))), None)

    def _query(self, target: Target, policy: Policy) -> str:
        """The filled query. Raises QueryError for wishes that this service cannot serve."""
        if policy.model not in self.models:
            raise QueryError(f"ahpa.dev/model: no model {policy.model!r}; there are {', '.join(sorted(self.models))}")
        name = target.demand if policy.demand == "auto" else policy.demand
        if name is None:
            raise QueryError(f"ahpa.dev/demand: name the query that measures this {target.kind}")
        if name not in self.queries:
            raise QueryError(f"ahpa.dev/demand: no query {name!r}; there are {', '.join(sorted(self.queries))}")
        return self.queries[name].fill(target.namespace, target.name, self.settings.step_seconds)

    def recent(self, listing: Listing, now: float, deadline: float = math.inf) -> Reading:
        """The last hour of every target that wants a plan."""
        reading = self.demand.read(listing.queries, now - RECENT_SECONDS, now, self.settings.step_seconds, deadline)
        for key, problem in reading.problems.items():
            self.telemetry.read_failed()
            self.telemetry.log("tick.no_data", logging.WARNING, target=key, problem=problem)
        return reading

    def workloads(
        self,
        listing: Listing,
        recent: Reading,
        levels: Mapping[str, float],
        memory: Memory,
        now: float,
        writes: bool,
        deadline: float = math.inf,
    ) -> tuple[Workload, ...]:
        """What a decision depends on, target by target; `writes` False: all floors are only thought of."""
        panel = recent.panel
        observed = dict(zip(panel.keys, panel.last_observed().tolist(), strict=True))
        finite = np.isfinite(panel.values)
        coverage = dict(zip(panel.keys, finite.mean(axis=1).tolist() if finite.size else (), strict=False))
        out = []
        for asked in listing.asked:
            key = asked.target.key
            until = memory.observed(key, observed.get(key, -np.inf), now)
            share = 0.0 if key in recent.partial else coverage.get(key, 0.0)
            thought = not writes or (asked.parsed.policy.mode == "observe" and not asked.target.managed)
            workload = self._workload(asked, memory, now, deadline)
            out.append(
                replace(
                    workload,
                    floor=memory.would_be.get(key, asked.target.floor) if thought else asked.target.floor,
                    observed_until=until,
                    coverage=share,
                    level=levels.get(key, workload.level),
                )
            )
        return tuple(out)

    def _workload(self, asked: Asked, memory: Memory, now: float, deadline: float) -> Workload:
        """As the cluster shows it."""
        target = asked.target
        log = memory.starts.get(target.key, StartLog())
        if target.selector and asked.query is not None:
            log = self._seen(target, log, now, deadline)
        memory.starts[target.key] = log
        return Workload(
            key=target.key,
            policy=asked.parsed,
            baseline=target.baseline,
            floor=target.floor,
            ready=target.ready,
            present=target.present,
            per_replica=asked.parsed.policy.target_per_replica or target.per_replica,
            readiness=log.readiness(self.settings.readiness),
            observed_until=now,
            maximum=target.maximum,
            managed=target.managed,
            refusal=target.refusal,
        )

    def _seen(self, target: Target, log: StartLog, now: float, deadline: float) -> StartLog:
        try:
            return log.seen(self.starts.starts(target, deadline), now)
        except ClusterError as error:
            self.telemetry.log("pods.unavailable", logging.DEBUG, target=target.key, problem=str(error))
            return log
