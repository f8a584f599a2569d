"""What each setting would have done lately, worked out minute by minute beside what really happened.

A small model of a service under each of its settings: a floor that follows the rule with our ramps, replicas that are
ready after a lag if they are asked for all the while, Knative's rule above the floor (desired = concurrency / fill, a
panic holds), and a queue. It is a fluid, a minute a step; it ranks settings as the exact world does
(docs/decisions/0052-settings.md says how well) at a thousandth of the time, for a whole fleet at once. What was
foreseen was foreseen before it came: nothing here is judged with hindsight.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahpa.core.lateness import late_share
from ahpa.core.setting import CHOICE_LEVELS, CONSTANT_RATIOS, Setting, candidates, scores
from forecasting.levels import level_weights
from forecasting.panel import Array, Floats, Ints, Panel

RULES, CONSTANTS = 2 * len(CHOICE_LEVELS), len(CONSTANT_RATIOS)
SETTINGS = RULES + CONSTANTS
LONGEST_LAG = 30
"""Minutes; a longer lag counts as this."""
REMEMBERED_DAYS = 5.0
"""A day that is so long ago weighs 1/e."""
LARGEST_LEVEL, LARGEST_DAYS = 0.999, 7.0
"""Constant floors are shares of this quantile of so many days: a slip of one minute is no largest demand."""
LEAST_DAYS = 1.0
"""Before so much is on record nothing is chosen by it."""
BETTER = 0.1
"""A setting gives way to one that is better by so much, about a tenth of the cost."""
_NO_FLOOR = np.float32(1e-3)
"""What is no better than no floor at all is not held."""
_SETTLING_MINUTES = 60
"""Nothing is written down of a tryout before: at its beginning every setting meets a demand that it did not prepare
for."""
_FADE = np.float32(np.exp(-1 / (REMEMBERED_DAYS * 1440)))
_GIVES_UP_MINUTES = 5.0
"""A queue holds no more than so many minutes of work: who waits longer gives up."""


@dataclass(frozen=True, eq=False)
class Served:
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
    ) -> Served:
        """From what people say: `late_after_seconds` is the wait that a request may have."""
        lag = np.maximum(1, np.round(np.asarray(lag_seconds) / 60)).astype(int)
        takes = np.asarray(service_seconds, np.float32)
        patience = np.float32(2) * np.asarray(late_after_seconds, np.float32) / takes

        def known(values: Sequence[float]) -> Array:
            return np.asarray(values, np.float32)

        counted = np.ones(len(lag), bool) if countable is None else np.asarray(countable, bool)
        bounds = known(least), known(most)
        turns = np.float32(60) / takes
        return Served(known(per_replica), known(slots), *bounds, known(release), lag, turns, patience, counted)


@dataclass(frozen=True, eq=False)
class Tryouts:
    """The state of n services under k settings each, and what they have cost: [n, k] unless said otherwise."""

    keys: tuple[str, ...]
    constants: Array
    """[n, c]: the constant floors, in replicas."""
    floor: Array
    ready: Array
    present: Array
    desired: Array
    """By the scaler above the floor."""
    backlog: Array
    """Work that waits, in demand times minutes."""
    asked: Array
    """[LONGEST_LAG, n, k]: what was asked for in the last minutes, a ring."""
    at: int
    """Where in the ring the next minute goes."""
    late: Array
    """Of the demand, what was late; faded."""
    cost: Array
    """Replica-minutes, faded."""
    demand: Array
    """[n], faded."""
    minutes: Array
    """[n]: how many are on record."""

    @classmethod
    def fresh(cls, keys: Sequence[str], needed: Floats, largest: Floats) -> Tryouts:
        """Nothing on record: `needed` [n] replicas are ready; the largest demand ever seen needs `largest` [n]."""
        n = len(keys)

        def there() -> Array:
            return np.repeat(np.maximum(needed, 1).astype(np.float32)[:, None], SETTINGS, axis=1)

        def none(*shape: int) -> Array:
            return np.zeros(shape, np.float32)

        ring = np.repeat(there()[None], LONGEST_LAG, axis=0)
        return cls(
            tuple(keys), constant_floors(largest), none(n, SETTINGS), there(), there(), there(), none(n, SETTINGS),
            ring, 0, none(n, SETTINGS), none(n, SETTINGS), none(n), none(n),
        )  # fmt: skip

    def of(self, keys: Sequence[str], needed: Floats, largest: Floats) -> Tryouts:
        """The same for these services, in this order: those that are new have nothing on record. Where the largest
        demand has grown or shrunk by more than half the constant floors are others, and count as no better than none
        until they have a record."""
        fresh = Tryouts.fresh(keys, needed, largest)
        rows = {key: row for row, key in enumerate(self.keys)}
        old = np.array([rows.get(key, -1) for key in keys], int)
        here = old >= 0
        if not here.any():
            return fresh
        ladder = fresh.constants.copy()
        for name in _BY_SERVICE:
            getattr(fresh, name)[here] = getattr(self, name)[old[here]]
        fresh.asked[:, here] = np.roll(self.asked, -self.at, axis=0)[:, old[here]]
        ratio = (ladder[:, -1] + 1) / (fresh.constants[:, -1] + 1)
        other = here & ((ratio > _OTHER) | (ratio < 1 / _OTHER))
        fresh.constants[other] = ladder[other]
        fresh.late[other, RULES:] = fresh.late[other, RULES : RULES + 1]
        return fresh

    def seen(self, served: Served, wanted: Array, kept: Array, demand: Array) -> Tryouts:
        """After a minute in which `demand` [n] came (NaN: not observed, and nothing is learned of it). `wanted` and
        `kept` [n, RULES] are what each rule wanted at its beginning, and what is worth keeping of what still starts."""
        known = np.isfinite(demand)
        held = np.concatenate([kept, self.constants], axis=1)
        want = np.concatenate([wanted, self.constants], axis=1)
        there = np.maximum(self.floor, np.where(self.present > self.ready, self.present, 0))
        want = np.maximum(want, np.minimum(there, held))
        want = np.clip(want, served.least[:, None], served.most[:, None])
        floor = _ramped(self.floor, want, self.present, served.release[:, None])
        asked = np.clip(np.maximum(floor, self.desired), 1, np.maximum(served.most, 1)[:, None])
        ready = np.maximum(np.minimum(self.ready, asked), np.minimum(asked, self._through(served.lag)))
        x = np.where(known, demand, 0).astype(np.float32)[:, None]
        late, backlog, busy = _queue(x, ready * served.slots[:, None], self.backlog, served)
        desired = np.ceil(busy / served.per_replica[:, None] - np.float32(1e-5))
        panics = desired >= 2 * np.maximum(ready, 1)
        desired = np.where(panics, np.maximum(desired, self.desired), desired)
        ring, seen = self.asked.copy(), known[:, None]
        counts = known & (self.minutes >= _SETTLING_MINUTES)
        ring[self.at] = np.where(seen, asked, self.present)
        return replace(
            self,
            floor=np.where(seen, floor, self.floor),
            ready=np.where(seen, ready, self.ready),
            present=np.where(seen, asked, self.present),
            desired=np.where(seen, desired, self.desired),
            backlog=np.where(seen, backlog, self.backlog),
            asked=ring,
            at=(self.at + 1) % LONGEST_LAG,
            late=np.where(counts[:, None], self.late * _FADE + late, self.late),
            cost=np.where(counts[:, None], self.cost * _FADE + asked, self.cost),
            demand=np.where(counts, self.demand * _FADE + x[:, 0], self.demand),
            minutes=self.minutes + known,
        )

    def shares(self) -> tuple[Array, Array]:
        """[n, k] each: the share of the requests that was late, and replicas on average."""
        weight = (1 - _FADE ** np.maximum(self.minutes - _SETTLING_MINUTES, 1)) / (1 - _FADE)
        share = self.late / np.maximum(self.demand, np.float32(1e-9))[:, None]
        return np.asarray(share, np.float32), np.asarray(self.cost / weight[:, None], np.float32)

    def choose(self, served: Served, late_target: Floats, before: Mapping[str, Setting]) -> dict[str, Setting]:
        """By key: the setting that did best, of those with enough on record; the one `before` stays unless another is
        clearly better."""
        late, cost = self.shares()
        said = scores(late, cost, late_target)
        said[~served.countable, len(CHOICE_LEVELS) : RULES] = np.inf
        said[:, RULES] -= _NO_FLOOR
        out = {}
        for row in np.flatnonzero((self.minutes >= LEAST_DAYS * 1440) & (self.demand > 0)).tolist():
            there, key = candidates(self.constants[row]), self.keys[row]
            best, now = int(np.argmin(said[row])), before.get(key)
            stays = now in there and said[row, there.index(now)] <= said[row, best] + BETTER
            out[key] = now if stays and now is not None else there[best]
        return out

    def _through(self, lag: Ints) -> Array:
        """[n, k]: the least that was asked for in the last `lag` minutes, so what is ready of it."""
        out = np.empty_like(self.floor)
        for minutes in np.unique(lag).tolist():
            rows = np.flatnonzero(lag == minutes)
            back = (self.at - 1 - np.arange(min(minutes, LONGEST_LAG))) % LONGEST_LAG
            out[rows] = self.asked[np.ix_(back, rows)].min(axis=0)
        return out


_BY_SERVICE = ("constants", "floor", "ready", "present", "desired", "backlog", "late", "cost", "demand", "minutes")
_OTHER = 1.5


def largest_lately(demand: Panel) -> Floats:
    """The largest demand [n] of the last days; 0 where none was observed."""
    lately = demand.values[:, -round(LARGEST_DAYS * 86_400 / demand.step) :]
    out = np.zeros(len(lately))
    for row, values in enumerate(lately):
        known = values[np.isfinite(values)]
        out[row] = np.quantile(known, LARGEST_LEVEL) if len(known) else 0.0
    return out


def constant_floors(largest: Floats) -> Array:
    """The constant floors [n, c] of services whose largest demand needs so many replicas [n]."""
    ratios = np.asarray(CONSTANT_RATIOS, np.float32)
    return np.asarray(np.ceil(ratios * largest[:, None].astype(np.float32)), np.float32)


def _ramped(floor: Array, want: Array, present: Array, release: Array) -> Array:
    """As a floor moves in a round: up to twice what is there or four more, down by the release."""
    top = np.maximum(floor, present)
    up = np.minimum(want, top + np.maximum(4, top))
    down = np.maximum(want, floor - np.maximum(1, np.ceil(release * floor)))
    return np.asarray(np.where(want > floor, up, down), np.float32)


def _queue(x: Array, slots: Array, backlog: Array, served: Served) -> tuple[Array, Array, Array]:
    """Of a minute: how much of the demand was late, the work that waits after it, and the concurrency that a scaler
    saw."""
    spare = slots - x
    behind = np.where(backlog > 0, np.minimum(1, backlog / np.maximum(spare, 1e-6)), 0)
    late = np.maximum(late_share(x, slots, served.patience[:, None]), behind) * x
    left = np.clip(backlog - spare, 0, _GIVES_UP_MINUTES * (np.maximum(slots, 1) + x))
    busy = np.minimum(x + backlog, slots) + served.turns[:, None] * (backlog + left) / 2
    return late, left, busy


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
    return np.asarray(np.ceil(np.concatenate([fill, slots], axis=1) - np.float32(1e-4)), np.float32)
