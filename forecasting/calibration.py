"""Keeping promises: online conformal calibration of quantiles.

Every prediction is settled once its window has passed. If demand exceeded the predicted quantile of level
`q` the offset of that quantile rises by `rate * q`, otherwise it falls by `rate * (1 - q)` (quantile
tracking: Gibbs and Candes 2021; Angelopoulos, Candes and Tibshirani 2023). So the offset stands still
exactly when misses are as frequent as promised, whatever the world does.

What is promised: over any long stretch the share of windows that stay under the quantile tends to `q`, for
each service, window and level by itself, because an offset that misses too often keeps rising. What is not
promised: coverage in every hour, or given that a burst is under way.

Worked numbers: at level 0.9 and rate 0.01, a model that covers 0.8 of the time rises on average by
0.01 * (0.2 - 0.1) = 0.001 tail widths a step: 1.4 tail widths in a day of minutes, which is where it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.panel import DAY_SECONDS, Array, Floats
from forecasting.tail import Calibrated, calibrated
from forecasting.windows import Window

_HOUR_SECONDS = 3600.0
_DAILY = 2.0
"""How many tail widths an offset an hour ahead moves in a day of misses."""


def rate_of(step: float) -> float:
    """How fast offsets move on a grid of `step` seconds: slower per step the more steps there are in a day."""
    return 0.01 * float(np.sqrt(step / 60))


@dataclass(frozen=True, eq=False)
class _Moves:
    """By how much an offset moves at each level [q], in tail widths."""

    hit: Array
    """Where what came stayed under the quantile."""
    miss: Array

    @classmethod
    def of(cls, rate: float, levels: Array) -> _Moves:
        """Beyond 0.99 so much faster that a hit lowers all offsets there as fast as that of 0.99: at one rate for all
        that of 0.999 falls by a hundredth of a tail width a day, and what is too wide stays so."""
        rates = np.asarray(rate * 0.01 / np.minimum(1 - levels, 0.01), dtype=np.float32)
        return cls(rates * (0 - (1 - levels)), rates * (1 - (1 - levels)))


def pace_of(window: Window, step: float, every: int) -> float:
    """What multiplies the rate of a window that is settled once in `every` steps.

    Errors far ahead last: who is wrong about tomorrow noon at ten is so at eleven. Offsets that move as fast as those
    of the next minutes chase them, a lead too late: a day ahead that made the loss half as large again. So in a day of
    misses they move by 2 tail widths an hour ahead, by 0.4 a day ahead: with one over the root of the lead.
    """
    if not window.lead:
        return min(4.0, float(np.sqrt(every)))
    daily = _DAILY * float(np.sqrt(_HOUR_SECONDS / (window.lead * step)))
    return min(float(np.sqrt(every)), daily * every * step / DAY_SECONDS / rate_of(step))


@dataclass(frozen=True, eq=False)
class Calibration:
    """Offsets and realised coverage per service [n], window [w] and level [q]."""

    levels: Array
    rate: float
    offsets: Array
    """[n, w, q] in tail widths: what is added to a quantile is `offset * tail_width` (tail.py)."""
    settled: Array
    """[n, w]: how many predictions count in `covered`; fades with `memory`."""
    covered: Array
    """[n, w, q]: how many of those stayed under the quantile."""
    memory: float
    """How many settled predictions the realised coverage remembers."""

    @classmethod
    def fresh(cls, rows: int, windows: int, levels: Floats, rate: float, memory: float) -> Calibration:
        """No offsets, nothing settled."""
        shape = (rows, windows, len(levels))
        zeros = np.zeros(shape, dtype=np.float32)
        return cls(np.asarray(levels, np.float32), rate, zeros, zeros[..., 0], zeros, memory)

    def settle(self, window: int, said: Array, actual: Array, pace: float = 1.0) -> Calibration:
        """After the truth: `said` [n, q] is what was said, unsorted, `actual` [n] what came (NaN: not known).

        `pace` multiplies the rate, for predictions that are settled less often than every step.
        """
        return self.settle_all([(window, said, actual, pace)])

    def settle_all(self, turns: Iterable[tuple[int, Array, Array, float]]) -> Calibration:
        """As after one `settle` with each; copied once, which of ten thousand services is 10 MB."""
        after = self._copied()
        for window, said, actual, pace in turns:
            after._settle(window, said, actual, _Moves.of(self.rate * pace, self.levels))
        return after

    def _copied(self) -> Calibration:
        return replace(self, offsets=self.offsets.copy(), settled=self.settled.copy(), covered=self.covered.copy())

    def _settle(self, window: int, said: Array, actual: Array, moves: _Moves) -> None:
        """As `settle`, in place: a walk does it ten thousand times."""
        known = np.isfinite(actual)
        some = slice(None) if known.all() else known  # all, nearly always, and without copies
        inside = actual[some, None] <= said[some]
        offsets, settled, covered = (each[:, window] for each in (self.offsets, self.settled, self.covered))
        fade = np.float32(1 - 1 / self.memory)
        offsets[some] = np.clip(offsets[some] + np.where(inside, moves.hit, moves.miss), -5, 5)
        settled[some] = settled[some] * fade + 1
        covered[some] = covered[some] * fade + inside

    @classmethod
    def joined(cls, parts: Sequence[Calibration]) -> Calibration:
        """What was learned of one window after another, of the same rows, as one."""
        offsets = np.concatenate([each.offsets for each in parts], axis=1)
        settled = np.concatenate([each.settled for each in parts], axis=1)
        covered = np.concatenate([each.covered for each in parts], axis=1)
        return replace(parts[0], offsets=offsets, settled=settled, covered=covered)

    def rows(self, some: slice) -> Calibration:
        """Of some services only."""
        return replace(self, offsets=self.offsets[some], settled=self.settled[some], covered=self.covered[some])

    def coverage(self) -> Array:
        """Realised coverage [n, w, q]; NaN where nothing has been settled."""
        counts = np.where(self.settled > 0, self.settled, np.nan)[..., None]
        return (self.covered / counts).astype(np.float32)


def walk(
    calibration: Calibration,
    window: int,
    quantiles: Array,
    truth: Array,
    delay: int,
    pace: float = 1.0,
    say: Calibrated = calibrated,
) -> tuple[Array, Calibration]:
    """Say and settle at many origins in turn, as a service does tick by tick.

    `quantiles` [n, o, q] are a model's, `truth` [n, o] what came; the truth of an origin is known `delay`
    origins later; `say` is how offsets are applied. Returns the offsets in force at each origin [n, o, q] and the
    calibration afterwards.
    """
    n, origins = truth.shape
    said = np.empty((n, origins, len(calibration.levels)), dtype=np.float32)
    trail = np.empty_like(said)
    after, moves = calibration._copied(), _Moves.of(calibration.rate * pace, calibration.levels)
    for i in range(origins + delay):
        if i >= delay:
            after._settle(window, said[:, i - delay], truth[:, i - delay], moves)
        if i < origins:
            trail[:, i] = after.offsets[:, window]
            said[:, i] = say(quantiles[:, i], trail[:, i], calibration.levels)
    return trail, after
