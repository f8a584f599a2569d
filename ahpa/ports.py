"""What the service asks of the outside world, as small Protocols, and the facts that come in or go out through them.

Adapters implement them, `ahpa.commands.cluster` puts them together, tests have fakes of them. Who asks says by when: a
`deadline` is a moment of `time.monotonic` after which nothing new is begun.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from ahpa.core.courses import Totals
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Observation, Workload
from ahpa.core.starts import NO_STARTS, Start, StartLog
from ahpa.core.units import Unit
from ahpa.targets import NO_NAMES, Measure, Target
from forecasting.fleet.calendar import Calendar
from forecasting.forecast import Ahead, Coverage, Outlook
from forecasting.panel import Panel

HORIZONS: Mapping[str, float] = MappingProxyType({"15m": 900.0, "1h": 3600.0, "4h": 14_400.0, "24h": 86_400.0})
"""By the word for each: how far ahead, in seconds, forecasts are shown as series."""
AHEAD_LEVELS = (0.05, 0.5, 0.95)
"""At these levels: the middle, and the band in which nine of ten minutes should lie."""


class ClusterError(Exception):
    """The cluster said no, or could not be asked. `status` is the HTTP code; 0 when there was no answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status or 'no answer'}: {message}")
        self.status = status


class QueryError(ValueError):
    """A query, or a wish for one, that cannot be served; the message says which and why."""


class Actuator(Protocol):
    """One kind of target; the contract that every kind passes (tests/contracts)."""

    def targets(self, deadline: float = math.inf) -> list[Target]:
        """All objects that carry an annotation of ours; one that cannot be read is among them, with its refusal. Raises
        ClusterError; never a part of them."""
        ...

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        """Make these the minimum, one for each part of the target or the one for all, the owner's own recorded first;
        nothing to change writes nothing: False. Raises ClusterError; 409: the object changed meanwhile."""
        ...

    def fill(self, target: Target, share: float | None) -> bool:
        """Let the scaler above the floor fill replicas to this share of their slots, the owner's own target recorded
        first; None: to that again. Nothing to change: False. Raises as `write`, after which it may be called."""
        ...

    def restore(self, target: Target) -> None:
        """Put back exactly what the owner had and remove our record. Raises ClusterError."""
        ...


class ServerClock(Protocol):
    """What a server's answers say of the time."""

    @property
    def skew(self) -> float:
        """Seconds that our clock was ahead of the server's at its last answer (negative: behind); 0 if not known."""
        ...


class StartSource(Protocol):
    """Where starts of replicas are seen."""

    def starts(self, target: Target, deadline: float = math.inf) -> list[Start]:
        """The replicas of one target that are there now, and such as became ready and are gone since not long ago, as
        far as they were seen. Raises ClusterError."""
        ...


class DemandQuery(Protocol):
    """One way to measure demand."""

    @property
    def name(self) -> str:
        """What it is called, in sentences and in `ahpa.dev/demand`."""
        ...

    @property
    def unit(self) -> Unit | None:
        """What it counts; None where the operator does not say."""
        ...

    def measures(self, metric: str) -> bool:
        """Whether it counts what an object calls so."""
        ...

    def fill(self, namespace: str, name: str, step: float, names: Mapping[str, str] = NO_NAMES) -> str:
        """The query for one target, whose object says `names` besides. Raises QueryError for a name that no object can
        have, and for one that it needs and nobody says."""
        ...

    def fill_late(self, namespace: str, name: str, step: float, names: Mapping[str, str] = NO_NAMES) -> str | None:
        """The query for the share of its requests that was late; None where the operator has none. Raises as `fill`."""
        ...


class DemandQueries(Protocol):
    """The operator's list."""

    def named(self, name: str) -> DemandQuery:
        """Raises QueryError where there is none of that name."""
        ...

    def of(self, measure: Measure, namespace: str) -> DemandQuery:
        """The one that counts what an object in this namespace is scaled by. Raises QueryError, which says what the
        operator may add to the list."""
        ...

    def largest(self, counted: Sequence[tuple[str, float]]) -> str:
        """One query for how many replicas the neediest of several demands wants, from the filled query of each and what
        one replica serves of it. It gives nothing where any of them gives nothing."""
        ...


