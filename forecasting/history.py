"""What a fitted model remembers: a cleaned matrix that only ever grows at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import DAY_SECONDS, SPARE, Floats, Panel, Storage

_ROWS = 64
"""Rows handled at a time, so that temporary arrays stay small: each takes 10 MiB for a fortnight of minutes."""
_BELIEVABLE = 1000.0
_AGREE_SECONDS = 180.0
"""A demand that so many seconds of steps reached is no slip of one of them."""


def caps(values: Floats, step: float) -> Floats:
    """The largest believable demand of each row, [n]: 1000 x the median of its hours' peaks.

    A unit error or a broken exporter writes 1e12 where 50 is usual; a real burst in the traces we know is
    at most 200 x the usual hour. Rows that are mostly zero use their non-zero hours. A row without any
    demand believes everything up to 1e30.
    """
    n, t = values.shape
    width = min(max(1, round(3600 / step)), max(1, t))
    hours = t // width
    out = np.full(n, 1e30)
    for first in range(0, n if hours else 0, _ROWS):
        rows = slice(first, first + _ROWS)
        part = np.asarray(values[rows, t - hours * width :])
        part = np.where(np.isfinite(part) & (part > 0), part, 0.0).reshape(-1, hours, width).max(axis=2)
        part = np.sort(np.minimum(part, 1e30), axis=1)
        busy = (part > 0).sum(axis=1)
        middle = part[np.arange(len(part)), hours - 1 - busy // 2]
        out[rows] = np.where(busy > 0, _BELIEVABLE * middle, 1e30)
    return np.asarray(np.minimum(out, 1e30))


def clean(values: Floats, cap: Floats) -> NDArray[np.float32]:
    """Negative and non-finite values become NaN (not observed); what exceeds `cap` [n] is cut to it."""
    values = np.asarray(values)
    with np.errstate(invalid="ignore", over="ignore"):
        kept = np.where(np.isfinite(values) & (values >= 0), values, np.nan)
        return np.asarray(np.minimum(kept, cap[:, None]), dtype=np.float32)


def _highest(values: Floats, count: int) -> Floats:
    """The `count` largest observed values of each row, in no order; -inf where there are fewer."""
    seen = np.where(np.isfinite(values), values, -np.inf)
    if seen.shape[1] > count:
        return np.asarray(np.partition(seen, -count, axis=1)[:, -count:])
    return np.pad(seen, ((0, 0), (count - seen.shape[1], 0)), constant_values=-np.inf)


def _spare(steps: int) -> int:
    """Columns for what comes in a storage of our own of so many steps: a tenth, so that it moves rarely."""
    return max(16, steps // 10)


def _copied(part: Floats, cap: Floats) -> Storage:
    """The values of a panel [n, t] cleaned, with room for what comes."""
    columns = np.empty((len(part), part.shape[1] + _spare(part.shape[1])), np.float32)
    storage = Storage.over(columns, part.shape[1])
    for row in range(0, len(part), _ROWS):
        rows = slice(row, row + _ROWS)
        storage.written[rows] = clean(part[rows], cap[rows])
    return storage


def _borrowed(part: Floats, storage: Storage | None, cap: Floats) -> Storage | None:
    """The values of a panel [n, t] as they are, if they are clean, float32 and nobody may change them; else None. So a
    fleet's fortnight is not held twice: what comes is written behind it where it lies in a storage, else the first tick
    moves it to one with room."""
    if part.dtype != np.float32 or part.flags.writeable:
        return None
    blocks = (slice(row, row + _ROWS) for row in range(0, len(part), _ROWS))
    if not all(np.array_equal(part[rows], clean(part[rows], cap[rows]), equal_nan=True) for rows in blocks):
        return None
    return storage or Storage.foreign(np.asarray(part, np.float32))


@dataclass(frozen=True, eq=False)
class History:
    """Cleaned values [n, t] float32 of `keys` up to `end`. `extended` shares the storage, as a log does."""

    start: float
    step: float
    keys: tuple[str, ...]
    cap: Floats
    length: int
    memory: int
    """About so many steps are kept: a tenth more or less, or `SPARE` more, as storage moves seldom."""
    _storage: Storage
    _known: int
    """Columns, from the first on, that `_top` tells of."""
    _top: Floats
    """Their largest values: what they say of `largest`."""

    @classmethod
    def of(cls, panel: Panel, memory_steps: int) -> History:
        """The newest `memory_steps` of a panel, without the days before anything was observed: while a fortnight is
        still being read, its first hours are learned from in half of the time. It grows to about as many steps as the
        panel has."""
        t = panel.values.shape[1]
        memory = min(t, memory_steps)
        first = t - memory
        first += _unknown_days(panel.values[:, first:], panel.step)
        part = panel.values[:, first:]
        cap = caps(part, panel.step)
        length = part.shape[1]
        storage = panel.storage if first == 0 else None  # what is a day of a fortnight does not keep its memory
        storage = _borrowed(part, storage, cap) or _copied(part, cap)
        agree = max(1, round(_AGREE_SECONDS / panel.step))
        top = np.empty((len(part), agree), dtype=np.float32)
        for row in range(0, len(part), _ROWS):
            top[row : row + _ROWS] = _highest(storage.columns[row : row + _ROWS, :length], agree)
        start = panel.start + first * panel.step
        return cls(start, panel.step, panel.keys, cap, length, memory, storage, length, top)

    @property
    def values(self) -> NDArray[np.float32]:
        return self._storage.columns[:, : self.length]

    @property
    def end(self) -> float:
        return self.start + self.step * self.length

    @property
    def largest(self) -> Floats:
        """The largest demand of each row that is no slip of one minute, [n]: what three minutes reached (or one coarser
        step); 0 where that cannot be said yet."""
        return np.asarray(np.maximum(self._top_until(self.length).min(axis=1), 0.0), dtype=float)

    def _top_until(self, column: int) -> Floats:
        """`_top`, and what lies between what that knows and `column`."""
        count = self._top.shape[1]
        late = _highest(self.values[:, self._known : column], count)
        return _highest(np.concatenate([self._top, late], axis=1), count)

    def extended(self, panel: Panel) -> History:
        """With the steps of `panel` that are newer than `end`; rows it lacks count as not observed."""
        offset = (panel.start - self.end) / self.step
        if panel.step != self.step or abs(offset - round(offset)) > 1e-6:
            raise ValueError(
                f"the panel's grid (start {panel.start}, step {panel.step}) does not fit "
                f"the history's (end {self.end}, step {self.step})"
            )
        skip = max(0, -round(offset))
        gap = max(0, round(offset))
        new = panel.values.shape[1] - skip
        if new <= 0:
            return self
        total = gap + new
        history = self if self._has_room(total) else self._moved(total)
        columns = history._storage.columns
        at = history.length + gap
        columns[:, history.length : at + new] = np.nan
        if panel.keys == self.keys:
            columns[:, at : at + new] = clean(panel.values[:, skip:], self.cap)
        else:
            known = {key: i for i, key in enumerate(panel.keys)}
            pairs = [(i, known[key]) for i, key in enumerate(self.keys) if key in known]
            mine, theirs = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
            columns[mine, at : at + new] = clean(panel.values[theirs, skip:], self.cap[mine])
        history._storage.count[0] = at + new
        return replace(history, length=at + new)

    def rows(self, some: slice) -> History:
        """Of some rows only; for reading, as the storage stays that of all."""
        part = Storage.foreign(self._storage.columns[some])
        return replace(self, keys=self.keys[some], cap=self.cap[some], _storage=part, _top=self._top[some])

    def cut(self, length: int) -> History:
        """As it was when it had so many steps."""
        if length >= self._known:
            return replace(self, length=length)
        return replace(self, length=length, _known=0, _top=np.full_like(self._top, -np.inf))

    def _has_room(self, steps: int) -> bool:
        """Whether the storage may be written after `length`: it is ours, it fits, and it is not too long."""
        most = min(self._storage.columns.shape[1], self.memory + max(SPARE, _spare(self.memory)))
        return self._may_go_on() and self.length + steps <= most

    def _may_go_on(self) -> bool:
        """Whether nobody else has gone on from here in our storage, and it is ours to write."""
        return self._storage.filled == self.length and self._storage.made_writable()

    def _moved(self, steps: int) -> History:
        """The same in new storage with room for `steps` more; what is full of as many as are kept loses its oldest."""
        room = _spare(self.length)
        full = self._may_go_on() and self.length + steps > self.memory
        keep = max(1, self.length - room) if full else self.length
        columns = np.empty((len(self.keys), keep + steps + room), np.float32)
        columns[:, :keep] = self.values[:, self.length - keep :]
        start = self.start + (self.length - keep) * self.step
        gone = self.length - keep
        top, known = (self._top_until(gone), 0) if gone > self._known else (self._top, self._known - gone)
        return replace(self, start=start, length=keep, _storage=Storage.over(columns, keep), _known=known, _top=top)


def _unknown_days(values: Floats, step: float) -> int:
    """The steps of the first whole days, counted from the end of `values` [n, t], in which nothing was observed of any
    row. None where nothing was observed at all."""
    n, t = values.shape
    first = t
    for row in range(0, n, _ROWS):
        seen = np.isfinite(values[row : row + _ROWS, :first]).any(axis=0)
        first = int(np.argmax(seen)) if seen.any() else first
    day = max(1, round(DAY_SECONDS / step))
    return max(0, t - -(-(t - first) // day) * day) if first < t else 0
