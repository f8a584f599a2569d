"""What the network may look at: the recent past, and the same window on earlier days, relative to now.

Every demand enters as a logarithm relative to the *anchor*, the mean of the last few steps, so that the
network learns shapes ("yesterday this window peaked at 1.4 x of what stood then") that are the same for
a service of 3 requests a minute and one of 30,000, and for a service before and after a level shift.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.fleet.calendar import DAYS, Seasons
from forecasting.fleet.clock import rise
from forecasting.fleet.window_stats import WindowStats
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints
from forecasting.windows import Window

SHOWN_DAYS = (1, 2, 3, 7, 14)
_FLOOR_RATIO = 0.02


@dataclass(frozen=True, eq=False)
class Frame:
    """The scale in which one origin is seen; all [n, o] float32.

    A demand `y` enters as `log(y + floor) - anchor`. The floor is 2 % of the larger of the last day's and the
    last hour's mean, so that zero is a number like others and a level shift is forgotten within the hour.
    """

    floor: Floats
    anchor: Floats
    usual: Floats
    """Mean of the last week: what a loss is weighed by."""

    def log(self, demand: Floats) -> Floats:
        return np.log(demand + self.floor) - self.anchor

    def demand(self, log: Floats) -> Floats:
        """The inverse of `log` for [n, o, q]."""
        return np.exp(log + self.anchor[..., None]) - self.floor[..., None]


def frame(stats: WindowStats, least: Floats, step: float) -> Frame:
    """The frame at each origin; `least` [n] is the smallest floor of each row."""
    hour, day = max(3, round(3600 / step)), round(DAY_SECONDS / step)
    recent, last_hour, last_day, last_week = (stats.mean(-k, 0) for k in (8, hour, day, 7 * day))
    level = np.fmax(last_day, last_hour)
    level = np.nan_to_num(np.where(np.isfinite(level), level, last_week))
    floor = _FLOOR_RATIO * level + least[:, None]
    recent = np.where(np.isfinite(recent), recent, level)
    usual = np.fmax(np.nan_to_num(last_week), 0.1 * level) + least[:, None]
    return Frame(*(np.asarray(x, dtype=np.float32) for x in (floor, np.log(recent + floor), usual)))


def recency(stats: WindowStats, at: Frame, step: float) -> list[Floats]:
    """Features that depend on the origin only."""
    hour, day = max(1, round(3600 / step)), round(DAY_SECONDS / step)

    def log(x: Floats) -> Floats:
        return _or_nothing(at.log(x))

    spans = sorted({1, 2, 3, 5, 10, 20, 40, hour, 3 * hour, 8 * hour, day})
    out = [log(stats.mean(-k, 0)) for k in spans]
    out += [log(stats.mean(-k - 1, -k)) for k in (1, 2, 3)]
    out += [log(stats.max(-k, 0)) for k in sorted({4, 15, 60, 3 * hour, day, 7 * day})]
    out += [log(stats.roughness(-k, 0)) for k in sorted({10, 60, day})]
    out.append(at.anchor - np.log(at.floor))
    out.append(at.anchor - np.log(at.usual))
    return out


def _or_nothing(own: Floats) -> Floats:
    """With 0 for NaN, in the caller's own array: np.nan_to_num, which looks for infinities too, takes 40 us."""
    np.copyto(own, 0, where=np.isnan(own))
    return own


def seasonal(stats: WindowStats, at: Frame, seasons: Seasons, window: Window) -> list[Floats]:
    """Features of the window on earlier days, each also relative to the level that stood then."""
    a, w = window.lead, window.width
    wide = max(1, round(900 / seasons.step))
    back = dict(zip(DAYS, known_back(stats, seasons, window), strict=True))
    then = {days: stats.back(steps) for days, steps in back.items()}
    spans = {days: known_part(window, steps) for days, steps in back.items()}
    out: list[Floats] = []

    previous: list[Floats] | None = None
    for days in SHOWN_DAYS:
        day = then[days]
        level = at.log(day.mean(-10, 0))
        hour = at.log(day.mean(-60, 0))
        peak = at.log(day.max(*spans[days]))
        group = [
            peak,
            at.log(day.mean(*spans[days])),
            at.log(day.max(a - wide, a + w + wide)) if a + w + wide <= np.min(back[days]) else peak,
            peak - level,
            peak - hour,
        ]
        blank = previous or [np.zeros_like(at.anchor)] * len(group)
        group = [np.where(np.isfinite(g), g, b) for g, b in zip(group, blank, strict=True)]
        out += group
        previous = group
    week = [days for days in DAYS if days <= 7]
    peaks = np.stack([at.log(then[days].max(*spans[days])) for days in week])
    moves = peaks - np.stack([at.log(then[days].mean(-10, 0)) for days in week])
    for many in (peaks, moves):
        seen = np.isfinite(many)
        count = seen.sum(axis=0)
        mean = np.where(seen, many, 0.0).sum(axis=0) / np.maximum(count, 1)
        square = np.where(seen, (many - mean) ** 2, 0.0).sum(axis=0) / np.maximum(count, 1)
        out += [mean, np.sqrt(square), np.where(seen, many, -np.inf).max(axis=0, initial=-9.0)]
    out.append(np.asarray(count, dtype=np.float32))
    out.append(np.full_like(at.anchor, np.log(w)))
    out.append(np.full_like(at.anchor, np.log1p(a)))
    return out


