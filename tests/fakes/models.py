"""Forecasters that are simple enough to tell their answers by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.panel import Panel


@dataclass(frozen=True, eq=False)
class SameAsYesterday:
    """The simplest model there is: the peak of the same window one day before, at every level."""

    name: str = "yesterday"

    def fit(self, history: Panel) -> Yesterday:
        return Yesterday(history)


@dataclass(frozen=True, eq=False)
class SameAsNow:
    """The most gullible one: what was seen last goes on, at every level; the most of the last so many steps."""

    name: str = "now"
    steps: int = 1

    def fit(self, history: Panel) -> Now:
        return Now(history, self.steps)


@dataclass(frozen=True, eq=False)
class Moody:
    """Yesterday, until it is told to raise: in its fit, when it is shown something (`observe`), or when it is asked
    (`forecast`)."""

    raises: set[str]
    name: str = "moody"

    def fit(self, history: Panel) -> MoodyYesterday:
        if "fit" in self.raises:
            raise MemoryError("7 GiB")
        return MoodyYesterday(history, self.raises)


@dataclass(frozen=True, eq=False)
class Yesterday:
    history: Panel

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> Yesterday:
        old, new = self.history, panel.between(self.history.end, panel.end)
        rows = dict(zip(new.keys, new.values, strict=True))
        unknown = np.full(new.values.shape[1], np.nan)
        added = np.array([rows.get(key, unknown) for key in old.keys])
        return Yesterday(Panel.of(old.start, old.step, np.hstack([old.values, added]), old.keys))

    def realised(self) -> Coverage:
        n = len(self.history.keys)
        return Coverage(self.history.keys, np.array([60.0, 300.0]), np.array([0.5, 0.99]), np.full((n, 2, 2), 0.97))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        past, ends = self.history, np.asarray(windows)
        first = past.values.shape[1] - round(86_400 / past.step)
        widths = np.ceil(ends / past.step).astype(int)
        peaks = np.array([[np.nanmax(row[first : first + width]) for width in widths] for row in past.values])
        levelled, steps = (
            np.repeat(said[:, :, None], len(levels), axis=2)
            for said in (peaks, past.values[:, first : first + horizon])
        )
        keys = past.keys
        names, fine = (("yesterday",) * len(keys), (None,) * len(keys))
        return Forecast(past.end, past.step, np.asarray(levels), steps, ends, levelled, keys, names, fine)


@dataclass(frozen=True, eq=False)
class Now(Yesterday):
    steps: int = 1

    def observe(self, panel: Panel) -> Now:
        return Now(super().observe(panel).history, self.steps)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        past, ends = self.history, np.asarray(windows)
        last = np.array([row[np.isfinite(row)][-self.steps :].max(initial=0.0) for row in past.values])
        levelled = np.broadcast_to(last[:, None, None], (len(last), len(ends), len(levels)))
        names, fine = (("now",) * len(last), (None,) * len(last))
        return Forecast(
            past.end, past.step, np.asarray(levels), levelled[:, :1], ends, levelled, past.keys, names, fine
        )


@dataclass(frozen=True, eq=False)
class MoodyYesterday(Yesterday):
    raises: set[str]

    def observe(self, panel: Panel) -> MoodyYesterday:
        if "observe" in self.raises:
            raise ZeroDivisionError("a bug")
        return MoodyYesterday(super().observe(panel).history, self.raises)

    def realised(self) -> Coverage:
        if "realised" in self.raises:
            raise ZeroDivisionError("a bug")
        return super().realised()

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        if "forecast" in self.raises:
            raise ZeroDivisionError("a bug")
        return super().forecast(horizon, windows, levels)
