"""The history of `ahpa serve`: kept in memory, filled beside the rounds, and copied to a volume where one is given."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ahpa.adapters.files.history import Dropped, load, save
from ahpa.adapters.files.totals import Doubtful, load_totals, save_totals
from ahpa.adapters.processes.sheets import room
from ahpa.adapters.prometheus.past_starts import InstantQueries, PastStarts
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.commands.cluster import Demand
from ahpa.core.courses import NO_TOTALS, Totals
from ahpa.history.filler import Filler
from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.ports import DemandSource, StartSource
from ahpa.service.loop import wall_clock
from ahpa.service.settings import Settings
from forecasting.panel import Panel

_END_SECONDS = 20.0
"""For the last copy, of the half minute that a pod has to end."""


def directly(prometheus: Prometheus) -> DemandSource:
    """For who looks once: all of it is read, and nothing kept."""
    return prometheus


def past_starts(demand: Demand, there: StartSource) -> StartSource:
    """What adds to the replicas that are there the starts of the last days, as far as this Prometheus knows them."""
    return PastStarts(there, InstantQueries(demand.prometheus, demand.connection), wall_clock)


class Keeper:
    """Puts itself around the source of demand, once."""

    def __init__(self, settings: Settings, telemetry: Telemetry, origin: str, state: Path | None) -> None:
        """`origin`: the address of the Prometheus; `state`: the folder of the copy; None: there is none."""
        self._keeping = Keeping(settings.history_seconds, settings.step_seconds, skew=settings.limits.skew_seconds)
        self._telemetry = telemetry
        self._origin = origin
        self._state = state
        self._kept: Kept | None = None

    def around(self, prometheus: Prometheus) -> Kept:
        """The source that remembers, with what the volume has."""
        self._kept = Kept(prometheus, prometheus.apart(), self._keeping, room=room)
        if self._state is not None:
            self._take_copy(self._kept, self._state)
        return self._kept

    @property
    def grown(self) -> bool:
        """Whether learning anew is worth it."""
        return self._kept is not None and self._kept.grown

    def totals(self) -> Totals:
        """What the volume has of what was saved before."""
        try:
            found = None if self._state is None else load_totals(self._state, wall_clock())
        except (Doubtful, OSError) as problem:
            self._telemetry.log("savings.dropped", logging.WARNING, problem=str(problem))
            return NO_TOTALS
        return found or NO_TOTALS

    def held(self, queries: Mapping[str, str], start: float, end: float) -> Panel:
        """What is in memory of these series; nothing is read."""
        assert self._kept is not None
        return self._kept.held(queries, start, end)

    @contextmanager
    def filling(self, share: Callable[[], float], totals: Callable[[], Totals]) -> Iterator[None]:
        """Meanwhile what is missing is read, for that `share` of the time; and at the end the copies written: of the
        history, and of the `totals` of what was saved."""
        assert self._kept is not None
        stop, state, kept = threading.Event(), self._state, self._kept

        def copies(folder: Path) -> None:
            try:
                save_totals(folder, totals())
            finally:  # neither is lost for the other's sake
                save(folder, kept.snapshot(), self._origin)

        copied = None if state is None else partial(copies, state)
        filler = Filler(kept, self._telemetry, share, copied)
        thread = threading.Thread(target=filler.run, args=(stop,), name="history", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(_END_SECONDS)

    def _take_copy(self, kept: Kept, state: Path) -> None:
        try:
            now = wall_clock()
            copy = load(state, self._origin, self._keeping.step, self._keeping.history, now)
            if copy is not None:
                kept.restore(copy, now)
                self._telemetry.log("history.restored", seconds_old=round(now - copy.extent.end))
        except (Dropped, OSError) as problem:
            self._telemetry.log("history.dropped", logging.WARNING, problem=str(problem))
