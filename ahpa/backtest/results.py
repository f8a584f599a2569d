"""The result of a backtest, as the report, the tables and `report.json` read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ahpa.simulation.outcome import Outcome, Run


@dataclass(frozen=True)
class Point:
    """One setting of a contender's knob and what came of it."""

    knob: float
    label: str
    """For people: "quantile 0.99", "floor 4"."""
    outcome: Outcome


@dataclass(frozen=True, eq=False)
class ContenderResult:
    """One contender on one series."""

    contender: str
    outcome: Outcome
    """At the setting that a user would have had: chosen before the tested days, never by looking at them."""
    label: str
    """That setting, for people."""
    points: tuple[Point, ...]
    """The sweep of the knob over the tested days, in the order of the knob; the trade-off picture."""
    equal: Point | None
    """Afterwards: the cheapest point of the sweep that meets the late target; None if none does."""
    run: Run | None = None
    """The course at `outcome`; None where a large fleet is too much to keep."""
    before: Point | None = None
    """The tested days at the setting that the days before them suggest: what ours is judged by. None: there is none."""
    hindsight: bool = False
    """`outcome` is at a setting that the tested days themselves chose."""


@dataclass(frozen=True, eq=False)
class SeriesResult:
    """All contenders on one series, and what follows from them."""

    name: str
    contenders: Mapping[str, ContenderResult]
    """By name, in the order of the table (contenders.py)."""
    advice: tuple[str, ...] = ()
    """Sentences: the knob for the wanted lateness, the utilisation target that would pay, ..."""
    notes: tuple[str, ...] = ()
    """What the reader must know of the data: gaps, short history."""
    worth: bool = True
    """Whether prediction pays for this service."""
    why: str = ""
    """One sentence on `worth`: by what could have been known before the tested days."""
    saving_hours: float = 0.0
    """Replica-hours saved against the cheapest alternative, as the days before would have set it, where both kept the
    late target; negative: ours costs more."""
    annotations: Mapping[str, str] = field(default_factory=dict)
    """What to annotate the service with, by key; empty where prediction does not pay."""


@dataclass(frozen=True, eq=False)
class Backtest:
    """Everything that `ahpa backtest` found."""

    series: tuple[SeriesResult, ...]
    late_target: float
    lag_p50_seconds: float
    lag_p95_seconds: float
    assumptions: Mapping[str, str] = field(default_factory=dict)
    """The world in words, name to value: "service time" to "2 s"."""
    start: float = 0.0
    """Unix seconds: the tested days begin."""
    end: float = 0.0
    failed: Mapping[str, str] = field(default_factory=dict)
    """Series that could not be tested, with the reason."""
    counts: str = ""
    """What the input's values count, in words."""
    scaler: str = "kpa"
    """The contender that is the services' own scaler: floors stand above it."""
