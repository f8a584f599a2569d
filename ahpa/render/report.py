"""What a report says, before it is drawn: the same words serve the page, the terminal and the demo's last line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ahpa.render.palette import title
from ahpa.render.words import percent, quantity
from ahpa.simulation.run import Outcome, Run
from forecasting.panel import Floats

OURS = "ahpa"
REACTIVE = ("kpa", "hpa")


@dataclass(frozen=True, eq=False)
class Chapter:
    """One service in a report."""

    name: str
    runs: Mapping[str, Run]
    """The run that counts, per policy."""
    swept: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    """More runs per policy, one per setting of its knob; they make the trade-off picture."""
    per_replica: float | None = None
    """Demand (requests in flight) that one replica serves at target."""
    median: Floats | None = None
    """The median of the predicted peak beside `runs["ahpa"].peak`, shape [t]; the band's lower edge."""
    notes: tuple[str, ...] = ()
    """Advice and remarks, one sentence each."""


@dataclass(frozen=True, eq=False)
class Report:
    """A page: services, and the assumptions about the world in which they were run."""

    title: str
    chapters: tuple[Chapter, ...]
    assumptions: tuple[tuple[str, str], ...] = ()
    """(what, value with unit)."""
    headline: str = ""
    """Instead of the sentence made from the totals."""
    summary: str = ""
    """What the reader is looking at: one or two sentences."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Total:
    """One policy over all services."""

    policy: str
    replica_hours: float
    late: float
    requests: float
    money: float | None
    services: int

    @property
    def late_ratio(self) -> float:
        return self.late / self.requests if self.requests else 0.0


def totals(chapters: Sequence[Chapter]) -> dict[str, Total]:
    """The sums per policy, ours first. A policy that is missing somewhere says so by `services`."""
    outcomes: dict[str, list[Outcome]] = {}
    for chapter in chapters:
        for policy, run in chapter.runs.items():
            outcomes.setdefault(policy, []).append(run.outcome)
    return {
        policy: Total(
            policy,
            sum(o.replica_hours for o in outcomes[policy]),
            sum(o.late_ratio * o.requests for o in outcomes[policy]),
            sum(o.requests for o in outcomes[policy]),
            sum(o.money or 0.0 for o in outcomes[policy])
            if all(o.money is not None for o in outcomes[policy])
            else None,
            len(outcomes[policy]),
        )
        for policy in sorted(outcomes, key=lambda p: (p != OURS, p not in REACTIVE))
    }


def rival(policies: Sequence[str] | Mapping[str, object]) -> str | None:
    """The policy that ours is drawn beside: the reactive one, else whichever comes first."""
    others = [p for p in policies if p != OURS]
    return next((p for p in others if p in REACTIVE), others[0] if others else None)


def headline(chapters: Sequence[Chapter]) -> str:
    """`ahpa: 212 replica-hours, 0.08 % late · reactive only (kpa): 190, 4.2 %`."""
    sums = totals(chapters)
    other = rival(sums)
    shown = [sums[p] for p in (OURS, other) if p is not None and p in sums]
    return " · ".join(
        f"{title(t.policy)}: {quantity(t.replica_hours)}{' replica-hours' if i == 0 else ''}, "
        f"{percent(t.late_ratio)}{' late' if i == 0 else ''}"
        for i, t in enumerate(shown)
    )


def meaning(chapters: Sequence[Chapter]) -> str:
    """One sentence on what the totals mean, whichever way they fell."""
    sums = totals(chapters)
    other = rival(sums)
    if OURS not in sums or other is None:
        return ""
    ours, theirs = sums[OURS], sums[other]
    spent = ours.replica_hours - theirs.replica_hours
    spared = theirs.late - ours.late
    cost = f"{quantity(abs(spent))} replica-hours {'more' if spent >= 0 else 'fewer'}"
    share = f" ({percent(abs(spent) / theirs.replica_hours)})" if theirs.replica_hours else ""
    if spared <= 0:
        worse = f"made {quantity(-spared)} more requests wait than" if spared else "spared nobody a wait beside"
        return f"With {cost}{share} ahpa {worse} {title(other)}: not worth it here."
    rest = f"{quantity(ours.late)} instead of {quantity(theirs.late)}"
    fold = f", {theirs.late / ours.late:.0f} times fewer" if ours.late and theirs.late / ours.late >= 2 else ""
    price = ""
    if spent > 0:
        price = f": one extra replica-hour spared {quantity(spared / spent)} people the wait"
    waited = f"{rest} requests of {quantity(ours.requests)} had to wait{fold}{price}"
    return f"With {cost}{share} than {title(other)}, {waited}."
