"""What the page says, as data. HTML and JSON are two faces of these, so that neither knows more than the other.

Times are unix seconds; None stands for what is not known, never a zero. Names and sentences come from outside: a face
escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass

Numbers = tuple[float | None, ...]


@dataclass(frozen=True)
class ServiceLine:
    """One service in the last round."""

    kind: str
    namespace: str
    name: str
    title: str
    """How people call its kind."""
    mode: str
    """What its owner asks for: off, observe, apply or paused."""
    led: bool
    """This copy of ahpa writes to it; else another one does, or nobody."""
    floor: int
    """In force when it was decided."""
    wanted: int
    """Decided."""
    baseline: int
    """Its owner's own minimum."""
    ready: int
    present: int
    """Replicas that are ready or have been asked for."""
    peak: float | None
    """Expected within `within_seconds`, at `level`."""
    level: float | None
    within_seconds: float | None
    unit: str
    """What demand counts; empty: nobody said."""
    start_seconds: float
    """A start takes so long in nine of ten cases."""
    starts: int
    """Completed starts behind that; 0: assumed."""
    start_said: str
    """The same in words, for each tier."""
    late: float | None
    """Share of its requests that was late lately, measured."""
    model: str
    reason: str
    severity: str
    """quiet, normal or warning."""
    message: str
    ignored: str
    """Why the floor in force is not followed; empty: it is."""
    wrong: bool
    """Somebody should look at it."""
    changed_at: float | None
    """When its floor or the reason last changed, as far as this process remembers."""

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Standing:
    """What this copy of ahpa is at the moment."""

    at: float | None
    """Of the last round; None: there was none yet."""
    since: float | None
    """Of the first round that it remembers."""
    version: str
    writes: bool
    """False: it was started to write to nobody."""
    services: int
    led: int
    """To so many it writes; the others are another copy's."""


@dataclass(frozen=True)
class Fleet:
    """The services that were asked for, a page of them."""

    standing: Standing
    moving: int
    """Of all: so many floors would change now."""
    wrong: int
    """Of all: so many need a look."""
    found: int
    page: int
    """From 1."""
    pages: int
    saved: Savings | None
    """Of the whole fleet; None: nothing is counted yet."""
    services: tuple[ServiceLine, ...]


@dataclass(frozen=True)
class Sentence:
    """One step from the data to the decision."""

    about: str
    said: str


@dataclass(frozen=True)
class Phase:
    """What part of a start's time goes into what."""

    name: str
    seconds: float
    """Mean."""


@dataclass(frozen=True)
class Starting:
    """Where the minutes of a start go."""

    starts: int
    """So many starts told every moment."""
    phases: tuple[Phase, ...]


@dataclass(frozen=True)
class Past:
    """What was, bucket by bucket from `start` on; None where nothing is known."""

    start: float
    step_seconds: float
    demand: Numbers
    """Mean of the bucket, in the service's unit."""
    floor: Numbers
    ready: Numbers
    """The fewest in the bucket."""
    peak: Numbers
    """The largest that was expected within the time that a start takes."""
    short: Numbers
    """Demand for which the ready replicas had no slot, so that requests were late."""


@dataclass(frozen=True)
class Ahead:
    """What is foreseen, step by step from `start` on."""

    start: float
    step_seconds: float
    low: Numbers
    median: Numbers
    high: Numbers
    levels: tuple[float, float, float]
    """Of low, median and high."""
    floor: Numbers
    """That plans will ask for, if this forecast holds."""
    model: str


@dataclass(frozen=True)
class ChangeLine:
    """A decision that moved a floor or had another reason than the one before."""

    at: float
    kind: str
    namespace: str
    name: str
    previous: int
    floor: int
    apply: bool
    """False: it was only thought of."""
    reason: str
    severity: str
    message: str


@dataclass(frozen=True)
class NextChange:
    """The next floor that lasts, if the forecast of now holds."""

    at: float
    floor: int


@dataclass(frozen=True)
class Figure:
    """A number, and between what it lies; all three are the same where it was measured."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class CourseLine:
    """What one way of scaling has cost since it is counted."""

    name: str
    replica_hours: Figure
    late_ratio: Figure | None
    """Share of the requests; None: there were none, or its demand counts none."""


@dataclass(frozen=True)
class Saved:
    """What was really had, beside what would have been."""

    acted: bool
    """True: hours in which floors of ours were in force; False: those in which they were only thought of."""
    hours: float
    """So many are counted, of all services together."""
    courses: tuple[CourseLine, ...]


@dataclass(frozen=True)
class Savings:
    """What ahpa saved."""

    since: float
    services: int
    unobserved_hours: float
    """Of which nothing is said."""
    accounts: tuple[Saved, ...]


@dataclass(frozen=True)
class Annotation:
    key: str
    value: str


@dataclass(frozen=True)
class WayLine:
    """One thing that its owner could wish for, and what would have come of it."""

    name: str
    setting: str
    """What was played for it."""
    replica_hours: float
    late_ratio: float
    chosen: bool
    """What its owner has now."""
    annotations: tuple[Annotation, ...]


@dataclass(frozen=True)
class WhatIfView:
    """What would have been in the last days."""

    state: str
    """idle: nobody asked yet; pending, refused or played."""
    said: str
    at: float | None
    days: float | None
    ways: tuple[WayLine, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ServiceDetail:
    """One service from last week to tomorrow, and why."""

    standing: Standing
    service: ServiceLine
    per_replica: float | None
    """Demand that one replica serves at target; None: not known."""
    next: NextChange | None
    """None: none is foreseen."""
    why: tuple[Sentence, ...]
    starting: Starting | None
    past: Past | None
    ahead: Ahead | None
    what_if: WhatIfView | None
    """None: this copy does not work it out."""
    saved: Savings | None
    """None: nothing is counted yet."""
    changes: tuple[ChangeLine, ...]


@dataclass(frozen=True)
class Changes:
    """The decisions that were searched for, the newest first, a page of them."""

    standing: Standing
    found: int
    page: int
    pages: int
    changes: tuple[ChangeLine, ...]


@dataclass(frozen=True)
class Problem:
    """Why there is no answer."""

    status: int
    problem: str
