"""The last look at a forecast before anyone acts on it, and the reasons for not giving one.

The first look, at what comes in, is `history.clean`. Between them a model may do what it likes: libraries
answer damaged series with NaN, negative or absurd numbers and raise no error (38 of 105 in our trials).
"""

from __future__ import annotations

from dataclasses import replace

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
            found = f"only {len(seen)} steps were observed" if len(seen) else "nothing was observed"
            out[i] = f"{found}; {NEEDED_STEPS} steps are needed"
        elif not fresh[i]:
            minutes = (values.shape[1] - 1 - seen[-1]) * step / 60
            out[i] = f"nothing observed for {minutes:.0f} minutes"
    return tuple(out)


def guarded(raw: Forecast, history: History) -> Forecast:
    """The forecast that keeps its promises whatever a model said of `history`; `raw` has the model's own reasons only.

    Quantiles are brought `within` what can be and put in order along levels (peaks along windows too). A row of which
    too little was observed has no forecast, and says so; one with any non-finite number, or for which the model had a
    reason of its own, has `failed`.
    """
    cap = history.cap
    with np.errstate(invalid="ignore"):
        steps = np.sort(within(raw.steps, cap), axis=2)
        peaks = np.maximum.accumulate(np.sort(within(raw.peaks, cap), axis=2), axis=1)
    said: list[str | None] = []
    failed: list[bool] = []
    broken = ~(_finite(steps) & _finite(peaks))
    for lack, why, bad in zip(reasons(history), raw.reasons, broken, strict=True):
        fault = why or ("the model's answer was not finite" if bad else None)
        said.append(lack or fault)
        failed.append(lack is None and fault is not None)
    silent = np.array([why is not None for why in said], dtype=bool)
    steps[silent], peaks[silent] = np.nan, np.nan
    return replace(raw, steps=steps, peaks=peaks, reasons=tuple(said), largest=history.largest, failed=tuple(failed))


def within(values: Floats, cap: Floats) -> Floats:
    """Quantiles [n, o, q] cut to `[0, 3 x cap]`; a trace of demand is none, lest it be rounded up to a replica.

    A trace is less than a ten-thousandth of the row's median busy hour's peak, of which `cap` [n] is a thousandfold:
    where jobs take 30 requests at once, a silence of 0.0008 is a silence.
    """
    cap = np.asarray(cap, dtype=float)[:, None, None]
    trace = np.where(cap < 1e29, np.maximum(_TRACE, 1e-7 * cap), _TRACE)  # 1e30: there was never any demand
    cut = np.minimum(np.asarray(values, dtype=float), _MOST * cap)
    return np.where(cut < trace, 0.0, cut)


def _finite(values: Floats) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(values).all(axis=(1, 2)))
