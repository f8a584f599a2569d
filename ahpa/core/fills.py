"""The same services at several fills: at each a service is tried as if it were one by itself (tryouts.py), and the best
setting of the best fill is taken. What really happened teaches all fills of a service, whichever was in force.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.by_service import ByService
from ahpa.core.served import Served
from ahpa.core.setting import Setting
from ahpa.core.tryouts import BETTER, Tryouts
from forecasting.panel import Floats, Ints


@dataclass(frozen=True, eq=False)
class Fills(ByService):
    """Which service, and at which fill, stands in each of n rows of `Tryouts`."""

    NAMED = ("services", "shares")
    services: tuple[str, ...]
    shares: tuple[float | None, ...]
    """Of its slots; None: whatever the own target of its scaler is."""

    @staticmethod
    def of(fills: Sequence[tuple[str, Sequence[float | None]]]) -> Fills:
        """Each service at these fills."""
        rows = [(name, share) for name, shares in fills for share in shares]
        return Fills(tuple(name for name, _ in rows), tuple(share for _, share in rows))

    @property
    def keys(self) -> tuple[str, ...]:
        """Of the tryouts: at its own fill a service's is its name."""
        rows = zip(self.services, self.shares, strict=True)
        return tuple(name if share is None else f"{name} filled to {share:g}" for name, share in rows)

    def at_theirs(self, settings: Mapping[str, Setting]) -> dict[str, Setting]:
        """By key of the tryouts: the setting of each service where its fill is the setting's own, and nowhere else."""
        rows = zip(self.keys, self.services, self.shares, strict=True)
        found = ((key, settings.get(name), share) for key, name, share in rows)
        return {key: setting for key, setting, share in found if setting and setting.utilization == share}

    def taught(self, tryouts: Tryouts, in_force: Ints) -> Tryouts:
        """With what the fill that was `in_force` [n] (a column of its row; -1: it was not) has shown of its service at
        all others."""
        lived = {self.services[row]: row for row in np.flatnonzero(in_force >= 0).tolist()}
        if not lived or len(set(self.services)) == len(self.services):
            return tryouts
        source = np.array([lived.get(name, row) for row, name in enumerate(self.services)], int)
        return replace(tryouts, experience=tryouts.experience.rows(source))

    def choose(
        self, tryouts: Tryouts, served: Served, late_target: Floats, before: Mapping[str, Setting]
    ) -> dict[str, Setting]:
        """By service: the best setting of the best fill, of those with enough on record. What was chosen `before` stays
        unless another is clearly better, and so does its fill."""
        kept = self.at_theirs(before)
        found = tryouts.choose(served, late_target, kept)
        if not found:
            return {}
        *_, said = tryouts.judged(served, late_target)
        rows, columns = np.arange(len(self.keys)), tryouts.columns(found)
        scores = said[rows, np.maximum(columns, 0)] - BETTER * np.array([key in kept for key in self.keys])
        best: dict[str, tuple[float, Setting]] = {}
        for row, (key, name, share) in enumerate(zip(self.keys, self.services, self.shares, strict=True)):
            if key in found and (name not in best or scores[row] < best[name][0]):
                best[name] = float(scores[row]), replace(found[key], utilization=share)
        return {name: setting for name, (_, setting) in best.items()}
