"""Any strategy as a `Model`: expectations in, calibrated quantiles out, the same way for all.

The strategy is fitted without the last three days, asked every half hour for what came on the last day, and its errors
give the first quantiles (split conformal prediction: Lei et al. 2018). Then it is fitted on everything, and the
quantiles are kept true online (`calibration.py`). Errors are differences in units of the service's mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from forecasting.forecast import Coverage, Forecast
from forecasting.guards import guarded
from forecasting.history import History
from forecasting.levels import LEVELS, TRACKED_LEVELS, level_weights
from forecasting.libraries.strategies import Expectation, Strategy, forward_filled
from forecasting.panel import DAY_SECONDS, Array, Floats, Panel
from forecasting.pending import PendingPredictions
from forecasting.tail import calibrated
from forecasting.windows import Window, width_of

Fitted = Expectation | str
"""An expectation, or why there is none."""
FitAll = Callable[[Strategy, Sequence[Floats], float], list[Fitted]]
"""Fits a strategy to many series; where and with what deadline is not our business here."""

_TRIED_DAYS = 3.0
_MOST = 1e6
"""No expectation is more than this many times a row's mean; the guard cuts finer."""


def fit_here(strategy: Strategy, rows: Sequence[Floats], step: float) -> list[Fitted]:
    """One after the other in this process. A library's exception becomes the reason."""
    return [fit_one(strategy, row, step) for row in rows]


def fit_one(strategy: Strategy, row: Floats, step: float) -> Fitted:
    """Fit, and look once at what comes out: a library's exception or nonsense becomes the reason."""
    if not len(row):
        return "nothing observed"
    try:
        fitted = strategy.fit(row, step)
        path = fitted.path(row, 2)
    except Exception as error:  # a library may raise anything; the next model in the chain takes over
        return f"{strategy.name} failed: {type(error).__name__}: {error}"[:200]
    return fitted if np.isfinite(path).all() else f"{strategy.name} failed: not finite"


