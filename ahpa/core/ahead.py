"""What plans will ask for in the coming hours, if the forecast of now holds: for people who want to know what comes.

A plan asks for the peak within the lead, and only for that of now does a forecast give quantiles of it. Later ones are
taken from the medians of single steps, which do not grow with the distance as other quantiles do, and a margin: what
the peak of now is above the medians of now, growing as the square root of the demand does (Poisson). No floor hangs on
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.bounds import bounds_of
from ahpa.core.controller import supply_of
from ahpa.core.lever import setting_of
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.planner import leads_of
from forecasting.forecast import Forecast, Outlook
from forecasting.levels import read_level
from forecasting.panel import Floats, Ints
from forecasting.windows import width_of

LASTING_SECONDS = 900.0
MOST_ABOVE = 1.0
"""Of the median: a peak further above it is an error in one of the two, or a rise that medians show as well."""


@dataclass(frozen=True, eq=False)
class Ahead:
    """The floors that plans will ask for."""

    at: Floats
    """Unix seconds [h], the first is now."""
    floors: Ints
    """[h]; the first is that of now."""

    def change(self) -> tuple[float, int] | None:
        """(unix seconds, floor) of the next change that lasts: when it begins, and where it stands a quarter of an hour
        later; None: there is none, as far as we look. Minutes in which a need wavers around a replica's boundary are no
        change."""
        apart = np.sign(self.floors - self.floors[0])
        width = min(len(apart), max(1, int(np.searchsorted(self.at, self.at[0] + LASTING_SECONDS))))
        lasting = np.abs(np.lib.stride_tricks.sliding_window_view(apart, width).sum(axis=1)) == width
        if not lasting.any():
            return None
        first = int(np.argmax(lasting))
        return float(self.at[first]), int(self.floors[first + width - 1])


def ahead(
    workload: Workload, outlook: Outlook, steps: Forecast, row: int, floor: int, now: float, limits: Limits, tick: float
) -> Ahead | None:
    """From `floor`, which was decided `now`, on; `row` is the workload's in `steps`. None where nothing is foreseen, or
    nobody knows what one replica serves. A release counts as done when it begins."""
    if workload.per_replica is None or outlook.reason is not None or steps.reasons[row] is not None:
        return None
    policy, setting, supply = workload.policy.policy, setting_of(workload), supply_of(workload)
    reach = max(seconds for _, seconds in leads_of(workload.readiness, policy.lead, tick))
    first, width = max(0, round((now - steps.origin) / steps.step)), width_of(reach, steps.step)
    medians = np.array([read_level(steps.levels, values, 0.5) for values in steps.steps[row]])
    largest = np.lib.stride_tricks.sliding_window_view(medians, min(width, len(medians))).max(axis=1)
    largest = np.maximum(largest[min(first, len(largest) - 1) :], 0.0)
    seen = Observation(now, tick, (workload,), {workload.key: outlook}, limits)
    at, known = now + steps.step * np.arange(len(largest)), policy.known
    lifts = [known.lift(moment, moment + reach).value for moment in at.tolist()] if known.events else [1.0] * len(at)
    needs = []
    for level in (setting.level, (1 + setting.level) / 2):
        margin = _margin(outlook, medians, level, max(0.0, now - outlook.origin) + reach, steps.step)
        peaks = (largest + margin * np.sqrt(largest)) * lifts
        needs.append([supply.wanted(setting, *said) for said in zip(peaks.tolist(), lifts, strict=True)])
    floors = [floor]
    for moment, wanted, kept in zip(at[1:].tolist(), needs[0][1:], needs[1][1:], strict=True):
        within = bounds_of(workload, replace(seen, now=moment))
        wanted, kept = (max(within.low, min(within.high, need)) for need in (wanted, kept))
        floors.append(max(wanted, min(floors[-1], kept)))
    return Ahead(at, np.array(floors))


def _margin(outlook: Outlook, medians: Floats, level: float, reach: float, step: float) -> float:
    """How far the quantile of the peak lies above the largest median of its steps, over the root of that."""
    window = min(int(np.searchsorted(outlook.windows, reach - 1e-6)), len(outlook.windows) - 1)
    largest = float(medians[: width_of(float(outlook.windows[window]), step)].max())
    if largest <= 0:
        return 0.0
    above = outlook.peak(reach, level) - largest
    return min(max(0.0, above), MOST_ABOVE * largest) / math.sqrt(largest)
