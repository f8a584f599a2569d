"""Bounds by the clock, as AHPA, Crane, Kapacity and KEDA have them, as our `windows`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ahpa.core.policy.parameters import BY_NAME
from ahpa.core.policy.values import PREFIX
from ahpa.migration.fields import Fields
from ahpa.migration.hpa import Hpa

NO_ZONE = f"it names no time zone: is {PREFIX}time-zone (else UTC) the clock that it meant?"
ONLY_THE_FLOOR = "max= bounds our floor, and not the autoscaler above it"
NOT_YET = f"nobody keeps it until {PREFIX}mode is apply"


@dataclass(frozen=True)
class Bound:
    """While its time is, at least so many replicas, and at most so many."""

    said: Fields
    """Where it stands."""
    when: str
    """A cron of 5 fields that matches each minute of it, or two with ` .. ` between: from the one to the other."""
    zone: str | None
    """IANA name; None: its system says none."""
    least: int | None = None
    most: int | None = None
    since: str = ""
    until: str = ""
    """By the clock, as `2026-06-01T08:00`; empty for always."""

    @property
    def text(self) -> str:
        """As `ahpa.dev/windows` has it."""
        said = {"min": self.least, "max": self.most, "zone": self.zone, "from": self.since, "until": self.until}
        return " ".join([self.when, *(f"{name}={value}" for name, value in said.items() if value not in (None, ""))])

    @property
    def problem(self) -> str:
        """Why it is no window; empty if it is one."""
        parameter = BY_NAME["windows"]
        try:
            parameter.parse(self.text)
        except ValueError as error:
            return str(error) or f"{self.text} is not {parameter.accepts}"
        return ""


def between(said: Fields) -> str:
    """From the fields `start` and `end`, two crons. Raises Unmigratable."""
    return f"{said.text('start') or ''} .. {said.text('end') or ''}"


def bounded(hpa: Hpa, bounds: Sequence[Bound]) -> None:
    """Asks for them as windows, and says of each what became of it."""
    for bound in bounds:
        if bound.problem:
            bound.said.whole(f"left out: {bound.problem}", needs_you=True)
        else:
            doubts = list(_doubts(hpa, bound))
            bound.said.whole("; ".join([f"{PREFIX}windows: {bound.text}", *doubts]), needs_you=bool(doubts))
    if moved := as_windows(bounds):
        hpa.ask("windows", moved)


def as_windows(bounds: Sequence[Bound]) -> str:
    """All that can be said so, in one annotation; empty if none can."""
    return "; ".join(bound.text for bound in bounds if not bound.problem)


def _doubts(hpa: Hpa, bound: Bound) -> Iterator[str]:
    if bound.zone is None:
        yield NO_ZONE
    if bound.most is not None and bound.most != hpa.out.get("maxReplicas"):
        yield ONLY_THE_FLOOR
    if hpa.annotations[f"{PREFIX}mode"] != "apply":
        yield NOT_YET
