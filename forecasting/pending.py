"""What was said and is not settled yet, beside the calibration that will learn from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.calibration import Calibration
from forecasting.fleet.features import Target
from forecasting.history import History
from forecasting.panel import Array, Floats

Said = tuple[int, Array]
"""The origin (as a column of the history) and the quantiles [n, q] said there, unsorted, in demand."""


@dataclass(frozen=True, eq=False)
class Ledger:
    """Predictions of a few targets, each settled once its window has passed."""

    targets: tuple[Target, ...]
    calibration: Calibration
    waiting: tuple[tuple[Said, ...], ...]

    @classmethod
    def opened(cls, targets: Sequence[Target], calibration: Calibration) -> Ledger:
        """With nothing waiting."""
        return cls(tuple(targets), calibration, ((),) * len(targets))

    def said(self, origin: int, quantiles: Sequence[Array]) -> Ledger:
        """With what was said at `origin` put down, one [n, q] per target."""
        waiting = tuple((*w, (origin, q)) for w, q in zip(self.waiting, quantiles, strict=True))
        return replace(self, waiting=waiting)

    def settled(self, before: History, after: History) -> Ledger:
        """With everything settled whose window lies within `after`, which grew from `before`."""
        moved = round((after.start - before.start) / before.step)
        calibration, waiting = self.calibration, []
        for k, (target, said_before) in enumerate(zip(self.targets, self.waiting, strict=True)):
            still: list[Said] = []
            for index, said in said_before:
                first = index - moved + target.lead
                if first + target.width > after.length:
                    still.append((index - moved, said))
                elif first >= 0:
                    came = after.values[:, first : first + target.width].max(axis=1)
                    calibration = calibration.settle(k, said, came)
            waiting.append(tuple(still))
        return Ledger(self.targets, calibration, tuple(waiting))

    def offsets(self, target: Target, offsets: Array | None = None) -> Array:
        """The offsets [n, ..., q] of any target: linear in log width, or in log lead, between ours.

        `offsets` [n, targets, ...] are the present ones unless given.
        """
        offsets = self.calibration.offsets if offsets is None else offsets
        left, right, share = self.beside(target)
        return (1 - share) * offsets[:, left] + share * offsets[:, right]

    def beside(self, target: Target) -> tuple[int, int, float]:
        """Which of ours a target lies between, as indices, and how far it is on the way to the second, 0 to 1."""
        kind = [
            (np.log1p(t.lead) if target.lead else np.log(t.width), k)
            for k, t in enumerate(self.targets)
            if (t.width == 1 if target.lead else t.lead == 0)
        ]
        places = np.array([place for place, _ in kind])
        want = np.log1p(target.lead) if target.lead else np.log(target.width)
        right = int(np.clip(np.searchsorted(places, want), 1, max(1, len(places) - 1)))
        left = right - 1
        right = min(right, len(places) - 1)
        gap = places[right] - places[left]
        share = float(np.clip((want - places[left]) / gap, 0, 1)) if gap > 0 else 0.0
        return kind[left][1], kind[right][1], share

    def coverage(self) -> Array:
        """Realised coverage [n, w, q] of the windows (not the single steps), in the order of `targets`."""
        windows = [k for k, target in enumerate(self.targets) if target.lead == 0]
        return self.calibration.coverage()[:, windows]

    def windows(self, step: float) -> Floats:
        """Seconds of the windows of `coverage`."""
        return np.array([t.width * step for t in self.targets if t.lead == 0])
