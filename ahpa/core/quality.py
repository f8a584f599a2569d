"""Whether a service's forecasts are worth anything lately: how far they erred, beside reacting alone.

What settings would have done says more (tryouts.py), but needs a day on record in steps of a minute, and is asked once
a refit. This needs some hours of any model on any grid. It looks at the median of the peak within the lead, not at the
quantile that a floor follows: at 0.99 whoever says ten times too much errs less than who says what was last seen.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from ahpa.core.words import quantity

WORSE = 1.5
"""Forecasts that err so many times as much as reacting lose their say. Of 29 real services over four days of minutes
none came near for a minute (docs/decisions/0071-forecasts-that-are-outdone.md)."""
MOST = 100.0
"""A ratio beyond is told as this: reacting may never err at all."""
WELL_AGAIN = 1.25
"""And have it again where they err no more than so many times as much."""
REMEMBERED_SECONDS = 8 * 3600.0
"""What is so long ago weighs 1/e."""
LEAST_SECONDS = 4 * 3600.0
"""Before so much was judged nothing is said; and so long at least it takes to have a say again."""
TRIFLE = 0.05
"""Of the demand: reacting is taken to err by so much at least. Of a load that never changes any forecast errs more."""


@dataclass(frozen=True)
class Claim:
    """What was said of the largest demand in a stretch to come."""

    begin: float
    """Unix seconds."""
    end: float
    forecast: float
    """The median."""
    reacting: float
    """What was last seen: all that a reactive autoscaler knows."""


@dataclass(frozen=True)
class Quality:
    """Of one series; sums of what was judged, faded where it is not said otherwise."""

    forecast: float = 0.0
    """Of absolute errors."""
    reacting: float = 0.0
    demand: float = 0.0
    judged: float = 0.0
    """Seconds of stretches, not faded."""
    outdone: float = 0.0
    """The ratio of errors for which forecasts have no say; 0: they have one."""
    claim: Claim | None = field(default=None, compare=False)
    """The one that waits for its truth."""

    @property
    def ratio(self) -> float:
        """Errors of the forecast over those of reacting; NaN before enough was judged."""
        return self.outdone or self._ratio

    @property
    def words(self) -> str | None:
        """Why forecasts have no say; None: they have one."""
        return f"its forecasts erred {quantity(self.outdone)} times as much as reacting alone" if self.outdone else None

    def settled(self, truth: float) -> Quality:
        """After the truth of its claim; NaN: that is not known, and nothing is learned of it.

        Who has lost its say is judged by what comes then, some hours at a time: else an error of ten times the demand
        would be held against it for a day.
        """
        claim = self.claim
        if claim is None or not math.isfinite(truth):
            return replace(self, claim=None)
        length = claim.end - claim.begin
        fade = math.exp(-length / REMEMBERED_SECONDS)
        after = Quality(
            self.forecast * fade + abs(claim.forecast - truth),
            self.reacting * fade + abs(claim.reacting - truth),
            self.demand * fade + truth,
            self.judged + length,
            self.outdone,
        )
        ratio = after._ratio
        if math.isnan(ratio):
            return after
        return (
            Quality(outdone=ratio) if ratio > (WELL_AGAIN if self.outdone else WORSE) else replace(after, outdone=0.0)
        )

    @property
    def _ratio(self) -> float:
        if self.judged < LEAST_SECONDS:
            return math.nan
        usual = max(self.reacting, TRIFLE * self.demand)
        return min(MOST, self.forecast / usual) if usual > 0 else MOST if self.forecast > 0 else 1.0


UNTRIED = Quality()
