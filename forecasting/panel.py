"""The history of a fleet: many series on one regular grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.floating]
Array = NDArray[np.float32]
Ints = NDArray[np.intp]
Scalar = TypeVar("Scalar", bound=np.generic)
Room = Callable[[tuple[int, ...]], Array]
"""Makes a float32 array of that shape, of any content; in memory that other processes can see, where it is meant for
them."""
DAY_SECONDS = 86_400.0
_PAGE = 1024
"""Of float32: columns that a page of memory holds, where it has the usual 4 KiB."""
SPARE = 100
"""Steps to spare at least: of minutes, what comes until the next refit."""
_OURS_TO_OTHERS = 8
"""Who goes on in a storage with some of its rows keeps the memory of all, and the others move: theirs is held twice. So
many are ours to one of theirs at least."""


def anywhere(shape: tuple[int, ...]) -> Array:
    """The room that there always is."""
    return np.empty(shape, np.float32)


@dataclass(frozen=True, eq=False)
class Storage:
    """Where a history lies, with columns to spare after its last: shared by those that grow from one another, as a log
    is. Whoever has seen all that was written may write the next column; who has not moves elsewhere."""

    columns: Array
    """Shape [n, t and some more]; of any content where nothing was written."""
    count: Ints
    """Shape [1]: columns that were written; one for all who see this memory in this process, and what comes back from
    another has one of its own. Below 0 it is not ours to write."""

    @classmethod
    def over(cls, columns: Array, filled: int) -> Storage:
        """Of which so many columns were written."""
        return cls(columns, np.array([filled]))

    @classmethod
    def foreign(cls, columns: Array) -> Storage:
        """To be read only."""
        return cls.over(columns, -1)

    @classmethod
    def laid(cls, room: Room, rows: int, steps: int) -> Storage:
        """For so many steps, which are to be written first, and `SPARE` more at least. Rows are whole pages: 20,160
        minutes lie in 20 of them, with 320 to spare. A tenth to spare lay across pages of the next row too, so that 60
        MiB of ten thousand services were there before anything was written."""
        return cls.over(room((rows, -(-(steps + SPARE) // _PAGE) * _PAGE)), steps)

    @property
    def filled(self) -> int:
        """Columns that were written."""
        return int(self.count[0])

    @property
    def written(self) -> Array:
        """Shape [n, t]."""
        return self.columns[:, : self.filled]

    def rows(self, some: slice) -> Storage:
        """Some rows. What is written behind them counts as written behind all."""
        return Storage(self.columns[some], self.count)

    def made_writable(self) -> bool:
        """Whether it could be: in a process that learns it is its parent's memory, and can only be read."""
        if self.columns.flags.writeable:  # what was unpickled is, and cannot be made so: it lies in the bytes that came
            return True
        try:
            self.columns.setflags(write=True)
        except ValueError:
            return False
        return True


@overload
def frozen(values: ArrayLike, dtype: type[float]) -> NDArray[np.float64]: ...
@overload
def frozen(values: ArrayLike, dtype: type[Scalar]) -> NDArray[Scalar]: ...
def frozen(values: ArrayLike, dtype: type) -> NDArray[np.generic]:
    """A read-only array: small frozen dataclasses share them without copies."""
    out: NDArray[np.generic] = np.array(values, dtype=dtype)
    out.setflags(write=False)
    return out


