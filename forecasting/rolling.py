"""Forecasts as a service would have made them at past origins, knowing only what was complete then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.forecast import Forecast
from forecasting.model import Forecaster, Model, RollsFast, TicksFast
from forecasting.panel import DAY_SECONDS, Array, Floats, Panel


def resampled(panel: Panel, step: float) -> Panel:
    """The panel on a coarser grid: means of what was observed, NaN where less than half was.

    The new steps begin with the first of the panel's at or after a multiple of `step` since the epoch; a part of one
    at either end is dropped.
    Raises ValueError unless `step` is a whole multiple of the panel's.
    """
    ratio = round(step / panel.step)
    if ratio < 1 or abs(ratio * panel.step - step) > 1e-6:
        raise ValueError(f"{step:g} s is not a whole multiple of the data's step of {panel.step:g} s")
    if ratio == 1:
        return panel
    start = np.ceil(panel.start / step - 1e-9) * step
    cut = panel.between(start, panel.end)
    t = cut.values.shape[1] // ratio
    parts = cut.values[:, : t * ratio].reshape(len(panel.keys), t, ratio)
    seen = np.isfinite(parts)
    count = seen.sum(axis=2)
    means = np.where(seen, parts, 0.0).sum(axis=2) / np.maximum(count, 1)
    return Panel.of(cut.start, step, np.where(count * 2 >= ratio, means, np.nan), panel.keys)


@dataclass(frozen=True)
class RollingSettings:
    """What is asked for at each origin. Seconds throughout."""

    every: float
    horizon: float
    step: float
    levels: tuple[float, ...]
    windows: tuple[float, ...]


@dataclass(frozen=True)
class Row:
    """One predicted quantile, with units in the input's terms."""

    series: str
    origin: float
    timestamp: float
    """`step`: when the step begins; `window-max`: when the window ends."""
    level: float
    value: float
    kind: str


def rolling(panel: Panel, model: Model, test_days: float, asked: RollingSettings) -> Iterator[tuple[float, list[Row]]]:
    """(origin, rows) for each origin of the last `test_days`; fitted anew once a day, advanced in between.

    Step quantiles are of means over `asked.step` and come from a model of that grid; window maxima are of the
    largest step of the data themselves. A series without an opinion has no rows.
    """
    coarse = resampled(panel, asked.step)
    first = np.ceil((panel.end - test_days * DAY_SECONDS) / asked.every - 1e-9) * asked.every
    horizon = round(asked.horizon / asked.step)
    fine = _walk(panel, model, first, asked.every) if asked.windows else None
    for wide in _walk(coarse, model, first, asked.every):
        rows = _step_rows(wide.forecast(horizon, (), asked.levels))
        if fine is not None:
            rows = _peak_rows(next(fine).forecast(0, asked.windows, asked.levels)) + rows
        yield wide.origin, rows


def _walk(panel: Panel, model: Model, first: float, every: float) -> Iterator[Forecaster]:
    """A forecaster at `first` and each `every` seconds later, fitted anew once a day, ticking at each step between."""
    begin = first
    while begin <= panel.end + 1e-6:
        end = min(panel.end, begin + every * (np.ceil(DAY_SECONDS / every - 1e-9) - 1))
        fitted = model.fit(panel.until(begin))
        yield from ticked(fitted, panel.between(fitted.origin, end), round(every / panel.step))
        begin += every * np.ceil(DAY_SECONDS / every - 1e-9)


def ticked(forecaster: Forecaster, panel: Panel, every: int) -> Iterator[Forecaster]:
    """The forecaster, and after each `every` steps of `panel`, having ticked at each step, as the service does.

    The panel must follow the forecaster's origin at once.
    """
    if isinstance(forecaster, TicksFast):
        yield from forecaster.ticked(panel, every)
        return
    yield forecaster
    for step in range(1, panel.values.shape[1] + 1):
        forecaster = forecaster.observe(panel.until(panel.start + step * panel.step))
        if step % every == 0:
            yield forecaster


def rolled_peaks(forecaster: Forecaster, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Array:
    """What a service that ticks at each step of `panel` would say of its peaks: [n, o, w, q].

    Origin `o` is the forecaster's own plus `o` steps, one for each step of the panel, which must follow it at once.
    `windows` are seconds, increasing; rows are those of `forecast`, NaN where it has nothing to say.
    """
    if isinstance(forecaster, RollsFast):
        return np.asarray(forecaster.rolled_peaks(panel, windows, levels), dtype=np.float32)
    origins = zip(range(panel.values.shape[1]), ticked(forecaster, panel, 1), strict=False)
    said = [ticking.forecast(0, windows, levels).peaks.astype(np.float32) for _, ticking in origins]
    return np.stack(said, axis=1)


def _step_rows(forecast: Forecast) -> list[Row]:
    starts = forecast.origin + forecast.step * np.arange(forecast.steps.shape[1])
    return _rows(forecast, forecast.steps, starts, "step")


def _peak_rows(forecast: Forecast) -> list[Row]:
    return _rows(forecast, forecast.peaks, forecast.origin + forecast.windows, "window-max")


def _rows(forecast: Forecast, values: Floats, stamps: Floats, kind: str) -> list[Row]:
    return [
        Row(key, forecast.origin, float(stamp), float(level), float(values[i, j, q]), kind)
        for i, key in enumerate(forecast.keys)
        if forecast.reasons[i] is None
        for j, stamp in enumerate(stamps)
        for q, level in enumerate(forecast.levels)
    ]


def present(panel: Panel, model: Model, horizon: float, levels: Sequence[float]) -> Forecast:
    """The coming steps as seen from the end of the data."""
    return model.fit(panel).forecast(max(1, round(horizon / panel.step)), (), levels)
