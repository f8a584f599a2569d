"""The promises of `Forecast`, checked."""

from __future__ import annotations

import numpy as np

from forecasting.forecast import Forecast
from forecasting.panel import Panel


def kept(forecast: Forecast, panel: Panel) -> None:
    """Assert them for every row; `panel` is what the model had seen."""
    for row, reason in enumerate(forecast.reasons):
        steps, peaks = forecast.steps[row], forecast.peaks[row]
        if reason is not None:
            assert np.isnan(steps).all()
            assert np.isnan(peaks).all()
            continue
        assert np.isfinite(steps).all()
        assert np.isfinite(peaks).all()
        assert (steps >= 0).all()
        assert (peaks >= 0).all()
        assert (np.diff(steps, axis=1) >= 0).all()
        assert (np.diff(peaks, axis=1) >= 0).all()
        assert (np.diff(peaks, axis=0) >= 0).all()
        seen = panel.values[row][np.isfinite(panel.values[row]) & (panel.values[row] >= 0)]
        assert peaks.max() / 3001 <= np.max(seen, initial=1e-9)