def known_back(stats: WindowStats, seasons: Seasons, window: Window) -> list[int | Ints]:
    """For each of DAYS the steps back to the window's begin; a day on which that still lies ahead of the origin is told
    by the next one on which it does not: two days ahead nobody knows yesterday."""
    back = seasons.back(stats.origins + window.lead)
    known = [np.min(steps) > window.lead for steps in back]
    return [back[next((j for j in range(i, len(back)) if known[j]), i)] for i in range(len(back))]


def known_part(window: Window, back: int | Ints) -> tuple[int, int]:
    """The window's stretch so many steps back as far as it was over at the origin: a window of more than a day is
    still going on where it began yesterday."""
    nearest = int(np.min(back))
    return min(window.lead, nearest - 1), min(window.end, nearest)


def hours_like_it(stats: WindowStats, at: Frame, seasons: Seasons, window: Window) -> list[Floats]:
    """Features of the hour around a single step on all earlier days, and of what became of the level until then.

    One minute of yesterday is noise, its hour is a shape. A day that is not known counts as the mean of the others.
    """
    half, hour = max(1, round(1800 / seasons.step)), max(2, round(3600 / seasons.step))
    hours, levels = [], []
    for steps in known_back(stats, seasons, window):
        day = stats.back(steps)
        hours.append(at.log(day.mean(window.lead - half, min(window.lead + half + 1, int(np.min(steps))))))
        levels.append(at.log(day.mean(-hour, 0)))
    out: list[Floats] = []
    for many in (np.stack(hours), np.stack(hours) - np.stack(levels)):
        seen = np.isfinite(many)
        mean = np.where(seen, many, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        many = np.where(seen, many, mean)
        out += [mean, many.std(axis=0), np.median(many[:-1], axis=0)]
    out.append(np.full_like(at.anchor, window.lead * seasons.step / DAY_SECONDS))
    return out


def periodic(stats: WindowStats, at: Frame, window: Window, periods: Ints) -> list[Floats]:
    """The window's window one, two and three found periods ago; zeros for a row without one (period 0)."""
    some = periods > 0
    if not some.any():
        return [np.zeros_like(at.anchor)] * 4
    length = np.maximum(periods, 1)
    nearest = -(-(window.end) // length)
    logs = [
        _or_nothing(at.log(stats.max_each(window.lead - (nearest + k) * length, window.width))) * some[:, None]
        for k in range(3)
    ]
    return [logs[0], sum(logs) / 3, np.maximum.reduce(logs), np.broadcast_to(some[:, None], at.anchor.shape)]


@dataclass(frozen=True, eq=False)
class Features:
    """Some rows of a history as they look from some origins, whatever is asked about them."""

    stats: WindowStats
    frame: Frame
    recent: list[Floats]
    """Features that do not depend on the window."""
    seasons: Seasons
    periods: Ints
    """[n]: the period found in each row beside day and week, in steps; 0 if none."""
    clock: Array
    """[n, steps of an hour]: as `find_clock` says."""

    @classmethod
    def of(cls, stats: WindowStats, least: Floats, seasons: Seasons, periods: Ints, clock: Array) -> Features:
        """`least` [n] is the smallest floor of each row."""
        at = frame(stats, least, seasons.step)
        return cls(stats, at, recency(stats, at, seasons.step), seasons, periods, clock)

    def design(self, window: Window) -> Array:
        """All features of one window, [n, o, f]."""
        parts = self.recent + seasonal(self.stats, self.frame, self.seasons, window)
        if window.lead:
            parts = parts + hours_like_it(self.stats, self.frame, self.seasons, window)
        parts += periodic(self.stats, self.frame, window, self.periods)
        parts.append(rise(self.clock, self.seasons, self.stats.origins, window))
        out = np.empty((*self.frame.anchor.shape, len(parts)), dtype=np.float32)
        for k, part in enumerate(parts):
            out[:, :, k] = part
        return out

    def truth(self, window: Window) -> Floats:
        """What came, in the frame of each origin [n, o]; NaN where a part of it was not observed."""
        first, last = window.lead, window.end
        return np.where(self.stats.complete(first, last), self.frame.log(self.stats.max(first, last)), np.nan)

    def stake(self, window: Window) -> Floats:
        """What there is to lose [n, o]: the demand of now, and that of the window on the last three days.

        A loss in logarithms counts by the demand that it is a share of. By the present alone the silence before a
        scheduled job would count for nothing, and the job would be missed; by what came, quantiles would be biased.
        """
        back = known_back(self.stats, self.seasons, window)[:3]
        peaks = np.stack([self.stats.back(steps).max(*known_part(window, steps)) for steps in back])
        seen = np.isfinite(peaks)
        lately = np.where(seen, peaks, 0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
        return np.asarray(np.exp(self.frame.anchor) + lately)
