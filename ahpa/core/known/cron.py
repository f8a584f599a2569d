"""Cron expressions of five fields: minute, hour, day of the month, month, weekday.

Lists, ranges, steps, names (`MON-FRI`, `JAN`) and `?` for any day. Weekdays are Sunday 0 to Saturday 6, and 7 is Sunday
too. Where both a day of the month and a weekday are given, either will do. All of that is as in robfig/cron, which KEDA
and AHPA read theirs with; libraries differ (APScheduler counts weekdays from Monday).

A cron knows no time zone: what it matches are the figures that the clock on the wall shows.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

LONGEST = 100
"""Characters of an expression."""
_MINUTE = timedelta(minutes=1)
_MOST_MONTHS = 8 * 12 + 1
"""The 29th of February may be eight years away, as around 2100."""
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_PART = re.compile(r"(?P<low>\*|\?|[0-9]{1,2}|[A-Z]{3})(-(?P<high>[0-9]{1,2}|[A-Z]{3}))?(/(?P<step>[0-9]{1,2}))?")


class Wrong(ValueError):
    """A text that its parser refuses; the message says which part of it is wrong, and how."""


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    any_signs: tuple[str, ...] = ("*",)
    """What stands for every value."""
    wraps: bool = False
    """Its highest value is its lowest, too."""


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31, any_signs=("*", "?")),
    _Field("month", 1, 12, _MONTHS),
    _Field("weekday", 0, 7, _WEEKDAYS, ("*", "?"), wraps=True),
)


@dataclass(frozen=True)
class Cron:
    """The minutes that an expression matches; each field in increasing order."""

    text: str = field(compare=False)
    """As it was written, with single spaces."""
    minutes: tuple[int, ...] = field(repr=False)
    hours: tuple[int, ...] = field(repr=False)
    days: tuple[int, ...] | None = field(repr=False)
    """None: any day of the month."""
    months: tuple[int, ...] = field(repr=False)
    weekdays: tuple[int, ...] | None = field(repr=False)
    """Sunday is 0; None: any."""

    @classmethod
    def of(cls, text: str) -> Cron:
        """Raises Wrong."""
        words = text.upper().split()
        if len(words) != len(_FIELDS) or len(text) > LONGEST:
            raise Wrong(f"{text[:40]!r} is no cron of five fields (minute, hour, day of the month, month, weekday)")
        minutes, hours, days, months, weekdays = (_read(*each) for each in zip(_FIELDS, words, strict=True))
        assert minutes is not None
        assert hours is not None
        assert months is not None
        weekdays = None if weekdays is None else tuple(sorted({day % 7 for day in weekdays}))
        out = cls(" ".join(words), minutes, hours, days, months, weekdays)
        if days is not None and weekdays is None and all(_LENGTHS[m - 1] < days[0] for m in months):
            raise Wrong(f"{text[:40]!r} never comes: no such month has a day {days[0]}")
        return out

    @property
    def clock(self) -> str | None:
        """`08:00`, if it matches once a day at most; None else."""
        if len(self.minutes) > 1 or len(self.hours) > 1:
            return None
        return f"{self.hours[0]:02}:{self.minutes[0]:02}"

    def on(self, day: date) -> bool:
        """Whether it matches any minute of this day."""
        if day.month not in self.months:
            return False
        if self.days is None and self.weekdays is None:
            return True
        return day.day in (self.days or ()) or day.isoweekday() % 7 in (self.weekdays or ())

    def matches(self, at: datetime) -> bool:
        """Whether it matches the minute that holds this moment by the clock."""
        return at.minute in self.minutes and at.hour in self.hours and self.on(at.date())

    def last(self, at: datetime) -> datetime | None:
        """The newest match at or before this moment by the clock; None if there is none for eight years."""
        if self.on(at.date()) and (found := self._last_time(at.time())) is not None:
            return datetime.combine(at, found)
        year, month, before = at.year, at.month, at.day
        for _ in range(_MOST_MONTHS):
            if day := next((day for day in reversed(self._days(year, month)) if day < before), None):
                return datetime(year, month, day, self.hours[-1], self.minutes[-1])  # noqa: DTZ001
            year, month, before = (year, month - 1, 32) if month > 1 else (year - 1, 12, 32)
        return None

    def next(self, at: datetime) -> datetime | None:
        """The first match at or after this moment by the clock; None if there is none for eight years."""
        at = at if at.second == at.microsecond == 0 else at.replace(second=0, microsecond=0) + _MINUTE
        if self.on(at.date()) and (found := self._next_time(at.time())) is not None:
            return datetime.combine(at, found)
        year, month, after = at.year, at.month, at.day
        for _ in range(_MOST_MONTHS):
            if day := next((day for day in self._days(year, month) if day > after), None):
                return datetime(year, month, day, self.hours[0], self.minutes[0])  # noqa: DTZ001
            year, month, after = (year, month + 1, 0) if month < 12 else (year + 1, 1, 0)
        return None

    def _days(self, year: int, month: int) -> Sequence[int]:
        """The days of a month on which it matches, in order."""
        if month not in self.months:
            return ()
        first, length = monthrange(year, month)
        if self.weekdays is None:
            days = self.days or range(1, length + 1)
            return days if days[-1] <= length else [day for day in days if day <= length]
        by_day = self.days or ()
        return [day for day in range(1, length + 1) if day in by_day or (first + day) % 7 in self.weekdays]

    def _last_time(self, at: time) -> time | None:
        if at.hour in self.hours and self.minutes[0] <= at.minute:
            return time(at.hour, self.minutes[bisect_right(self.minutes, at.minute) - 1])
        before = bisect_left(self.hours, at.hour)
        return time(self.hours[before - 1], self.minutes[-1]) if before else None

    def _next_time(self, at: time) -> time | None:
        if at.hour in self.hours and self.minutes[-1] >= at.minute:
            return time(at.hour, self.minutes[bisect_left(self.minutes, at.minute)])
        after = bisect_right(self.hours, at.hour)
        return time(self.hours[after], self.minutes[0]) if after < len(self.hours) else None


def _read(field: _Field, text: str) -> tuple[int, ...] | None:
    """The values of one field; None for any day: that is no choice, and every day of the month would be one."""
    if len(field.any_signs) > 1 and text in field.any_signs:
        return None
    return tuple(sorted({value for part in text.split(",") for value in _values(field, part)}))


def _values(field: _Field, text: str) -> range:
    found = _PART.fullmatch(text)
    if found is None:
        raise Wrong(f"{field.name} {text[:20]!r} is no number, range or step")
    step = int(found["step"] or 1)
    if step == 0:
        raise Wrong(f"{field.name} {text[:20]!r} has a step of 0")
    highest = field.high - field.wraps
    if found["low"] in ("*", "?"):
        if found["low"] not in field.any_signs or found["high"] is not None:
            raise Wrong(f"{field.name} {text[:20]!r} is no number, range or step")
        return range(field.low, highest + 1, step)
    low = _number(field, found["low"])
    if found["high"] is not None:
        high = _number(field, found["high"])
        if field.wraps and high == field.low < low:  # SAT-SUN
            high = field.high
    else:
        high = low if found["step"] is None else highest
    if low > high:
        raise Wrong(f"{field.name} {text[:20]!r} runs backwards")
    return range(low, high + 1, step)


def _number(field: _Field, text: str) -> int:
    if text in field.names:
        return field.names.index(text) + field.low
    value = int(text) if text.isdigit() else -1
    if not field.low <= value <= field.high:
        raise Wrong(f"{field.name} {text} is not {field.low}-{field.high}")
    return value
