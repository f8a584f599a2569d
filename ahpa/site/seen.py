"""From what the service knows to what the page says: the views of a fleet, of one service, of what was decided."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ahpa import __version__
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.readiness import Readiness
from ahpa.core.savings import fleet as together
from ahpa.core.words import seconds
from ahpa.ports import TargetRound
from ahpa.render.status import Row
from ahpa.service.chronicle import Change
from ahpa.service.showing import Shown
from ahpa.site.asked import MODES, Asked
from ahpa.site.once import Once
from ahpa.site.running import Running
from ahpa.site.views import ChangeLine, Changes, Fleet, Savings, ServiceLine, Standing
from ahpa.site.worth import savings_of

Each = TypeVar("Each")


@dataclass(frozen=True, eq=False)
class Round:
    """What all pages say of one round."""

    lines: Sequence[ServiceLine]
    """By namespace and name."""
    standing: Standing
    saved: Savings | None
    """All together."""


class Seen:
    """Whoever looks, again and again. What is dear about a round is made once: of ten thousand services it takes a
    second from the rounds."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self._last = Once[Round]()

    def round(self) -> Round:
        """The last one."""
        shown = self.running.shown()
        return self._last.of("", shown, lambda: round_of(shown, self.running))

    def fleet(self, asked: Asked) -> Fleet:
        seen = self.round()
        lines = seen.lines
        found = [
            line
            for line in lines
            if asked.mode in ("", line.mode)
            and (asked.look != "wrong" or line.wrong)
            and (asked.look != "moving" or line.wanted != line.floor)
            and asked.in_words(f"{line.key} {line.mode} {line.reason} {line.message}")
        ]
        chosen, page, pages = page_of(ordered(found, asked), asked)
        moving, wrong = sum(line.wanted != line.floor for line in lines), sum(line.wrong for line in lines)
        return Fleet(seen.standing, moving, wrong, len(found), page, pages, seen.saved, tuple(chosen))

    def changes(self, asked: Asked) -> Changes:
        """What was decided, as far as this process remembers."""
        found = [
            change
            for change in self.running.chronicle.changes()
            if asked.in_words(f"{change.key} {change.reason} {change.message}")
        ]
        chosen, page, pages = page_of(found, asked)
        return Changes(self.round().standing, len(found), page, pages, tuple(map(change_line, chosen)))


def round_of(shown: Shown, running: Running) -> Round:
    """This one."""
    found = [line_of(each, running) for each in shown.rounds]
    lines = sorted(found, key=lambda line: (line.namespace, line.name, line.kind))
    standing = Standing(
        at=known(shown.at),
        since=known(running.chronicle.since),
        version=__version__,
        writes=not running.dry,
        services=len(lines),
        led=sum(line.led for line in lines),
    )
    saving = together(running.savings().values())
    return Round(lines, standing, None if saving is None else savings_of(saving))


def line_of(each: TargetRound, running: Running) -> ServiceLine:
    """One service in a round."""
    target, workload, decision, made = each.target, each.workload, each.decision, each.decision.plan
    last, row = next(iter(running.chronicle.changes(decision.key)), None), Row(workload, decision, None, each.ignored)
    return ServiceLine(
        kind=target.kind,
        namespace=target.namespace,
        name=target.name,
        title=target.title,
        mode=row.mode,
        led=not running.dry and running.leads(target.uid),
        floor=decision.previous,
        wanted=decision.floor,
        baseline=decision.baseline,
        ready=workload.ready,
        present=workload.present,
        peak=None if made is None else known(made.peak),
        level=None if made is None else made.level,
        within_seconds=None if made is None else known(made.window_seconds),
        unit=workload.unit or "",
        start_seconds=workload.policy.policy.lead or workload.readiness.longest(LAG_LEVEL),
        starts=workload.readiness.learned,
        start_said=start_said(workload.readiness),
        late=None if workload.late is None else known(workload.late),
        model=decision.model,
        reason=str(decision.reason),
        severity=decision.reason.severity.value,
        message=decision.message,
        ignored=each.ignored,
        wrong=bool(row.wrong),
        changed_at=None if last is None else last.at,
    )


def change_line(change: Change) -> ChangeLine:
    """As it is told."""
    kind, _, place = change.key.partition("/")
    namespace, _, name = place.partition("/")
    severity = change.reason.severity.value
    return ChangeLine(change.at, kind, namespace, name, change.previous, change.floor, change.apply,
                      str(change.reason), severity, change.message)  # fmt: skip


def start_said(readiness: Readiness) -> str:
    """`3 min (30 starts)`; `warm 45 s (12 starts), new 5 min (assumed)` where replicas land in tiers."""
    said = []
    for tier, (_, lead) in zip(readiness.tiers, readiness.leads(LAG_LEVEL), strict=True):
        count = tier.lag.samples
        behind = f"{count} start{'s' if count > 1 else ''}" if count else "assumed"
        said.append(f"{'' if tier.name == 'any' else f'{tier.name} '}{seconds(lead)} ({behind})")
    return ", ".join(said)


_ORDERS: dict[str, Callable[[ServiceLine], float | None]] = {
    "mode": lambda line: MODES.index(line.mode),
    "floor": lambda line: line.wanted,
    "ready": lambda line: line.ready,
    "peak": lambda line: line.peak,
    "start": lambda line: line.start_seconds,
    "late": lambda line: line.late,
    "changed": lambda line: line.changed_at,
    "reason": lambda line: -2.0 * line.wrong - (line.wanted != line.floor),
}


def ordered(lines: Sequence[ServiceLine], asked: Asked) -> Sequence[ServiceLine]:
    """In the order that was asked for, what is not known last; ties by name, as they come."""
    order = _ORDERS.get(asked.sort)
    if order is None:
        return lines[::-1] if asked.down else lines
    valued = [(order(line), line) for line in lines]
    told = [(value, line) for value, line in valued if value is not None]
    told.sort(key=lambda each: each[0], reverse=asked.down)
    return [line for _, line in told] + [line for value, line in valued if value is None]


def page_of(found: Sequence[Each], asked: Asked) -> tuple[Sequence[Each], int, int]:
    """(those of the page, its number, how many there are); beyond the last page stands the last."""
    pages = max(1, -(-len(found) // asked.size))
    page = min(asked.page, pages)
    return found[(page - 1) * asked.size : page * asked.size], page, pages


def known(value: float) -> float | None:
    """None for what is no number."""
    return float(value) if math.isfinite(value) else None
