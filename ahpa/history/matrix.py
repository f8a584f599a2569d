"""The demand of a fleet in memory: a row for each series, a ring of steps that moves with the time.

A step has a number, its begin in unix seconds by the length of a step; column `number % width` holds it. Rows lie in
blocks, so that a fleet that grows is never copied, and there is one copy of it all: ten thousand fortnights of minutes
are 0.8 GB.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from forecasting.panel import Array, Floats, Ints, anywhere

BLOCK_ROWS = 256


class Matrix:
    """float32 values, NaN where nothing was observed, of the `width` steps before `end`."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.end = 0
        """The number of the step that follows the newest."""
        self._blocks: list[Array] = []
        self._queries: dict[str, str] = {}
        self._rows: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        self._free: list[int] = []

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    @property
    def queries(self) -> Mapping[str, str]:
        """By key, of all that have a row."""
        return self._queries

    @property
    def capacity(self) -> int:
        """Rows, with those that are free."""
        return BLOCK_ROWS * len(self._blocks)

    def rows(self, keys: Sequence[str]) -> Ints:
        """Where the series are, [n]. Raises KeyError for one that is not here."""
        return np.fromiter((self._rows[key] for key in keys), np.intp, len(keys))

    def keys(self, rows: Ints) -> list[str]:
        """Whose rows these are."""
        return [self._keys[row] for row in rows.tolist()]

    def add(self, queries: Mapping[str, str]) -> Ints:
        """Give a row to each series that has none, or had it for another query; which rows are new."""
        new = []
        for key, query in queries.items():
            if self._queries.get(key) != query:
                self.forget([key])
                if not self._free:
                    first = self.capacity
                    self._blocks.append(np.empty((BLOCK_ROWS, self.width), np.float32))
                    self._free = list(range(first, first + BLOCK_ROWS))[::-1]
                row = self._free.pop()
                self._queries[key], self._rows[key], self._keys[row] = query, row, key
                self._blocks[row // BLOCK_ROWS][row % BLOCK_ROWS] = np.nan
                new.append(row)
        return np.array(new, np.intp)

    def forget(self, keys: Sequence[str]) -> None:
        """Their rows are free; a key that is not here is no fault."""
        for key in keys:
            if self._queries.pop(key, None) is not None:
                self._free.append(row := self._rows.pop(key))
                del self._keys[row]

    def restart(self, end: int) -> None:
        """Nothing is held: the time that was believed was another."""
        self.end = end
        for block in self._blocks:
            block.fill(np.nan)

    def advance(self, end: int) -> None:
        """The time has come to step `end`; what it enters is not observed yet, what it leaves is gone."""
        new = min(end - self.end, self.width)
        if new > 0:
            for block in self._blocks:
                for columns, _ in self._columns(end - new, end):
                    block[:, columns] = np.nan
            self.end = end

    def get(self, rows: Ints, first: int, last: int, out: Array | None = None) -> Array:
        """A copy of the steps [first, last) of these rows, [n, t], in `out` where that is given; NaN for those that are
        not in the ring."""
        out = anywhere((len(rows), last - first)) if out is None else out
        out.fill(np.nan)
        begin = max(first, self.end - self.width)
        held = out[:, begin - first :]
        for block, theirs, mine in self._pieces(rows):
            for columns, at in self._columns(begin, min(last, self.end)):
                held[mine, at] = block[theirs, columns]
        return out

    def put(self, rows: Ints, first: int, values: Floats, *, only_holes: bool = False) -> None:
        """Lay what was observed over the steps from `first` on; what is NaN in `values` [n, t] changes nothing, and
        `only_holes` what is held changes nothing either. Steps that are not in the ring are left out."""
        begin = max(first, self.end - self.width)
        said = values[:, begin - first :]
        for block, theirs, mine in self._pieces(rows):
            for columns, at in self._columns(begin, min(first + values.shape[1], self.end)):
                new, held = said[mine, at], block[theirs, columns]
                over = np.isfinite(new) & ~np.isfinite(held) if only_holes else np.isfinite(new)
                block[theirs, columns] = np.where(over, new, held)

    def _columns(self, first: int, last: int) -> Iterator[tuple[slice, slice]]:
        """Where the steps [first, last) lie in the ring, and where in what begins with `first`: one part, or two around
        the ring's end."""
        done = first
        while done < last:
            at = done % self.width
            length = min(last - done, self.width - at)
            yield slice(at, at + length), slice(done - first, done - first + length)
            done += length

    def _pieces(self, rows: Ints) -> Iterator[tuple[Array, slice | Ints, slice | Ints]]:
        """Block by block: the block, the rows in it, and which of `rows` those are."""
        for number in np.unique(rows // BLOCK_ROWS).tolist():
            mine = np.flatnonzero(rows // BLOCK_ROWS == number)
            yield self._blocks[number], as_slice(rows[mine] % BLOCK_ROWS), as_slice(mine)


def as_slice(rows: Ints) -> slice | Ints:
    """Rows that follow one another, as what numpy neither copies nor looks up one by one."""
    first = int(rows[0])
    return slice(first, first + len(rows)) if (np.diff(rows) == 1).all() else rows
