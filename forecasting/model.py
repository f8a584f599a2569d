"""What every model promises. The service, the backtest and the bench know models only by this.

A model is fitted slowly (a refit, minutes to hours apart) and then advanced quickly (a tick):

    forecaster = model.fit(history)
    forecaster = forecaster.observe(newer)
    forecast = forecaster.forecast(horizon=60, windows=(120.0, 240.0))

Nothing changes in place that a caller can see: `observe` returns the advanced forecaster.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from forecasting.forecast import LEVELS, Coverage, Forecast
from forecasting.panel import Panel


class Forecaster(Protocol):
    """A fitted model that knows the demand up to its `origin`."""

    @property
    def origin(self) -> float:
        """Unix seconds: the end of the last step seen; the next forecast begins here."""
        ...

    def observe(self, panel: Panel) -> Forecaster:
        """The forecaster after the steps of `panel` that are newer than its origin (tick: fast).

        Older steps and unknown keys are ignored; steps between the origin and the panel, and rows the
        panel lacks, count as not observed. Raises ValueError if the panel's grid does not fit.
        """
        ...

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        """Quantiles at `levels` of the next `horizon` steps, and of the largest step in each window.

        `windows` are seconds from the origin; one that ends inside a step includes that step.
        """
        ...

    def realised(self) -> Coverage:
        """How often what was said since the fit, and in its rehearsal, has held."""
        ...


class Model(Protocol):
    """A way to forecast. Holds settings only, no data."""

    @property
    def name(self) -> str:
        """For people, metrics and the `model` annotation."""
        ...

    def fit(self, history: Panel) -> Forecaster:
        """Learn from `history` (refit: slow). Never raises on bad data: such rows get a reason."""
        ...
