"""Observe: which targets there are, what their owners ask, what they have and what was demanded of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from ahpa.core.observation import Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import PREFIX, Parsed, Policy
from ahpa.ports import (
    Actuator,
    ClusterError,
    DemandQueries,
    DemandSource,
    Places,
    QueryError,
    Reading,
    StartSource,
    Telemetry,
)
from ahpa.service.describe import Scene
from ahpa.service.doubts import Doubts
from ahpa.service.listing import NOBODY, Asked, Listing, summary
from ahpa.service.measured import measured
from ahpa.service.memory import Memory
from ahpa.service.settings import RECENT_SECONDS, Settings
from ahpa.service.shares import crowded, within_shares
from ahpa.service.starting import look_at_pods
from ahpa.targets import Target
from forecasting.choice.models import not_among
from forecasting.fleet.calendar import Calendar
from forecasting.panel import Panel

LATE_SECONDS = 600.0
"""Late requests are read of so long: an answer may come some minutes late."""


@dataclass(frozen=True)
class Observer:
    """Holds its ports and nothing else."""

    settings: Settings
    actuators: Mapping[str, Actuator]
    """By the name of their kind."""
    demand: DemandSource
    lateness: DemandSource
    starts: StartSource
    queries: DemandQueries
    models: Collection[str]
    """Names of models that can be asked for."""
    telemetry: Telemetry
    places: Places | None = None
    """The calendars of the world; None: all go by the operator's."""
    plans: Callable[[str], bool] = lambda uid: True
    """Whether the target of this uid is planned for here: in other shards it is others' to do."""

    def list(self, deadline: float = math.inf, before: Listing = NOBODY) -> Listing:
        """All targets of each kind that answers; one that does not harms no other. Targets that are the very same as
        `before` are not read again; of a namespace that has too many, those stay in that were. Raises ClusterError if
        none answers."""
        targets: list[Target] = []
        failures: dict[str, ClusterError] = {}
        for kind, actuator in self.actuators.items():
            try:
                targets += actuator.targets(deadline)
            except ClusterError as error:
                failures[kind] = error
        if len(failures) == len(self.actuators):
            raise next(iter(failures.values()))
        found = {target.key for target in targets}
        here = [t for t in targets if t.maker not in found and not _orphaned(t, failures)]
        own = {t.key for t in here if self.plans(t.uid)}
        full = crowded(here, self.settings)  # there the targets of other shards count too
        counted = (t for t in here if t.key in own or t.namespace in full)
        asked = tuple(before.still(t) or self._asked_or_left_out(t) for t in counted)
        listing = Listing(asked, failures, read={each.target.key: each for each in asked})
        listing = within_shares(listing, before.admitted, self.settings)
        return replace(listing, asked=tuple(each for each in listing.asked if each.target.key in own))

    def tell_of_kinds(self, listing: Listing, memory: Memory) -> None:
        """A kind that cannot be listed, as where its CRD is not installed, is told of once, and once when it can."""
        for kind, problem in listing.unlisted.items():
            if kind not in memory.listed.unlisted:
                self.telemetry.log("targets.unavailable", logging.WARNING, kind=kind, problem=str(problem))
        for kind in sorted(memory.listed.unlisted.keys() - listing.unlisted.keys()):
            self.telemetry.log("targets.again", kind=kind)
        memory.listed = listing

    def _asked_or_left_out(self, target: Target) -> Asked:
        try:
            return replace(self._asked(target), read_of=target)
        except Exception as error:  # whatever an owner may write, it must not end the round for its neighbours
            return _left_out(Asked(target, Parsed(Policy()), None), error)

    def _asked(self, target: Target) -> Asked:
        parsed = parse_policy(target.annotations, self.settings.defaults)
        if not parsed.requested or parsed.policy.mode == "off":
            return Asked(target, parsed, None)
        if target.refusal is None and (refusal := _reverted(target, parsed.policy)):
            target = replace(target, refusal=refusal)
        if parsed.policy.model not in self.models:
            return _unserved(target, parsed, f"ahpa.dev/model: {not_among(parsed.policy.model, sorted(self.models))}")
        try:
            found = measured(target, parsed.policy, self.queries, self.settings.step_seconds)
            calendar = self._calendar(parsed.policy)
        except QueryError as error:
            return _unserved(target, parsed, str(error))
        if len(target.parts) == len(found.fits):
            served = zip(target.parts, found.fits, strict=True)
            parts = tuple(replace(part, per_replica=one.per_replica or part.per_replica) for part, one in served)
            target = replace(target, parts=parts)
        return Asked(target, parsed, found.query, found.fits, found.late, found.words, found.assumed, calendar)

    def _calendar(self, policy: Policy) -> Calendar | None:
        """Its own; None where it goes by the operator's. Raises QueryError for a place that nobody knows."""
        asked = policy.time_zone, policy.holidays
        if self.places is None or asked == (self.settings.defaults.time_zone, self.settings.defaults.holidays):
            return None
        try:
            return self.places(*asked)
        except ValueError as error:
            raise QueryError(f"ahpa.dev/holidays: {error}") from error

    def recent(self, listing: Listing, memory: Memory, now: float, deadline: float = math.inf) -> Reading:
        """The last hour of every target that wants a plan. An outage is told of once when it begins and once when it is
        over, however many targets it concerns and however long it lasts."""
        reading = self.demand.read(listing.queries, now - RECENT_SECONDS, now, self.settings.step_seconds, deadline)
        for _ in reading.problems:
            self.telemetry.read_failed()
        self._tell_of_new("tick.no_data", reading, memory.unread, listing)
        if memory.unread and not reading.problems:
            self.telemetry.log("tick.data_again", targets=len(memory.unread))
        memory.unread = frozenset(reading.problems)
        memory.sight = memory.sight.after(len(listing.queries), len(reading.problems))
        return reading

    def late(self, listing: Listing, memory: Memory, now: float, deadline: float) -> Panel:
        """The share of the requests that was late in the last minutes, of those of whom somebody measures it. Nothing
        but the record of the settings hangs on it, and that has another way; so a failure is told of once."""
        reading = self.lateness.read(listing.late, now - LATE_SECONDS, now, self.settings.step_seconds, deadline)
        self._tell_of_new("late.no_data", reading, memory.unmeasured, listing)
        memory.unmeasured = frozenset(reading.problems)
        return reading.panel

    def _tell_of_new(self, event: str, reading: Reading, known: Collection[str], listing: Listing) -> None:
        """In one line, which series could not be read that could be before."""
        keys = listing.keys
        if new := {keys[series]: said for series, said in reading.problems.items() if series not in known}:
            self.telemetry.log(event, logging.WARNING, of=len(reading.panel.keys), **summary(new))

    def workloads(
        self,
        listing: Listing,
        recent: Reading,
        doubts: Doubts,
        memory: Memory,
        now: float,
        writes: bool,
        deadline: float = math.inf,
    ) -> tuple[Workload, ...]:
        """What a decision depends on, target by target; doubts are by series; `writes` False: all floors are only
        thought of."""
        looked_at = [asked.target for asked in listing.asked if asked.target.selector and asked.query is not None]
        look_at_pods(self.starts, looked_at, memory, now, deadline, self.telemetry)
        scene = Scene(recent, doubts, memory, self.settings.readiness, now, writes)
        return tuple(_described(asked, scene) for asked in listing.asked)


