"""Which of many decisions a report shows: day by day, runs between the same two floors as one line, the largest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from ahpa.core.words import count, moment
from ahpa.simulation.outcome import Move
from forecasting.panel import DAY_SECONDS

MOST = 120
"""Lines for a service, over all days; but each day has its five."""
_LEAST = 5


@dataclass(frozen=True)
class Day:
    """What was decided on one day (UTC)."""

    title: str
    """`Sat 14 Mar 2026: 120 decisions, floor 1 to 6`."""
    lines: tuple[tuple[str, str], ...]
    """(when, what) of those that move most, in the order in which they came."""
    left_out: int
    """How many decisions have no line."""


def days(moves: Iterable[Move]) -> list[Day]:
    """All days on which something was decided; every decision is counted in its day's title."""
    each = [(date, list(group)) for date, group in groupby(moves, lambda move: move.at // DAY_SECONDS)]
    most = max(_LEAST, MOST // max(1, len(each)))
    return [_day(moves, most) for _, moves in each]


def episodes(moves: Iterable[Move]) -> list[list[Move]]:
    """Decisions that followed one another between the same two floors belong together: 1 to 2, 2 to 1, 1 to 2."""
    return [list(group) for _, group in groupby(moves, lambda move: frozenset((move.previous, move.floor)))]


def _day(moves: Sequence[Move], most: int) -> Day:
    found = episodes(moves)
    largest = sorted(found, key=lambda each: (-abs(each[0].change), -len(each), each[0].at))[:most]
    shown = sorted(largest, key=lambda each: each[0].at)
    floors = [floor for move in moves for floor in (move.previous, move.floor)]
    number = f"{count(len(moves))} decision{'s' if len(moves) > 1 else ''}"
    title = f"{moment(moves[0].at)[:15]}: {number}, floor {min(floors)} to {max(floors)}"
    return Day(title, tuple(map(_line, shown)), len(moves) - sum(map(len, shown)))


def _line(moves: Sequence[Move]) -> tuple[str, str]:
    first, last = moves[0], moves[-1]
    begun = moment(first.at)[-9:-4]
    if len(moves) == 1:
        return begun, first.why
    low, high = sorted((first.previous, first.floor))
    return f"{begun} – {moment(last.at)[-9:-4]}", f"{len(moves)} times between {low} and {high}; at last: {last.why}"
