"""What a fitted model remembers: a cleaned matrix that only ever grows at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Floats, Panel

_ROWS = 512
"""Rows handled at a time, so that temporary arrays stay small beside a fleet of 800 MB."""
_BELIEVABLE = 1000.0


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


@dataclass(eq=False)
class _Buffer:
    """Storage with room at its end, shared by the histories that grow from one another."""

    columns: NDArray[np.float32]
    filled: int


@dataclass(frozen=True, eq=False)
class History:
    """Cleaned values [n, t] float32 of `keys` up to `end`. `extended` shares the storage, as a log does."""

    start: float
    step: float
    keys: tuple[str, ...]
    cap: Floats
    length: int
    _buffer: _Buffer

    @classmethod
    def of(cls, panel: Panel, memory_steps: int) -> History:
        """The newest `memory_steps` of a panel."""
        t = panel.values.shape[1]
        first = max(0, t - memory_steps)
        part = panel.values[:, first:]
        cap = caps(part, panel.step)
        room = _room(part.shape[1])
        columns = np.full((len(part), part.shape[1] + room), np.nan, dtype=np.float32)
        for row in range(0, len(part), _ROWS):
            rows = slice(row, row + _ROWS)
            columns[rows, : part.shape[1]] = clean(part[rows], cap[rows])
        start = panel.start + first * panel.step
        return cls(start, panel.step, panel.keys, cap, part.shape[1], _Buffer(columns, part.shape[1]))

    @property
    def values(self) -> NDArray[np.float32]:
        return self._buffer.columns[:, : self.length]

    @property
    def end(self) -> float:
        return self.start + self.step * self.length

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
        columns = history._buffer.columns
        at = history.length + gap
        columns[:, history.length : at + new] = np.nan
        if panel.keys == self.keys:
            columns[:, at : at + new] = clean(panel.values[:, skip:], self.cap)
        else:
            known = {key: i for i, key in enumerate(panel.keys)}
            pairs = [(i, known[key]) for i, key in enumerate(self.keys) if key in known]
            mine, theirs = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
            columns[mine, at : at + new] = clean(panel.values[theirs, skip:], self.cap[mine])
        history._buffer.filled = at + new
        return History(history.start, self.step, self.keys, self.cap, at + new, history._buffer)

    def cut(self, length: int) -> History:
        """As it was when it had so many steps."""
        return replace(self, length=length)

    def _has_room(self, steps: int) -> bool:
        """Whether the storage may be written after `length`: nobody else has, and it fits."""
        buffer = self._buffer
        return buffer.filled == self.length and self.length + steps <= buffer.columns.shape[1]

    def _moved(self, steps: int) -> History:
        """The same in new storage with room for `steps` more, without the oldest as many."""
        room = _room(self.length)
        keep = max(1, min(self.length, self.length - room)) if self._buffer.filled == self.length else self.length
        columns = np.full((len(self.keys), keep + steps + room), np.nan, dtype=np.float32)
        columns[:, :keep] = self.values[:, self.length - keep :]
        start = self.start + (self.length - keep) * self.step
        return History(start, self.step, self.keys, self.cap, keep, _Buffer(columns, keep))


def _room(length: int) -> int:
    """Spare columns: a tenth, so that storage moves rarely and costs little."""
    return max(16, length // 10)
