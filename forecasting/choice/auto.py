"""`model: auto`: for each service the model that has lately done best, and a chain to fall back on.

Every candidate is fitted without the last day and scored there at hourly origins: mean pinball loss of the
window maximum at 0.9, 0.95 and 0.99 (rolling origin: Tashman 2000). A service keeps its present model unless
another is at least 5 % better (hysteresis). A row for which the chosen model has no forecast is answered by
the next best, which says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from forecasting.choice.placed import placed
from forecasting.far import sketched, steps_at
from forecasting.fleet.calendar import Calendar
from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.model import Forecaster, Model
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints, Panel
from forecasting.rolling import rolled_peaks, ticked
from forecasting.scoring import pinball
from forecasting.windows import width_of

_SCORED = (0.9, 0.95, 0.99)
_WINDOWS = (120.0, 660.0)
_ORIGINS = 24


@dataclass(frozen=True)
class AutoModel:
    """Chooses among `candidates`; `present` names each service's model so far."""

    candidates: tuple[Model, ...]
    present: Mapping[str, str] = field(default_factory=dict)
    hysteresis_ratio: float = 0.05
    name: str = "auto"

    def fit(self, history: Panel) -> AutoForecaster:
        losses = np.stack([self.scores(model, history) for model in self.candidates], axis=1)
        for row, key in enumerate(history.keys):
            for k, model in enumerate(self.candidates):
                if self.present.get(key) == model.name:
                    losses[row, k] *= 1 - self.hysteresis_ratio
        ranks = np.argsort(np.where(np.isfinite(losses), losses, np.inf), axis=1, kind="stable")
        fitted = tuple(m.fit(history.lent() if k else history) for k, m in enumerate(self.candidates))
        return AutoForecaster(fitted, tuple(m.name for m in self.candidates), history.keys, ranks)

    def placed(self, calendars: Mapping[str, Calendar | None]) -> AutoModel:
        """As `Placed` says, for those of the candidates that can be told."""
        return replace(self, candidates=tuple(placed(each, calendars) for each in self.candidates))

    def after(self, earlier: Forecaster) -> AutoModel:
        """The model that stays with what an earlier fit had chosen (`Remembers`)."""
        return replace(self, present=earlier.chosen()) if isinstance(earlier, AutoForecaster) else self

    def scores(self, model: Model, history: Panel) -> Floats:
        """Mean pinball loss of each row over the last day [n]; inf where the model had no forecast."""
        span = min(DAY_SECONDS, (history.end - history.start) / 3)
        width = width_of(max(_WINDOWS), history.step)
        every = max(1, round(span / _ORIGINS / history.step))
        first = history.values.shape[1] - round(span / history.step)
        forecaster: Forecaster = model.fit(history.until(history.start + first * history.step))
        total, count = np.zeros(len(history.keys)), np.zeros(len(history.keys))
        for column in range(first, history.values.shape[1] - width + 1, every):
            forecaster = forecaster.observe(history.until(history.start + column * history.step))
            said = forecaster.forecast(0, _WINDOWS, _SCORED).peaks
            for w, seconds in enumerate(_WINDOWS):
                truth = history.values[:, column : column + width_of(seconds, history.step)].max(axis=1)
                loss = pinball(truth[:, None], said[:, w], np.array(_SCORED)).mean(axis=1)
                known = np.isfinite(truth)
                total[known] += np.where(np.isfinite(loss[known]), loss[known], np.inf)
                count += known
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.inf))


@dataclass(frozen=True, eq=False)
class AutoForecaster:
    """All candidates, fitted; each row is answered by the best of them that has an answer."""

    forecasters: tuple[Forecaster, ...]
    names: tuple[str, ...]
    """Of the candidates."""
    keys: tuple[str, ...]
    """Of the rows, shape [n]."""
    ranks: Ints
    """[n, candidates]: candidates of each row, best first."""

    @property
    def origin(self) -> float:
        return self.forecasters[0].origin

    def chosen(self) -> dict[str, str]:
        """Each service's model: what to pass as `present` at the next refit."""
        return {key: self.names[k] for key, k in zip(self.keys, self.ranks[:, 0], strict=True)}

    def observe(self, panel: Panel) -> AutoForecaster:
        return replace(self, forecasters=tuple(f.observe(panel) for f in self.forecasters))

    def ticked(self, panel: Panel, every: int) -> Iterator[AutoForecaster]:
        """As `TicksFast` says, each candidate in its own way."""
        for forecasters in zip(*(ticked(f, panel, every) for f in self.forecasters), strict=True):
            yield replace(self, forecasters=forecasters)

    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Array:
        """As `RollsFast` says: at each origin the best candidate that has an answer there."""
        said = np.stack([rolled_peaks(f, panel, windows, levels) for f in self.forecasters])
        finite = np.asarray(np.isfinite(said).all(axis=(3, 4)))
        able = finite[self.ranks.T, np.arange(len(self.keys))]
        first = able.argmax(axis=0)  # the best where none is able
        rows = np.arange(len(self.keys))[:, None]
        return np.asarray(said[self.ranks[rows, first], rows, np.arange(said.shape[2])])

    def realised(self) -> Coverage:
        """Each row's best candidate's; they track the same windows."""
        found = [forecaster.realised() for forecaster in self.forecasters]
        ratios = np.stack([found[k].ratios[row] for row, k in enumerate(self.ranks[:, 0])])
        return replace(found[0], ratios=ratios)

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        return self._best([f.forecast(horizon, windows, levels) for f in self.forecasters], self.ranks)

    def sketch(self, key: str, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
        """As `Sketches` says."""
        row = self.keys.index(key)
        said = [sketched(f, key, horizon, levels) for f in self.forecasters]
        return self._best(said, self.ranks[row : row + 1])

    def at(self, steps: Sequence[int], levels: Sequence[float], rows: int) -> Floats:
        """As `LooksFar` says: of each row the best candidate that has an answer."""
        said = np.stack([steps_at(f, steps, levels, rows) for f in self.forecasters])
        ranks, row = self.ranks[:rows], np.arange(said.shape[1])
        able = np.asarray(np.isfinite(said).all(axis=(2, 3)))[ranks.T, row]
        return np.asarray(said[ranks[row, able.argmax(axis=0)], row])

    def _best(self, said: Sequence[Forecast], ranks: Ints) -> Forecast:
        """Of what each candidate said, row by row; `ranks` are theirs."""
        best = said[0]
        steps, peaks = best.steps.copy(), best.peaks.copy()
        models, reasons, failed = list(best.models), list(best.reasons), [False] * len(best.keys)
        for row, order in enumerate(ranks):
            passed = [f"{self.names[k]}: {said[k].reasons[row]}" for k in order if said[k].reasons[row]]
            able = next((k for k in order if said[k].reasons[row] is None), None)
            use = said[order[0] if able is None else able]
            steps[row], peaks[row] = use.steps[row], use.peaks[row]
            reasons[row] = use.reasons[row]
            failed[row] = use.failed is not None and use.failed[row]
            models[row] = use.models[row]
            if able is not None and able != order[0]:
                models[row] = f"{use.models[row]} (instead of {passed[0]})"
        return replace(
            best, steps=steps, peaks=peaks, models=tuple(models), reasons=tuple(reasons), failed=tuple(failed)
        )
