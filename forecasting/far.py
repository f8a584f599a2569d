"""What a forecaster says of one series, or of a few steps far ahead: in its own way where it has one, else out of all
that it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.forecast import Forecast
from forecasting.model import Forecaster, LooksFar, Sketches
from forecasting.panel import Floats


def sketched(forecaster: Forecaster, key: str, horizon: int, levels: Sequence[float]) -> Forecast:
    """As `Sketches` says."""
    if isinstance(forecaster, Sketches):
        return forecaster.sketch(key, horizon, levels)
    said = forecaster.forecast(horizon, (), levels)
    return rows_of(said, [one == key for one in said.keys])


def steps_at(forecaster: Forecaster, steps: Sequence[int], levels: Sequence[float], rows: int) -> Floats:
    """As `LooksFar` says."""
    if isinstance(forecaster, LooksFar):
        return forecaster.at(steps, levels, rows)
    return forecaster.forecast(max(steps) + 1, (), levels).steps[:rows, list(steps)]


def rows_of(forecast: Forecast, wanted: Sequence[bool]) -> Forecast:
    """Those rows of a forecast that are wanted."""
    if all(wanted):
        return forecast
    rows = np.flatnonzero(wanted)
    return replace(
        forecast,
        steps=forecast.steps[rows],
        peaks=forecast.peaks[rows],
        keys=tuple(forecast.keys[i] for i in rows),
        models=tuple(forecast.models[i] for i in rows),
        reasons=tuple(forecast.reasons[i] for i in rows),
        largest=None if forecast.largest is None else forecast.largest[rows],
        failed=None if forecast.failed is None else tuple(forecast.failed[i] for i in rows),
    )