@dataclass(frozen=True)
class CalibratedModel:
    """A strategy with calibration around it."""

    strategy: Strategy
    fit_all: FitAll = fit_here
    memory_days: float = 28.0

    @property
    def name(self) -> str:
        return self.strategy.name

    def fit(self, history: Panel) -> CalibratedForecaster:
        own = History.of(history, round(self.memory_days * DAY_SECONDS / history.step))
        rows = [forward_filled(row) for row in own.values]
        pending = PendingPredictions.fresh(len(rows), own.step)
        split = own.length - min(round(_TRIED_DAYS * DAY_SECONDS / own.step), own.length // 3)
        fits = self.fit_all(self.strategy, [*(row[:split] for row in rows), *rows], own.step)
        unit = np.array([row.sum() / max(1, len(row)) + 1e-9 for row in rows])
        origins = range(split, own.length, max(1, round(1800 / own.step)))
        day = own.length - min(round(DAY_SECONDS / own.step), own.length // 3)
        guess = np.zeros((len(rows), len(pending.windows), len(TRACKED_LEVELS)))
        for i, (fit, row) in enumerate(zip(fits[: len(rows)], rows, strict=True)):
            guess[i] = _error_quantiles(fit, row, float(unit[i]), origins, day, pending.windows)
        expectations = tuple(fits[len(rows) :])
        return CalibratedForecaster(own, self.name, expectations, unit, guess, pending).awaiting()


def _error_quantiles(
    fit: Fitted, row: Floats, unit: float, origins: range, day: int, windows: Sequence[Window]
) -> Floats:
    """Quantiles [windows, q] of one row's errors at `origins`, in units, of what ended from step `day` on; where there
    are none, of how far the row moves in such a time."""
    truth = row / unit
    reach = max(window.end for window in windows)
    paths = [] if isinstance(fit, str) else [_path(fit, row[:origin], reach, unit) for origin in origins]
    out = np.zeros((len(windows), len(TRACKED_LEVELS)))
    for k, window in enumerate(windows):
        errors = [
            _peak(truth[origin:], window) - _peak(path, window)
            for origin, path in zip(origins, paths, strict=False)
            if day <= origin + window.lead and origin + window.end <= len(row)
        ]
        if errors or len(row) > 2:
            out[k] = np.quantile(errors or _moves(truth, window.end), TRACKED_LEVELS)
    return out


def _moves(truth: Floats, steps: int) -> Floats:
    """By how much a row changes within so many steps; from its least, where it is not that long."""
    return np.abs(truth[steps:] - truth[:-steps]) if steps < len(truth) else np.asarray(truth - truth.min())


def _path(fit: Expectation, values: Floats, horizon: int, unit: float) -> Floats:
    """What is expected after `values`, [horizon] in units: NaN where it is no number, and of a size to reckon with."""
    path = np.asarray(fit.path(values, horizon), dtype=float)
    return np.asarray(np.where(np.isfinite(path), np.clip(path, -_MOST * unit, _MOST * unit) / unit, np.nan))


def _peak(path: Floats, window: Window) -> float:
    return float(path[window.lead : window.end].max())


@dataclass(frozen=True, eq=False)
class CalibratedForecaster:
    """A fitted strategy; see `Forecaster` for what each method promises."""

    history: History
    name: str
    expectations: tuple[Fitted, ...]
    unit: Floats
    """[n]: the mean of each row."""
    guess: Floats
    """[n, windows, q]: quantiles of the errors, in units."""
    pending: PendingPredictions

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> CalibratedForecaster:
        after = self.history.extended(panel)
        if after is self.history:
            return self
        moved = round((after.start - self.history.start) / after.step)
        pending = self.pending.settled(self.history, after)
        expectations = self.expectations
        if moved:  # the expectations count steps from the history's beginning
            expectations = tuple(fit if isinstance(fit, str) else fit.shortened(moved) for fit in expectations)
        return replace(self, history=after, expectations=expectations, pending=pending).awaiting(self.history)

    def awaiting(self, before: History | None = None) -> CalibratedForecaster:
        """With what it says at its origin put down, to be settled when the truth is known; `before` is the history that
        it had then."""
        due = {k: self.pending.windows[k] for k in self.pending.due(self.history, before)}
        paths = self._paths(max(window.end for window in due.values()))
        said = {k: self._quantiles(paths, window) for k, window in due.items()}
        return replace(self, pending=self.pending.said(self.history.length, said))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        return self._said(range(horizon), windows, levels)

    def _said(self, told: Sequence[int], windows: Sequence[float], levels: Sequence[float]) -> Forecast:
        """Of these steps and windows; in `steps` are those that were `told` alone."""
        history = self.history
        asked = np.sort(np.asarray(windows, dtype=float))
        widths = [width_of(seconds, history.step) for seconds in asked]
        q = np.asarray(levels, dtype=float)
        read = level_weights(TRACKED_LEVELS, q)
        paths = self._paths(max([1, *(j + 1 for j in told), *widths]))
        n = len(history.keys)
        steps, peaks = np.empty((n, len(told), len(q))), np.empty((n, len(asked), len(q)))
        for at, j in enumerate(told):
            steps[:, at] = np.sort(self._quantiles(paths, Window(j, 1)), axis=1) @ read
        for k, width in enumerate(widths):
            peaks[:, k] = np.sort(self._quantiles(paths, Window(0, width)), axis=1) @ read
        why = tuple(fit if isinstance(fit, str) else None for fit in self.expectations)
        names = (self.name,) * n
        raw = Forecast(history.end, history.step, q, steps, asked, peaks, history.keys, names, why)
        return guarded(raw, history)

    def sketch(self, key: str, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
        """As `Sketches` says, of every step."""
        row = self.history.keys.index(key)
        return self._rows(slice(row, row + 1)).forecast(horizon, (), levels)

    def at(self, steps: Sequence[int], levels: Sequence[float], rows: int) -> Floats:
        """As `LooksFar` says."""
        return self._rows(slice(0, rows))._said(steps, (), levels).steps

    def _rows(self, some: slice) -> CalibratedForecaster:
        pending = PendingPredictions.of(self.pending.windows, self.pending.calibration.rows(some))
        return replace(self, history=self.history.rows(some), expectations=self.expectations[some],
                       unit=self.unit[some], guess=self.guess[some], pending=pending)  # fmt: skip

    def realised(self) -> Coverage:
        """As `Forecaster` says, over about the last three days."""
        pending = self.pending
        return Coverage(self.history.keys, pending.seconds(self.history.step), TRACKED_LEVELS, pending.coverage())

    def _paths(self, horizon: int) -> Floats:
        """Expected demand [n, horizon], in units; NaN where there is no expectation."""
        out = np.full((len(self.expectations), horizon), np.nan)
        for i, (fit, row) in enumerate(zip(self.expectations, self._filled, strict=True)):
            if not isinstance(fit, str):
                out[i] = _path(fit, row, horizon, float(self.unit[i]))
        return out

    @cached_property
    def _filled(self) -> list[Floats]:
        return [forward_filled(row) for row in self.history.values]

    def _quantiles(self, paths: Floats, window: Window) -> Array:
        """Quantiles [n, q] in units of demand, each level by itself."""
        peak = paths[:, window.lead : window.end].max(axis=1)[:, None]
        quantiles = (peak + self.pending.offsets(window, self.guess)).astype(np.float32)
        quantiles = calibrated(quantiles, self.pending.offsets(window), TRACKED_LEVELS)
        return np.asarray(quantiles * self.unit[:, None], dtype=np.float32)
