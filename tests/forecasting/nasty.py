"""The 21 kinds of bad series of reliability test T1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 300.0
DAY = 288

Series = NDArray[Any]


def _normal(rng: np.random.Generator, days: float = 3) -> Series:
    t = np.arange(int(days * DAY))
    return rng.poisson(40 + 30 * np.sin(2 * np.pi * t / DAY)).astype(float)


def _set(where: Callable[[int, np.random.Generator], Any], value: float) -> Callable[[np.random.Generator], Series]:
    """A normal series with `value` written at `where(length, rng)`."""

    def make(rng: np.random.Generator) -> Series:
        values = _normal(rng)
        values[where(len(values), rng)] = value
        return values

    return make


KINDS: dict[str, Callable[[np.random.Generator], Series]] = {
    "normal": _normal,
    "all zero": lambda rng: np.zeros(3 * DAY),
    "constant": lambda rng: np.full(3 * DAY, rng.uniform(1, 100)),
    "all NaN": lambda rng: np.full(3 * DAY, np.nan),
    "10 % NaN": _set(lambda n, rng: rng.random(n) < 0.1, np.nan),
    "NaN tail": _set(lambda n, rng: slice(-int(rng.integers(1, 100)), None), np.nan),
    "one +Inf": _set(lambda n, rng: int(rng.integers(0, n)), np.inf),
    "spike 1e12": _set(lambda n, rng: int(rng.integers(0, n)), 1e12),
    "1e300": _set(lambda n, rng: int(rng.integers(0, n)), 1e300),
    "negatives": _set(lambda n, rng: rng.random(n) < 0.05, -50.0),
    "counter reset": lambda rng: np.diff(np.cumsum(_normal(rng)) % 5000, prepend=0.0),
    "99 % zero": lambda rng: (rng.random(3 * DAY) < 0.01) * rng.uniform(1, 9),
    "step to 0 at the end": _set(lambda n, rng: slice(-int(rng.integers(5, 60)), None), 0.0),
    "length 0": lambda rng: np.zeros(0),
    "length 1": lambda rng: _normal(rng)[:1],
    "length 23": lambda rng: _normal(rng)[:23],
    "length 47": lambda rng: _normal(rng)[:47],
    "ints": lambda rng: rng.integers(0, 50, 3 * DAY),
    "object dtype": lambda rng: _normal(rng).astype(object),
    "ramp down": lambda rng: np.linspace(rng.uniform(50, 500), 0, 3 * DAY),
    "denormal": lambda rng: np.full(3 * DAY, 5e-324) * (rng.random(3 * DAY) < 0.5),
}
