"""Quantile levels, and what lies between them.

Between two levels a quantile is linear in the tail's logarithm, -ln(1 - level), in which an exponential tail is a
straight line. Beyond the outermost level that one speaks: a model is not asked for what it never learned.

One quantile is read with `math.log1p`, whole arrays with numpy's, which differs from it in the last bit on processors
with AVX-512. Decisions and recorded forecasts depend on both, so both stay, side by side.
"""

from __future__ import annotations

import bisect
import math

import numpy as np

from forecasting.panel import Floats, frozen

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
"""The levels that a forecast carries unless told otherwise."""
TRACKED_LEVELS = frozen((0.05, 0.25, 0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999), np.float32)
"""The levels that models learn and calibration tracks, shape [q]; those asked for are read off between them."""


def read_level(levels: Floats, quantiles: Floats, level: float) -> float:
    """The quantile at `level`, given `quantiles` [q] at `levels` [q]."""
    known = levels.tolist()
    above = bisect.bisect_right(known, level)
    if above in (0, len(known)):
        return float(quantiles[max(0, above - 1)])
    low, high = float(quantiles[above - 1]), float(quantiles[above])
    tail, near, far = (math.log1p(-x) for x in (level, known[above - 1], known[above]))
    return low + (high - low) * (tail - near) / (far - near)


def level_weights(levels: Floats, wanted: Floats) -> Floats:
    """Weights [q, asked] that read the levels `wanted` [asked] off: `quantiles @ weights` for quantiles [..., q]."""
    return _weights(levels, -np.log1p(-wanted))


def one_level_weights(levels: Floats, level: float) -> Floats:
    """Weights [q] that read one level off quantiles [..., q], with the logarithm that `read_level` takes."""
    return _weights(levels, np.array([-math.log1p(-level)]))[:, 0]


def _weights(levels: Floats, tails: Floats) -> Floats:
    """[q, asked] for places on the scale of -ln(1 - level)."""
    places = -np.log1p(-np.asarray(levels, dtype=float))
    return np.stack([np.interp(tails, places, row) for row in np.eye(len(places))])
