"""What stands in for a model that raises, in its fit or later: it says of each series why there is no forecast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS, TRACKED_LEVELS
from forecasting.model import Forecaster
from forecasting.panel import Panel
from forecasting.pending import PendingPredictions


@dataclass(frozen=True, eq=False)
class FailedFit:
    """A `Forecaster` that only knows the time."""

    keys: tuple[str, ...]
    origin: float
    step: float
    model: str
    reason: str

    @classmethod
    def of(cls, history: Panel, model: str, error: Exception) -> FailedFit:
        """Of all rows of the history that could not be learned from."""
        return cls(history.keys, history.end, history.step, model, "").because(error)

    def because(self, error: Exception) -> FailedFit:
        """The same, for this reason."""
        return replace(self, reason=f"{self.model} failed: {type(error).__name__}: {error}"[:200])

    def observe(self, panel: Panel) -> FailedFit:
        """As `Forecaster` says."""
        return replace(self, origin=max(self.origin, panel.end))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        """NaN throughout, with the reason."""
        n, asked, q = len(self.keys), np.sort(np.asarray(windows, dtype=float)), np.asarray(levels, dtype=float)
        return Forecast(
            origin=self.origin,
            step=self.step,
            levels=q,
            steps=np.full((n, horizon, len(q)), np.nan),
            windows=asked,
            peaks=np.full((n, len(asked), len(q)), np.nan),
            keys=self.keys,
            models=(self.model,) * n,
            reasons=(self.reason,) * n,
            failed=(True,) * n,
        )

    def realised(self) -> Coverage:
        """Nothing was said, so nothing is known."""
        nothing = PendingPredictions.fresh(len(self.keys), self.step)
        return Coverage(self.keys, nothing.seconds(self.step), TRACKED_LEVELS, nothing.coverage())


@dataclass(frozen=True, eq=False)
class Stuck:
    """A `Forecaster` that raised when it was shown what is new. It is shown that again at the next tick, with what came
    since; until it takes it `silent` speaks in its place."""

    part: Forecaster
    silent: FailedFit

    @property
    def origin(self) -> float:
        return self.silent.origin

    def observe(self, panel: Panel) -> Forecaster:
        """As `Forecaster` says."""
        return observed(self.part, panel, self.silent)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        """As `FailedFit` says it."""
        return self.silent.forecast(horizon, windows, levels)

    def realised(self) -> Coverage:
        """As `FailedFit` says it."""
        return self.silent.realised()


def observed(part: Forecaster, panel: Panel, silent: FailedFit) -> Forecaster:
    """The part after the steps of `panel`; `silent` knows its keys. Raises nothing: a library may."""
    try:
        return part.observe(panel)
    except Exception as error:
        return Stuck(part, silent.because(error).observe(panel))
