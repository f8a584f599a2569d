"""What was read of each hour of each series, and when it is to be read again.

An hour that was read as it passed is read once more three hours later, for what came late. One that is older is settled
by one trustworthy answer; where minutes are missing in it only after two more, hours apart, so that a store which was
away is found again and a service that is young is not asked about for ever. What failed, or came with a warning, comes
again after pauses that grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Ints

LATE_SECONDS = 3 * 3600.0
"""After so long nothing late is waited for."""
LOOKS = 3
"""So many trustworthy answers settle a minute of which there is none."""
_AGAIN_SECONDS = 3600.0
_PAUSE_SECONDS = 600.0
_LONGER = 4
"""Each pause is so many times as long as the one before, up to eleven hours."""
_MOST_TRIES = 3
_SETTLED = np.iinfo(np.uint32).max
UNREAD, WARNED, TRUSTED = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Work:
    """Hours that are to be read of some series."""

    rows: Ints
    first: int
    last: int
    """The hours [first, last), by their numbers."""


class Ledger:
    """By row and hour, of the `width` hours before `end`; hour `number % width` has its column. Unix seconds."""

    def __init__(self, seconds: float, width: int) -> None:
        """`seconds`: how long an hour is, a whole number of steps."""
        self.seconds = seconds
        self.width = width
        self.end = 0
        """The number of the hour that follows the one that is not over."""
        self.due = np.zeros((0, width), np.uint32)
        """When it is to be read; 0: it never was."""
        self.tries = np.zeros((0, width), np.uint8)
        self.trust = np.zeros((0, width), np.uint8)
        """UNREAD, WARNED or TRUSTED: the best answer so far."""

    def begin(self, rows: Ints, capacity: int) -> None:
        """These rows are new; there are so many in all."""
        for name in ("due", "tries", "trust"):
            table = getattr(self, name)
            more = np.zeros((max(0, capacity - len(table)), self.width), table.dtype)
            setattr(self, name, table := np.concatenate([table, more]) if len(more) else table)
            table[rows] = 0

    def restart(self, end: int) -> None:
        """Nothing was read."""
        self.end = end
        for table in (self.due, self.tries, self.trust):
            table.fill(0)

    def advance(self, end: int) -> None:
        """The time has come into the hour before `end`."""
        new = np.arange(max(self.end, end - self.width), end) % self.width
        for table in (self.due, self.tries, self.trust):
            table[:, new] = 0
        self.end = max(self.end, end)

    def passed(self, rows: Ints, hour: int) -> None:
        """Read in trust while it passed."""
        rows = rows[self.trust[rows, hour % self.width] != TRUSTED]
        self._trusted(rows, hour, self._late(hour))

    def read(self, rows: Ints, hour: int, whole: NDArray[np.bool_], now: float) -> None:
        """A trustworthy answer; `whole` [n]: with a demand for each minute."""
        late = self._late(hour)
        if now < late:
            self._trusted(rows, hour, late)
            return
        at = hour % self.width
        tries = np.where(self.trust[rows, at] == TRUSTED, self.tries[rows, at], 0) + 1
        again = now + _AGAIN_SECONDS * _LONGER ** (tries.astype(float) - 1)
        self.tries[rows, at] = tries
        self._trusted(rows, hour, np.where(whole | (tries >= LOOKS), _SETTLED, again))

    def failed(self, rows: Ints, hour: int, now: float, *, warned: bool = False) -> None:
        """No answer, or one that its source `warned` about."""
        at = hour % self.width
        tries = np.minimum(self.tries[rows, at], _MOST_TRIES)
        self.due[rows, at] = np.minimum(now + _PAUSE_SECONDS * _LONGER ** tries.astype(float), _SETTLED)
        self.tries[rows, at] = np.minimum(tries + 1, _MOST_TRIES)
        if warned:
            self.trust[rows, at] = np.maximum(self.trust[rows, at], WARNED)

    def told(self, rows: Ints, first: int, last: int) -> None:
        """A warning came with what was said of these hours while they passed."""
        columns = np.arange(first, last) % self.width
        self.trust[np.ix_(rows, columns)] = np.maximum(self.trust[np.ix_(rows, columns)], WARNED)

    def mended(self, rows: Ints, hour: int) -> None:
        """What was told of the hour that is not over does not hold: all of it so far was read in trust."""
        self.trust[rows, hour % self.width] = UNREAD

    def doubt(self, rows: Ints) -> None:
        """All is to be read again, though what is held is the best there is."""
        self.due[rows] = 0
        self.tries[rows] = 0

    def restore(
        self, rows: Ints, first: int, due: NDArray[np.uint32], tries: NDArray[np.uint8], trust: NDArray[np.uint8]
    ) -> None:
        """As it was of the hours from `first` on, [n, hours]; the last of them was not over."""
        hours = np.arange(first, first + due.shape[1] - 1)
        kept = (hours >= self.end - self.width) & (hours < self.end)
        where = np.ix_(rows, hours[kept] % self.width)
        self.due[where] = due[:, :-1][:, kept]
        self.tries[where] = np.minimum(tries[:, :-1][:, kept], _MOST_TRIES)
        self.trust[where] = np.minimum(trust[:, :-1][:, kept], TRUSTED)

    def work(self, able: Ints, oldest: int, over: int, now: float) -> Work | None:
        """The newest hour of [oldest, over) that is to be read of any of the `able` rows, and those before it that are
        so of most of the same; None: there is nothing to do."""
        hours = self._held(oldest, over)
        due = self.due[able][:, hours % self.width] <= now
        wanted = np.flatnonzero(due.any(axis=0))
        if not len(wanted):
            return None
        newest = int(wanted[-1])
        mine = due[:, newest]
        seldom = np.flatnonzero(due[mine, :newest].mean(axis=0) <= 0.5)
        first = int(seldom[-1]) + 1 if len(seldom) else 0
        return Work(able[mine], int(hours[first]), int(hours[newest]) + 1)

    def unsure(self, rows: Ints, first: int, over: int) -> NDArray[np.bool_]:
        """[n]: those of which some of the hours [first, over) were not read in trust, or came with a warning in the one
        that is not over."""
        past = self.trust[rows][:, self._held(first, over) % self.width] != TRUSTED
        return np.asarray(past.any(axis=1) | (self.trust[rows, over % self.width] == WARNED))

    def known(self, rows: Ints, oldest: int, over: int) -> NDArray[np.float64]:
        """[n]: how much of the hours [oldest, over) was read of these rows."""
        known = self.trust[rows][:, self._held(oldest, over) % self.width] != UNREAD
        return np.asarray(known.sum(axis=1) / max(1, known.shape[1]))

    def _held(self, first: int, last: int) -> Ints:
        return np.arange(max(first, self.end - self.width), min(last, self.end))

    def _late(self, hour: int) -> float:
        return (hour + 1) * self.seconds + LATE_SECONDS

    def _trusted(self, rows: Ints, hour: int, due: float | NDArray[np.float64]) -> None:
        at = hour % self.width
        self.due[rows, at] = np.minimum(due, _SETTLED)
        self.trust[rows, at] = TRUSTED
