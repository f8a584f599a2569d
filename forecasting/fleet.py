"""The fleet model: every service of a panel at once. First version: yesterday and last week x recent level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.forecast import LEVELS, Forecast
from forecasting.panel import Floats, Panel

DAY_SECONDS = 86_400.0


def _steps(seconds: float, step: float) -> int:
    """Whole steps that a window of `seconds` touches, at least one."""
    return max(1, int(np.ceil(seconds / step - 1e-9)))


def _window_max(values: Floats, width: int) -> Floats:
    """`out[:, j] = max(values[:, j:j+width])`, NaN-ignoring; the end is padded with what is left."""
    padded = np.concatenate([values, np.full((len(values), width - 1), np.nan)], axis=1)
    filled = np.where(np.isfinite(padded), padded, -np.inf)
    out = np.lib.stride_tricks.sliding_window_view(filled, width, axis=1).max(axis=2)
    return np.where(np.isfinite(out), out, np.nan)


@dataclass(frozen=True, eq=False)
class FleetForecaster:
    history: Panel
    memory_steps: int

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> FleetForecaster:
        old = self.history
        offset = (panel.start - old.start) / old.step
        if panel.step != old.step or abs(offset - round(offset)) > 1e-6:
            raise ValueError(
                f"panel grid ({panel.start}, {panel.step}) does not fit ({old.start}, {old.step})"
            )
        total = max(old.values.shape[1], round(offset) + panel.values.shape[1])
        values = np.full((len(old.keys), total), np.nan)
        values[:, : old.values.shape[1]] = old.values
        rows = {key: i for i, key in enumerate(panel.keys)}
        for i, key in enumerate(old.keys):
            if key in rows:
                first = max(old.values.shape[1], round(offset))
                values[i, first : round(offset) + panel.values.shape[1]] = panel.values[
                    rows[key], first - round(offset) :
                ]
        cut = max(0, total - self.memory_steps)
        return replace(
            self, history=Panel.of(old.start + cut * old.step, old.step, values[:, cut:], old.keys)
        )

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        h = self.history
        q = np.asarray(levels, dtype=float)
        steps = np.stack([self._quantiles(j, 1, q) for j in range(horizon)], axis=1)
        peaks = np.stack([self._quantiles(0, _steps(w, h.step), q) for w in windows], axis=1)
        peaks = np.maximum.accumulate(peaks, axis=1)
        seen = np.isfinite(h.values).sum(axis=1)
        reasons = tuple(None if s >= 10 else f"only {s} steps observed; 10 are needed" for s in seen)
        bad = np.array([r is not None for r in reasons], dtype=bool)
        steps[bad] = np.nan
        peaks[bad] = np.nan
        return Forecast(
            h.end,
            h.step,
            q,
            steps,
            np.asarray(windows, float),
            peaks,
            h.keys,
            ("fleet",) * len(h.keys),
            reasons,
        )

    def _quantiles(self, lead: int, width: int, levels: Floats) -> Floats:
        """[n, q]: of the maximum of steps `[lead, lead+width)` from the origin."""
        v = np.maximum(self.history.values, 0.0)
        n, t = v.shape
        day = round(DAY_SECONDS / self.history.step)
        peak = _window_max(v, width)
        scale = np.nanmean(np.where(np.isfinite(v).any(axis=1, keepdims=True), v, 0.0), axis=1, keepdims=True)
        eps = 0.05 * scale + 1e-9
        origins = np.arange(max(30, t - 3 * day), t - lead - width + 1)
        origins = origins[:: max(1, len(origins) // 400)] if len(origins) else np.array([], int)
        origins = np.append(origins, t)
        recent = np.nanmean(
            np.stack([np.nan_to_num(v[:, np.maximum(origins - k, 0)], nan=0.0) for k in range(1, 6)]), axis=0
        )
        base = recent.copy()
        for lag in (day, 7 * day):
            if t > lag + 10:
                at = origins - lag
                ok = (at >= 5)[None, :]
                past = np.nan_to_num(peak[:, np.clip(at + lead, 0, t - 1)])
                level = np.stack([np.nan_to_num(v[:, np.maximum(at - k, 0)]) for k in range(1, 6)]).mean(
                    axis=0
                )
                scaled = past * np.sqrt((recent + eps) / (level + eps))
                base = np.where(ok, 0.5 * base + 0.5 * scaled, base)
        out = np.empty((n, len(levels)))
        if len(origins) > 20:
            y = peak[:, origins[:-1] + lead]
            ratio = np.log((y + eps) / (base[:, :-1] + eps))
            ratio = np.where(np.isfinite(ratio), ratio, 0.0)
            out = np.quantile(ratio, levels, axis=1).T
        else:
            out[:] = 0.5 * np.sqrt(width) * levels
        return np.maximum((base[:, -1:] + eps) * np.exp(out) - eps, 0.0)


@dataclass(frozen=True)
class FleetModel:
    """Forecasts the whole fleet; see the module."""

    memory_days: float = 28.0

    @property
    def name(self) -> str:
        return "fleet"

    def fit(self, history: Panel) -> FleetForecaster:
        memory = round(self.memory_days * DAY_SECONDS / history.step)
        t = history.values.shape[1]
        return FleetForecaster(
            history.between(history.start + max(0, t - memory) * history.step, history.end), memory
        )
