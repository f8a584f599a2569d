"""The tables of the report's page."""

from __future__ import annotations

from collections.abc import Sequence

from ahpa.backtest.contenders import OURS, title
from ahpa.backtest.results import ContenderResult, Point, SeriesResult
from ahpa.core.words import count, percent, quantity, seconds
from ahpa.render.markup import paragraph, table, text
from ahpa.render.palette import role
from ahpa.render.report import Report, Total, at_equal_lateness, rival, totals, verdict


def sums(every: Sequence[Total]) -> str:
    """All services together."""
    money = any(total.money is not None for total in every)
    head = ["policy, as set before the tested days", *_cost_head(money), "late", "services"]
    rows = [
        (
            contender(t.contender) + _hindsight(t.hindsight),
            *_cost(t.replica_hours, t.money, money),
            text(percent(t.late_ratio)),
            count(t.services),
        )
        for t in every
    ]
    return table(head, rows)


def equal_lateness(report: Report) -> str:
    """Each policy at its best setting; empty where no knob was swept."""
    found = at_equal_lateness(report.results)
    if report.late_target is None or not found:
        return ""
    rows = [
        [
            contender(e.contender),
            "–" if e.relative is None else f"{e.relative:.2f} ×",
            f"{e.reached} of {e.services}",
        ]
        for e in found
    ]
    return (
        f"<h2>Afterwards: cost at equal lateness, {percent(report.late_target)} of requests late</h2>"
        + paragraph(
            "The cheapest setting of each policy that kept this lateness on the tested days; nobody could have known "
            "it before, ahpa's neither. Median over the services of its replica-hours, relative to ahpa's.",
            "quiet",
        )
        + table(["policy", "replica-hours, relative", "services where it can"], rows)
    )


def overview(results: Sequence[SeriesResult]) -> str:
    """A line for each service."""
    names = totals(results)
    shown = [name for name in names if name in (OURS, rival(names))]
    verdicts = any(result.why for result in results)
    head = ["service"] + [f"{text(title(name))}<br>{unit}" for name in shown for unit in ("replica-hours", "late")]
    rows = [
        [f'<a href="#s{i}">{text(result.name)}</a>']
        + [cell for name in shown for cell in _hours_and_late(result.contenders.get(name))]
        + ([text(verdict(result))] if verdicts else [])
        for i, result in enumerate(results)
    ]
    return "<h2>Services</h2>" + table([*head, *(["verdict"] if verdicts else [])], rows, frozenset({len(head)}))


def outcomes(result: SeriesResult) -> str:
    """What each policy did to one service."""
    money = any(found.outcome.money is not None for found in result.contenders.values())
    head = ["policy", *_cost_head(money), "late", "unserved", "waited p50", "p95", "p99"]
    head += ["asked for", "withdrawn", "cold hits", "setting"]
    rows = []
    for name, found in result.contenders.items():
        o = found.outcome
        waits = (seconds(o.wait_p50_seconds), seconds(o.wait_p95_seconds), seconds(o.wait_p99_seconds))
        counts = (count(o.scale_ups), count(o.churn), count(o.cold_hits))
        shares = (percent(o.late_ratio), percent(o.unserved_ratio))
        figures = (*_cost(o.replica_hours, o.money, money), *map(text, (*shares, *waits, *counts)))
        rows.append([contender(name), *figures, text(found.label) + _hindsight(found.hindsight)])
    ours = result.contenders.get(OURS)
    held = ", ".join(
        f"{percent(float(level))} → {percent(share)}"
        for level, share in (ours.outcome.coverage.items() if ours else ())
    )
    return table(head, rows) + paragraph(
        f"How often the predicted peak held, promised → realised: {held}." if held else "", "quiet"
    )


def settings(result: SeriesResult) -> str:
    """What each policy would have been set to, and what would have been best; empty where no knob was swept."""
    if not any(len(found.points) > 1 for found in result.contenders.values()):
        return ""
    head = ["policy", "set by the days before", "replica-hours", "late", "afterwards: the best", "replica-hours"]
    rows = [
        [contender(name), *_cells(found.before, late=True), *_cells(found.equal, late=False)]
        for name, found in result.contenders.items()
    ]
    return table(head, rows) + paragraph(
        "Set by the days before: the cheapest setting that kept the late target there, else the least late. The best: "
        "the cheapest that kept it on the tested days, which nobody could have known.",
        "quiet",
    )


def _cells(point: Point | None, late: bool) -> list[str]:
    """A setting and what came of it."""
    if point is None:
        return ["–"] * (3 if late else 2)
    o = point.outcome
    return [text(point.label), text(quantity(o.replica_hours)), *([text(percent(o.late_ratio))] if late else [])]


def _hours_and_late(found: ContenderResult | None) -> tuple[str, str]:
    if found is None:
        return "–", "–"
    return text(quantity(found.outcome.replica_hours)), text(percent(found.outcome.late_ratio))


def _cost_head(money: bool) -> tuple[str, ...]:
    return ("replica-hours", *(("money",) if money else ()))


def _cost(hours: float, money: float | None, shown: bool) -> tuple[str, ...]:
    """The cells under `_cost_head`."""
    return (text(quantity(hours)), *(("–" if money is None else text(quantity(money)),) if shown else ()))


def _hindsight(known_afterwards: bool) -> str:
    return " <small>(known only afterwards)</small>" if known_afterwards else ""


def contender(name: str, before: str = "") -> str:
    """A policy's title in its colour."""
    return f'<b style="color:var(--{role(name)})">{before}{text(title(name))}</b>'
