"""Which of the coming steps are asked about, one by one, where all of them would take too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.forecast import Forecast

_TOLD = 30_000
"""So many steps of services are told one by one, some two seconds' work."""
_COARSEST_SECONDS = 900.0


def told_of(horizon: int, rows: int, step: float) -> list[int]:
    """Which of the coming steps are asked about: all, unless that takes seconds."""
    return list(range(horizon)) if horizon * rows <= _TOLD else sparse(horizon, step)


def sparse(horizon: int, step: float) -> list[int]:
    """The fewer the farther, at most 15 minutes apart."""
    out, coarsest = [0], max(1, round(_COARSEST_SECONDS / step))
    while out[-1] < horizon - 1:
        out.append(min(horizon - 1, out[-1] + min(coarsest, max(1, out[-1] // 2))))
    return out


def between(raw: Forecast, told: Sequence[int], horizon: int) -> Forecast:
    """With all steps, where `raw` has those that were told: a line between them."""
    if len(told) == horizon:
        return raw
    lines = np.array([np.interp(np.arange(horizon), told, row) for row in np.eye(len(told))], dtype=np.float32)
    return replace(raw, steps=np.einsum("ntq,th->nhq", raw.steps, lines, optimize=True))
