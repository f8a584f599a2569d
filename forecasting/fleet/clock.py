"""Jobs by the clock: what each minute of the hour does to a service's demand, found in the data.

Who reads "yesterday at this time" cannot tell a job that runs at the full hour of some hours from a burst at any
minute. Here the hours of the last week are laid upon one another, and a minute counts as far as it stands out.
"""

from __future__ import annotations

import numpy as np

from forecasting.fleet.calendar import Seasons
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints
from forecasting.windows import Window

_FOLDED_DAYS = 7
_LEAST_HOURS = 24
_BEFORE = 8
"""How many steps the present level is the mean of, as the anchor of a frame."""
_NOISE = 16.0
"""A mean within four standard errors of nothing is nothing."""


def find_clock(values: Floats, seasons: Seasons) -> Array:
    """How much more than its hour each step of the hour brings, shape [n, steps of an hour], as logarithms.

    `values` [n, t] begin at `seasons.start`. Zeros where less than a day was observed, or steps do not divide an hour.
    """
    step = seasons.step
    size = round(3600 / step)
    if size < 2 or abs(size * step - 3600) > 1e-6:
        return np.zeros((len(values), 1), dtype=np.float32)
    first = max(0, values.shape[1] - round(_FOLDED_DAYS * DAY_SECONDS / step))
    first += -(round(seasons.start / step) + first) % size
    hours = (values.shape[1] - first) // size
    if hours < _LEAST_HOURS:
        return np.zeros((len(values), size), dtype=np.float32)
    folded = np.asarray(values[:, first : first + hours * size]).reshape(-1, hours, size)
    return _standing_out(_more_than_its_hour(folded))


def _more_than_its_hour(folded: Floats) -> Floats:
    """Each step of [n, hours, steps] as a share more than the mean of its hour; NaN if unobserved.

    Means have a floor of 2 % of the usual, lest every call of a quiet night be a job.
    """
    seen = np.isfinite(folded)
    sums, count = np.where(seen, folded, 0).sum(axis=2, keepdims=True), seen.sum(axis=2, keepdims=True)
    usual = sums.sum(axis=1, keepdims=True) / np.maximum(count.sum(axis=1, keepdims=True), 1)
    floor = 0.02 * usual + 1e-9
    return np.asarray((folded + floor) / (sums / np.maximum(count, 1) + floor) - 1)


def _standing_out(many: Floats) -> Array:
    """Logarithms of one plus the means over hours [n, steps], drawn to zero as far as chance may have made them.

    By what James and Stein (1961) take off: one giant makes a large mean and as large an error, and says nothing.
    """
    seen = np.isfinite(many)
    hours = seen.sum(axis=1)
    mean = np.where(seen, many, 0).sum(axis=1) / np.maximum(hours, 1)
    spread = np.where(seen, (many - mean[:, None]) ** 2, 0).sum(axis=1)
    error = spread / np.maximum(hours, 1) ** 2 + 1e-9
    kept = np.where(hours >= _LEAST_HOURS, np.maximum(0, 1 - _NOISE * error / np.maximum(mean**2, 1e-12)), 0)
    return np.asarray(np.log1p(np.maximum(kept * mean, -0.9)), dtype=np.float32)


def rise(clock: Array, seasons: Seasons, origins: int | Ints, window: Window) -> Array:
    """How far the clock lifts the largest step of a window above the last few steps, [n, o], as a logarithm."""
    size = clock.shape[1]
    now = np.atleast_1d(origins) + round(seasons.start / seasons.step)
    phases, which = np.unique(now % size, return_inverse=True)
    ahead = window.lead + np.arange(min(window.width, size))
    peak = clock[:, (phases[:, None] + ahead) % size].max(axis=2)
    before = clock[:, (phases[:, None] - 1 - np.arange(_BEFORE)) % size].mean(axis=2)
    return np.asarray((peak - before)[:, which])
