"""A model for tests: what came within ten minutes of this moment last week, at every level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.panel import Panel

WEEK_SECONDS = 7 * 86_400.0
AROUND_SECONDS = 600.0


@dataclass(frozen=True, eq=False)
class LastWeekForecaster:
    history: Panel
    origin: float

    def observe(self, panel: Panel) -> LastWeekForecaster:
        return replace(self, origin=panel.end)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        then = self.origin - WEEK_SECONDS
        n, q = len(self.history.keys), len(levels)
        peaks = np.empty((n, len(windows), q))
        for k, window in enumerate(windows):
            near = self.history.between(then - AROUND_SECONDS, then + window + AROUND_SECONDS)
            peaks[:, k, :] = near.values.max(axis=1)[:, None]
        steps = np.repeat(peaks[:, :1], horizon, axis=1)
        kept = self.history.keys
        grid = np.asarray(levels, dtype=float), np.asarray(windows, dtype=float)
        models, reasons = ("last-week",) * n, (None,) * n
        return Forecast(self.origin, self.history.step, grid[0], steps, grid[1], peaks, kept, models, reasons)

    def realised(self) -> Coverage:
        """Nothing is settled."""
        return Coverage(
            self.history.keys, np.array([60.0]), np.array([0.5]), np.full((len(self.history.keys), 1, 1), np.nan)
        )


class LastWeek:
    name = "last-week"

    def fit(self, history: Panel) -> LastWeekForecaster:
        return LastWeekForecaster(history, history.end)
