"""All services at a glance, and what would change now: rows for the terminal, for pipes and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from ahpa.core.ahead import Ahead
from ahpa.core.decision import Decision, Reason, Severity
from ahpa.core.observation import Workload
from ahpa.core.words import printable, seconds
from ahpa.ports import TargetRound
from ahpa.render.table import STYLES, cell, columns

NOTHING = "–"
BLIND = frozenset({Reason.PARTIAL_DATA, Reason.NO_FORECAST})
"""Nothing to be warned of, but worth a sentence: there is no plan, or half of one."""


@dataclass(frozen=True, eq=False)
class Row:
    """One service at one moment."""

    workload: Workload
    decision: Decision
    ahead: Ahead | None
    """None: nothing is foreseen."""
    ignored: str = ""
    """Why the floor in force is not followed; empty: it is, as far as we have looked."""

    @property
    def mode(self) -> str:
        """What its owner asks for."""
        policy = self.workload.policy
        if not policy.requested:
            return "off"
        return "paused" if policy.policy.paused and policy.policy.mode != "off" else policy.policy.mode

    @property
    def wrong(self) -> list[str]:
        """What somebody should read of it; empty: nothing is wrong."""
        reason = self.decision.reason
        doubted = reason.severity is Severity.WARNING or reason in BLIND
        return [*([self.decision.message] if doubted else []), *([self.ignored] if self.ignored else [])]

    @property
    def writes(self) -> bool:
        """Whether a service that may write would move the floor now."""
        return self.decision.restore or (self.decision.apply and self.decision.change != 0)

    @property
    def change(self) -> tuple[float, int] | None:
        """(unix seconds, floor) of the next floor after that of now; None: none is foreseen."""
        return None if self.ahead is None else self.ahead.change()


def rows_of(rounds: Iterable[TargetRound], ahead: Mapping[str, Ahead]) -> list[Row]:
    """By namespace and name."""
    found = [Row(each.workload, each.decision, ahead.get(each.decision.key), each.ignored) for each in rounds]
    return sorted(found, key=lambda row: (row.decision.key.partition("/")[2], row.decision.key))


def status(rows: Sequence[Row], now: float) -> Table:
    """A line for each service."""
    table = columns("SERVICE", "MODE", right=("FLOOR", "BASELINE", "READY"), after=("NEXT CHANGE", "HEALTH"))
    for row in rows:
        decision = row.decision
        table.add_row(
            cell(decision.key),
            cell(row.mode),
            cell(str(decision.previous)),
            cell(str(decision.baseline)),
            cell(str(row.workload.ready)),
            Text(_next(row, now), style="bold" if decision.change else ""),
            Text(decision.reason, style=STYLES[decision.reason.severity]),
        )
    return table


def _next(row: Row, now: float) -> str:
    """`now to 5`, `about 09:40 to 5 (in 35 min)`; in observe it is only thought of."""
    if row.decision.change:
        return f"now to {row.decision.floor}{'' if row.writes else f' ({row.mode})'}"
    if row.change is None:
        return f"none within {seconds(float(row.ahead.at[-1]) - now)}" if row.ahead is not None else NOTHING
    at, floor = row.change
    return f"about {datetime.fromtimestamp(at, UTC):%H:%M} UTC to {floor} (in {seconds(at - now)})"


def doubts(rows: Iterable[Row]) -> list[str]:
    """The sentences that somebody should read: of each service with which something is wrong."""
    return [f"{printable(row.decision.key)}: {printable(said, 400)}" for row in rows for said in row.wrong]


def plan(rows: Iterable[Row]) -> list[str]:
    """A line for each floor that would move now, those that are written first."""
    moving = [row for row in rows if row.decision.change or row.decision.restore]
    return [_move(row) for row in sorted(moving, key=lambda row: not row.writes)]


def _move(row: Row) -> str:
    decision, key = row.decision, printable(row.decision.key)
    why = printable(decision.message.partition(": ")[2] or decision.message, 400)
    if decision.restore:
        return f"{key}: {decision.previous} -> {decision.baseline}, as its owner had it, because {why}"
    change = f"{decision.previous} -> {decision.floor}"
    return f"{key}: {change}, because {why}" if row.writes else f"{key}: would be {change} ({row.mode}), because {why}"


def summary(rows: Sequence[Row]) -> str:
    """`2 floors would change; 1 more would if it might (observe); 5 stay`."""
    writes = sum(row.writes for row in rows)
    thought = sum(bool(row.decision.change) and not row.writes for row in rows)
    said = [f"{writes} floor{'s' if writes != 1 else ''} would change"]
    said += [f"{thought} more would if we might write"] if thought else []
    return "; ".join([*said, f"{len(rows) - writes - thought} stay"])


def as_json(rows: Iterable[Row]) -> list[dict[str, object]]:
    """One object for each service."""
    return [
        {
            "service": row.decision.key,
            "mode": row.mode,
            "floor": row.decision.previous,
            "baseline": row.decision.baseline,
            "ready": row.workload.ready,
            "wanted": row.decision.floor,
            "writes": row.writes,
            "next": None if row.change is None else {"at": round(row.change[0]), "floor": row.change[1]},
            "reason": str(row.decision.reason),
            "severity": row.decision.reason.severity.value,
            "message": row.decision.message,
        }
        for row in rows
    ]
