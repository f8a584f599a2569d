"""The history of a fleet, kept in memory: what is held and settled is not read again.

Each reading asks its source for the newest minutes alone: as many as late samples may still change. Whom it could not
trust the last time is read for the whole hour, so that the guards of the source weigh what they always did. What lies
before is filled from the newest hour backwards, by whoever has time for it: a reading of the whole history for a while,
and a filler beside the rounds (filler.py).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ahpa.history.contradiction import says_less
from ahpa.history.ledger import LOOKS, TRUSTED, Ledger, Work
from ahpa.history.matrix import BLOCK_ROWS, Matrix
from ahpa.history.snapshot import Extent, Piece, Snapshot
from ahpa.ports import DemandSource, Reading
from forecasting.panel import Panel

HOUR_SECONDS = 3600.0
LEAST_STEPS = 15
SLACK_SECONDS = 2 * HOUR_SECONDS
"""Held beyond what was asked for: a clock that was wrong for so long, and is set right, costs no history."""
_MOST_VALUES = 4_000_000
"""Of one answer to a filling: 32 MB as it is read."""
_BRISK_SECONDS, _SLOW_SECONDS = 2.0, 8.0
"""An answer that took less lets the next one be twice as long; one that took more, half as long."""
_NEARLY, COMPLETE = 0.9, 0.999
"""Who had learned from so much need not learn anew when it is complete; and what counts as that."""
_NEVER = np.iinfo(np.int64).min // 2


@dataclass(frozen=True)
class Keeping:
    """What is kept, seconds throughout."""

    history: float
    step: float
    overlap: float = 900.0
    """Of the newest minutes, read again each time."""
    patience: float = 30.0
    """So long a reading of the whole history waits for what is missing in it; then it goes by what there is."""
    skew: float = 30.0
    """A source whose clock is farther from ours is not believed."""
    absent: float = 3600.0
    """Who was not asked for so long is forgotten: what could not be listed for some rounds is not gone."""

    @property
    def steps(self) -> int:
        return round(self.history / self.step)

    @property
    def hour(self) -> int:
        """Steps that are read and settled together: an hour."""
        return max(1, round(HOUR_SECONDS / self.step))

    @property
    def newest(self) -> int:
        """Steps that are read each time: so many too that a source can be recognised by what it said of them before."""
        return max(round(self.overlap / self.step), LEAST_STEPS)

    @property
    def width(self) -> int:
        """Steps that are held."""
        return self.steps + math.ceil(SLACK_SECONDS / self.step) + self.hour


class Kept:
    """A DemandSource around another. `past` is a reader of the same server for what is over, whose guards do not hold
    the hours of last week against the last minutes. Several threads may read."""

    def __init__(
        self,
        source: DemandSource,
        past: DemandSource,
        keeping: Keeping,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keeping = keeping
        self._source = source
        self._past = past
        self._stopwatch = stopwatch
        self._matrix = Matrix(keeping.width)
        self._ledger = Ledger(keeping.hour * keeping.step, -(-keeping.width // keeping.hour) + 1)
        self._since = np.zeros(0, np.int64)
        """By row: from this step on, up to `_until`, each was read in trust by the rounds."""
        self._until = np.zeros(0, np.int64)
        self._asked = np.zeros(0, np.int64)
        """By row: the end of the last reading that asked for it."""
        self._span = 1
        """Hours that a filling asks for at once."""
        self._now = 0
        """The step that follows the last reading's newest."""
        self._learned = 1.0
        """How complete the history was when all of it was read the last time."""
        self._holding = threading.RLock()
        """Whoever looks at or changes what is held; nobody waits for a server with it."""
        self._filling = threading.Lock()

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        """As `DemandSource` says; values are float32. A problem, a warning and the skew are those of this reading."""
        k = self.keeping
        first, last = math.floor(start / step), math.floor(end / step)
        if step != k.step or last - first > k.steps + k.hour or first >= last or not queries:
            return self._source.read(queries, start, end, step, deadline)
        lately = max(first, last - k.hour)
        with self._holding:
            self._move_to(queries, last)
            near = self._near(tuple(queries), lately, last)
        parts = [
            self._source.read(some, (begin + 0.5) * step, (last + 0.5) * step, step, deadline)  # no rounding at an edge
            for begin, some in (
                (lately, {key: query for key, query in queries.items() if key not in near}),
                (max(lately, last - k.newest), {key: queries[key] for key in queries if key in near}),
            )
            if some
        ]
        with self._holding:
            for part in parts:
                self._take_round(part)
        if lately > first:
            until = min(deadline, self._stopwatch() + k.patience)
            while self._stopwatch() < until and self.fill(until):
                pass
        with self._holding:
            return self._answer(queries, first, last, parts, whole=lately > first)

    def fill(self, deadline: float = math.inf) -> bool:
        """Read some of what is missing, of those whose last minutes could be trusted. False: there is nothing to do,
        or nothing was answered."""
        with self._filling:
            with self._holding:
                work = self._work()
                if work is None:
                    return False
                keys = self._matrix.keys(work.rows)
                queries = {key: self._matrix.queries[key] for key in keys}
            step, hour = self.keeping.step, self.keeping.hour
            began = self._stopwatch()
            found = self._past.read(
                queries, (work.first * hour + 0.5) * step, (work.last * hour + 0.5) * step, step, deadline
            )
            took = self._stopwatch() - began
            if took < _BRISK_SECONDS:
                self._span = min(2 * self._span, self._ledger.width)
            elif took > _SLOW_SECONDS:
                self._span = max(1, self._span // 2)
            with self._holding:
                self._take_past(found, queries, work)
            return found.problems.keys() < queries.keys()

    @property
    def complete(self) -> float:
        """How much of the history was read, of those of whom anything can be; 0 where that is nobody, and 1 where
        nobody is asked for."""
        with self._holding:
            rows = self._matrix.rows(tuple(self._matrix.queries))
            known = self._ledger.known(rows, *self._hours())
            some = known[(known > 0) | (self._until[rows] != _NEVER)]
            return float(some.mean()) if len(some) else float(not len(rows))

    @property
    def grown(self) -> bool:
        """Whether so much more is known than when the whole was read last that it is worth learning anew."""
        return self._learned < _NEARLY and self.complete >= min(2 * self._learned, COMPLETE)

    def snapshot(self) -> Snapshot:
        """A copy of what is held, for a volume; rounds go on between its pieces."""
        with self._holding:
            first = self._hours()[0] * self.keeping.hour
            extent = Extent(self.keeping.step, first, self._now, self.keeping.hour)
            keys = list(self._matrix.queries)
        some = (keys[at : at + BLOCK_ROWS] for at in range(0, len(keys), BLOCK_ROWS))
        return Snapshot(extent, (self._piece(extent, each) for each in some))

    def _piece(self, extent: Extent, keys: list[str]) -> Piece:
        with self._holding:
            queries = {key: query for key in keys if (query := self._matrix.queries.get(key)) is not None}
            rows = self._matrix.rows(tuple(queries))
            hours = np.ix_(rows, np.arange(*extent.hours) % self._ledger.width)
            ledger = self._ledger
            values = self._matrix.get(rows, extent.first, extent.last)
            return Piece(queries, values, ledger.due[hours], ledger.tries[hours], ledger.trust[hours])

    def restore(self, copy: Snapshot, now: float) -> None:
        """Begin with a copy that was made before `now`, unix seconds. What it lacks since is read."""
        with self._holding:
            at = math.floor(now / self.keeping.step)
            for piece in copy.pieces:
                self._move_to(piece.queries, at)
                rows = self._matrix.rows(tuple(piece.queries))
                self._matrix.put(rows, copy.extent.first, np.where(piece.values >= 0, piece.values, np.nan))
                self._ledger.restore(rows, copy.extent.hours[0], piece.due, piece.tries, piece.trust)

    def _hours(self) -> tuple[int, int]:
        """The hours of the history that are over: from, to."""
        over = self._now // self.keeping.hour
        return over - self.keeping.steps // self.keeping.hour, over

    def _move_to(self, queries: Mapping[str, str], now: int) -> None:
        """The time is step `now`, and these are asked for."""
        k, matrix, ledger = self.keeping, self._matrix, self._ledger
        if now < matrix.end - round(SLACK_SECONDS / k.step):
            matrix.restart(now)
            ledger.restart(-(-now // k.hour))
            self._until.fill(_NEVER)
        matrix.advance(now)
        ledger.advance(-(-now // k.hour))
        self._now = now
        new = matrix.add(queries)
        if len(new):
            ledger.begin(new, matrix.capacity)
            for name in ("_since", "_until", "_asked"):
                table = getattr(self, name)
                more = np.full(matrix.capacity - len(table), _NEVER)
                setattr(self, name, table := np.concatenate([table, more]))
                table[new] = _NEVER
        self._asked[matrix.rows(tuple(queries))] = now
        if len(matrix.queries) > len(queries):
            keys = tuple(matrix.queries)
            gone = np.abs(now - self._asked[matrix.rows(keys)]) > k.absent / k.step
            matrix.forget([keys[i] for i in np.flatnonzero(gone)])

    def _near(self, keys: tuple[str, ...], first: int, last: int) -> set[str]:
        """Those of which all from `first` on was read in trust, but for the newest minutes."""
        rows = self._matrix.rows(keys)
        near = (self._since[rows] <= first) & (self._until[rows] >= last - self.keeping.newest)
        return {key for key, is_near in zip(keys, near.tolist(), strict=True) if is_near}

    def _believed(self, found: Reading, keys: tuple[str, ...]) -> NDArray[np.bool_]:
        """[n]: which of the answers may replace what is held."""
        believed = [key not in found.problems and key not in found.partial for key in keys]
        return np.array(believed, bool) & (abs(found.skew) <= self.keeping.skew)

    def _take_round(self, found: Reading) -> None:
        """What was said of the newest minutes."""
        k, panel, ledger = self.keeping, found.panel, self._ledger
        first = round(panel.start / k.step)
        last = first + panel.values.shape[1]
        rows, believed = self._matrix.rows(panel.keys), self._believed(found, panel.keys)
        good, bad = rows[believed], rows[~believed]
        self._matrix.put(good, first, panel.values[believed] if len(bad) else panel.values)
        self._since[good] = np.where(self._until[good] >= first, self._since[good], first)
        self._until[good] = last
        self._until[bad] = _NEVER
        passed = last // k.hour - 1
        ledger.passed(good[self._since[good] <= passed * k.hour], passed)
        if last % k.hour:
            ledger.mended(good[self._since[good] <= (passed + 1) * k.hour], passed + 1)
        warned = np.array([key in found.partial and key not in found.problems for key in panel.keys], bool) & ~believed
        if warned.any() and abs(found.skew) <= k.skew:
            self._matrix.put(rows[warned], first, panel.values[warned], only_holes=True)
            ledger.told(rows[warned], first // k.hour, -(-last // k.hour))

    def _work(self) -> Work | None:
        """The next that is to be read, as much at once as goes."""
        k, matrix = self.keeping, self._matrix
        rows = matrix.rows(tuple(matrix.queries))
        able = rows[self._until[rows] >= self._now - k.newest]
        work = self._ledger.work(able, *self._hours(), self._now * k.step)
        if work is None:
            return None
        most = max(1, _MOST_VALUES // (len(work.rows) * k.hour))
        return Work(work.rows, max(work.first, work.last - min(self._span, most)), work.last)

    def _take_past(self, found: Reading, queries: Mapping[str, str], work: Work) -> None:
        """What was said of hours that are over. Who says less of them than is held is believed if he keeps to it."""
        k, panel, ledger, now = self.keeping, found.panel, self._ledger, self._now * self.keeping.step
        here = np.array([self._matrix.queries.get(key) == queries[key] for key in panel.keys], bool)
        keys = tuple(key for key, is_here in zip(panel.keys, here.tolist(), strict=True) if is_here)
        rows, values, believed = self._matrix.rows(keys), panel.values[here], self._believed(found, keys)
        warned = np.array([key in found.partial and key not in found.problems for key in keys], bool)
        warned &= abs(found.skew) <= k.skew
        for hour in range(work.first, work.last):
            first = hour * k.hour
            said = values[:, (hour - work.first) * k.hour :][:, : k.hour]
            less = says_less(self._matrix.get(rows, first, first + k.hour), said)
            good = believed & (~less | (ledger.tries[rows, hour % ledger.width] >= LOOKS))
            self._matrix.put(rows[good], first, said[good])
            ledger.read(rows[good], hour, np.isfinite(said[good]).all(axis=1), now)
            fresh = warned & (ledger.trust[rows, hour % ledger.width] != TRUSTED)
            self._matrix.put(rows[fresh], first, said[fresh], only_holes=True)
            ledger.failed(rows[~good & ~fresh], hour, now)
            ledger.failed(rows[fresh], hour, now, warned=True)

    def _answer(
        self, queries: Mapping[str, str], first: int, last: int, parts: list[Reading], *, whole: bool
    ) -> Reading:
        """What is held; of whom this reading does not trust, the newest minutes as they were said."""
        k, keys = self.keeping, tuple(queries)
        rows = self._matrix.rows(keys)
        values = self._matrix.get(rows, first, last)
        place = {key: row for row, key in enumerate(keys)}
        problems = {key: problem for part in parts for key, problem in part.problems.items()}
        partial = {key for part in parts for key in part.partial}
        for part in parts:
            for row in np.flatnonzero(~self._believed(part, part.panel.keys)):
                said = part.panel.values[row]
                values[place[part.panel.keys[row]], -len(said) :] = said
        values[[place[key] for key in problems]] = np.nan
        if whole:
            self._learned = self.complete
            warned = self._ledger.warned(rows, first // k.hour, -(-last // k.hour))
            partial |= {key for key, was_warned in zip(keys, warned.tolist(), strict=True) if was_warned}
        values.setflags(write=False)
        panel = Panel(first * k.step, k.step, values, keys)
        skew = max((part.skew for part in parts), key=abs, default=0.0)
        remarks = {key: said for part in parts for key, said in part.remarks.items()}
        return Reading(panel, {k: problems[k] for k in keys if k in problems}, frozenset(partial), skew, remarks)
