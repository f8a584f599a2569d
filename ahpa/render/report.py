"""What a report says, before it is drawn: the same words serve the page, the terminal and the demo's last line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ahpa.backtest.contenders import OURS, REACTIVE, title
from ahpa.backtest.results import Backtest, ContenderResult, SeriesResult
from ahpa.backtest.worth import cheapest_kept, set_before
from ahpa.core.words import count, moment, percent, quantity
from forecasting.panel import Floats

MONEY = "the replica-hours on each tier times its price in the file of --tiers, in the unit of those prices"


@dataclass(frozen=True, eq=False)
class Chapter:
    """One service in a report."""

    result: SeriesResult
    per_replica: float | None = None
    """Demand (requests in flight) that one replica serves at target: puts both on one scale."""
    median: Floats | None = None
    """The median of the predicted peak, beside `peak` of our run, shape [t]: the forecast band's lower edge."""
    decisions: str = ""
    """The file beside the page that holds every decision of ours, if there is one."""


@dataclass(frozen=True, eq=False)
class Report:
    """A page: services, and the assumptions about the world in which they were run."""

    title: str
    chapters: tuple[Chapter, ...]
    summary: str = ""
    """What the reader is looking at: one or two sentences."""
    assumptions: tuple[tuple[str, str], ...] = ()
    """(what, value with unit)."""
    late_target: float | None = None
    """The lateness that was asked for; None: nothing is judged by it."""
    failed: tuple[tuple[str, str], ...] = ()
    """(series, why it is not here)."""

    @property
    def results(self) -> tuple[SeriesResult, ...]:
        return tuple(chapter.result for chapter in self.chapters)


def of_backtest(
    backtest: Backtest, per_replica: float | None = None, decisions: Mapping[str, str] | None = None
) -> Report:
    """The report on a backtest: services by what they would save, the most first. `decisions` names the file with all
    decisions on a series."""
    files = decisions or {}
    ranked = sorted(backtest.series, key=lambda s: (not s.worth, -s.saving_hours, s.name))
    n = len(ranked)
    return Report(
        f"ahpa backtest: {n} service{'s' if n != 1 else ''}, {moment(backtest.start)} to {moment(backtest.end)}",
        tuple(Chapter(series, per_replica, decisions=files.get(series.name, "")) for series in ranked),
        "Every policy met the same requests in a simulated cluster; ours learned only from what came before. "
        f"The floors of ahpa, static and seasonal stand above the {backtest.scaler.upper()}."
        + (f" The input was read as {backtest.counts}." if backtest.counts else ""),
        tuple(backtest.assumptions.items()),
        backtest.late_target,
        tuple(backtest.failed.items()),
    )


def verdict(result: SeriesResult) -> str:
    """`worth it: ...`, or `not worth it: ...`; empty where nothing was judged."""
    return f"{'' if result.worth else 'not '}worth it: {result.why}" if result.why else ""


@dataclass(frozen=True)
class Total:
    """One contender over all services."""

    contender: str
    replica_hours: float
    late: float
    requests: float
    money: float | None
    services: int
    hindsight: bool = False
    """At settings that the tested days themselves chose, in one service at least."""

    @property
    def late_ratio(self) -> float:
        return self.late / self.requests if self.requests else 0.0


def totals(results: Iterable[SeriesResult]) -> dict[str, Total]:
    """The sums per contender, ours first, then the reactive ones. `services` shows one that is not everywhere."""
    every: dict[str, list[ContenderResult]] = {}
    for result in results:
        for name, found in result.contenders.items():
            every.setdefault(name, []).append(found)
    order = sorted(every, key=lambda name: (name != OURS, name not in REACTIVE))
    return {name: _total(name, every[name]) for name in order}


def _total(contender: str, every: Sequence[ContenderResult]) -> Total:
    outcomes = [found.outcome for found in every]
    prices = [o.money for o in outcomes if o.money is not None]
    return Total(
        contender,
        sum(o.replica_hours for o in outcomes),
        sum(o.late_ratio * o.requests for o in outcomes),
        sum(o.requests for o in outcomes),
        sum(prices) if len(prices) == len(outcomes) else None,
        len(outcomes),
        any(found.hindsight for found in every),
    )


def as_yaml(annotations: Mapping[str, str]) -> list[str]:
    """Annotations as lines of a manifest; every value is a string, as Kubernetes wants it."""
    return ["annotations:", *(f'  {key}: "{value}"' for key, value in annotations.items())]


def rival(contenders: Iterable[str]) -> str | None:
    """The one that ours is drawn beside: the reactive one, else whichever comes first."""
    others = [name for name in contenders if name != OURS]
    return next((name for name in others if name in REACTIVE), others[0] if others else None)


