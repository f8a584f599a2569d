"""The 21 kinds of bad series of reliability test T1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEP = 300.0

Series = NDArray[Any]
Kind = Callable[[np.random.Generator], Series]


def kinds(days: int, step: float) -> Mapping[str, Kind]:
    """Name -> what makes one such series [t] of `days` at `step` seconds."""
    day = round(86_400 / step)
    n = days * day

    def normal(rng: np.random.Generator) -> Series:
        return rng.poisson(40 + 30 * np.sin(2 * np.pi * np.arange(n) / day)).astype(float)

    def put(where: Callable[[np.random.Generator], Any], value: float) -> Kind:
        """A normal series with `value` written at `where`."""

        def make(rng: np.random.Generator) -> Series:
            values = normal(rng)
            values[where(rng)] = value
            return values

        return make

    return {
        "normal": normal,
        "all zero": lambda rng: np.zeros(n),
        "constant": lambda rng: np.full(n, rng.uniform(1, 100)),
        "all NaN": lambda rng: np.full(n, np.nan),
        "10 % NaN": put(lambda rng: rng.random(n) < 0.1, np.nan),
        "NaN tail": put(lambda rng: slice(-int(rng.integers(1, 100)), None), np.nan),
        "one +Inf": put(lambda rng: int(rng.integers(0, n)), np.inf),
        "spike 1e12": put(lambda rng: int(rng.integers(0, n)), 1e12),
        "1e300": put(lambda rng: int(rng.integers(0, n)), 1e300),
        "negatives": put(lambda rng: rng.random(n) < 0.05, -50.0),
        "counter reset": lambda rng: np.diff(np.cumsum(normal(rng)) % 5000, prepend=0.0),
        "99 % zero": lambda rng: (rng.random(n) < 0.01) * rng.uniform(1, 9),
        "step to 0 at the end": put(lambda rng: slice(-int(rng.integers(5, 60)), None), 0.0),
        "length 0": lambda rng: np.zeros(0),
        "length 1": lambda rng: normal(rng)[:1],
        "length 23": lambda rng: normal(rng)[:23],
        "length 47": lambda rng: normal(rng)[:47],
        "ints": lambda rng: rng.integers(0, 50, n),
        "object dtype": lambda rng: normal(rng).astype(object),
        "ramp down": lambda rng: np.linspace(rng.uniform(50, 500), 0, n),
        "denormal": lambda rng: np.full(n, 5e-324) * (rng.random(n) < 0.5),
    }


KINDS = kinds(3, STEP)
