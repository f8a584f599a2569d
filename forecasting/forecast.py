"""What a model says of the coming demand, in the form a planner needs."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.levels import read_level
from forecasting.panel import Floats


@dataclass(frozen=True, eq=False)
class Outlook:
    """One row of a `Forecast`, as far as a planner needs it: the peaks."""

    origin: float
    levels: Floats
    windows: Floats
    peaks: Floats
    """Shape [w, q]."""
    model: str
    reason: str | None
    largest: float = math.inf
    """As `Forecast.largest`; inf where it is not known."""
    failed: bool = False
    """As `Forecast.failed`."""

    def peak(self, seconds: float, level: float) -> float:
        """The `level` quantile of the largest step within `seconds` of the origin.

        The first window that reaches so far speaks: a rise that begins inside the last minute of a lead must
        be seen whole, and between two windows half of it would be. Beyond the last window the last one speaks.
        Between levels: see `levels.py`.
        """
        return read_level(self.levels, self.within(seconds), level)

    def within(self, seconds: float) -> Floats:
        """All quantiles [q] of the largest step within `seconds`: see `peak`."""
        row = min(bisect.bisect_left(self.windows.tolist(), seconds - 1e-6), len(self.windows) - 1)
        return np.asarray(self.peaks[row])


@dataclass(frozen=True, eq=False)
class Forecast:
    """Quantiles per step, and quantiles of the maximum over windows that begin at the origin.

    Promised for every row with `reasons[i] is None`: finite, non-negative, monotone in level, and peaks
    monotone in the window. Rows with a reason hold NaN: "no forecast, because ..." is a proper answer.
    """

    origin: float
    """Unix seconds: the end of the last step that the model could see."""
    step: float
    """Seconds per step."""
    levels: Floats
    """Shape [q], increasing, each in (0, 1)."""
    steps: Floats
    """Shape [n, h, q]: quantiles of the mean demand of step `[origin + j*step, origin + (j+1)*step)`."""
    windows: Floats
    """Shape [w]: seconds, increasing."""
    peaks: Floats
    """Shape [n, w, q]: quantiles of the largest step in `[origin, origin + windows[k])`."""
    keys: tuple[str, ...]
    """Shape [n]."""
    models: tuple[str, ...]
    """Shape [n]: the model that spoke, for people."""
    reasons: tuple[str | None, ...]
    """Shape [n]: None, or why there is no forecast."""
    largest: Floats | None = None
    """Shape [n]: the largest demand seen so far that is no slip of one minute; None: not known."""
    failed: tuple[bool, ...] | None = None
    """Shape [n]: True where enough was observed and the model failed all the same; None: nowhere."""

    def outlook(self, key: str) -> Outlook | None:
        """What the forecast says of one series, or None if it does not know it."""
        row = self._rows.get(key)
        if row is None:
            return None
        return Outlook(
            self.origin,
            self.levels,
            self.windows,
            self.peaks[row],
            self.models[row],
            self.reasons[row],
            math.inf if self.largest is None else float(self.largest[row]),
            self.failed is not None and self.failed[row],
        )

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}


@dataclass(frozen=True, eq=False)
class Ahead:
    """Quantiles of a few single steps, some of them far ahead."""

    keys: tuple[str, ...]
    """Shape [n]."""
    origin: float
    """Unix seconds, as in `Forecast`."""
    values: Floats
    """Shape [n, steps, q]: what `Forecast.steps` says of them; NaN where there is no forecast."""


@dataclass(frozen=True, eq=False)
class Coverage:
    """How often predicted peaks held lately: realised, beside the level that was promised."""

    keys: tuple[str, ...]
    windows: Floats
    """Shape [w]: seconds, increasing."""
    levels: Floats
    """Shape [q], increasing."""
    ratios: Floats
    """Shape [n, w, q]; NaN where nothing has been settled yet."""

    def of(self, key: str, seconds: float, level: float) -> float:
        """The realised coverage of the window and the level nearest to these; NaN if nothing is known."""
        row = self._rows.get(key)
        if row is None:
            return math.nan
        window = min(range(len(self.windows)), key=lambda w: abs(float(self.windows[w]) - seconds))
        tail = min(range(len(self.levels)), key=lambda q: abs(float(self.levels[q]) - level))
        return float(self.ratios[row, window, tail])

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {key: row for row, key in enumerate(self.keys)}
