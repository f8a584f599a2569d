"""The named models and the simple baselines, as expectations that a calibration turns into quantiles.

A strategy learns one service at a time and says what it expects; how far that is off is learned by
`calibrated.py`, the same way for all. Libraries are imported where they are used, and only ever see series
that were cleaned and forward-filled: they answer gaps with NaN and raise no error.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from forecasting.panel import DAY_SECONDS, Floats

_COARSE_SECONDS = 300.0
_FITTED_DAYS = 14


class Expectation(Protocol):
    """What a strategy expects of one service after it was fitted."""

    def path(self, values: Floats, horizon: int) -> Floats:
        """Expected demand of the `horizon` steps after `values` [t], which begin as what was fitted on."""
        ...

    def shortened(self, steps: int) -> Expectation:
        """For `values` that have lost their oldest `steps`."""
        ...


class Strategy(Protocol):
    """A way to expect the demand of one service."""

    @property
    def name(self) -> str:
        """As in the `model` annotation."""
        ...

    def prepare(self) -> None:
        """Import what fitting needs, once in a process and outside any deadline."""
        ...

    def fit(self, values: Floats, step: float) -> Expectation:
        """Learn from `values` [t], finite and non-negative. May raise whatever its library raises."""
        ...


def forward_filled(values: Floats) -> Floats:
    """Gaps [t] filled with the last value before them, or the first after them; zeros if there is none."""
    finite = np.isfinite(values)
    if finite.all():
        return np.asarray(values, dtype=float)
    seen = np.flatnonzero(finite)
    if not len(seen):
        return np.zeros(len(values))
    last = np.searchsorted(seen, np.arange(len(values)), side="right") - 1
    return np.asarray(values, dtype=float)[seen[np.maximum(last, 0)]]


@dataclass(frozen=True)
class LastValue:
    """What was seen last, for ever."""

    name: str = "last-value"

    def prepare(self) -> None:
        """Needs nothing."""

    def fit(self, values: Floats, step: float) -> LastValue:
        return self

    def path(self, values: Floats, horizon: int) -> Floats:
        return np.full(horizon, values[-1])

    def shortened(self, steps: int) -> LastValue:
        return self


@dataclass(frozen=True)
class SeasonalNaive:
    """The same time yesterday, times how the last half hour compares with yesterday's."""

    name: str = "seasonal-naive"
    step: float = 60.0

    def prepare(self) -> None:
        """Needs nothing."""

    def fit(self, values: Floats, step: float) -> SeasonalNaive:
        if len(values) * step < DAY_SECONDS + 1800:
            raise ValueError("less than a day of history")
        return SeasonalNaive(self.name, step)

    def path(self, values: Floats, horizon: int) -> Floats:
        day, span = round(DAY_SECONDS / self.step), max(2, round(1800 / self.step))
        small = 0.02 * values.mean() + 1e-9
        then = values[-day - span : -day].mean() if len(values) >= day + span else values[-span:].mean()
        ratio = np.clip((values[-span:].mean() + small) / (then + small), 0.2, 5.0)
        return np.asarray(np.resize(values[-day:], horizon) * ratio)

    def shortened(self, steps: int) -> SeasonalNaive:
        return self


@dataclass(frozen=True, eq=False)
class Seasonal:
    """A day's shape beside a level that follows what is seen: the forecasting form of exponential smoothing."""

    shape: Floats
    """[day]: by step since the end of the fit."""
    level: float
    alpha: float
    fitted: int
    """Steps that were fitted on."""

    def path(self, values: Floats, horizon: int) -> Floats:
        level = self.level
        since = values[self.fitted :]
        expected = np.resize(self.shape, len(since) + horizon)
        for value, season in zip(since.tolist(), expected.tolist(), strict=False):  # plain floats: ten times as fast
            level += self.alpha * (value - season - level)
        return np.asarray(level + expected[len(since) :])

    def shortened(self, steps: int) -> Seasonal:
        return replace(self, fitted=max(0, self.fitted - steps))


