"""Means and maxima over stretches of a history, for many origins at once or for the newest one.

Both classes answer the same questions with the same numbers. `PrefixSums` prepares running sums and maxima
and suits thousands of origins; `LatestOrigin` reads slices and suits one. A stretch is `[at + first, at + last)`
steps around each origin `at`; what lies before the history, or was not observed, is left out; a stretch
with nothing observed is NaN.
"""

from __future__ import annotations

from copy import copy
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import Array, Floats, Ints

Number = TypeVar("Number", np.float32, np.float64, np.int32)


class WindowStats(Protocol):
    """Statistics of stretches of steps around each origin, shape [n, o]."""

    @property
    def origins(self) -> int | Ints:
        """The column of the one origin, or of each of several [o]."""
        ...

    def back(self, steps: int | Ints) -> WindowStats:
        """The same history seen from so many steps before each origin."""
        ...

    def complete(self, first: int, last: int) -> NDArray[np.bool_]: ...
    def mean(self, first: int, last: int) -> Array: ...
    def roughness(self, first: int, last: int) -> Array: ...
    def max(self, first: int, last: int) -> Array: ...
    def max_each(self, first: Ints, width: int) -> Array: ...


def window_max(filled: Floats, width: int) -> Floats:
    """`out[:, j] = max(filled[:, j : j + width])` by doubling; shape [n, t - width + 1]; NaN is left out."""
    out: Floats = filled
    have = 1
    while have < width:
        shift = min(have, width - have)
        out = np.fmax(out[:, : out.shape[1] - shift], out[:, shift:])
        have += shift
    return out


class PrefixSums:
    """A `WindowStats` over `values` [n, t] at `origins` [o] (each 0..t): running sums and maxima.

    Where all rows were observed at the same steps, they are counted once: counts have one row then.
    """

    def __init__(self, values: Floats, origins: Ints) -> None:
        self.origins = origins
        self.length = values.shape[1]
        seen = np.isfinite(values)
        self._filled = np.where(seen, values, -np.inf).astype(np.float32)
        zero = np.where(seen, values, 0).astype(np.float32)
        self._sums = _running(zero, np.float64)
        alike = seen[:1] if (seen == seen[:1]).all() else seen  # what was not scraped is missing in all, nearly always
        self._counts = _running(alike, np.int32)
        both = alike[:, 1:] & alike[:, :-1]
        change = np.abs(zero[:, 1:] - zero[:, :-1])
        change[~np.broadcast_to(both, change.shape)] = 0
        self._change_sums = _running(change, np.float64)
        self._change_counts = _running(both, np.int32)
        edge = np.full((len(values), 1), -np.inf, dtype=np.float32)
        self._maxima: dict[int, Floats] = {0: np.concatenate([edge, self._filled, edge], axis=1)}
        """By power of two: column `s + 2**k` has the largest of the 2**k steps from `s` on, as far as there are any."""

    def around(self, origins: Ints) -> PrefixSums:
        """The same history seen from other origins, without preparing it again."""
        other = copy(self)
        other.origins = origins
        return other

    def back(self, steps: int | Ints) -> PrefixSums:
        return self.around(self.origins - steps)

    def complete(self, first: int, last: int) -> NDArray[np.bool_]:
        """Whether every step of the stretch lies within the history and was observed."""
        a, b = self.origins + first, self.origins + last
        inside = (a >= 0) & (b <= self.length)
        count = _columns(self._counts, b) - _columns(self._counts, a)
        known = inside[None, :] & (count == last - first)
        return np.broadcast_to(known, (len(self._sums), known.shape[1]))

    def _ratio(self, sums: Floats, counts: NDArray[np.int32], first: int, last: int) -> Array:
        a, b = self.origins + first, self.origins + last
        count = _columns(counts, b) - _columns(counts, a)
        total = np.maximum(_columns(sums, b) - _columns(sums, a), 0.0)
        if count.all():  # nearly always
            return np.asarray(total / count, dtype=np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 0, total / count, np.nan).astype(np.float32)

    def mean(self, first: int, last: int) -> Array:
        """Mean of the observed steps of the stretch."""
        return self._ratio(self._sums, self._counts, first, last)

    def roughness(self, first: int, last: int) -> Array:
        """Mean absolute change from one observed step to the next, within the stretch."""
        return self._ratio(self._change_sums, self._change_counts, first, last - 1)

    def max(self, first: int, last: int) -> Array:
        """Largest observed step of the stretch."""
        maxima, size = self._of_at_most(last - first)
        return _largest(*(_columns(maxima, self.origins + at) for at in (first + size, last)))

    def max_each(self, first: Ints, width: int) -> Array:
        """As `max` of `[at + first[i], at + first[i] + width)`: each row has its own stretch."""
        maxima, size = self._of_at_most(width)
        begins = self.origins[None] + first[:, None]
        ends = (np.clip(begins + at, 0, maxima.shape[1] - 1) for at in (size, width))
        return _largest(*(np.take_along_axis(maxima, each, axis=1) for each in ends))

    def _of_at_most(self, width: int) -> tuple[Floats, int]:
        """The maxima of the largest power of two steps that is not above `width`, and that: two such stretches, one
        from its begin and one to its end, cover a stretch of `width` (a sparse table; Bender and Farach-Colton 2000).
        """
        assert width > 0
        power = width.bit_length() - 1
        return self._of(power), 2**power

    def _of(self, power: int) -> Floats:
        if power not in self._maxima:
            last, half, whole = self._of(power - 1), 2 ** (power - 1), self.length + 1
            out = np.empty((len(last), whole + 2 * half), dtype=np.float32)
            out[:, :half] = last[:, :half]
            np.maximum(last[:, half:], last[:, :whole], out=out[:, half : half + whole])
            out[:, half + whole :] = last[:, whole:]
            self._maxima[power] = out
        return self._maxima[power]


