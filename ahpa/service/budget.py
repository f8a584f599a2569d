"""The time of one round: each part has its moment after which it begins nothing new, so that a round ends before the
next is due, however slow the API and Prometheus are.

What a part had no time for is missing from the round, which says so and lowers nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_SECONDS = 20.0
_MOST_REFIT_SECONDS = 600.0


@dataclass(frozen=True)
class Budget:
    """Moments of `time.monotonic`."""

    listing: float
    demand: float
    starts: float
    writes: float
    """Writes, and the Events beside them."""

    @classmethod
    def of_tick(cls, began: float, tick_seconds: float) -> Budget:
        """The last write begins at three fifths of the tick and may take as long as one call to the API may."""
        seconds = max(tick_seconds, _LEAST_SECONDS)
        return cls(*(began + share * seconds for share in (1 / 6, 1 / 2, 0.55, 0.6)))

    @classmethod
    def of_refit(cls, began: float, refit_seconds: float) -> Budget:
        """It runs beside the ticks: half of its period, ten minutes at most."""
        seconds = min(max(refit_seconds / 2, _LEAST_SECONDS), _MOST_REFIT_SECONDS)
        return cls(began + seconds / 6, *3 * (began + seconds,))
