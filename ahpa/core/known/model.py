"""A model that is told of planned events: it learns from the demand without them, and its words are lifted by them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.known.knowledge import Known
from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.model import Forecaster, Model
from forecasting.panel import Panel
from forecasting.rolling import ticked


@dataclass(frozen=True)
class TellingModel:
    """Another model, and what is known of all of its series."""

    model: Model
    known: Known

    @property
    def name(self) -> str:
        return self.model.name

    def fit(self, history: Panel) -> TellingForecaster:
        """As `Model` says."""
        return TellingForecaster(self.model.fit(self.known.usual(history)), self.known)


@dataclass(frozen=True, eq=False)
class TellingForecaster:
    """See `Forecaster`, and `TicksFast` for `ticked`."""

    usual: Forecaster
    known: Known

    @property
    def origin(self) -> float:
        return self.usual.origin

    def observe(self, panel: Panel) -> TellingForecaster:
        return replace(self, usual=self.usual.observe(self.known.usual(panel)))

    def ticked(self, panel: Panel, every: int) -> Iterator[TellingForecaster]:
        for usual in ticked(self.usual, self.known.usual(panel), every):
            yield replace(self, usual=usual)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        said = self.usual.forecast(horizon, windows, levels)
        steps = self.known.factors(said.origin, said.step, horizon)
        peaks = [self.known.lift(said.origin, said.origin + seconds).value for seconds in said.windows.tolist()]
        return replace(
            said,
            steps=said.steps if steps is None else said.steps * steps[:, None],
            peaks=said.peaks * np.array(peaks)[:, None],
        )

    def realised(self) -> Coverage:
        return self.usual.realised()
