"""A raw counter taken for a demand: it only rises, until its process starts anew.

A load that grows is no counter. Measured, it trembles: at each step it falls about as often as it rises. And after a
failure it comes back to where it was, while a counter begins anew at the bottom. Where a series never falls at all,
only its name can tell (https://prometheus.io/docs/practices/naming/).
"""

from __future__ import annotations

import re
from enum import Enum

import numpy as np

from forecasting.panel import Floats

_LEAST_CHANGES = 100
"""Fewer steps up and down tell nothing."""
_FALLS = 0.05
"""Of all changes: so often may a process start anew."""
_RISES = 0.2
"""Of all steps: a counter of requests rises in so many of them, a load that climbs once a day does not."""
_RESTS = 0.05
"""Of all steps: a load may rest at zero, a counter rests where it is."""
_FALL_TO, _STEP_UP = 0.5, 0.5
"""Of the value before a fall: where a counter begins anew it is lower; in one step it climbs less."""
_NAMED = re.compile(r".*_(total|count|sum|bucket)(\{.*)?", re.ASCII | re.DOTALL)
WAY_OUT = "only rises, as a raw counter does: wrap it in rate(), as sum(rate(NAME[5m])), which is per second"


class Course(Enum):
    """How a series goes up and down."""

    LOAD = "as a load does"
    COUNTER = "as a counter does"
    NEVER_FALLS = "it only rises and never falls: if it is a counter and no growing load, wrap it in rate()"


def course(values: Floats, name: str = "") -> Course:
    """What `values`, shape [t], NaN where nothing was observed, look like; `name` is the metric's, if it is known."""
    if np.count_nonzero(values[1:] < values[:-1]) > _FALLS * len(values):
        return Course.LOAD  # nearly every series, at the price of one comparison
    seen = values[np.isfinite(values)]
    changes = np.diff(seen)
    falls, rises = np.flatnonzero(changes < 0), int(np.count_nonzero(changes > 0))
    if rises + len(falls) < _LEAST_CHANGES or len(falls) > _FALLS * (rises + len(falls)):
        return Course.LOAD
    if _NAMED.fullmatch(name):
        return Course.COUNTER
    if rises < _RISES * len(changes) or np.count_nonzero(seen == 0) > _RESTS * len(seen):
        return Course.LOAD
    if not len(falls):
        return Course.NEVER_FALLS
    before, after = seen[falls], seen[falls + 1]
    climbs = np.diff(values)  # not across what was not observed
    begins_anew = (after < _FALL_TO * before).all() and np.nanmax(climbs) < _STEP_UP * before.min()
    return Course.COUNTER if begins_anew else Course.LOAD
