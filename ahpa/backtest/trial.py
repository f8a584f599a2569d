"""From a service's history to a trial: which days are tested, on which settings are found, what a model foresaw.

All series of a panel are fitted together, before the earliest day that is played and a few times after it; in
between the model only goes with the time, as the service does between two refits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ahpa.backtest.contenders import TICK_SECONDS, Foresight, leads_of
from ahpa.backtest.scenario import Scene
from ahpa.backtest.sweep import Trial
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.counts import Source
from ahpa.simulation.traffic import Service
from forecasting.model import Model
from forecasting.panel import DAY_SECONDS, Floats, Panel
from forecasting.rolling import rolled_peaks

LEAST_HISTORY_DAYS = 1.0
EARLIER_DAYS = 3.0
"""At most so many days before the tested ones serve to find settings."""
MOST_FITS = 4
"""A service refits every hour; on real traces a model of yesterday was 2 % worse than one of the day's morning."""


Each = Callable[
    [Callable[[float, float], tuple[float, Floats]], Sequence[float], Sequence[float]], Iterable[tuple[float, Floats]]
]
"""`map`, or that of a pool of processes."""


class NotEnoughError(ValueError):
    """A series is too short; the message says how long it should be."""


@dataclass(frozen=True)
class Setting:
    """The world of a backtest."""

    service: Service
    kpa: KpaConfig
    test_days: float = 3.0
    seed: int = 0
    dispersion: float = 1.0


@dataclass(frozen=True)
class Span:
    """Unix seconds: settings are found on [earlier, start), policies are tested on [start, end)."""

    earlier: float | None
    start: float
    end: float

    @property
    def first(self) -> float:
        """The first moment that is played; the model is fitted on what lies before."""
        return self.start if self.earlier is None else self.earlier


def span_of(panel: Panel, test_days: float) -> Span:
    """The days of a panel whose step divides a minute or is whole minutes. Raises NotEnoughError."""
    grain = max(60.0, panel.step)
    end = panel.start + grain * np.floor((panel.end - panel.start) / grain)
    tested = grain * round(test_days * DAY_SECONDS / grain)
    start = end - tested
    before = (start - panel.start) / DAY_SECONDS
    if before < LEAST_HISTORY_DAYS:
        have, need = (panel.end - panel.start) / DAY_SECONDS, test_days + LEAST_HISTORY_DAYS
        raise NotEnoughError(
            f"{have:.2g} days of data; {test_days:g} tested days and {LEAST_HISTORY_DAYS:g} before them need {need:g}"
        )
    days = min(EARLIER_DAYS, before - LEAST_HISTORY_DAYS)
    earlier = start - grain * np.floor(days * DAY_SECONDS / grain)
    return Span(float(earlier) if days >= 0.5 else None, float(start), float(end))


def windows_of(setting: Setting, step: float) -> tuple[float, ...]:
    """Seconds of the windows that plans ask for, from the first tick after an origin to the last."""
    leads = leads_of(setting.service)
    late = max(0.0, step - TICK_SECONDS)
    return tuple(sorted({*leads, *(lead + late for lead in leads)}))


def foresee(
    model: Model, levels: Floats, panel: Panel, span: Span, windows: Sequence[float], each: Each = map
) -> list[Foresight]:
    """What the model says of every row, from the first played moment to the end; `levels` [q] are those of its peaks.
    `each` goes through the fits, which do not know of each other."""
    starts = fits_of(span, panel.step)
    ends = [*starts[1:], span.end]
    said = list(each(partial(_say, model, panel, windows, levels), starts, ends))
    at = np.concatenate([origin + panel.step * np.arange(peaks.shape[1]) for origin, peaks in said])
    rows = np.concatenate([peaks for _, peaks in said], axis=1)
    return [Foresight(at, np.asarray(levels, float), np.asarray(windows), row, model.name) for row in rows]


def _say(
    model: Model, panel: Panel, windows: Sequence[float], levels: Floats, start: float, end: float
) -> tuple[float, Floats]:
    """What a model fitted before `start` says up to `end`: the first origin, and peaks [n, o, w, q]."""
    fitted = model.fit(panel.until(start))
    return fitted.origin, rolled_peaks(fitted, panel.between(fitted.origin, end), windows, levels.tolist())


def fits_of(span: Span, step: float) -> list[float]:
    """The moments at which the model learns anew, at most `MOST_FITS`: days apart, in whole steps, from the first
    played moment on."""
    played = span.end - span.first
    days = math.ceil(played / DAY_SECONDS / MOST_FITS)
    every = step * math.ceil(days * DAY_SECONDS / step)
    return [span.first + every * k for k in range(math.ceil(played / every))]


def trial(
    name: str, panel: Panel, span: Span, foresight: Foresight, setting: Setting, source: Source | None = None
) -> Trial:
    """One row of a panel as a trial, with requests from `source` (None: from that row)."""
    demand = panel.select([name])
    service, kpa = setting.service, setting.kpa
    scenes = [
        Scene.of(name, demand, start, end, service, kpa, setting.seed + i, setting.dispersion, source)
        for i, (start, end) in enumerate([(span.start, span.end), (span.earlier, span.start)])
        if start is not None
    ]
    return Trial(scenes[0], scenes[1] if len(scenes) > 1 else None, foresight)
