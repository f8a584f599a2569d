"""Predictions whose truth is not known yet, beside the calibration that will learn from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.calibration import Calibration, pace_of, rate_of
from forecasting.history import History
from forecasting.levels import TRACKED_LEVELS
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints
from forecasting.windows import Window, tracked

COVERAGE_DAYS = 3
"""For about so long realised coverage remembers."""

Said = tuple[int, Array]
"""The origin (as a column of the history) and the quantiles [n, q] said there, unsorted, in demand."""


@dataclass(frozen=True, eq=False)
class PendingPredictions:
    """What was predicted of a few windows, each settled once its window has passed."""

    windows: tuple[Window, ...]
    calibration: Calibration
    waiting: tuple[tuple[Said, ...], ...]
    """Of each window, oldest first."""

    @classmethod
    def of(cls, windows: Sequence[Window], calibration: Calibration) -> PendingPredictions:
        """With nothing waiting."""
        return cls(tuple(windows), calibration, ((),) * len(windows))

    @classmethod
    def fresh(cls, rows: int, step: float) -> PendingPredictions:
        """Of the tracked windows, with nothing waiting and nothing learned."""
        windows, memory = tracked(step), COVERAGE_DAYS * DAY_SECONDS / step
        return cls.of(windows, Calibration.fresh(rows, len(windows), TRACKED_LEVELS, rate_of(step), memory))

    def due(self, history: History, before: History | None = None) -> list[int]:
        """Which windows had a turn at the end of `history`, or since that of `before`, from which it grew: who takes
        two steps at a time would never meet the turns that lie between. See `last_turn`."""
        end = np.array([history.length])
        since = history.length - 1 if before is None else round((before.end - history.start) / history.step)
        return [k for k in range(len(self.windows)) if self.last_turn(k, history, end)[0] > since]

    def last_turn(self, k: int, history: History, origins: Ints) -> Ints:
        """The last origins, not after `origins`, at which something of window `k` is put down and what has come true
        is settled. Each has turns of its own, lest all that is far have theirs in the same tick."""
        ticks = np.floor(history.start / history.step + 1e-6).astype(np.intp) + origins
        return np.asarray(origins - (ticks - k) % self.windows[k].every)

    def said(self, origin: int, quantiles: Mapping[int, Array]) -> PendingPredictions:
        """With what was said at `origin` put down, [n, q] by the index of the window; copies, as each waits for a time
        of its own: a view holds what was said of all windows, until the farthest has come true."""
        new = {k: ((origin, said.copy()),) for k, said in quantiles.items()}
        return replace(self, waiting=tuple(ours + new.get(k, ()) for k, ours in enumerate(self.waiting)))

    def at(self, origin: int) -> Mapping[Window, Array]:
        """What was said at this origin, [n, q] by the window."""
        newest = {window: ours[-1] for window, ours in zip(self.windows, self.waiting, strict=True) if ours}
        return {window: quantiles for window, (index, quantiles) in newest.items() if index == origin}

    def settled(self, before: History, after: History) -> PendingPredictions:
        """With everything settled whose window lies within `after`, which grew from `before`, at its last turn."""
        moved = round((after.start - before.start) / before.step)
        turns, waiting = [], []
        for k, (window, said_before) in enumerate(zip(self.windows, self.waiting, strict=True)):
            still: list[Said] = []
            pace = pace_of(window, after.step, window.every)
            known = int(self.last_turn(k, after, np.array([after.length]))[0])
            for index, said in said_before:
                first = index - moved + window.lead
                if first + window.width > known:
                    still.append((index - moved, said))
                elif first >= 0:
                    came = after.values[:, first : first + window.width].max(axis=1)
                    turns.append((k, said, came, pace))
            waiting.append(tuple(still))
        return PendingPredictions(self.windows, self.calibration.settle_all(turns), tuple(waiting))

    def offsets(self, window: Window, offsets: Array | None = None) -> Array:
        """The offsets [n, ..., q] of any window: linear in log width, or in log lead, between ours.

        `offsets` [n, windows, ...] are the present ones unless given.
        """
        offsets = self.calibration.offsets if offsets is None else offsets
        left, right, share = self.beside(window)
        return (1 - share) * offsets[:, left] + share * offsets[:, right]

    def beside(self, window: Window) -> tuple[int, int, float]:
        """Which of ours a window lies between, as indices, and how far it is on the way to the second, 0 to 1."""
        kind = [
            (np.log1p(w.lead) if window.lead else np.log(w.width), k)
            for k, w in enumerate(self.windows)
            if (w.width == 1 if window.lead else w.lead == 0)
        ]
        places = np.array([place for place, _ in kind])
        want = np.log1p(window.lead) if window.lead else np.log(window.width)
        right = int(np.clip(np.searchsorted(places, want), 1, max(1, len(places) - 1)))
        left = right - 1
        right = min(right, len(places) - 1)
        gap = places[right] - places[left]
        share = float(np.clip((want - places[left]) / gap, 0, 1)) if gap > 0 else 0.0
        return kind[left][1], kind[right][1], share

    def coverage(self) -> Array:
        """Realised coverage [n, w, q] of the windows from the origin (not the single steps), in their order."""
        chosen = [k for k, window in enumerate(self.windows) if window.lead == 0]
        return self.calibration.coverage()[:, chosen]

    def seconds(self, step: float) -> Floats:
        """Lengths [w] of the windows of `coverage`."""
        return np.array([window.width * step for window in self.windows if window.lead == 0])