def headline(results: Iterable[SeriesResult]) -> str:
    """`ahpa: 212 replica-hours, 0.08 % late · kpa alone: 190, 4.2 %`."""
    sums = totals(results)
    other = rival(sums)
    words: list[str] = []
    for name in (OURS, other):
        if name is not None and name in sums:
            t = sums[name]
            units = ("", "") if words else (" replica-hours", " late")
            words.append(f"{title(name)}: {quantity(t.replica_hours)}{units[0]}, {percent(t.late_ratio)}{units[1]}")
    return " · ".join(words)


def meaning(results: Iterable[SeriesResult]) -> str:
    """What the totals mean in one or two sentences, whichever way they fell."""
    sums = totals(results)
    other = rival(sums)
    if OURS not in sums or other is None:
        return ""
    ours, theirs = sums[OURS], sums[other]
    spared = theirs.late - ours.late
    cost = _against(ours, theirs)
    if spared <= 0:
        worse = f"made {count(-spared)} more requests wait than" if spared else "spared nobody a wait beside"
        return f"With {cost} ahpa {worse} {title(other)}: not worth it here."
    fold = f", {theirs.late / ours.late:.0f} times fewer" if ours.late and theirs.late / ours.late >= 2 else ""
    waited = f"{count(ours.late)} instead of {count(theirs.late)} requests of {count(ours.requests)} had to wait"
    fixed = sums.get("fixed-max")
    rest = f" Against a fixed fleet for the peak: {_against(ours, fixed)}." if fixed else ""
    return f"With {cost} than {title(other)}, {waited}{fold}.{rest}"


def _against(ours: Total, theirs: Total) -> str:
    """`42 replica-hours more (12 %)`."""
    spent = ours.replica_hours - theirs.replica_hours
    share = f" ({percent(abs(spent) / theirs.replica_hours)})" if theirs.replica_hours else ""
    return f"{quantity(abs(spent))} replica-hours {'more' if spent >= 0 else 'fewer'}{share}"


@dataclass(frozen=True)
class Equal:
    """What one contender costs at the wanted lateness."""

    contender: str
    reached: int
    """Services in which some setting of its knob met the target."""
    services: int
    relative: float | None
    """Median over the services in which both met it: its replica-hours over ours."""


def at_equal_lateness(results: Sequence[SeriesResult]) -> list[Equal]:
    """What the tested days showed, per contender; empty where no knob was swept."""
    mine = [result.contenders[OURS] for result in results if OURS in result.contenders]
    if not any(len(found.points) > 1 for found in mine):
        return []
    out = []
    for name in totals(results):
        found = [(s.contenders[name].equal, s.contenders.get(OURS)) for s in results if name in s.contenders]
        ratios = [
            theirs.outcome.replica_hours / ours.equal.outcome.replica_hours
            for theirs, ours in found
            if theirs and ours and ours.equal and ours.equal.outcome.replica_hours > 0
        ]
        reached = sum(point is not None for point, _ in found)
        out.append(Equal(name, reached, len(found), median(ratios) if ratios else None))
    return out if any(e.reached for e in out) else []


def comparison(results: Sequence[SeriesResult], late_target: float | None) -> str:
    """What prediction pays over all services, each alternative as the days before would have set it; empty where
    nothing was judged."""
    judged = [result for result in results if result.why and OURS in result.contenders]
    if late_target is None or not judged:
        return ""
    if len(judged) == 1:
        said = verdict(judged[0])
        return said[:1].upper() + said[1:]
    pays = f"Prediction pays in {sum(result.worth for result in judged)} of {len(judged)} services"
    ratios = [ratio for result in judged if (ratio := _cost_ratio(result, late_target)) is not None]
    if not ratios:
        return pays
    middle = median(ratios)
    change = f"{percent(abs(1 - middle))} {'fewer' if middle <= 1 else 'more'} replica-hours"
    return (
        f"{pays}. Where ahpa and another kept {percent(late_target)} late it takes {change} than the cheapest other, "
        f"as the days before would have set it (median of {len(ratios)})"
    )


def _cost_ratio(result: SeriesResult, late_target: float) -> float | None:
    """The replica-hours of ours over those of the cheapest other; None where not both kept the target."""
    mine = result.contenders[OURS].outcome
    best = cheapest_kept(set_before(result.contenders), late_target)
    if best is None or mine.late_ratio > late_target or not best[1].outcome.replica_hours:
        return None
    return mine.replica_hours / best[1].outcome.replica_hours
