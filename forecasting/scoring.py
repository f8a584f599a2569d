"""How good quantiles are: textbook losses as pure functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from forecasting.panel import Floats


def pinball(actual: ArrayLike, quantile: ArrayLike, level: ArrayLike) -> Floats:
    """Pinball (quantile) loss, elementwise: `level * under` or `(1 - level) * over` (Koenker and Bassett 1978).

    Its expectation is least where `quantile` is the true quantile. NaN where either input is NaN.
    """
    error = np.asarray(actual, dtype=float) - np.asarray(quantile, dtype=float)
    q = np.asarray(level, dtype=float)
    return np.asarray(np.maximum(q * error, (q - 1) * error))


def scaled_pinball(actual: Floats, quantile: Floats, level: float) -> Floats:
    """Mean pinball loss of each row per unit of its mean actual demand, [n, o] -> [n].

    Dividing by the demand of the scored stretch itself makes services comparable and keeps one that grew
    a hundredfold from drowning the others. Rows without demand, or without a known pair, are NaN.
    """
    known = np.isfinite(actual) & np.isfinite(quantile)
    count = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    loss = np.where(known, pinball(actual, quantile, level), 0.0).sum(axis=1) / count
    scale = np.where(known, actual, 0.0).sum(axis=1) / count
    return np.asarray(loss / np.where(scale > 0, scale, np.nan))


def coverage(actual: Floats, quantile: Floats) -> Floats:
    """Share of known pairs with `actual <= quantile` in each row, [n, o] -> [n]; NaN without any."""
    known = np.isfinite(actual) & np.isfinite(quantile)
    count = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
    return np.asarray((known & (np.nan_to_num(actual) <= np.nan_to_num(quantile))).sum(axis=1) / count)
