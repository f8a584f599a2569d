"""How late it really was, beside what the coarse world had expected of the setting in force: so that the next choice
believes it as far as it deserves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahpa.core.by_service import ByService
from ahpa.core.coarse import queue
from ahpa.core.served import MOST, Served
from forecasting.panel import Array, Floats

_MOST_WRONG = 10.0
"""The coarse world is not believed to be further from the truth than this, whatever a few days say."""


@dataclass(frozen=True, eq=False)
class Experience(ByService):
    """Of n services, [n] each; sums, faded."""

    backlog: Array
    """Work that waits, in demand times minutes, where nobody measures how late it is."""
    late: Array
    """Of the demand, what was late with the setting in force."""
    expected: Array
    """What the coarse world had said of it."""
    demand: Array

    @classmethod
    def none(cls, services: int) -> Experience:
        return cls(*(np.zeros(services, np.float32) for _ in range(4)))

    def after(
        self,
        served: Served,
        demand: Array,
        ready: Array,
        measured: Array,
        expected: Array,
        counts: NDArray[np.bool_],
        fade: np.float32,
    ) -> Experience:
        """After a minute of `demand`, where it `counts`: `ready` replicas were there (NaN: not known), of the requests
        the share `measured` was late (NaN: nobody measured it; worked out from what was ready), and so much of the
        demand was `expected` to be (NaN: no setting that is tried was in force)."""
        x = np.minimum(np.nan_to_num(demand), MOST).astype(np.float32)
        slots = np.nan_to_num(ready) * served.slots
        found, backlog, _ = (part[:, 0] for part in queue(x[:, None], slots[:, None], self.backlog[:, None], served))
        late = np.where(np.isfinite(measured), np.nan_to_num(measured) * x, found)
        seen = np.isfinite(demand) & np.isfinite(ready)
        here = counts & np.isfinite(expected) & np.isfinite(demand) & (np.isfinite(ready) | np.isfinite(measured))
        return replace(
            self,
            backlog=np.where(seen, backlog, np.float32(0)),
            late=np.where(here, self.late * fade + late, self.late),
            expected=np.where(here, self.expected * fade + np.nan_to_num(expected), self.expected),
            demand=np.where(here, self.demand * fade + x, self.demand),
        )

    def trust(self, late_target: Floats) -> Array:
        """[n]: by how much lateness that the coarse world tells is to be multiplied; 1 where there is no experience.

        Both sums as if a day's like of them had been late by the target before: a service that was never late, and was
        expected never to be, says nothing.
        """
        before = np.maximum(self.demand * late_target, 1e-9)
        told = (self.late + before) / (self.expected + before)
        return np.asarray(np.clip(told, 1 / _MOST_WRONG, _MOST_WRONG), np.float32)

    def shares(self) -> Array:
        """[n]: the share of the requests that was late; NaN where there is no experience."""
        known = self.demand > 0
        return np.where(known, self.late / np.where(known, self.demand, 1), np.float32(np.nan))
