"""The history of a fleet, kept in memory: what is held and settled is not read again.

Each reading asks its source for the newest minutes alone: as many as late samples may still change. Whom it could not
trust the last time is read for the whole hour, so that the guards of the source weigh what they always did. What lies
before is filled from the newest hour backwards, by whoever has time for it: a reading of the whole history for a while,
and a filler beside the rounds (filler.py). Who could be trusted comes first, for half of the time: queries that fail by
their slowness stand among the others, and would cost everybody each second round.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from ahpa.history.matrix import BLOCK_ROWS
from ahpa.history.snapshot import Piece, Snapshot
from ahpa.history.store import Keeping, Store
from ahpa.ports import DemandSource, Reading
from forecasting.panel import DAY_SECONDS, Ints, Panel, Room, Storage, anywhere

_BRISK_SECONDS, _SLOW_SECONDS = 2.0, 8.0
"""An answer that took less lets the next one be twice as long; one that took more, half as long."""
_HOPEFUL = 0.125
"""Of the history, at half of the time for it: the later hours are read in larger pieces."""
_NEARLY, COMPLETE = 0.9, 0.999
"""Who had learned from so much need not learn anew when it is complete; and what counts as that."""


class Kept:
    """A DemandSource around another. `past` is a reader of the same server for what is over, whose guards do not hold
    the hours of last week against the last minutes. Several threads may read."""

    def __init__(
        self,
        source: DemandSource,
        past: DemandSource,
        keeping: Keeping,
        stopwatch: Callable[[], float] = time.monotonic,
        room: Room = anywhere,
    ) -> None:
        """`room`: where a reading of the whole history is laid."""
        self.keeping = keeping
        self._source = source
        self._past = past
        self._stopwatch = stopwatch
        self._room = room
        self._store = Store(keeping)
        self._span = 1
        """Hours that a filling asks for at once."""
        self._learned: float | None = None
        """How complete the history was when all of it was read the last time; None: it was not, by this process."""
        self._holding = threading.Lock()
        """Of the store; nobody waits for a server with it."""
        self._filling = threading.Lock()

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        """As `DemandSource` says; values are float32. A problem, a warning and the skew are those of this reading; a
        history of which something is not read yet, or is known only from an answer with a warning, is partial."""
        k = self.keeping
        first, last = math.floor(start / step), math.floor(end / step)
        if step != k.step or last - first > k.steps + k.hour or first >= last or not queries:
            return self._source.read(queries, start, end, step, deadline)
        whole = last - first > k.hour + 1  # an hour of steps that do not divide it may have one more
        lately, newest = last - k.hour if whole else first, max(first, last - k.newest)
        with self._holding:
            self._store.move_to(queries, last)
            near = self._store.near(tuple(queries), lately, last)
            rows = self._store.matrix.rows(tuple(queries))
        followed = {key: query for key, query in queries.items() if key in near}
        others = {key: query for key, query in queries.items() if key not in near}
        now = self._stopwatch()
        half = now + (deadline - now) / 2 if others else deadline
        parts = [
            self._source.read(some, *self._span_of(begin, last), step, until)
            for begin, some, until in ((newest, followed, half), (lately, others, deadline))
            if some
        ]
        with self._holding:
            for part in parts:
                self._store.take_round(part, queries)
        if whole and not self._leaves_it_to_the_filler(parts):
            self._wait_for_the_past(deadline)
        with self._holding:
            return self._answer(queries, rows, first, last, parts, whole=whole)

    def _wait_for_the_past(self, deadline: float) -> None:
        """For as long as it may take; but no more than half of that where a day is read by then and so little else that
        the whole would not be: ten thousand are decided for sooner, and learned of again when more is known."""
        now, enough = self._stopwatch(), DAY_SECONDS / self.keeping.history
        half, until = (min(deadline, now + share * self.keeping.patience) for share in (0.5, 1.0))
        while now < until and self.fill(until):
            now = self._stopwatch()
            if now >= half and enough <= self.complete < _HOPEFUL:
                return

    def _leaves_it_to_the_filler(self, parts: Sequence[Reading]) -> bool:
        """Where all who answer have something to learn from, and the past is still being filled: half a minute of
        reading would be little of it, and a round beside it waits for the interpreter
        (docs/decisions/0090-learning-apart.md)."""
        if self._learned is None:  # after a restart what came meanwhile is missing, and no filler runs yet
            return False
        able = [key for part in parts for key in part.panel.keys if key not in part.problems]
        with self._holding:
            return self._store.complete < COMPLETE and not self._store.new(able)

    def held(self, queries: Mapping[str, str], start: float, end: float) -> Panel:
        """What is held of these series, of those who are asked for by this query; nothing is read for it. float32, NaN
        where nothing was observed or read."""
        step = self.keeping.step
        first, last = math.floor(start / step), math.floor(end / step)
        with self._holding:
            held = self._store.matrix.queries
            keys = tuple(key for key, query in queries.items() if held.get(key) == query)
            values = self._store.matrix.get(self._store.matrix.rows(keys), first, last)
        return Panel(first * step, step, values, keys)

    def fill(self, deadline: float = math.inf) -> bool:
        """Read some of what is missing, of those whose last minutes could be trusted. False: there is nothing to do,
        or nothing was answered."""
        with self._filling:
            with self._holding:
                work = self._store.work(self._span)
                if work is None or self._stopwatch() >= deadline:  # another's filling took its time
                    return False
                keys = self._store.matrix.keys(work.rows)
                queries = {key: self._store.matrix.queries[key] for key in keys}
            began, hour = self._stopwatch(), self.keeping.hour
            span = self._span_of(work.first * hour, work.last * hour)
            found = self._past.read(queries, *span, self.keeping.step, deadline)
            took = self._stopwatch() - began
            if took < _BRISK_SECONDS:
                self._span = min(2 * self._span, self._store.ledger.width)
            elif took > _SLOW_SECONDS:
                self._span = max(1, self._span // 2)
            with self._holding:
                self._store.take_past(found, queries, work)
            return found.problems.keys() < queries.keys()

    @property
    def complete(self) -> float:
        """As `Store.complete`."""
        with self._holding:
            return self._store.complete

    @property
    def grown(self) -> bool:
        """Whether so much more is known than when the whole was read last that it is worth learning anew."""
        if self._learned is None or self._learned >= _NEARLY:
            return False
        return (complete := self.complete) > 0 and complete >= min(2 * self._learned, COMPLETE)

    def snapshot(self) -> Snapshot:
        """A copy of what is held, for a volume; rounds go on between its pieces."""
        with self._holding:
            extent, keys = self._store.extent(), list(self._store.matrix.queries)

        def pieces() -> Iterator[Piece]:
            for at in range(0, len(keys), BLOCK_ROWS):
                with self._holding:
                    piece = self._store.piece(extent, keys[at : at + BLOCK_ROWS])
                yield piece

        return Snapshot(extent, pieces())

    def restore(self, copy: Snapshot, now: float) -> None:
        """Begin with a copy that was made before `now`, unix seconds. What it lacks since is read."""
        at = math.floor(now / self.keeping.step)
        for piece in copy.pieces:
            with self._holding:
                self._store.restore(piece, copy.extent, at)

    def _span_of(self, first: int, last: int) -> tuple[float, float]:
        """Unix seconds that a source reads as these steps: in their midst, so that no edge is rounded away."""
        return (first + 0.5) * self.keeping.step, (last + 0.5) * self.keeping.step

    def _answer(
        self, queries: Mapping[str, str], rows: Ints, first: int, last: int, parts: Sequence[Reading], *, whole: bool
    ) -> Reading:
        """What is held; of whom this reading does not trust, the newest minutes as they were said."""
        k, keys = self.keeping, tuple(queries)
        storage = Storage.laid(self._room, len(keys), last - first) if whole else None
        values = self._store.matrix.get(rows, first, last, None if storage is None else storage.written)
        row_of = {key: row for row, key in enumerate(keys)}
        problems = {key: problem for part in parts for key, problem in part.problems.items()}
        problems |= dict.fromkeys(self._store.gone(queries, rows), "it was asked for in another way meanwhile")
        partial = frozenset(key for part in parts for key in part.partial)
        for part in parts:
            for row in np.flatnonzero(~self._store.believed(part, part.panel.keys)):
                said = part.panel.values[row]
                values[row_of[part.panel.keys[row]], -len(said) :] = said
        values[[row_of[key] for key in problems]] = np.nan
        if whole:
            self._learned = self._store.complete
            partial |= self._store.unsure(keys, rows, first)
        values.setflags(write=False)
        return Reading(
            Panel(first * k.step, k.step, values, keys, storage),
            {key: problems[key] for key in keys if key in problems},
            partial,
            max((part.skew for part in parts), key=abs, default=0.0),
            {key: said for part in parts for key, said in part.remarks.items()},
        )
