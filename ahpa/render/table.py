"""Tables for the terminal, as rich renderables; the caller prints them to stdout.

Cells are `Text`, never markup: a service may be called `[red]`, or worse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from ahpa.backtest.results import SeriesResult
from ahpa.core.decision import Decision, Severity
from ahpa.core.words import percent, printable, quantity, seconds
from ahpa.render.palette import DARK, role
from ahpa.render.report import totals
from ahpa.simulation.outcome import Outcome

_RULE = box.Box("    \n    \n ── \n    \n ── \n    \n    \n    \n")
_STYLES = {Severity.QUIET: "dim", Severity.NORMAL: "", Severity.WARNING: "red"}


def decisions(rows: Iterable[Decision]) -> Table:
    """One line per service: what is there, what should be, and why."""
    table = _table("SERVICE", "FLOOR", "BASELINE", "MODE", "REASON", wide="WHY")
    for decision in rows:
        change = f"{decision.previous} -> {decision.floor}" if decision.change else str(decision.floor)
        table.add_row(
            _cell(decision.key),
            Text(change, style="bold" if decision.change else ""),
            _cell(str(decision.baseline)),
            _cell("apply" if decision.apply else "observe"),
            Text(decision.reason, style=_STYLES[decision.reason.severity]),
            _cell(decision.message, 400),
        )
    return table


def outcomes(results: Sequence[SeriesResult], counts: str = "") -> Table:
    """One line per service and contender, and the sums at the end; `counts`: what the demand was read as, which all
    figures stand on."""
    table = _table("SERVICE", "POLICY", "SETTING", right=("REPLICA-HOURS", "LATE", "WAITED P99"))
    if counts:
        table.title, table.title_justify, table.title_style = Text(f"demand in {printable(counts)}"), "left", "dim"
    for result in results:
        for i, (contender, found) in enumerate(result.contenders.items()):
            name = _cell("" if i else result.name)
            table.add_row(name, _contender(contender), _cell(found.label), *map(_cell, _figures(found.outcome)))
        table.add_section()
    if len(results) > 1:
        for i, total in enumerate(totals(results).values()):
            hours, late = quantity(total.replica_hours), percent(total.late_ratio)
            table.add_row(_cell("" if i else "all"), _contender(total.contender), "", _cell(hours), _cell(late), "")
    return table


def _figures(o: Outcome) -> tuple[str, ...]:
    return quantity(o.replica_hours), percent(o.late_ratio), seconds(o.wait_p99_seconds)


def _contender(name: str) -> Text:
    return Text(printable(name), style=DARK[role(name)], no_wrap=True)


def _cell(words: str, most: int = 120) -> Text:
    return Text(printable(words, most))


def _table(*left: str, right: Sequence[str] = (), wide: str | None = None) -> Table:
    """Columns of the house: no frame but a rule under the head, so that a copy into a chat stays readable."""
    table = Table(box=_RULE, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0), show_edge=False)
    for name in left:
        table.add_column(name, overflow="fold", min_width=len(name))
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    if wide is not None:
        table.add_column(wide, overflow="fold", ratio=1)
    return table
