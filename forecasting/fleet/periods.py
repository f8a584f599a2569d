"""Periods shorter than a day, found in the data: jobs every ten minutes, shifts of eight hours.

Days and weeks need no finding; they are always looked at. Here the autocorrelation of what is left without
the day's slow wave is searched for a lag at which the series repeats itself (as RobustPeriod does in its last
stage, Wen et al. 2021; ours is simpler: ranks instead of a Huber loss, no wavelets).
"""

from __future__ import annotations

import numpy as np

from forecasting.panel import DAY_SECONDS, Floats, Ints

_SEARCHED_DAYS = 3
_LEAST_STEPS = 4
_LEAST_CORRELATION = 0.3
_PROMINENCE = 0.15


def find_periods(values: Floats, step: float) -> Ints:
    """The strongest period of each row of `values` [n, t], in steps, between 4 steps and 8 hours; 0 if none.

    A period counts if the ranks of the series, without their hour-long trend, correlate with themselves at
    least 0.3 one period and two periods later, and 0.15 more than half a period later.
    """
    n = len(values)
    part = np.asarray(values[:, -round(_SEARCHED_DAYS * DAY_SECONDS / step) :])
    t = part.shape[1]
    most = min(round(DAY_SECONDS / 3 / step), t // 4)
    out = np.zeros(n, dtype=np.intp)
    if most <= _LEAST_STEPS:
        return out
    correlation = _autocorrelation(_levelled(part, max(8, t // 8)), 2 * most + 2)
    lags = np.arange(_LEAST_STEPS, most + 1)
    at = correlation[:, lags]
    peak = (at >= correlation[:, lags - 1]) & (at >= correlation[:, lags + 1])
    twice = np.maximum.reduce([correlation[:, 2 * lags + shift] for shift in (-1, 0, 1)])
    trough = correlation[:, lags // 2]
    good = peak & (at > _LEAST_CORRELATION) & (twice > _LEAST_CORRELATION) & (at > trough + _PROMINENCE)
    # The shortest lag that is nearly as strong as the strongest: multiples of a period repeat too.
    score = np.where(good, at, -1.0)
    best = score.max(axis=1, keepdims=True)
    first = np.argmax(score >= np.maximum(best - 0.1, _LEAST_CORRELATION), axis=1)
    some = best[:, 0] > 0
    out[some] = lags[first[some]]
    return out


def _levelled(part: Floats, window: int) -> Floats:
    """Ranks of each row in [-1, 1] without their moving mean; gaps are zero, the middle."""
    seen = np.isfinite(part)
    order = np.argsort(np.where(seen, part, np.inf), axis=1)
    ranks = np.empty(part.shape)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(part.shape[1], dtype=float), part.shape), axis=1)
    count = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    flat = np.where(seen, 2 * ranks / count - 1, 0.0)
    sums = np.concatenate([np.zeros((len(flat), 1)), np.cumsum(flat, axis=1)], axis=1)
    a = np.clip(np.arange(part.shape[1]) - window // 2, 0, part.shape[1] - 1)
    b = np.clip(a + window, 1, part.shape[1])
    return np.where(seen, flat - (sums[:, b] - sums[:, a]) / (b - a), 0.0)


def _autocorrelation(flat: Floats, lags: int) -> Floats:
    """[n, lags] for lags 0.. by fast Fourier transform; rows without variation are zero."""
    size = 1 << int(np.ceil(np.log2(flat.shape[1] + lags)))
    spectrum = np.fft.rfft(flat, size, axis=1)
    products = np.fft.irfft(np.abs(spectrum) ** 2, size, axis=1)[:, :lags]
    power = products[:, :1]
    return np.where(power > 1e-9, products / np.where(power > 1e-9, power, 1.0), 0.0)
