"""A coarse world: n services under k floors each, a minute a step.

A floor that moves with our ramps, replicas that are ready after a lag if they are asked for all the while, the scaler
above the floor (desired = concurrency / fill; a panic holds at Knative's; at the HPA's a tolerance, and the most of its
window), and a queue. It is a fluid; it ranks settings as the exact world does (docs/decisions/0052-settings.md says how
well, 0055 beside the HPA) at a thousandth of the time, for a whole fleet at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.by_service import ByService
from ahpa.core.lateness import late_share
from ahpa.core.served import MOST, Served
from forecasting.panel import Array, Floats, Ints

LONGEST_LAG = 30
"""Minutes; a longer lag counts as this."""
_GIVES_UP_MINUTES = 5.0
"""A queue holds no more than so many minutes of work: who waits longer gives up."""


@dataclass(frozen=True, eq=False)
class CoarseWorld(ByService):
    """Where it stands: [n, k] unless said otherwise."""

    floor: Array
    ready: Array
    present: Array
    desired: Array
    """By the scaler above the floor."""
    lately: Array
    """The most that it wanted in this half of its window, and `before` in the one before."""
    before: Array
    backlog: Array
    """Work that waits, in demand times minutes."""
    asked: Array
    """[n, LONGEST_LAG, k]: what was asked for in the last minutes, a ring."""
    minutes: Ints
    """[n]: how many have passed in which anything was observed."""

    @classmethod
    def begun(cls, needed: Floats, floors: int) -> CoarseWorld:
        """With `needed` [n] replicas, all ready, under so many floors each."""

        def there() -> Array:
            return np.repeat(np.minimum(needed, MOST).astype(np.float32)[:, None], floors, axis=1)

        nothing = np.zeros((len(needed), floors), np.float32)
        ring = np.repeat(there()[:, None], LONGEST_LAG, axis=1)
        passed = np.zeros(len(needed), int)
        return cls(nothing, there(), there(), there(), there(), there(), nothing, ring, passed)

    def after(self, served: Served, wanted: Array, kept: Array, demand: Array) -> tuple[CoarseWorld, Array]:
        """(A minute later, what of its demand was late [n, k]), where `demand` [n] came (NaN: not observed, and nothing
        changes). `wanted` and `kept` [n, k] are what each plan wanted at its beginning, and what of what still starts
        was worth keeping."""
        known = np.isfinite(demand)
        there = np.maximum(self.floor, np.where(self.present > self.ready, self.present, 0))
        want = np.maximum(wanted, np.minimum(there, kept))
        want = np.clip(want, served.least[:, None], served.most[:, None])
        floor = _ramped(self.floor, want, self.present, served.release[:, None])
        asked = np.clip(np.maximum(floor, self.desired), served.least[:, None], served.most[:, None])
        ready = np.maximum(np.minimum(self.ready, asked), np.minimum(asked, self._through(served.lag)))
        x = np.where(known, np.minimum(demand, MOST), 0).astype(np.float32)[:, None]
        late, backlog, busy = queue(x, ready * served.slots[:, None], self.backlog, served)
        desired, lately, before = self._scaled(served, busy, ready, asked)
        ring, seen = self.asked.copy(), known[:, None]
        rows = np.flatnonzero(known)
        ring[rows, self.minutes[rows] % LONGEST_LAG] = asked[rows]
        then = replace(
            self,
            floor=np.where(seen, floor, self.floor),
            ready=np.where(seen, ready, self.ready),
            present=np.where(seen, asked, self.present),
            desired=np.where(seen, desired, self.desired),
            lately=np.where(seen, lately, self.lately),
            before=np.where(seen, before, self.before),
            backlog=np.where(seen, backlog, self.backlog),
            asked=ring,
            minutes=self.minutes + known,
        )
        return then, np.where(seen, late, np.float32(0))

    def _scaled(self, served: Served, busy: Array, ready: Array, present: Array) -> tuple[Array, Array, Array]:
        """What the scaler above the floor wants, and the most that it wanted in either half of its window: of a window
        of five minutes it remembers three to six."""
        load = busy / served.per_replica[:, None]
        near = np.abs(load - present) <= served.tolerance[:, None] * present
        wanted = np.where(near, present, np.ceil(load - np.float32(1e-5)))
        turns = (self.minutes % np.maximum(served.half, 1) == 0)[:, None]
        before = np.where(turns, self.lately, self.before)
        lately = np.where(turns, wanted, np.maximum(self.lately, wanted))
        windowed = (served.half > 0)[:, None]
        desired = np.where(windowed, np.maximum(lately, before), wanted)
        panics = served.panics[:, None] & (wanted >= 2 * np.maximum(ready, 1))
        desired = np.where(panics, np.maximum(wanted, self.desired), desired)
        fewer = served.fewer[:, None]
        released = present - np.where(fewer > 0, np.maximum(1, np.ceil(fewer * present)), 0)
        return np.asarray(np.maximum(desired, released), np.float32), lately, before

    def _through(self, lag: Ints) -> Array:
        """[n, k]: the least that was asked for in the last `lag` minutes, so what is ready of it."""
        out = np.empty_like(self.floor)
        for minutes in np.unique(lag).tolist():
            rows = np.flatnonzero(lag == minutes)
            back = (self.minutes[rows, None] - 1 - np.arange(min(minutes, LONGEST_LAG))) % LONGEST_LAG
            out[rows] = self.asked[rows[:, None], back].min(axis=1)
        return out


def _ramped(floor: Array, want: Array, present: Array, release: Array) -> Array:
    """As a floor moves in a round: up to twice what is there or four more, down by the release."""
    top = np.maximum(floor, present)
    up = np.minimum(want, top + np.maximum(4, top))
    down = np.maximum(want, floor - np.maximum(1, np.ceil(release * floor)))
    return np.asarray(np.where(want > floor, up, down), np.float32)


def queue(x: Array, slots: Array, backlog: Array, served: Served) -> tuple[Array, Array, Array]:
    """Of a minute in which `x` [n, 1] came: how much of it was late, the work that waits after it, and the concurrency
    that a scaler saw; [n, k] as `slots` and the `backlog` before."""
    spare = slots - x
    behind = np.where(backlog > 0, np.minimum(1, backlog / np.maximum(spare, 1e-6)), 0)
    late = np.maximum(late_share(x, slots, served.patience[:, None]), behind) * x
    left = np.clip(backlog - spare, 0, _GIVES_UP_MINUTES * (np.maximum(slots, 1) + x))
    busy = np.minimum(x + backlog, slots) + served.turns[:, None] * (backlog + left) / 2
    return late, left, busy
