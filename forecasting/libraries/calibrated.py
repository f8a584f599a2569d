"""Any strategy as a `Model`: expectations in, calibrated quantiles out, the same way for all.

The strategy is fitted without the last day, asked at half-hourly origins of that day, and its errors give
the first quantiles (split conformal prediction: Lei et al. 2018). Then it is fitted on everything, and the
quantiles are kept true online (`calibration.py`). Errors are differences in units of the service's mean.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.calibration import Calibration, spread
from forecasting.fleet.features import Target
from forecasting.fleet.learning import QUANTILES
from forecasting.fleet.model import FleetModel, reading, width_of
from forecasting.forecast import LEVELS, Coverage, Forecast
from forecasting.guards import guarded, reasons
from forecasting.history import History
from forecasting.libraries.strategies import Expectation, Strategy, bridged
from forecasting.panel import DAY_SECONDS, Array, Floats, Panel
from forecasting.pending import Ledger

Fitted = Expectation | str
"""An expectation, or why there is none."""
FitAll = Callable[[Strategy, Sequence[Floats], float], list[Fitted]]
"""Fits a strategy to many series; where and with what deadline is not our business here."""

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
        rows = [bridged(row) for row in own.values]
        targets = FleetModel().targets(own.step)
        split = own.length - min(round(DAY_SECONDS / own.step), own.length // 3)
        fits = self.fit_all(self.strategy, [*(row[:split] for row in rows), *rows], own.step)
        unit = np.array([row.sum() / max(1, len(row)) + 1e-9 for row in rows])
        guess = _rehearsed(fits[: len(rows)], rows, unit, split, targets, own.step)
        rate = FleetModel.rate(own.step)
        fresh = Calibration.fresh(len(rows), len(targets), QUANTILES, rate, 3 * DAY_SECONDS / own.step)
        ledger = Ledger.opened(targets, fresh)
        expectations = tuple(fits[len(rows) :])
        return CalibratedForecaster(own, self.name, expectations, unit, guess, ledger).awaiting()


def _rehearsed(
    fits: Sequence[Fitted], rows: Sequence[Floats], unit: Floats, split: int, targets: Sequence[Target], step: float
) -> Floats:
    """Quantiles of the errors after `split`, up to which was fitted, [n, targets, q] in units."""
    reach = max(target.lead + target.width for target in targets)
    out = np.zeros((len(rows), len(targets), len(QUANTILES)))
    for i, (row, fit) in enumerate(zip(rows, fits, strict=True)):
        origins = range(split, len(row) - reach + 1, max(1, round(1800 / step)))
        truth = row / unit[i]
        errors = [
            [_peak(truth[o:], target) - _peak(path, target) for target in targets]
            for o in origins
            if not isinstance(fit, str)
            for path in (_path(fit, row[:o], reach, unit[i]),)
        ]
        if errors:
            out[i] = np.quantile(np.array(errors), QUANTILES, axis=0).T
        elif len(row) > 2:
            out[i] = np.quantile(np.abs(np.diff(truth)), QUANTILES)
    return out


def _path(fit: Expectation, values: Floats, horizon: int, unit: float) -> Floats:
    """What is expected after `values`, [horizon] in units: NaN where it is no number, and of a size to reckon with."""
    path = np.asarray(fit.path(values, horizon), dtype=float)
    return np.asarray(np.where(np.isfinite(path), np.clip(path, -_MOST * unit, _MOST * unit) / unit, np.nan))


def _peak(path: Floats, target: Target) -> float:
    return float(path[target.lead : target.lead + target.width].max())


@dataclass(frozen=True, eq=False)
class CalibratedForecaster:
    """A fitted strategy; see `Forecaster` for what each method promises."""

    history: History
    name: str
    expectations: tuple[Fitted, ...]
    unit: Floats
    """[n]: the mean of each row."""
    guess: Floats
    """[n, targets, q]: quantiles of the errors, in units."""
    ledger: Ledger

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> CalibratedForecaster:
        after = self.history.extended(panel)
        if after is self.history:
            return self
        moved = round((after.start - self.history.start) / after.step)
        ledger = self.ledger.settled(self.history, after)
        if moved:  # the expectations count steps from the history's beginning
            expectations = tuple(_moved(e, moved) for e in self.expectations)
            return replace(self, history=after, expectations=expectations, ledger=ledger).awaiting()
        return replace(self, history=after, ledger=ledger).awaiting()

    def awaiting(self) -> CalibratedForecaster:
        """With what it says at its origin put down, to be settled when the truth is known."""
        targets = self.ledger.targets
        paths = self._paths(max(target.lead + target.width for target in targets))
        said = [self._quantiles(paths, target) for target in targets]
        return replace(self, ledger=self.ledger.said(self.history.length, said))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        history = self.history
        asked = np.sort(np.asarray(windows, dtype=float))
        widths = [width_of(seconds, history.step) for seconds in asked]
        q = np.asarray(levels, dtype=float)
        read = reading(q)
        paths = self._paths(max([horizon, 1, *widths]))
        n = len(history.keys)
        steps, peaks = np.empty((n, horizon, len(q))), np.empty((n, len(asked), len(q)))
        for j in range(horizon):
            steps[:, j] = np.sort(self._quantiles(paths, Target(j, 1)), axis=1) @ read
        for k, width in enumerate(widths):
            peaks[:, k] = np.sort(self._quantiles(paths, Target(0, width)), axis=1) @ read
        why = [
            reason or (fit if isinstance(fit, str) else None)
            for reason, fit in zip(reasons(history), self.expectations, strict=True)
        ]
        return guarded(history, q, steps, asked, peaks, (self.name,) * n, why)

    def realised(self) -> Coverage:
        """As `Forecaster` says."""
        return Coverage(self.history.keys, self.ledger.windows(self.history.step), QUANTILES, self.coverage())

    def coverage(self) -> Array:
        """Realised coverage [n, w, q] over about the last three days, at QUANTILES."""
        return self.ledger.coverage()

    def _paths(self, horizon: int) -> Floats:
        """Expected demand [n, horizon], in units; NaN where there is no expectation."""
        out = np.full((len(self.expectations), horizon), np.nan)
        for i, (fit, row) in enumerate(zip(self.expectations, self.history.values, strict=True)):
            if not isinstance(fit, str):
                out[i] = _path(fit, bridged(row), horizon, float(self.unit[i]))
        return out

    def _quantiles(self, paths: Floats, target: Target) -> Array:
        """Quantiles [n, q] in units of demand, each level by itself."""
        peak = paths[:, target.lead : target.lead + target.width].max(axis=1)[:, None]
        quantiles = (peak + self.ledger.offsets(target, self.guess)).astype(np.float32)
        quantiles = quantiles + self.ledger.offsets(target) * spread(quantiles, QUANTILES)
        return np.asarray(quantiles * self.unit[:, None], dtype=np.float32)


def _moved(fit: Fitted, steps: int) -> Fitted:
    """An expectation whose history lost its oldest `steps`."""
    fitted = getattr(fit, "fitted", None)
    return fit if fitted is None else replace(fit, fitted=max(0, fitted - steps))  # type: ignore[type-var]
