"""Several models at once: each service is forecast by the one that its owner chose."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.model import Forecaster, Model, Remembers
from forecasting.panel import Array, Panel
from forecasting.rolling import rolled_peaks, ticked


@dataclass(frozen=True)
class PerSeriesModel:
    """`chosen` names each key's model; keys that it lacks get `default`."""

    models: Mapping[str, Model]
    chosen: Mapping[str, str]
    default: str
    earlier: PerSeriesForecaster | None = None
    """The last fit, from which `auto` knows what it had chosen."""
    name: str = "per-series"

    def fit(self, history: Panel) -> PerSeriesForecaster:
        """Fit each model on its own rows. Raises KeyError for a name that is not one of `models`.

        Rows are put in the order of their keys: a model that draws lots must not depend on who was listed first.
        """
        rows: dict[str, list[str]] = {}
        for key in sorted(history.keys):
            rows.setdefault(self.chosen.get(key, self.default), []).append(key)
        parts = {name: self._remembering(name).fit(history.select(keys)) for name, keys in rows.items()}
        return PerSeriesForecaster(parts)

    def _remembering(self, name: str) -> Model:
        model = self.models[name]
        before = self.earlier.parts.get(name) if self.earlier else None
        return model.after(before) if isinstance(model, Remembers) and before is not None else model


@dataclass(frozen=True, eq=False)
class PerSeriesForecaster:
    """The fitted parts by model; between them they know every key once."""

    parts: Mapping[str, Forecaster]

    @property
    def origin(self) -> float:
        return next(iter(self.parts.values())).origin

    def observe(self, panel: Panel) -> PerSeriesForecaster:
        return replace(self, parts={name: part.observe(panel) for name, part in self.parts.items()})

    def ticked(self, panel: Panel, every: int) -> Iterator[PerSeriesForecaster]:
        """As `TicksFast` says, each part in its own way."""
        for parts in zip(*(ticked(part, panel, every) for part in self.parts.values()), strict=True):
            yield replace(self, parts=dict(zip(self.parts, parts, strict=True)))

    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Array:
        """As `RollsFast` says, each part in its own way."""
        return np.concatenate([rolled_peaks(part, panel, windows, levels) for part in self.parts.values()])

    def realised(self) -> Coverage:
        found = [part.realised() for part in self.parts.values()]
        keys = tuple(key for coverage in found for key in coverage.keys)
        return replace(found[0], keys=keys, ratios=np.concatenate([coverage.ratios for coverage in found]))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        said = [part.forecast(horizon, windows, levels) for part in self.parts.values()]
        first = said[0]
        return Forecast(
            origin=first.origin,
            step=first.step,
            levels=first.levels,
            steps=np.concatenate([forecast.steps for forecast in said]),
            windows=first.windows,
            peaks=np.concatenate([forecast.peaks for forecast in said]),
            keys=tuple(key for forecast in said for key in forecast.keys),
            models=tuple(model for forecast in said for model in forecast.models),
            reasons=tuple(reason for forecast in said for reason in forecast.reasons),
        )
