"""What was foreseen of a service at the last moment of which there were data, for the hours in which there are none.

Windows are learned up to half an hour, single steps up to two days (docs/decisions/0054-the-far-horizon.md). So hours
later the peak of the time to come is the largest of its single steps, each with the quantiles of its own lead, which
widen with it: never the peak since the last data, which would hold a morning's replicas into the night.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from forecasting.forecast import Forecast, Outlook
from forecasting.panel import Array, Floats

COARSE_SECONDS = 300.0
"""Of so long the largest step is kept: of ten thousand services six hours are some 23 MB."""


@dataclass(frozen=True, eq=False)
class Foreseen:
    """Of one series."""

    origin: float
    """Unix seconds: the end of the last step that the forecast could see."""
    width: float
    """Seconds of a stretch."""
    levels: Floats
    """[q]"""
    stretches: Array
    """[s, q]: quantiles of the largest step of each stretch after the origin."""
    model: str
    largest: float
    """As `Outlook.largest`."""

    @classmethod
    def of(cls, forecast: Forecast, keys: Collection[str]) -> dict[str, Foreseen]:
        """What a forecast of single steps says of these series; those of which it says nothing are left out."""
        every = max(1, math.ceil(COARSE_SECONDS / forecast.step))
        starts = np.arange(0, forecast.steps.shape[1], every)
        found = {}
        for row, key in enumerate(forecast.keys):
            outlook = forecast.outlook(key) if key in keys else None
            if outlook is not None and outlook.reason is None:
                stretches = np.maximum.reduceat(forecast.steps[row], starts, axis=0).astype(np.float32)
                width, largest = every * forecast.step, outlook.largest
                found[key] = cls(forecast.origin, width, forecast.levels, stretches, outlook.model, largest)
        return found

    def from_now(self, now: float) -> Outlook | None:
        """The peaks of the time that is still to come, in windows that are counted from the origin as a plan counts
        them; None where it is over."""
        passed = max(0, math.floor((now - self.origin) / self.width))
        left = self.stretches[passed:]
        if not len(left):
            return None
        windows = self.width * np.arange(passed + 1, len(self.stretches) + 1)
        peaks = np.maximum.accumulate(left.astype(float), axis=0)
        return Outlook(self.origin, self.levels, windows, peaks, self.model, None, self.largest)
