"""Several models at once: each service is forecast by the one that its owner chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.choice.auto import AutoForecaster, AutoModel
from forecasting.forecast import LEVELS, Coverage, Forecast
from forecasting.model import Forecaster, Model
from forecasting.panel import Panel


@dataclass(frozen=True)
class CombinedModel:
    """`chosen` names each key's model; keys that it lacks get `default`."""

    models: Mapping[str, Model]
    chosen: Mapping[str, str]
    default: str
    earlier: CombinedForecaster | None = None
    """The last fit, from which `auto` knows what it had chosen."""
    name: str = "combined"

    def fit(self, history: Panel) -> CombinedForecaster:
        """Fit each model on its own rows. Raises KeyError for a name that is not one of `models`.

        Rows are put in the order of their keys: a model that draws lots must not depend on who was listed first.
        """
        rows: dict[str, list[str]] = {}
        for key in sorted(history.keys):
            rows.setdefault(self.chosen.get(key, self.default), []).append(key)
        parts = {name: self._remembering(name).fit(history.select(keys)) for name, keys in rows.items()}
        return CombinedForecaster(parts, {name: tuple(keys) for name, keys in rows.items()})

    def _remembering(self, name: str) -> Model:
        model = self.models[name]
        before = self.earlier.parts.get(name) if self.earlier else None
        if isinstance(model, AutoModel) and isinstance(before, AutoForecaster) and self.earlier:
            return model.after(before, self.earlier.keys[name])
        return model


@dataclass(frozen=True, eq=False)
class CombinedForecaster:
    """The fitted parts by model; between them they know every key once."""

    parts: Mapping[str, Forecaster]
    keys: Mapping[str, tuple[str, ...]]

    @property
    def origin(self) -> float:
        return next(iter(self.parts.values())).origin

    def observe(self, panel: Panel) -> CombinedForecaster:
        return replace(self, parts={name: part.observe(panel) for name, part in self.parts.items()})

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
