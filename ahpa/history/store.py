"""What is held of a fleet's demand: values, what was read of each hour, and whom the rounds follow without a gap.

It asks nobody and waits for nobody; `Kept` does. All times here are numbers of steps, but where it says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ahpa.history.contradiction import says_less
from ahpa.history.ledger import LOOKS, TRUSTED, Ledger, Work
from ahpa.history.matrix import Matrix
from ahpa.history.snapshot import Extent, Piece
from ahpa.ports import Reading
from forecasting.panel import Floats, Ints, Panel

HOUR_SECONDS = 3600.0
LEAST_STEPS = 15
SLACK_SECONDS = 2 * HOUR_SECONDS
"""Held beyond what was asked for: a clock that was wrong for so long, and is set right, costs no history."""
_MOST_VALUES = 2_000_000
"""Of one answer to a filling: 16 MB as it is read."""
_UNSETTLED_STEPS = 5
"""The newest of a reading, of which late samples may have been lacking the last time."""
_ANEW_SECONDS = 6 * HOUR_SECONDS
"""A history is not read anew more often, however often its source recovers: one that is always late would be."""
_HARDLY_HOURS = 2
"""What the first rounds leave of a newcomer."""
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
        return math.ceil(self.history / self.step)

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


class Store:
    """One thread at a time."""

    def __init__(self, keeping: Keeping) -> None:
        self.keeping = keeping
        self.now = 0
        """What follows the last reading's newest step."""
        self.matrix = Matrix(keeping.width)
        self.ledger = Ledger(keeping.hour * keeping.step, -(-keeping.width // keeping.hour) + 1)
        self._since = np.zeros(0, np.int64)
        """By row: from this step on, up to `_until`, each was read in trust by the rounds."""
        self._until = np.zeros(0, np.int64)
        self._asked = np.zeros(0, np.int64)
        """By row: the end of the last reading that asked for it."""
        self._doubted = np.zeros(0, np.int64)
        """By row: when all of it was last said to be read again."""

    @property
    def hours(self) -> tuple[int, int]:
        """The hours of the history that are over: from, to."""
        k = self.keeping
        return (self.now - k.steps) // k.hour, self.now // k.hour

    @property
    def complete(self) -> float:
        """How much of the history was read, of those of whom anything can be; 0 where that is nobody, and 1 where
        nobody is asked for."""
        rows = self.matrix.rows(tuple(self.matrix.queries))
        known = self.ledger.known(rows, *self.hours)
        some = known[(known > 0) | (self._until[rows] != _NEVER)]
        return float(some.mean()) if len(some) else float(not len(rows))

    def new(self, keys: Sequence[str]) -> bool:
        """Whether of any of these hardly anything was read but by the rounds."""
        here = [key for key in keys if key in self.matrix]
        first, last = self.hours
        known = self.ledger.known(self.matrix.rows(here), first, last) * (last - first)
        return bool((known <= _HARDLY_HOURS).any())

    def move_to(self, queries: Mapping[str, str], now: int) -> None:
        """The time is step `now`, and these are asked for."""
        k, matrix, ledger = self.keeping, self.matrix, self.ledger
        if now < matrix.end - round(SLACK_SECONDS / k.step):
            matrix.restart(now)
            ledger.restart(-(-now // k.hour))
            self._until.fill(_NEVER)
        matrix.advance(now)
        ledger.advance(-(-now // k.hour))
        self.now = now
        new = matrix.add(queries)
        if len(new):
            ledger.begin(new, matrix.capacity)
            more = np.full(matrix.capacity - len(self._asked), _NEVER)
            self._since, self._until, self._asked, self._doubted = (
                np.concatenate([table, more]) for table in (self._since, self._until, self._asked, self._doubted)
            )
            self._since[new] = self._until[new] = self._doubted[new] = _NEVER
        self._asked[matrix.rows(tuple(queries))] = now
        if len(matrix.queries) > len(queries):
            keys = tuple(matrix.queries)
            gone = np.abs(now - self._asked[matrix.rows(keys)]) > k.absent / k.step
            matrix.forget([keys[i] for i in np.flatnonzero(gone)])

    def near(self, keys: Sequence[str], first: int, last: int) -> set[str]:
        """Those of which all from `first` on was read in trust, but for the newest minutes."""
        rows = self.matrix.rows(keys)
        near = (self._since[rows] <= first) & (self._until[rows] >= last - self.keeping.newest)
        return {key for key, is_near in zip(keys, near.tolist(), strict=True) if is_near}

    def take_round(self, found: Reading, queries: Mapping[str, str]) -> None:
        """What was said of the newest minutes. Who says more of them than is held has recovered from something: what he
        said of all hours before is read again."""
        k, panel, ledger = self.keeping, found.panel, self.ledger
        first = round(panel.start / k.step)
        last = first + panel.values.shape[1]
        keys, said = self._here(panel, queries)
        rows, believed = self.matrix.rows(keys), self.believed(found, keys)
        good, bad = rows[believed], rows[~believed]
        values = said[believed] if len(bad) else said
        settled = max(first, last - _UNSETTLED_STEPS)
        recovered = good[says_less(values[:, : settled - first], self.matrix.get(good, first, settled))]
        self.matrix.put(good, first, values)
        self._since[good] = np.where(self._until[good] >= first, self._since[good], first)
        self._until[good] = last
        self._until[bad] = self._until[recovered] = _NEVER
        anew = recovered[last - self._doubted[recovered] >= _ANEW_SECONDS / k.step]
        self._doubted[anew] = last
        ledger.doubt(anew)
        passed = last // k.hour - 1
        ledger.passed(good[self._since[good] <= passed * k.hour], passed)
        if last % k.hour:
            ledger.mended(good[self._since[good] <= (passed + 1) * k.hour], passed + 1)
        warned = self._warned(found, keys)
        if warned.any():
            self.matrix.put(rows[warned], first, said[warned], only_holes=True)
            ledger.told(rows[warned], first // k.hour, -(-last // k.hour))

    def work(self, span: int) -> Work | None:
        """The next that is to be read: of those whose last minutes could be trusted, at most `span` hours, and no more
        values than one answer may have."""
        k, matrix = self.keeping, self.matrix
        rows = matrix.rows(tuple(matrix.queries))
        able = rows[self._until[rows] >= self.now - k.newest]
        work = self.ledger.work(able, *self.hours, self.now * k.step)
        if work is None:
            return None
        most = max(1, _MOST_VALUES // (len(work.rows) * k.hour))
        return Work(work.rows, max(work.first, work.last - min(span, most)), work.last)

    def take_past(self, found: Reading, queries: Mapping[str, str], work: Work) -> None:
        """What was said of hours that are over. Who says less of them than is held is believed if he keeps to it."""
        k, panel, ledger, now = self.keeping, found.panel, self.ledger, self.now * self.keeping.step
        keys, values = self._here(panel, queries)
        rows = self.matrix.rows(keys)
        believed, warned = self.believed(found, keys), self._warned(found, keys)
        for hour in range(max(work.first, ledger.end - ledger.width), min(work.last, self.hours[1])):  # still held
            first = hour * k.hour
            said = values[:, (hour - work.first) * k.hour :][:, : k.hour]
            less = says_less(self.matrix.get(rows, first, first + k.hour), said)
            good = believed & (~less | (ledger.tries[rows, hour % ledger.width] >= LOOKS))
            self.matrix.put(rows[good], first, said[good])
            ledger.read(rows[good], hour, np.isfinite(said[good]).all(axis=1), now)
            fresh = warned & (ledger.trust[rows, hour % ledger.width] != TRUSTED)
            self.matrix.put(rows[fresh], first, said[fresh], only_holes=True)
            ledger.failed(rows[~good & ~fresh], hour, now)
            ledger.failed(rows[fresh], hour, now, warned=True)

    def gone(self, queries: Mapping[str, str], rows: Ints) -> list[str]:
        """Those that have these rows no more, or for another query: a round may have listed anew while an answer was on
        its way."""
        held = self.matrix.queries
        here = [key for key, query in queries.items() if held.get(key) == query]
        at = dict(zip(here, self.matrix.rows(here).tolist(), strict=True))
        return [key for key, row in zip(queries, rows.tolist(), strict=True) if at.get(key) != row]

    def _here(self, panel: Panel, queries: Mapping[str, str]) -> tuple[tuple[str, ...], Floats]:
        """What was said of those who are still asked for by this query."""
        here = np.array([self.matrix.queries.get(key) == queries[key] for key in panel.keys], bool)
        if here.all():
            return panel.keys, panel.values
        return tuple(key for key, is_here in zip(panel.keys, here.tolist(), strict=True) if is_here), panel.values[here]

    def unsure(self, keys: Sequence[str], rows: Ints, first: int) -> set[str]:
        """Those of which something since `first` was not read yet, or is known only from an answer with a warning."""
        hour = self.keeping.hour
        unsure = self.ledger.unsure(rows, first // hour, self.now // hour)
        return {key for key, is_unsure in zip(keys, unsure.tolist(), strict=True) if is_unsure}

    def extent(self) -> Extent:
        """Which steps a copy has."""
        k = self.keeping
        return Extent(k.step, self.hours[0] * k.hour, self.now, k.hour)

    def piece(self, extent: Extent, keys: Sequence[str]) -> Piece:
        """A copy of what is held of some series, as far as they are still here."""
        queries = {key: query for key in keys if (query := self.matrix.queries.get(key)) is not None}
        rows, ledger = self.matrix.rows(tuple(queries)), self.ledger
        hours = np.ix_(rows, np.arange(*extent.hours) % ledger.width)
        values = self.matrix.get(rows, extent.first, extent.last)
        return Piece(queries, values, ledger.due[hours], ledger.tries[hours], ledger.trust[hours])

    def restore(self, piece: Piece, extent: Extent, now: int) -> None:
        """Take in what a copy had of some series; the time is step `now`."""
        self.move_to(piece.queries, now)
        rows = self.matrix.rows(tuple(piece.queries))
        self.matrix.put(rows, extent.first, np.where(piece.values >= 0, piece.values, np.nan))
        self.ledger.restore(rows, extent.hours[0], piece.due, piece.tries, piece.trust)

    def believed(self, found: Reading, keys: Sequence[str]) -> NDArray[np.bool_]:
        """[n]: which of the answers may replace what is held."""
        doubted = found.problems.keys() | found.partial
        return np.array([key not in doubted for key in keys], bool) & (abs(found.skew) <= self.keeping.skew)

    def _warned(self, found: Reading, keys: Sequence[str]) -> NDArray[np.bool_]:
        """[n]: which of them may fill holes."""
        warned = found.partial - found.problems.keys()
        return np.array([key in warned for key in keys], bool) & (abs(found.skew) <= self.keeping.skew)
