"""Whether a process grows: of what was seen of it again and again, the trend."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

SPAN = 30
"""Rounds over which the least counts: a refit holds more for a while."""


def growth(rounds: ArrayLike, mib: ArrayLike, span: int = SPAN) -> float:
    """MiB in a thousand rounds: the slope of what is held at least in each span of them, which is to be longer than a
    refit takes; NaN of fewer than three."""
    at, held = np.asarray(rounds, np.float64), np.asarray(mib, np.float64)
    spans = (at // span).astype(int)
    lowest = np.array([(at[spans == each].mean(), held[spans == each].min()) for each in np.unique(spans)])
    if len(lowest) < 3:
        return float("nan")
    return float(np.polyfit(lowest[:, 0], lowest[:, 1], 1)[0] * 1000)