@dataclass(frozen=True, eq=False)
class Reading:
    """What a source of demand answered."""

    panel: Panel
    """A row for each query, NaN where nothing was observed."""
    problems: Mapping[str, str]
    """By key: why nothing trustworthy was read."""
    partial: frozenset[str]
    """Keys whose answers may be incomplete."""
    skew: float = 0.0
    """Seconds that our clock is ahead of the source's (negative: behind); 0 where the source does not tell the time."""
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """By key: what the source said of its answer, in words."""


class DemandSource(Protocol):
    """Where demand is read from."""

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        """The demand by key on the grid [start, end), unix seconds. Raises nothing: each problem stays with its key."""
        ...


@dataclass(frozen=True, eq=False)
class TargetRound:
    """One target in one round: what was seen, foreseen and decided."""

    target: Target
    workload: Workload
    outlook: Outlook | None
    decision: Decision
    ignored: str = ""
    """Why the floor that we hold is not followed; empty: it is."""
    measured: str = ""
    """By what its demand is measured, and what one replica serves of it, in words."""
    distrust: Reason | None = None
    """Why its data are not to be lowered on; None: they are trusted."""
    starts: StartLog = NO_STARTS
    """How long its replicas took, and in what."""
    demand: float = math.nan
    """The newest that was observed, in the unit of its query; NaN: none lately."""


Places = Callable[[str | None, str | None], Calendar | None]
"""The calendar of a time zone and of a country or a part of it, for the same place the same object; None where neither
is said. Raises ValueError for a place that is not known."""


class EventLog(Protocol):
    """Tells the owners of targets what is new; a courtesy, so it never raises."""

    def tell(self, target: Target, decision: Decision, now: float) -> bool:
        """A decision, if it says something new. False: not needed, or it could not be told."""
        ...

    def say(self, target: Target, reason: str, message: str, now: float, value: int = 0, warning: bool = False) -> bool:
        """Anything else, likewise; `value` tells two findings with the same reason apart."""
        ...


class Journal(Protocol):
    """Keeps decisions with their inputs, so that they can be replayed."""

    def write(self, observation: Observation, decisions: Sequence[Decision]) -> None:
        """One round. Raises OSError."""
        ...


class Telemetry(Protocol):
    """What the service says of itself: log lines and metrics."""

    def log(self, event: str, level: int = logging.INFO, **fields: object) -> None:
        """One line with a constant, dotted event name; everything that varies is a field."""
        ...

    def fault(self, event: str, **fields: object) -> None:
        """As `log`, of the exception that is being handled: a fault of ours."""
        ...

    def read_failed(self) -> None:
        """A demand query had no trustworthy answer."""
        ...

    def wrote(self, result: str) -> None:
        """A write to a target was `done`, `failed` or met a `conflict`; one that changed nothing was none."""
        ...

    def job_failed(self, job: str) -> None:
        """A whole `tick` or `refit` failed."""
        ...

    def skipped(self, job: str) -> None:
        """A `tick` or `refit` was due while the last one still ran."""
        ...

    def ticked(self, now: float, seconds: float) -> None:
        """A tick ended that took so long."""
        ...

    def refitted(self, seconds: float) -> None:
        """A refit ended that took so long."""
        ...

    def learned(self, now: float) -> None:
        """A refit that began at this time (unix seconds) has learned from what it read."""
        ...

    def skewed(self, seconds: float) -> None:
        """A round found our clock so far ahead of the servers' (negative: behind), where they differ, of the worst."""
        ...

    def show(self, rounds: Sequence[TargetRound], coverage: Coverage | None) -> None:
        """All targets of a round; those of earlier rounds are forgotten."""
        ...

    def foretold(self, ahead: Ahead | None) -> None:
        """What is foreseen by target's key, at `HORIZONS` and `AHEAD_LEVELS`; None: nothing is. What was foretold
        before is forgotten."""
        ...

    def saved(self, totals: Totals) -> None:
        """What all targets have had, and would have had otherwise, since this process counts: one that counted on from
        an hourly copy would go back by up to an hour, and Prometheus take its whole past for new."""
        ...