@dataclass(frozen=True)
class HoltWinters:
    """Additive Holt-Winters with a day's period (statsmodels), fitted on five-minute means.

    Between refits the level follows each new step with the smoothing that statsmodels found.
    """

    name: str = "holt-winters"

    def prepare(self) -> None:
        import statsmodels.tsa.holtwinters  # noqa: F401

    def fit(self, values: Floats, step: float) -> Seasonal:
        from statsmodels.tsa.holtwinters import ExponentialSmoothing

        means, factor, period = _coarse(values, step)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = ExponentialSmoothing(
                means, seasonal="add", seasonal_periods=period, initialization_method="heuristic"
            ).fit()
        shape = np.repeat(np.asarray(fit.season)[-period:], factor)
        alpha = _per_step(fit.params["smoothing_level"], factor)
        return Seasonal(shape, float(np.asarray(fit.level)[-1]), alpha, len(values))


@dataclass(frozen=True)
class Ets:
    """ETS(A,Ad,A), additive errors, damped trend and a day's season (statsmodels), by maximum likelihood.

    On five-minute means. The trend at the end of the fit is part of the coming day's shape.
    """

    name: str = "ets"

    def prepare(self) -> None:
        import statsmodels.tsa.exponential_smoothing.ets  # noqa: F401

    def fit(self, values: Floats, step: float) -> Seasonal:
        from statsmodels.tsa.exponential_smoothing.ets import ETSModel

        means, factor, period = _coarse(values, step)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = ETSModel(
                means,
                error="add",
                trend="add",
                damped_trend=True,
                seasonal="add",
                seasonal_periods=period,
                initialization_method="heuristic",
            )
            fit = model.fit(disp=False)
            said = np.asarray(fit.forecast(period))
        level = float(np.asarray(fit.level)[-1])
        return Seasonal(np.repeat(said - level, factor), level, _per_step(fit.smoothing_level, factor), len(values))


@dataclass(frozen=True)
class Stl:
    """STL (statsmodels) for the day's shape, simple smoothing for the level.

    Its smoothers are evaluated at every few points and interpolated in between, as Cleveland et al. (1990)
    advise: thirty times faster, and shapes differ by 0.1 % of the mean.
    """

    name: str = "stl"

    def prepare(self) -> None:
        import statsmodels.tsa.seasonal  # noqa: F401

    def fit(self, values: Floats, step: float) -> Seasonal:
        from statsmodels.tsa.seasonal import STL

        means, factor, period = _coarse(values, step)
        jump = max(1, 3 * period // 20)
        found = STL(means, period=period, trend_jump=jump, low_pass_jump=jump).fit()
        shape = np.repeat(np.asarray(found.seasonal)[-period:], factor)
        return Seasonal(shape, float(np.asarray(found.trend)[-1]), _per_step(0.4, factor), len(values))


@dataclass(frozen=True)
class Prophet:
    """Prophet with its defaults on five-minute means; deterministic, without its own uncertainty."""

    name: str = "prophet"
    timeout_seconds: float = 7.0
    """Of its optimizer, which is a process of its own: less than a fit may take, so that it is ended properly."""

    def prepare(self) -> None:
        import prophet  # noqa: F401

    def fit(self, values: Floats, step: float) -> Seasonal:
        import pandas as pd
        from prophet import Prophet as Library

        means, factor, period = _coarse(values, step)
        stamps = pd.to_datetime(np.arange(len(means)) * factor * step, unit="s")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = Library(uncertainty_samples=0)
            model.fit(pd.DataFrame({"ds": stamps, "y": means}), seed=1, timeout=self.timeout_seconds)
            ahead = pd.to_datetime((len(means) + np.arange(period)) * factor * step, unit="s")
            said = model.predict(pd.DataFrame({"ds": ahead}))["yhat"].to_numpy()
        return Seasonal(np.repeat(said, factor), 0.0, 0.0, len(values))


def _per_step(alpha: float, factor: int) -> float:
    """The smoothing of each step that does in `factor` steps what `alpha` does at once."""
    return float(1 - (1 - min(float(alpha), 0.999)) ** (1 / factor))


def _coarse(values: Floats, step: float) -> tuple[Floats, int, int]:
    """Five-minute means of the last fortnight, steps in each, and how many make a day."""
    factor = max(1, round(_COARSE_SECONDS / step))
    period = round(DAY_SECONDS / (factor * step))
    kept = min(len(values) // factor, _FITTED_DAYS * period)
    if kept < 2 * period:
        raise ValueError("less than two days of history")
    return values[len(values) - kept * factor :].reshape(kept, factor).mean(axis=1), factor, period
