"""Bounds in time: so many replicas at least, or at most, on working days from eight to eight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from ahpa.core.known.cron import Cron
from ahpa.core.known.wall import even, first_shown, last_shown, latest_shown, shown

_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class Window:
    """Bounds that hold from each match of `start` to the next of `end` (KEDA's cron scaler), or, without an `end`, in
    each minute that `start` matches (AHPA's instanceBounds)."""

    start: Cron
    end: Cron | None = None
    least: int | None = None
    most: int | None = None
    zone: str | None = None
    """Name of a time zone; None: that of the service."""
    since: datetime | None = None
    """By the clock: it holds from then on; None: it always did."""
    until: datetime | None = None
    """By the clock: it holds no longer; None: for ever."""

    @property
    def line(self) -> str:
        """As it is written in an annotation."""
        bounds = [f"{name}={n}" for name, n in (("min", self.least), ("max", self.most)) if n is not None]
        days = [f"{name}={day:%Y-%m-%dT%H:%M}" for name, day in (("from", self.since), ("until", self.until)) if day]
        crons = [self.start.text] if self.end is None else [self.start.text, "..", self.end.text]
        return " ".join([*crons, *bounds, *([f"zone={self.zone}"] if self.zone else []), *days])

    @property
    def text(self) -> str:
        """`08:00-20:00`, or the crons where they are no two times of day."""
        if self.end is None:
            return self.start.text
        begins, ends = self.start.clock, self.end.clock
        return f"{begins}-{ends}" if begins and ends else f"{self.start.text} .. {self.end.text}"

    def within(self, begin: float, end: float, zone: ZoneInfo) -> bool:
        """Whether it lasts at some moment of [begin, end); unix seconds. `zone` is its own."""
        begin = begin if self.since is None else max(begin, first_shown(self.since, zone))
        end = end if self.until is None else min(end, last_shown(self.until, zone))
        if not begin < end:
            return False
        if self.end is None:
            return any(self._matched(*stretch, zone) for stretch in even(begin, end, zone))
        return self._open(begin, zone, self.end) or self._opens(begin, end, zone, self.end)

    def _matched(self, begin: float, end: float, zone: ZoneInfo) -> bool:
        """Whether `start` matches a minute in which the clock is not changed."""
        clock = shown(begin, zone)
        found = self.start.next(clock.replace(second=0, microsecond=0))
        return found is not None and found < clock + timedelta(seconds=end - begin)

    def _open(self, at: float, zone: ZoneInfo, closes: Cron) -> bool:
        """Whether it was opened since it was closed last. By the clock, as that night both may come in any order."""
        opened = _last_begun(self.start, at, zone)
        closed = closes.last(shown(at, zone))
        while closed is not None and last_shown(closed, zone) > at:
            closed = closes.last(closed - _MINUTE)
        return opened is not None and (closed is None or opened >= closed)

    def _opens(self, begin: float, end: float, zone: ZoneInfo, closes: Cron) -> bool:
        """Whether it is opened after `begin` and before `end`, and not closed by the same change of the clock."""
        before = _last_begun(self.start, begin, zone)
        opened = _last_begun(self.start, end, zone)
        while opened is not None and (before is None or opened > before):
            at = first_shown(opened, zone)
            if at < end and self._open(at, zone, closes):
                return True
            opened = self.start.last(opened - _MINUTE)
        return False


def _last_begun(cron: Cron, at: float, zone: ZoneInfo) -> datetime | None:
    """The newest match that the clock has shown by now."""
    found = cron.last(latest_shown(at, zone))
    while found is not None and first_shown(found, zone) > at:
        found = cron.last(found - _MINUTE)
    return found