@dataclass(frozen=True, eq=False)
class Panel:
    """`values[i, j]` is the mean demand of series `keys[i]` over `[start + j*step, start + (j+1)*step)`.

    NaN means *not observed*; it never means zero. A step is complete once its end has passed, so the
    last column of a panel made at `now` ends at or before `now`.
    """

    start: float
    """Unix seconds at which the first step begins."""
    step: float
    """Seconds per step."""
    values: Floats
    """Shape [n, t], float32 or float64, read-only."""
    keys: tuple[str, ...]
    """Shape [n]; unique."""
    storage: Storage | None = None
    """That `values` are the first columns of: what is learned from the panel may go on in it."""

    @classmethod
    def stored(cls, start: float, step: float, storage: Storage, keys: tuple[str, ...]) -> Panel:
        """All that is written in a storage."""
        values = storage.written
        values.setflags(write=False)
        return cls(start, step, values, keys, storage)

    def __reduce__(self) -> tuple[Callable[..., Panel], tuple[object, ...]]:
        """What lies in a storage is sent once."""
        if self.storage is None:
            return Panel, (self.start, self.step, self.values, self.keys)
        storage = Storage.over(self.storage.columns, self.values.shape[1])
        return Panel.stored, (self.start, self.step, storage, self.keys)

    def lent(self) -> Panel:
        """The same, to learn from while another model, perhaps in another process, goes on in its storage."""
        return replace(self, storage=None)

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[0] != len(self.keys):
            raise ValueError(f"values must be [{len(self.keys)}, t], got {self.values.shape}")
        if not self.step > 0:
            raise ValueError(f"step must be positive seconds, got {self.step}")
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("keys must be unique")
        if self.storage is not None and not _begins(self.storage.columns, self.values):
            raise ValueError("values must be the first columns of the storage")

    @classmethod
    def of(cls, start: float, step: float, values: ArrayLike, keys: Sequence[str] = ("series",)) -> Panel:
        """A panel from anything array-like; one row may be given flat."""
        return cls(float(start), float(step), frozen(np.atleast_2d(np.asarray(values)), float), tuple(keys))

    @property
    def end(self) -> float:
        """Unix seconds at which the last step ends."""
        return float(self.start + self.step * self.values.shape[1])

    def times(self) -> Floats:
        """Unix seconds at which each step begins, shape [t]."""
        return self.start + self.step * np.arange(self.values.shape[1])

    def between(self, start: float, end: float) -> Panel:
        """The steps that lie wholly in `[start, end)`; both are cut to what is there."""
        first = max(0, int(np.ceil((start - self.start) / self.step - 1e-9)))
        last = min(self.values.shape[1], int(np.floor((end - self.start) / self.step + 1e-9)))
        last = max(first, last)
        return Panel(self.start + first * self.step, self.step, self.values[:, first:last], self.keys)

    def until(self, now: float) -> Panel:
        """What was complete at `now`."""
        return self.between(self.start, now)

    def select(self, keys: Sequence[str]) -> Panel:
        """The rows of `keys`, in that order; rows that follow one another are not copied. Raises KeyError for one that
        is absent."""
        if tuple(keys) == self.keys:
            return self
        index = {key: i for i, key in enumerate(self.keys)}
        rows = [index[key] for key in keys]
        first = rows[0] if rows else 0
        together = rows == list(range(first, first + len(rows)))
        if not together:
            return Panel(self.start, self.step, self.values[rows], tuple(keys))
        some, storage = slice(first, first + len(rows)), None
        if self.storage is not None and len(rows) >= _OURS_TO_OTHERS * (len(self.keys) - len(rows)):
            storage = self.storage.rows(some)
        return Panel(self.start, self.step, self.values[some], tuple(keys), storage)

    def copied(self, keys: Sequence[str], room: Room) -> Panel:
        """The rows of `keys`, in that order, as float32 in a storage of their own. Raises KeyError for one that is
        absent."""
        index = {key: i for i, key in enumerate(self.keys)}
        storage = Storage.laid(room, len(keys), self.values.shape[1])
        values = storage.written
        for row, key in enumerate(keys):
            values[row] = self.values[index[key]]
        return Panel.stored(self.start, self.step, storage, tuple(keys))

    def last_observed(self) -> Floats:
        """Unix seconds at which each row's newest observed step ends, shape [n]; -inf where none is."""
        seen = np.isfinite(self.values)
        back = seen[:, ::-1].argmax(axis=1)
        ends = self.end - back * self.step
        return np.where(seen.any(axis=1), ends, -np.inf)


def _begins(columns: Floats, values: Floats) -> bool:
    """Whether `values` are the first columns, in the same memory."""
    first, second = columns.__array_interface__, values.__array_interface__
    same = first["data"][0] == second["data"][0] and columns.strides == values.strides
    return same and len(columns) == len(values) and columns.shape[1] >= values.shape[1]


def beside(panels: Sequence[Panel]) -> Panel:
    """Panels of one step that end together as one: a fleet; NaN before a series begins. Keys must differ."""
    longest = max(panels, key=lambda panel: panel.values.shape[1])
    length = longest.values.shape[1]
    rows = [np.pad(p.values, ((0, 0), (length - p.values.shape[1], 0)), constant_values=np.nan) for p in panels]
    return Panel.of(longest.start, longest.step, np.concatenate(rows), [key for p in panels for key in p.keys])


def fleets(panels: Sequence[Panel]) -> list[Panel]:
    """Panels that end together on one grid side by side, so that one model learns from all of them."""
    groups: list[list[Panel]] = []
    for panel in panels:
        for group in groups:
            taken = {key for other in group for key in other.keys}
            if (group[0].step, group[0].end) == (panel.step, panel.end) and taken.isdisjoint(panel.keys):
                group.append(panel)
                break
        else:
            groups.append([panel])
    return [beside(group) for group in groups]
