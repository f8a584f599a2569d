"""Tables for the terminal, as rich renderables; the caller prints them to stdout.

Cells are `Text`, never markup: a service may be called `[red]`, or worse.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ahpa.backtest.results import SeriesResult
from ahpa.core.decision import Decision, Severity
from ahpa.core.words import percent, printable, quantity, seconds
from ahpa.render.palette import DARK, role
from ahpa.render.report import MONEY, totals
from ahpa.simulation.outcome import Outcome

_RULE = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
PIPE_WIDTH = 2000
STYLES = {Severity.QUIET: "dim", Severity.NORMAL: "", Severity.WARNING: "red"}


def decisions(rows: Iterable[Decision]) -> Table:
    """One line per service: what is there, what should be, and why."""
    table = columns("SERVICE", "FLOOR", "BASELINE", "MODE", "REASON", wide="WHY")
    for decision in rows:
        change = f"{decision.previous} -> {decision.floor}" if decision.change else str(decision.floor)
        table.add_row(
            cell(decision.key),
            Text(change, style="bold" if decision.change else ""),
            cell(str(decision.baseline)),
            cell("apply" if decision.apply else "observe"),
            Text(decision.reason, style=STYLES[decision.reason.severity]),
            cell(decision.message, 400),
        )
    return table


def plain(table: Table) -> str:
    """For a pipe: no colours, and a row is a line, however long."""
    out = io.StringIO()
    Console(file=out, width=PIPE_WIDTH, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def outcomes(results: Sequence[SeriesResult], counts: str = "") -> Table:
    """One line per service and contender, and the sums at the end; `counts`: what the demand was read as, which all
    figures stand on."""
    money = any(total.money is not None for total in totals(results).values())
    right = ("REPLICA-HOURS", *(("MONEY",) if money else ()), "LATE", "WAITED P99")
    table = columns("SERVICE", "POLICY", "SETTING", right=right)
    if counts:
        table.title, table.title_justify, table.title_style = Text(f"demand in {printable(counts)}"), "left", "dim"
    for result in results:
        for i, (contender, found) in enumerate(result.contenders.items()):
            name = cell("" if i else result.name)
            setting = cell(found.label + " *" * found.hindsight)
            table.add_row(name, _contender(contender), setting, *map(cell, _figures(found.outcome, money)))
        table.add_section()
    if len(results) > 1:
        for i, total in enumerate(totals(results).values()):
            name = cell("" if i else "all")
            cost = _cost(total.replica_hours, total.money, money)
            table.add_row(name, _contender(total.contender), "", *map(cell, (*cost, percent(total.late_ratio), "")))
    return table


def legend(results: Sequence[SeriesResult]) -> list[str]:
    """What needs a word under `outcomes`."""
    sums = totals(results)
    marked = any(found.hindsight for result in results for found in result.contenders.values())
    lines = ["* known only afterwards: nobody could have set it before"] if marked else []
    return lines + ([f"MONEY: {MONEY}"] if any(total.money is not None for total in sums.values()) else [])


def _figures(o: Outcome, money: bool) -> tuple[str, ...]:
    return *_cost(o.replica_hours, o.money, money), percent(o.late_ratio), seconds(o.wait_p99_seconds)


def _cost(hours: float, money: float | None, shown: bool) -> tuple[str, ...]:
    priced = ("–" if money is None else quantity(money),) if shown else ()
    return (quantity(hours), *priced)


def _contender(name: str) -> Text:
    return Text(printable(name), style=DARK[role(name)], no_wrap=True)


def cell(words: str, most: int = 120) -> Text:
    """Words from anywhere."""
    return Text(printable(words, most))


def columns(*left: str, right: Sequence[str] = (), after: Sequence[str] = (), wide: str | None = None) -> Table:
    """Columns of the house: no frame but a rule under the head, so that a copy into a chat stays readable. Those on the
    `right` hold numbers; `after` them come words again, and the `wide` one takes what is left."""
    table = Table(box=_RULE, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for name in left:
        table.add_column(name, overflow="fold", min_width=len(name))
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    for name in after:
        table.add_column(name, overflow="fold", min_width=len(name))
    if wide is not None:
        table.add_column(wide, overflow="fold", ratio=1)
    return table
