"""Whether somebody says less of minutes that are over than was said of them before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Floats

_LESS, _SHARE, _LEAST = 0.9, 0.1, 3
"""It says less if a tenth of the common steps, and at least three, lie below nine tenths of what they were."""


def says_less(before: Floats, values: Floats) -> NDArray[np.bool_]:
    """For rows [..., t] of the same steps, [...]; NaN, where nothing was observed, says nothing."""
    both = np.isfinite(before) & np.isfinite(values)
    below = ((values < _LESS * before) & both).sum(axis=-1)
    return np.asarray(below >= np.maximum(_LEAST, _SHARE * both.sum(axis=-1)))
