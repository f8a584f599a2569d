"""All that is known of one service beforehand, and what it comes to at some moment."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np

from ahpa.core.known.events import Event
from ahpa.core.known.wall import EARLIEST, LATEST, shown, zone_of
from ahpa.core.known.windows import Window
from forecasting.panel import Floats, Panel, Room, Storage


@dataclass(frozen=True)
class Said:
    """A number, and who says so in words."""

    value: float
    words: str = ""

    @property
    def replicas(self) -> int:
        return int(self.value)


NO_LIFT = Said(1.0)


@dataclass(frozen=True)
class Known:
    """Windows and events; times are unix seconds."""

    windows: tuple[Window, ...] = ()
    events: tuple[Event, ...] = ()
    time_zone: str | None = None

    @property
    def clock(self) -> str:
        """The time zone of windows and events that name none."""
        return self.time_zone or "UTC"

    def least(self, begin: float, end: float) -> Said | None:
        """The most replicas that a window or an event wants at some moment of [begin, end); None: none wants any."""
        if not _sane(begin, end):
            return None
        found = [
            Said(window.least, self._window(window))
            for window in self.windows
            if window.least is not None and window.within(begin, end, self._zone(window))
        ]
        found += [
            Said(event.least, self._event(event, last))
            for event in self.events
            if event.least is not None
            for _, last in event.spans(begin, end, self._zone(event))
        ]
        return max(found, key=lambda said: said.value, default=None)

    def most(self, now: float) -> Said | None:
        """The fewest replicas that a window which lasts now allows; None: none limits them."""
        if not _sane(now, now):
            return None
        found = (
            Said(window.most, self._window(window))
            for window in self.windows
            if window.most is not None and window.within(now, now + 1e-3, self._zone(window))
        )
        return min(found, key=lambda said: said.value, default=None)

    def bounds(self, now: float, soon: float) -> tuple[float, float]:
        """(replicas at least, at most) that count now, where others could be ready `soon`; (0, inf) where none do."""
        least, most = self.least(now, soon), self.most(now)
        low = 0.0 if least is None else least.value
        return low, math.inf if most is None else max(low, most.value)

    def lift(self, begin: float, end: float) -> Said:
        """The largest factor on the usual demand at some moment of [begin, end)."""
        spans = list(self._spans(begin, end)) if _sane(begin, end) else []
        if not spans:
            return NO_LIFT
        moments = [begin, *(at for first, last, _ in spans for at in (first, last) if begin < at < end)]
        return max((_at(spans, moment) for moment in moments), key=lambda said: said.value)

    def factors(self, start: float, step: float, count: int) -> Floats | None:
        """The factor at the beginning of each step, shape [count]; None if all are 1."""
        if not _sane(start, start + step * count):
            return None
        out = np.zeros(count)
        for first, last, said in self._spans(start, start + step * count):
            a, b = (int(np.clip(np.ceil((at - start) / step - 1e-9), 0, count)) for at in (first, last))
            out[a:b] = np.maximum(out[a:b], said.value)
        return np.where(out > 0, out, 1.0) if out.any() else None

    def usual(self, panel: Panel) -> Panel:
        """All rows as they would have been without the events: so the model learns no event as a habit, and goes on
        as usual in the middle of one."""
        return usual(panel, dict.fromkeys(panel.keys, self))

    def until_learned(self, learned: Known, now: float) -> Known:
        """What counts until the model has learned anew, which it did last with the events in `learned`: the factors
        that it knows, also those that were taken away, and new ones that have not begun.

        Of an event that is written down while it runs the model holds the demand for usual. With 100 usual and 300
        there, `x3` would at once make 900 of it; and taken away it would leave 100 of 300.
        """
        here, there = ([replace(e, zone=e.zone or said.clock) for e in said.events] for said in (self, learned))
        known = {event for event in there if event.factor is not None}
        late = {event for event in here if event.factor is not None and event not in known and self._begun(event, now)}
        kept = [replace(event, factor=None) if event in late else event for event in here]
        gone = [replace(event, least=None) for event in there if event in known and event not in here]
        return replace(self, events=tuple(e for e in (*kept, *gone) if e.factor is not None or e.least is not None))

    def _begun(self, event: Event, now: float) -> bool:
        return _sane(now, now) and any(first <= now for first, _ in event.spans(EARLIEST, now + 1.0, self._zone(event)))

    def _spans(self, begin: float, end: float) -> Iterator[tuple[float, float, Said]]:
        for event in self.events:
            if event.factor is not None:
                for first, last in event.spans(begin, end, self._zone(event)):
                    yield first, last, Said(event.factor, self._event(event, last))

    def _zone(self, each: Window | Event) -> ZoneInfo:
        return zone_of(each.zone or self.clock)

    def _window(self, window: Window) -> str:
        return f"its window {window.text} {window.zone or self.clock}"

    def _event(self, event: Event, last: float) -> str:
        return f"a planned event until {shown(last, self._zone(event)):%d %b %Y %H:%M} {event.zone or self.clock}"


NOTHING = Known()


def usual(panel: Panel, known: Mapping[str, Known], room: Room | None = None) -> Panel:
    """The panel with the demand of each row divided by the factors of its events; `known` by key. The very same where
    there are none, for else it is copied; where there is a `room`, there, as float32."""
    found = {}
    for row, key in enumerate(panel.keys):
        each = known.get(key)
        factors = each.factors(panel.start, panel.step, panel.values.shape[1]) if each and each.events else None
        if factors is not None:
            found[row] = factors
    if not found:
        return panel
    storage = None if room is None else Storage.laid(room, *panel.values.shape)
    values = np.empty_like(panel.values) if storage is None else storage.written
    values[...] = panel.values
    for row, factors in found.items():
        values[row] /= factors
    values.setflags(write=False)
    return Panel(panel.start, panel.step, values, panel.keys, storage)


def _at(spans: list[tuple[float, float, Said]], moment: float) -> Said:
    """The largest factor of those that hold then."""
    held = (said for first, last, said in spans if first <= moment < last)
    return max(held, key=lambda said: said.value, default=NO_LIFT)


def _sane(begin: float, end: float) -> bool:
    return EARLIEST <= begin <= end <= LATEST
