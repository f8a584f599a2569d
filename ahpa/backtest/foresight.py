"""What a model would have said at every step of the played days, knowing only what was complete then.

A fleet is fitted together, before the earliest day that is played and a few times after it; in between the model only
goes with the time, as the service does between two refits.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ahpa.backtest.scenario import TICK_SECONDS
from ahpa.core.planner import LAG_LEVEL
from ahpa.simulation.stream import SimulatedService
from forecasting.executor import Executor, Serial, Task
from forecasting.forecast import Outlook
from forecasting.levels import TRACKED_LEVELS, one_level_weights
from forecasting.model import Model
from forecasting.panel import DAY_SECONDS, Floats, Ints, Panel
from forecasting.rolling import rolled_peaks
from forecasting.windows import windows_up_to

MOST_FITS = 4
"""A service refits every hour; on real traces a model of yesterday was 2 % worse than one of the day's morning."""
MOST_WINDOWS = 4
"""So many are taken as they are."""
_LEVELS = tuple(TRACKED_LEVELS.tolist())


@dataclass(frozen=True, eq=False)
class Foresight:
    """What a model said of one series at each origin, learned from what was complete then: of the usual demand, which
    planned events are not part of."""

    origins: Floats
    """Unix seconds, shape [o], increasing; the ends of steps."""
    levels: Floats
    """Shape [q]."""
    windows: Floats
    """Seconds, shape [w]."""
    peaks: Floats
    """Shape [o, w, q]: quantiles of the largest step in each window; NaN where it had nothing to say."""
    model: str

    @classmethod
    def none(cls) -> Foresight:
        """Nobody was asked."""
        return cls(np.empty(0), np.array(_LEVELS), np.ones(1), np.empty((0, 1, len(_LEVELS))), "")

    @cached_property
    def spoke(self) -> NDArray[np.bool_]:
        """Whether it had something to say, shape [o]."""
        return np.asarray(np.isfinite(self.peaks).all(axis=(1, 2)))

    def newest(self, ticks: Floats) -> Ints:
        """For each moment the index of the newest origin; -1 where there is none."""
        return np.searchsorted(self.origins, ticks + 1e-6, side="right") - 1

    def outlook(self, index: int) -> Outlook:
        """What it said at one origin."""
        reason = None if self._spoke[index] else "the model had nothing to say"
        return Outlook(float(self.origins[index]), self.levels, self.windows, self.peaks[index], self.model, reason)

    def nearest_peak(self, level: float, which: NDArray[np.bool_]) -> Floats:
        """The quantile at `level` of the peak in the shortest window, at these origins, read as `Outlook.peak` does."""
        return np.asarray(self.peaks[which, 0] @ one_level_weights(self.levels, level))

    @cached_property
    def _spoke(self) -> list[bool]:
        out: list[bool] = self.spoke.tolist()
        return out


def windows_of(service: SimulatedService, step: float) -> tuple[float, ...]:
    """Seconds of the windows that plans ask for, from the first tick after an origin to the last; tier by tier."""
    leads = [lead + TICK_SECONDS for _, lead in service.readiness.leads(LAG_LEVEL)]
    late = max(0.0, step - TICK_SECONDS)
    return tuple(sorted({*leads, *(lead + late for lead in leads)}))


def windows_of_all(services: Iterable[SimulatedService], step: float) -> tuple[float, ...]:
    """As `windows_of`, for a fleet. Each window is asked of all of it; so of many that differ the next longer ones that
    a service in a cluster asks for."""
    exact = {window for service in services for window in windows_of(service, step)}
    if len(exact) > MOST_WINDOWS:
        able = windows_up_to(max(exact), step)
        exact = {next(window for window in able if window >= one) for one in exact}
    return tuple(sorted(exact))


def fits_of(first: float, end: float, step: float) -> list[float]:
    """The moments of [first, end) at which the model learns anew, at most `MOST_FITS`: days apart, in whole steps."""
    days = math.ceil((end - first) / DAY_SECONDS / MOST_FITS)
    every = step * math.ceil(days * DAY_SECONDS / step)
    return [first + every * k for k in range(math.ceil((end - first) / every))]


@dataclass(frozen=True, eq=False)
class Learning:
    """A fleet whose fits were handed in; they do not know of each other."""

    model: str
    rows: int
    step: float
    windows: tuple[float, ...]
    fits: tuple[Task[tuple[float, Floats]], ...]

    @classmethod
    def of(
        cls, model: Model, panel: Panel, first: float, end: float, windows: Sequence[float], executor: Executor
    ) -> Learning:
        """What the model says of every row from `first` to `end`, to be asked for later."""
        starts = fits_of(first, end, panel.step)
        asked = tuple(windows)
        fits = [
            executor.submit(_said, model, panel, asked, start, until)
            for start, until in zip(starts, [*starts[1:], end], strict=True)
        ]
        return cls(model.name, len(panel.keys), panel.step, asked, tuple(fits))

    def foresights(self) -> list[Foresight]:
        """One for each row, waited for."""
        said = [fit.result() for fit in self.fits]
        at = np.concatenate([origin + self.step * np.arange(peaks.shape[1]) for origin, peaks in said])
        rows = np.concatenate([peaks for _, peaks in said], axis=1)
        return [Foresight(at, np.array(_LEVELS), np.asarray(self.windows), row, self.model) for row in rows]


def foresee(model: Model, panel: Panel, first: float, end: float, windows: Sequence[float]) -> list[Foresight]:
    """What the model says of every row from `first` to `end`, here and now."""
    return Learning.of(model, panel, first, end, windows, Serial()).foresights()


def _said(model: Model, panel: Panel, windows: Sequence[float], start: float, end: float) -> tuple[float, Floats]:
    """What a model fitted before `start` says up to `end`: the first origin, and peaks [n, o, w, q]."""
    fitted = model.fit(panel.until(start))
    return fitted.origin, rolled_peaks(fitted, panel.between(fitted.origin, end), windows, _LEVELS)
