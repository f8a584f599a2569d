"""Services as the settings are tried on them (tryouts.py), and what the rules of setting.py want for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahpa.core.by_service import ByService
from ahpa.core.setting import CHOICE_LEVELS
from forecasting.levels import level_weights
from forecasting.panel import Array, Floats, Ints, Panel

MOST = 1e6
"""Replicas, or their demand: more than anybody has, and far from where float32 ends."""
LARGEST_LEVEL, LARGEST_DAYS = 0.999, 7.0
"""Constant floors are shares of this quantile of so many days: a slip of one minute is no largest demand."""


@dataclass(frozen=True)
class Reaction:
    """How the scaler above a floor follows the load, as far as minutes show it."""

    tolerance: float
    """A load within this share of what the replicas are filled to changes nothing."""
    window_minutes: float
    """It goes down no further than what it wanted within so long."""
    release: float
    """Share of the replicas that may go in a minute, at least one; 0: none ever goes."""
    panics: bool
    """Wanting twice what is ready, it does not go down."""


KPA = Reaction(0.0, 0.0, 1.0, panics=True)
"""Knative's, at its defaults: its stable window is a minute."""
HPA = Reaction(0.1, 5.0, 1.0, panics=False)
"""Kubernetes', without `behavior`."""


@dataclass(frozen=True, eq=False)
class Served(ByService):
    """What does not change from minute to minute, of n services; shape [n] each, in the unit of their demand."""

    per_replica: Array
    """What a replica serves at target."""
    slots: Array
    """What it serves when it is full."""
    least: Array
    """The owner's own bounds, in replicas."""
    most: Array
    release: Array
    """Share of a floor that is released per minute."""
    lag: Ints
    """Minutes, at least 1."""
    turns: Array
    """Requests that a slot serves per minute."""
    patience: Array
    """As `late_share` wants it."""
    countable: NDArray[np.bool_]
    """Whether `slots` is known; else it is a guess, and no floor is planned by it."""
    tolerance: Array
    """As of each one's `Reaction`; `half` is half its window, in whole minutes, 0 for none."""
    half: Ints
    fewer: Array
    panics: NDArray[np.bool_]

    def within(self, least: float | Floats, most: float | Floats) -> Served:
        """For a while no fewer than `least` [n] and no more than `most` [n], as far as the owners' own bounds allow."""
        low = np.maximum(self.least, np.minimum(least, self.most))
        high = np.where(most < self.most, np.maximum(low, most), self.most)
        return replace(self, least=low.astype(np.float32), most=high.astype(np.float32))

    @staticmethod
    def of(
        per_replica: Sequence[float],
        slots: Sequence[float],
        least: Sequence[float],
        most: Sequence[float],
        release: Sequence[float],
        lag_seconds: Sequence[float],
        service_seconds: Sequence[float],
        late_after_seconds: Sequence[float],
        countable: Sequence[bool] | None = None,
        reactions: Sequence[Reaction] | None = None,
    ) -> Served:
        """From what people say: `late_after_seconds` is the wait that a request may have. All slots are known, and all
        scaled by Knative, where nothing else is said."""
        lag = np.maximum(1, np.round(np.asarray(lag_seconds) / 60)).astype(int)
        takes = np.asarray(service_seconds, np.float32)
        patience = np.float32(2) * np.asarray(late_after_seconds, np.float32) / takes

        def known(values: Sequence[float]) -> Array:
            return np.asarray(values, np.float32)

        counted = np.ones(len(lag), bool) if countable is None else np.asarray(countable, bool)
        bounds = known(least), known(most)
        turns = np.float32(60) / takes
        above = [KPA] * len(lag) if reactions is None else reactions
        return Served(
            known(per_replica), known(slots), *bounds, known(release), lag, turns, patience, counted,
            tolerance=known([each.tolerance for each in above]),
            half=np.array([math.ceil(each.window_minutes / 2) for each in above], int),
            fewer=known([each.release for each in above]),
            panics=np.array([each.panics for each in above], bool),
        )  # fmt: skip


def largest_lately(demand: Panel) -> Floats:
    """The largest demand [n] of the last days; 0 where none was observed."""
    lately = demand.values[:, -round(LARGEST_DAYS * 86_400 / demand.step) :]
    out = np.zeros(len(lately))
    for row, values in enumerate(lately):
        known = values[np.isfinite(values)]
        out[row] = np.quantile(known, LARGEST_LEVEL) if len(known) else 0.0
    return out


def newest_observed(demand: Panel) -> Floats:
    """The newest demand [n] that was observed; 1 where none was."""
    return np.array([row[np.isfinite(row)][-1] if np.isfinite(row).any() else 1.0 for row in demand.values])


def wishes(levels: Floats, peaks: Array, served: Served) -> tuple[Array, Array]:
    """What each rule wants of peaks [n, q] at `levels` [q] within the lead, and what of that is worth keeping while it
    starts (as `planner.plan` has it): [n, RULES] each, 0 where nothing was foreseen."""
    asked = np.asarray(CHOICE_LEVELS)
    wanted, kept = (
        _needed(np.nan_to_num(peaks) @ level_weights(levels, wanted).astype(np.float32), served)
        for wanted in (asked, (1 + asked) / 2)
    )
    return wanted, kept


def _needed(peaks: Array, served: Served) -> Array:
    fill = peaks / served.per_replica[:, None]
    slots = (peaks + np.sqrt(peaks)) / served.slots[:, None]
    return np.minimum(np.ceil(np.concatenate([fill, slots], axis=1) - np.float32(1e-4)), np.float32(MOST))
