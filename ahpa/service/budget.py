"""The time of one round: each part has its moment after which it begins nothing new, so that a round ends before the
next is due, however slow the API and Prometheus are.

What a part had no time for is missing from the round, which says so and lowers nothing for it.
"""

from __future__ import annotations

from dataclasses import dataclass

_LEAST_SECONDS = 20.0
_SHORT_TICK_SHARE = 0.8
_LATE_ROUND_SHARE = 0.1
_MOST_REFIT_SECONDS = 600.0


@dataclass(frozen=True)
class Budget:
    """Moments of `time.monotonic`."""

    listing: float
    demand: float
    starts: float
    writes: float
    """Writes, and the Events beside them."""
    least: float = 0.0
    """Seconds of them, however late a round comes to them: where it always comes too late, floors move all the same."""

    @classmethod
    def of_tick(cls, began: float, tick_seconds: float) -> Budget:
        """The last write begins at three fifths of the tick and may take as long as one call to the API may.

        Servers have their time also where a tick is shorter than they need, but what is written, and told in Events,
        can wait for the next round: after a start 500 services have so much to tell that rounds of a second took seven.
        """
        seconds = max(tick_seconds, _LEAST_SECONDS)
        listing, demand, starts = (began + share * seconds for share in (1 / 6, 1 / 2, 0.55))
        writes = began + min(0.6 * seconds, _SHORT_TICK_SHARE * tick_seconds)
        return cls(listing, demand, starts, writes, _LATE_ROUND_SHARE * tick_seconds)

    @classmethod
    def of_refit(cls, began: float, refit_seconds: float) -> Budget:
        """It runs beside the ticks: half of its period, ten minutes at most."""
        seconds = min(max(refit_seconds / 2, _LEAST_SECONDS), _MOST_REFIT_SECONDS)
        return cls(began + seconds / 6, *3 * (began + seconds,))

    def writing(self, now: float) -> float:
        """Until when writes and Events begin in a round that comes to them now."""
        return max(self.writes, now + self.least)
