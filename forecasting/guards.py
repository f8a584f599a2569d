"""The last look at a forecast before anyone acts on it, and the reasons for not giving one.

The first look, at what comes in, is `history.clean`. Between them a model may do what it likes: libraries
answer damaged series with NaN, negative or absurd numbers and raise no error (38 of 105 in our trials).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecasting.forecast import Forecast
from forecasting.history import History
from forecasting.panel import Floats

NEEDED_STEPS = 30
STALE_SECONDS = 1800.0
_TRACE = 1e-6
_MOST = 3.0
"""A forecast may exceed the largest believable demand this many times."""


def reasons(history: History) -> tuple[str | None, ...]:
    """Why each row has no forecast: too little was observed, or nothing lately; None where it may have one."""
    values, step = history.values, history.step
    lately = max(5, round(STALE_SECONDS / step))
    fresh = np.asarray(np.isfinite(values[:, -lately:]).any(axis=1))
    many = np.asarray(np.isfinite(values[:, -NEEDED_STEPS * 10 :]).sum(axis=1))
    out: list[str | None] = [None] * len(values)
    for i in np.flatnonzero(~fresh | (many < NEEDED_STEPS)):
        seen = np.flatnonzero(np.isfinite(values[i]))
        if len(seen) < NEEDED_STEPS:
            out[i] = f"only {len(seen)} steps observed, {NEEDED_STEPS} are needed"
        elif not fresh[i]:
            minutes = (values.shape[1] - 1 - seen[-1]) * step / 60
            out[i] = f"nothing observed for {minutes:.0f} minutes"
    return tuple(out)


def guarded(
    history: History,
    levels: Floats,
    steps: Floats,
    windows: Floats,
    peaks: Floats,
    models: Sequence[str],
    why_not: Sequence[str | None],
) -> Forecast:
    """A `Forecast` that keeps its promises whatever a model said.

    Quantiles are cut to `[0, 3 x the largest believable demand]` and put in order along levels (peaks along
    windows too); a row with any non-finite number has no forecast, and says so.
    """
    most = _MOST * np.asarray(history.cap, dtype=float)[:, None, None]
    with np.errstate(invalid="ignore"):
        steps = np.sort(_within(steps, most), axis=2)
        peaks = np.maximum.accumulate(np.sort(_within(peaks, most), axis=2), axis=1)
    broken: NDArray[np.bool_] = ~(_finite(steps) & _finite(peaks))
    said = [
        why or ("the model's answer was not finite" if bad else None) for why, bad in zip(why_not, broken, strict=True)
    ]
    silent = np.array([why is not None for why in said], dtype=bool)
    steps[silent], peaks[silent] = np.nan, np.nan
    return Forecast(history.end, history.step, levels, steps, windows, peaks, history.keys, tuple(models), tuple(said))


def _within(values: Floats, most: Floats) -> Floats:
    """Cut to `[0, most]`; a trace of demand (below 1e-6) is none, lest someone round it up to a replica."""
    cut = np.clip(np.asarray(values, dtype=float), 0, most)
    return np.where(cut < _TRACE, 0.0, cut)


def _finite(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=(1, 2)))
