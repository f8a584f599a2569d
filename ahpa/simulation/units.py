"""The units of the simulation: whole numbers, whose sums are exact in any order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]

GRAIN = 1024
"""Concurrency is kept in whole 1/1024 requests. Sums of such numbers are exact in any order, so a window
average taken from a precomputed array and one kept while running are the same number."""

MICROS = 1_000_000
"""Microseconds of a second."""
