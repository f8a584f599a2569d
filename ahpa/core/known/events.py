"""Planned events: a campaign, a sale, the holidays, of which the past shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from ahpa.core.known.wall import first_shown, last_shown, shown

_LEAP = 2000
"""The year that a yearly event is written in."""


@dataclass(frozen=True)
class Event:
    """From `start` to `end` by the clock there is `factor` times the usual demand, or so many replicas at least."""

    start: datetime
    end: datetime
    yearly: bool = False
    """Its years then do not count; an end that lies before the start is one of the next year."""
    factor: float | None = None
    least: int | None = None
    zone: str | None = None
    """Name of a time zone; None: that of the service."""

    @property
    def line(self) -> str:
        """As it is written in an annotation."""
        starts, ends = (f"{at:%m-%dT%H:%M}" if self.yearly else f"{at:%Y-%m-%dT%H:%M}" for at in (self.start, self.end))
        out = [f"{starts}..{ends}"] + ["yearly"] * self.yearly
        out += [f"x{self.factor:g}"] if self.factor is not None else []
        out += [f"min={self.least}"] if self.least is not None else []
        return " ".join([*out, *([f"zone={self.zone}"] if self.zone else [])])

    def spans(self, begin: float, end: float, zone: ZoneInfo) -> Iterator[tuple[float, float]]:
        """When it takes place, as far as that meets [begin, end); unix seconds."""
        for starts, ends in self._dates(shown(begin, zone).year - 1, shown(end, zone).year):
            first, last = first_shown(starts, zone), last_shown(ends, zone)
            if first < end and begin < last and first < last:
                yield first, last

    def _dates(self, first: int, last: int) -> Iterator[tuple[datetime, datetime]]:
        if not self.yearly:
            yield self.start, self.end
            return
        over = int(_in(_LEAP, self.end) <= _in(_LEAP, self.start))
        for year in range(first, last + 1):
            yield _in(year, self.start), _in(year + over, self.end)


def _in(year: int, at: datetime) -> datetime:
    """The same time of another year: the 29th of February is the 1st of March where there is none."""
    try:
        return at.replace(year=year)
    except ValueError:
        return at.replace(year=year, month=3, day=1)
