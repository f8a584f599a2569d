"""What each setting would have done lately, worked out minute by minute beside what really happened.

A small model of a service under each of its settings: a floor that follows the rule with our ramps, replicas that are
ready after a lag if they are asked for all the while, the scaler above the floor (desired = concurrency / fill; a panic
holds at Knative's; at the HPA's a tolerance, and the most of its window), and a queue. It is a fluid, a minute a step;
it ranks settings as the exact world does (docs/decisions/0052-settings.md says how well, 0055 beside the HPA) at a
thousandth of the time, for a whole fleet at once. What was foreseen was foreseen before it came: nothing here is judged
with hindsight.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahpa.core.lateness import late_share
from ahpa.core.served import MOST, Served
from ahpa.core.setting import CHOICE_LEVELS, CONSTANT_RATIOS, Rule, Setting, scores, setting_at
from forecasting.panel import Array, Floats, Ints

RULES, CONSTANTS = 2 * len(CHOICE_LEVELS), len(CONSTANT_RATIOS)
SETTINGS = RULES + CONSTANTS
LONGEST_LAG = 30
"""Minutes; a longer lag counts as this."""
REMEMBERED_DAYS = 5.0
"""A day that is so long ago weighs 1/e."""
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
    lately: Array
    """The most that it wanted in this half of its window, and `before` in the one before."""
    before: Array
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
            return np.repeat(np.minimum(needed, MOST).astype(np.float32)[:, None], SETTINGS, axis=1)

        def none(*shape: int) -> Array:
            return np.zeros(shape, np.float32)

        ring = np.repeat(there()[None], LONGEST_LAG, axis=0)
        return cls(
            tuple(keys), constant_floors(largest), none(n, SETTINGS), there(), there(), there(), there(), there(),
            none(n, SETTINGS), ring, 0, none(n, SETTINGS), none(n, SETTINGS), none(n), none(n),
        )  # fmt: skip

    def of(self, keys: Sequence[str], needed: Floats, largest: Floats, anew: Collection[str] = ()) -> Tryouts:
        """The same for these services, in this order: those that are new, or begin `anew`, have nothing on record.
        Where the largest demand has grown or shrunk by more than half the constant floors are others, and count as no
        better than none until they have a record."""
        ladder = constant_floors(largest)
        if tuple(keys) == self.keys and not anew and not _others(ladder, self.constants).any():
            return self
        fresh = Tryouts.fresh(keys, needed, largest)
        rows = {key: row for row, key in enumerate(self.keys) if key not in anew}
        old = np.array([rows.get(key, -1) for key in keys], int)
        here = old >= 0
        if not here.any():
            return fresh
        for name in _BY_SERVICE:
            getattr(fresh, name)[here] = getattr(self, name)[old[here]]
        fresh.asked[:, here] = np.roll(self.asked, -self.at, axis=0)[:, old[here]]
        other = here & _others(ladder, fresh.constants)
        fresh.constants[other] = ladder[other]
        fresh.late[other, RULES:] = fresh.late[other, RULES : RULES + 1]
        return fresh

    def beside(self, others: Tryouts) -> Tryouts:
        """Both, which have no key in common."""
        rings = [np.roll(each.asked, -each.at, axis=0) for each in (self, others)]
        joined = {name: np.concatenate([getattr(self, name), getattr(others, name)]) for name in _BY_SERVICE}
        return replace(self, keys=(*self.keys, *others.keys), asked=np.concatenate(rings, axis=1), at=0, **joined)

    def relived(self, others: Tryouts) -> Tryouts:
        """With what is on record of `others`, in place of ours where both know a service."""
        rows = {key: row for row, key in enumerate(others.keys)}
        there = np.array([rows.get(key, -1) for key in self.keys], int)
        here = there >= 0
        out = {name: getattr(self, name).copy() for name in (*_BY_SERVICE, "asked")}
        for name in _BY_SERVICE:
            out[name][here] = getattr(others, name)[there[here]]
        out["asked"][:, here] = np.roll(others.asked, self.at - others.at, axis=0)[:, there[here]]
        return replace(self, **out)

    def through(self, served: Served, wanted: Array, kept: Array, demand: Array) -> Tryouts:
        """After t minutes, [t, n, RULES] and [t, n]: as `seen` has each."""
        after = self
        for minute in zip(wanted, kept, demand, strict=True):
            after = after.seen(served, *minute)
        return after

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
        asked = np.clip(np.maximum(floor, self.desired), served.least[:, None], served.most[:, None])
        ready = np.maximum(np.minimum(self.ready, asked), np.minimum(asked, self._through(served.lag)))
        x = np.where(known, np.minimum(demand, MOST), 0).astype(np.float32)[:, None]
        late, backlog, busy = _queue(x, ready * served.slots[:, None], self.backlog, served)
        desired, lately, before = self._scaled(served, busy, ready, asked)
        ring, seen = self.asked.copy(), known[:, None]
        counts = known & (self.minutes >= _SETTLING_MINUTES)
        ring[self.at] = np.where(seen, asked, self.present)
        return replace(
            self,
            floor=np.where(seen, floor, self.floor),
            ready=np.where(seen, ready, self.ready),
            present=np.where(seen, asked, self.present),
            desired=np.where(seen, desired, self.desired),
            lately=np.where(seen, lately, self.lately),
            before=np.where(seen, before, self.before),
            backlog=np.where(seen, backlog, self.backlog),
            asked=ring,
            at=(self.at + 1) % LONGEST_LAG,
            late=np.where(counts[:, None], self.late * _FADE + late, self.late),
            cost=np.where(counts[:, None], self.cost * _FADE + asked, self.cost),
            demand=np.where(counts, self.demand * _FADE + x[:, 0], self.demand),
            minutes=self.minutes + known,
        )

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
        rows = np.arange(len(self.keys))
        now = np.array([self._column(row, before.get(key)) for row, key in enumerate(self.keys)], int)
        best = np.argmin(said, axis=1)
        stays = (now >= 0) & (said[rows, np.maximum(now, 0)] <= said[rows, best] + BETTER)
        known = (self.minutes >= LEAST_DAYS * 1440) & (self.demand > 0)
        taken = np.where(stays, now, best)
        return {
            self.keys[row]: replace(setting_at(int(taken[row]), self.constants[row]), late=float(late[row, taken[row]]))
            for row in np.flatnonzero(known)
        }

    def _column(self, row: int, setting: Setting | None) -> int:
        """Where a setting stands in a row; -1 where it does not."""
        if setting is None:
            return -1
        if setting.rule is not Rule.CONSTANT:
            first = 0 if setting.rule is Rule.FILL else len(CHOICE_LEVELS)
            return first + CHOICE_LEVELS.index(setting.level) if setting.level in CHOICE_LEVELS else -1
        found = np.flatnonzero(self.constants[row] == setting.replicas)
        return RULES + int(found[0]) if len(found) else -1

    def _through(self, lag: Ints) -> Array:
        """[n, k]: the least that was asked for in the last `lag` minutes, so what is ready of it."""
        out = np.empty_like(self.floor)
        for minutes in np.unique(lag).tolist():
            rows = np.flatnonzero(lag == minutes)
            back = (self.at - 1 - np.arange(min(minutes, LONGEST_LAG))) % LONGEST_LAG
            out[rows] = self.asked[np.ix_(back, rows)].min(axis=0)
        return out


_BY_SERVICE = (
    "constants",
    "floor",
    "ready",
    "present",
    "desired",
    "lately",
    "before",
    "backlog",
    "late",
    "cost",
    "demand",
    "minutes",
)
_OTHER = 1.5


def _others(ladder: Array, before: Array) -> NDArray[np.bool_]:
    """[n]: whose constant floors are to be others than they were."""
    ratio = (ladder[:, -1] + 1) / (before[:, -1] + 1)
    return np.asarray((ratio > _OTHER) | (ratio < 1 / _OTHER))


def constant_floors(largest: Floats) -> Array:
    """The constant floors [n, c] of services whose largest demand needs so many replicas [n]."""
    most = np.minimum(np.nan_to_num(largest, posinf=MOST), MOST)[:, None]
    return np.asarray(np.ceil(np.asarray(CONSTANT_RATIOS) * most), np.float32)


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