def _columns(values: NDArray[Number], at: Ints) -> NDArray[Number]:
    """Columns [n, o] of `values` [n, t], the first or the last for what lies outside. `take` clips in passing: a third
    of what `values[:, np.clip(at, ...)]` takes, of which a rehearsal does some hundred thousand."""
    return values.take(at, axis=1, mode="clip")


def _largest(one: Floats, other: Floats) -> Array:
    """Of both; NaN where nothing was observed in either."""
    out = np.maximum(one, other)
    return np.where(np.isfinite(out), out, np.float32(np.nan))


def _running(values: NDArray[np.generic], dtype: type[Number]) -> NDArray[Number]:
    """Sums [n, t + 1] of the first columns, from none of them on."""
    out = np.zeros((values.shape[0], values.shape[1] + 1), dtype=dtype)
    np.cumsum(values, axis=1, dtype=dtype, out=out[:, 1:])
    return out


class LatestOrigin:
    """A `WindowStats` over `values` [n, t] at the one origin `t`: slices, each looked at once."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self.origins = values.shape[1]
        self._means: dict[tuple[int, int], Array] = {}
        self._maxima: dict[tuple[int, int], Floats] = {}

    def back(self, steps: int | Ints) -> LatestOrigin:
        other = copy(self)  # what was found once serves both
        other.origins = self.origins - int(steps)
        return other

    def _slice(self, first: int, last: int) -> Floats:
        return self.values[:, max(0, self.origins + first) : max(0, self.origins + last)]

    def complete(self, first: int, last: int) -> NDArray[np.bool_]:
        """Whether every step of the stretch lies within the history and was observed."""
        part = self._slice(first, last)
        return np.asarray((np.isfinite(part).sum(axis=1) == last - first)[:, None])

    def mean(self, first: int, last: int) -> Array:
        """Mean of the observed steps of the stretch."""
        if last - first == 1:
            return self.max(first, last)
        key = self.origins + first, self.origins + last
        if key not in self._means:
            self._means[key] = _mean(self._slice(first, last))
        return self._means[key]

    def roughness(self, first: int, last: int) -> Array:
        """Mean absolute change from one observed step to the next, within the stretch."""
        part = self._slice(first, last)
        return _mean(np.abs(part[:, 1:] - part[:, :-1]))

    def max(self, first: int, last: int) -> Array:
        """Largest observed step of the stretch. Neighbouring stretches of one width are found together."""
        width = last - first
        at = self.origins + first
        if width > _BLOCK or at < 0 or self.origins + last > self.values.shape[1]:
            part = self._slice(first, last)
            if part.shape[1] == 0:
                return np.full((len(part), 1), np.nan, dtype=np.float32)
            return np.asarray(np.fmax.reduce(part, axis=1), dtype=np.float32)[:, None]
        if width == 1:
            return np.asarray(self.values[:, at : at + 1], dtype=np.float32)
        key = (width, at // _BLOCK)
        if key not in self._maxima:
            block = at // _BLOCK * _BLOCK
            self._maxima[key] = window_max(self.values[:, block : block + _BLOCK + width - 1], width)
        column = at % _BLOCK
        return np.asarray(self._maxima[key][:, column : column + 1], dtype=np.float32)

    def max_each(self, first: Ints, width: int) -> Array:
        """As `max` of `[at + first[i], at + first[i] + width)`: each row has its own stretch."""
        if not self.values.shape[1]:
            return np.full((len(self.values), 1), np.nan, dtype=np.float32)
        end = self.values.shape[1]
        at = self.origins + first[:, None] + np.arange(width)
        inside = (at >= 0) & (at < end)
        part = np.take_along_axis(self.values, np.clip(at, 0, end - 1), axis=1)
        best = np.fmax.reduce(np.where(inside, part, np.nan), axis=1)
        return np.asarray(best, dtype=np.float32)[:, None]


_BLOCK = 16
"""Columns that are looked at together: what is found stays with an origin, 3 MiB of a thousand rows."""


def _mean(part: Floats) -> Array:
    """Mean over the observed of each row, [n, 1]; rows without gaps, nearly all, take the quick way."""
    width = max(1, part.shape[1])
    total = part.sum(axis=1)
    gaps = np.flatnonzero(~np.isfinite(total))
    out = np.asarray(total / width if part.shape[1] else np.full(len(part), np.nan), dtype=np.float32)
    if len(gaps):
        some = part[gaps]
        seen = np.isfinite(some)
        count = seen.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            out[gaps] = np.sum(some, axis=1, dtype=np.float64, where=seen) / np.where(count > 0, count, np.nan)
    return out[:, None]