def _described(asked: Asked, scene: Scene) -> Workload:
    """One that is left out has nothing planned, and is still seen by the series that it had."""
    try:
        return scene.workload(asked, asked.series)
    except Exception as error:  # as for what its owner asks
        return scene.workload(_left_out(asked, error), asked.series)


def _orphaned(target: Target, failures: Collection[str]) -> bool:
    """Whether its maker, which may speak for it, could not be listed in this round, and it says no mode itself: with
    nothing but our record on it, it would look like one whose owner is done with us."""
    return target.maker.partition("/")[0] in failures and f"{PREFIX}mode" not in target.annotations


def _reverted(target: Target, policy: Policy) -> str | None:
    """Why a floor of this target would not stay; nothing is written in observe mode, so there it may be thought of."""
    if not target.in_git or policy.mode != "apply" or policy.minimum_in_git == "ignored":
        return None
    return (
        f"{target.in_git} keeps the minimum of this {target.title} as Git has it, against us: let it ignore that "
        f"field and set {PREFIX}minimum-in-git: ignored, or let the object read the floor (docs/without-writing.md)"
    )


def _unserved(target: Target, parsed: Parsed, problem: str) -> Asked:
    """Asked for something that this service cannot serve."""
    return Asked(target, replace(parsed, problems=(*parsed.problems, problem)), None)


def _left_out(asked: Asked, error: Exception) -> Asked:
    """Nothing is planned for a target over which we fail; its neighbours go on."""
    return asked.refused(f"nothing can be planned for this {asked.target.title}: {type(error).__name__}: {error}")
