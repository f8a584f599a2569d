"""Hindsight: what came of the last rounds, for the settings that are tried on it and for what is counted of it.

After all writes of a round, and never at its cost: a fault of ours here loses what was found, and is told of.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ahpa.core.courses import NO_TOTALS
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.trust import distrusted
from ahpa.ports import Reading, Telemetry
from ahpa.service.choose import STEP_SECONDS, followed, in_event, wish
from ahpa.service.leases import Turn
from ahpa.service.listing import Listing
from ahpa.service.memory import Memory
from ahpa.service.observe import Observer
from ahpa.service.saving import counting
from ahpa.service.settings import Settings
from forecasting.panel import Panel


@dataclass(frozen=True)
class Hindsight:
    """Holds what it asks and tells, and nothing else."""

    settings: Settings
    observer: Observer
    telemetry: Telemetry

    def look_back(
        self,
        memory: Memory,
        listing: Listing,
        recent: Reading,
        largest: Mapping[str, float],
        seen: Observation,
        decisions: Sequence[Decision],
        mine: Turn,
        deadline: float,
    ) -> None:
        """All settings, and the courses that are compared, on what came; and what this round wants and has. A step is a
        minute of the world in which they are modelled, so where it is not, or some would be missed, nothing is. By
        series: the `largest` demand of the last days."""
        if self.settings.step_seconds != STEP_SECONDS or self.settings.tick_seconds > STEP_SECONDS:
            return
        series, written = listing.series, mine.written(decisions)
        doubted = {series[w.key] for w in seen.workloads if distrusted(w, seen) is not None} | recent.partial
        late = self._late(memory, listing, seen, deadline)
        self._try_out(memory, listing, recent, largest, seen, written, late, doubted)
        self._count(memory, listing, recent, seen, decisions, written, mine.held, late, doubted)

    def _late(self, memory: Memory, listing: Listing, seen: Observation, deadline: float) -> Panel | None:
        """The share of late requests that was measured; None: nothing is learned of these minutes."""
        if memory.tried is None or abs(seen.skew) > seen.limits.skew_seconds:
            return None
        try:
            return self.observer.late(listing, memory, seen.now, deadline)
        except Exception:  # a fault of ours
            self.telemetry.fault("late.failed")
            return None

    def _try_out(
        self,
        memory: Memory,
        listing: Listing,
        recent: Reading,
        largest: Mapping[str, float],
        seen: Observation,
        written: Sequence[Decision],
        late: Panel | None,
        doubted: Collection[str],
    ) -> None:
        """No setting is judged by an event either."""
        series, tried = listing.series, memory.tried
        try:
            events = {series[w.key] for w in seen.workloads if in_event(w, seen.now)}
            if tried is not None and late is not None:
                tried = tried.after(recent.panel, late, events.union(doubted))
            memory.tried = now = wish(tried, seen, series, largest, listing.reactions, followed(seen, written))
            for key in now.anew if now is not None else ():
                memory.settings.pop(key, None)  # so many replicas are another floor than they were
                memory.rehearsed.discard(key)
        except Exception:  # a fault of ours
            memory.tried = None
            self.telemetry.fault("settings.failed")

    def _count(
        self,
        memory: Memory,
        listing: Listing,
        recent: Reading,
        seen: Observation,
        decisions: Sequence[Decision],
        written: Sequence[Decision],
        held: Collection[str],
        late: Panel | None,
        doubted: Collection[str],
    ) -> None:
        saved, tried = memory.saved, memory.tried
        try:
            if saved is not None and late is not None:
                saved = saved.after(recent.panel, late, doubted)
            constants = {} if tried is None else tried.constants()
            by = listing.series, listing.reactions
            saved = counting(saved, seen, decisions, written, *by, constants, held, memory.totals)
            memory.saved = saved
            self.telemetry.saved(NO_TOTALS if saved is None else saved.totals.beyond(memory.totals))
        except Exception:  # a fault of ours; what was counted before is still true
            self.telemetry.fault("savings.failed")
