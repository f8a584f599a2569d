"""From what a model says to calibrated quantiles: how offsets are applied, and the far tail.

The far tail, 0.995 and 0.999, is not taken from a model: a network that meets one such miss in a thousand samples says
what is so rare in the whole fleet. It goes on from the calibrated 0.99 quantile as steeply as quantiles rise where much
was seen, and its offsets track what is left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from forecasting.panel import Array, Floats

HIGHEST_LOG = 10.0
"""Of a demand in units of its present level: e^10 times it is more than anybody means."""

Calibrated = Callable[[Array, Array, Floats], Array]
"""From a model's quantiles at `levels` and offsets, all [..., q], to calibrated ones [..., q], each by itself: not yet
sorted along q."""


def calibrated(quantiles: Array, offsets: Array, levels: Floats) -> Array:
    """As `Calibrated` says, for quantiles in units of demand."""
    learned = _near(quantiles, offsets, levels)
    return np.concatenate([learned, _far(learned, offsets, levels)], axis=-1)


def calibrated_logs(logs: Array, offsets: Array, levels: Floats) -> Array:
    """As `Calibrated` says, for logarithms of demand; the far tail is that of demand.

    In logarithms it ran away: a burst out of silence is a hundredfold, and the hundredfold of a busy hour absurd.
    """
    learned = _near(logs, offsets, levels)
    tail = _far(np.exp(np.minimum(learned, np.float32(HIGHEST_LOG))), offsets, levels)
    return np.concatenate([learned, np.log(np.maximum(tail, np.float32(1e-6)))], axis=-1)


def tail_width(quantiles: Array, levels: Floats) -> Array:
    """The unit of offsets, [..., 1]: from the median to the 0.99 quantile, at least 0.02 (2 % of demand)."""
    at = _places(levels)
    unit = np.maximum(quantiles[..., at.top] - quantiles[..., at.median], np.float32(0.02))
    return np.asarray(unit[..., None])


def near(levels: Floats) -> int:
    """How many of `levels` are not of the far tail."""
    return _places(levels).near


@dataclass(frozen=True, eq=False)
class _Places:
    """Where some levels stand, and what of the far tail follows from them alone."""

    near: int
    median: int
    low: int
    high: int
    top: int
    beyond: Array
    """[q - near]: how far each of the far tail lies beyond 0.99, on the scale of levels.py."""


def _places(levels: Floats) -> _Places:
    return _found(levels.tobytes(), levels.dtype.str)


@lru_cache(maxsize=64)
def _found(levels: bytes, dtype: str) -> _Places:
    """Looked for once: in a walk, of some ten thousand steps of a few microseconds, that was half the time."""
    q = np.frombuffer(levels, dtype)
    median, low, high, top = (int(np.searchsorted(q, level - 1e-6)) for level in (0.5, 0.8, 0.95, 0.99))
    k = int(np.searchsorted(q, 0.99 + 1e-6))
    return _Places(k, median, low, high, top, np.log(0.01 / (1 - q[k:])).astype(np.float32))


def _near(quantiles: Array, offsets: Array, levels: Floats) -> Array:
    """Quantiles at the levels that are taken from a model, [..., near]."""
    k = near(levels)
    return quantiles[..., :k] + offsets[..., :k] * tail_width(quantiles, levels)


def _far(learned: Array, offsets: Array, levels: Floats) -> Array:
    """Quantiles at the levels of the far tail [..., q - near], in units of demand.

    What exceeds a high quantile is nearly generalized Pareto (Pickands 1975; put onto a forecast by McNeil and Frey
    2000); here with the shape 0, an exponential tail: on the scale of levels.py a straight line, as steep as from 0.8
    to 0.95. What a network with few samples says of 0.99 is too unsure to take the slope from.
    """
    at = _places(levels)
    if at.near == len(levels):
        return learned[..., :0]
    low, high, top = (learned[..., place, None] for place in (at.low, at.high, at.top))
    slope = np.maximum(high - low, 0) / np.float32(np.log(0.2 / 0.05))
    return np.asarray(top + slope * at.beyond + offsets[..., at.near :] * tail_width(learned, levels))
