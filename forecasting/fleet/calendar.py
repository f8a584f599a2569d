"""Which earlier days a day is like: the clock on people's walls, weekends and holidays.

Loads follow the local clock, so "yesterday at this time" is 23 or 25 hours ago when the clocks were changed. And
on a holiday "a week ago" misleads: the day is like a Sunday, and a week later a working day is unlike it.
A model is told neither hours nor dates; it is only shown the right earlier days (features.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import DAY_SECONDS, Floats, Ints

DAYS = (1, 2, 3, 4, 5, 6, 7, 14)
"""Days looked back; 7 and 14 mean the last two days of the same kind."""
_SEARCHED_DAYS = 28


@dataclass(frozen=True, eq=False)
class Calendar:
    """The clock and the holidays of the people who make a load."""

    changes: Floats
    """Shape [c]: unix seconds at which the clock's offset changes, increasing."""
    offsets: Floats
    """Shape [c + 1]: seconds east of UTC before the first change and after each."""
    holidays: Ints
    """Shape [h]: local days, counted from 1970-01-01."""

    def offset(self, at: Floats) -> Floats:
        """Seconds east of UTC at these unix seconds."""
        return np.asarray(self.offsets[np.searchsorted(self.changes, at, side="right")])

    def seconds_back(self, at: Floats) -> Floats:
        """Shape [len(DAYS), o]: from each of `at` [o] back to the same time by the clock, so many days before.

        Easter Monday looks back to Easter Sunday and Good Friday in place of the last two Mondays; the Monday
        after it to the Mondays 14 and 21 days before.
        """
        local = at + self.offset(at)
        day = np.floor(local / DAY_SECONDS).astype(np.intp)
        days = np.tile(np.array(DAYS)[:, None], (1, len(at)))
        alike = self._alike(day)
        known = alike.sum(axis=0) >= 2
        nearest = np.argsort(~alike, axis=0, kind="stable")[:2] + 1
        days[-2:, known] = nearest[:, known]
        back = days * DAY_SECONDS
        return np.asarray(back - (self.offset(at) - self.offset(at - back)))

    def _alike(self, day: Ints) -> NDArray[np.bool_]:
        """Shape [searched, o]: whether the day so many (+ 1) days before is of the same kind."""
        before = day - 1 - np.arange(_SEARCHED_DAYS)[:, None]
        off, was_off = np.isin(day, self.holidays), np.isin(before, self.holidays)
        same_weekday = (day - before) % 7 == 0
        restful = was_off | ((before + 4) % 7 == 0)  # 1970-01-01 was a Thursday: day 3 was a Sunday
        return np.asarray(np.where(off, restful, same_weekday & ~was_off))


@dataclass(frozen=True, eq=False)
class Calendars:
    """Which calendar each row of a fleet goes by."""

    kinds: tuple[Calendar | None, ...]
    of_row: Ints
    """Shape [n]: which of the kinds."""

    @classmethod
    def of(cls, keys: Sequence[str], default: Calendar | None, own: Mapping[str, Calendar | None]) -> Calendars:
        """`own` by key; rows that it lacks go by the default. A calendar is another one if it is another object."""
        rows = [own.get(key, default) for key in keys]
        kinds = list({id(calendar): calendar for calendar in rows}.values()) or [default]
        places = {id(calendar): place for place, calendar in enumerate(kinds)}
        return cls(tuple(kinds), np.array([places[id(calendar)] for calendar in rows], np.intp))

    def rows(self, some: slice) -> Calendars:
        """Of some rows only."""
        return Calendars(self.kinds, self.of_row[some])

    def alike(self, rows: Ints, size: int) -> Iterator[tuple[Ints, Calendar | None]]:
        """Some rows, in order, at most `size` at once, all of which go by the calendar beside them."""
        for kind, calendar in enumerate(self.kinds):
            mine = rows[self.of_row[rows] == kind]
            for first in range(0, len(mine), size):
                yield mine[first : first + size], calendar

    def blocks(self, size: int) -> Iterator[tuple[slice | Ints, Calendar | None]]:
        """As `alike`, of all rows; slices, which copy nothing, where all go by one calendar."""
        n = len(self.of_row)
        if len(self.kinds) > 1:  # in an order that `in_order` knows
            yield from self.alike(np.arange(n), size)
            return
        for first in range(0, n, size):
            yield slice(first, min(n, first + size)), self.kinds[0]

    def in_order(self, parts: Sequence[Floats]) -> Floats:
        """What was worked out of each of the `blocks`, as one array in the order of the rows."""
        whole = np.concatenate(parts)
        if len(self.kinds) > 1:
            whole[np.argsort(self.of_row, kind="stable")] = whole.copy()
        return whole


@dataclass(frozen=True, eq=False)
class Seasons:
    """Where in a history the same time on earlier days lies."""

    start: float
    """Unix seconds at which column 0 begins."""
    step: float
    """Seconds per column."""
    calendar: Calendar | None = None

    def back(self, columns: int | Ints) -> list[int | Ints]:
        """For each of DAYS the columns from `columns` back to the same time on that day; without a calendar
        whole days of 24 hours."""
        if self.calendar is None:
            return [round(days * DAY_SECONDS / self.step) for days in DAYS]
        at = self.start + self.step * np.atleast_1d(columns)
        steps = np.rint(self.calendar.seconds_back(at) / self.step).astype(np.intp)
        if np.ndim(columns):
            return list(steps)
        return [int(row[0]) for row in steps]
