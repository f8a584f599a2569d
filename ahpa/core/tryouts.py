"""What each setting would have done lately, worked out minute by minute beside what really happened.

Each is tried in a coarse world (coarse.py), for the whole fleet at once. What was foreseen was foreseen before it came:
nothing here is judged with hindsight. How far that world is from the truth is told by the setting in force
(experience.py).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahpa.core.by_service import ByService, places
from ahpa.core.coarse import CoarseWorld
from ahpa.core.experience import Experience
from ahpa.core.served import MOST, Served
from ahpa.core.setting import CHOICE_LEVELS, CONSTANT_RATIOS, Record, Rule, Setting, scores, setting_at
from forecasting.panel import Array, Floats, Ints

RULES, CONSTANTS = 2 * len(CHOICE_LEVELS), len(CONSTANT_RATIOS)
SETTINGS = RULES + CONSTANTS
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


@dataclass(frozen=True, eq=False)
class Minute(ByService):
    """What came in a minute, of n services."""

    wanted: Array
    """[n, RULES]: what each rule wanted at its beginning, and what of what still starts was worth keeping."""
    kept: Array
    demand: Array
    """[n]; NaN: not observed, and nothing is learned of it."""
    ready: Array
    """[n]: replicas that were really there; NaN: not known."""
    late: Array
    """[n]: the share of the requests that was measured to be late; NaN: it was not measured."""
    in_force: Ints
    """[n]: the column of the setting that was in force; -1: none of these, or it was not carried out."""

    @classmethod
    def untold(cls, wanted: Array, kept: Array, demand: Array) -> Minute:
        """Of which nothing is known but the demand."""
        nothing = np.full(len(demand), np.nan, np.float32)
        return cls(wanted, kept, demand, nothing, nothing, np.full(len(demand), -1))


@dataclass(frozen=True, eq=False)
class Tryouts(ByService):
    """n services under k settings each, and what those have cost: [n, k] unless said otherwise."""

    NAMED = ("keys",)
    keys: tuple[str, ...]
    constants: Array
    """[n, c]: the constant floors, in replicas."""
    world: CoarseWorld
    late: Array
    """Of the demand, what was late; faded."""
    cost: Array
    """Replica-minutes, faded."""
    demand: Array
    """[n], faded."""
    experience: Experience

    @property
    def minutes(self) -> Ints:
        """[n]: how many are on record."""
        return self.world.minutes

    @classmethod
    def fresh(cls, keys: Sequence[str], needed: Floats, largest: Floats) -> Tryouts:
        """Nothing on record: `needed` [n] replicas are ready; the largest demand ever seen needs `largest` [n]."""
        n = len(keys)
        nothing = np.zeros((n, SETTINGS), np.float32)
        world = CoarseWorld.begun(needed, SETTINGS)
        return cls(tuple(keys), constant_floors(largest), world, nothing, nothing, nothing[:, 0], Experience.none(n))

    def of(self, keys: Sequence[str], needed: Floats, largest: Floats, anew: Collection[str] = ()) -> Tryouts:
        """The same for these services, in this order: those that are new, or begin `anew`, have nothing on record.
        Where the largest demand has grown or shrunk by more than half the constant floors are others, and count as no
        better than none until they have a record."""
        ladder = constant_floors(largest)
        if tuple(keys) == self.keys and not anew and not _others(ladder, self.constants).any():
            return self
        out = Tryouts.fresh(keys, needed, largest).relived(self, anew)
        other = _others(ladder, out.constants)
        constants, late = out.constants.copy(), out.late.copy()
        constants[other] = ladder[other]
        late[other, RULES:] = late[other, RULES : RULES + 1]
        return replace(out, constants=constants, late=late)

    def relived(self, others: Tryouts, but: Collection[str] = ()) -> Tryouts:
        """With what is on record of `others` in place of ours, `but` of some."""
        there = places(self.keys, others.keys, but)
        return self.put(there >= 0, others, there[there >= 0])

    def through(self, served: Served, minutes: Iterable[Minute]) -> Tryouts:
        """After one minute after the other: as `seen`."""
        after = self
        for minute in minutes:
            after = after.seen(served, minute)
        return after

    def seen(self, served: Served, minute: Minute) -> Tryouts:
        """After a minute."""
        demand = minute.demand
        want, held = (np.concatenate([rules, self.constants], axis=1) for rules in (minute.wanted, minute.kept))
        world, late = self.world.after(served, want, held, demand)
        counts = np.isfinite(demand) & (self.minutes >= _SETTLING_MINUTES)
        x = np.minimum(np.nan_to_num(demand), MOST).astype(np.float32)
        rows = np.arange(len(self.keys))
        expected = np.where(minute.in_force >= 0, late[rows, minute.in_force], np.float32(np.nan))
        real = minute.ready, minute.late, expected
        return replace(
            self,
            world=world,
            late=np.where(counts[:, None], self.late * _FADE + late, self.late),
            cost=np.where(counts[:, None], self.cost * _FADE + world.present, self.cost),
            demand=np.where(counts, self.demand * _FADE + x, self.demand),
            experience=self.experience.after(served, demand, *real, counts, _FADE),
        )

    def shares(self) -> tuple[Array, Array]:
        """[n, k] each: the share of the requests that was late in the coarse world, and replicas on average."""
        weight = (1 - _FADE ** np.maximum(self.minutes - _SETTLING_MINUTES, 1)) / (1 - _FADE)
        share = self.late / np.maximum(self.demand, np.float32(1e-9))[:, None]
        return np.asarray(share, np.float32), np.asarray(self.cost / weight[:, None], np.float32)

    def judged(self, served: Served, late_target: Floats) -> tuple[Array, Array, Array]:
        """[n, k] each: the share of the requests that was late, as far as the coarse world is to be believed, replicas
        on average, and how well each setting did: as `scores`."""
        late, cost = self.shares()
        late = late * self.experience.trust(late_target)[:, None]
        said = scores(late, cost, late_target)
        said[~served.countable, len(CHOICE_LEVELS) : RULES] = np.inf
        said[:, RULES] -= _NO_FLOOR
        return late, cost, said

    def choose(self, served: Served, late_target: Floats, before: Mapping[str, Setting]) -> dict[str, Setting]:
        """By key: the setting that did best, of those with enough on record; the one `before` stays unless another is
        clearly better."""
        late, cost, said = self.judged(served, late_target)
        rows = np.arange(len(self.keys))
        now = self.columns(before)
        best = np.argmin(said, axis=1)
        stays = (now >= 0) & (said[rows, np.maximum(now, 0)] <= said[rows, best] + BETTER)
        known = (self.minutes >= LEAST_DAYS * 1440) & (self.demand > 0)
        taken = np.where(stays, now, best)
        late, found = np.minimum(late, 1), {}
        for row in np.flatnonzero(known).tolist():
            both = [float(told[row, at]) for at in (taken[row], RULES) for told in (late, cost)]
            days = min(float(self.minutes[row]) / 1440, REMEMBERED_DAYS)
            setting = setting_at(int(taken[row]), self.constants[row])
            found[self.keys[row]] = replace(setting, record=Record(days, *both))
        return found

    def constant(self, late_target: Floats) -> Array:
        """[n]: the smallest constant floor that kept the late target; where none did the largest, and with too little
        on record what the largest demand of the last days needs. In replicas."""
        late, _ = self.shares()
        kept = late[:, RULES:] * self.experience.trust(late_target)[:, None] <= late_target[:, None]
        found = np.where(kept.any(axis=1), np.argmax(kept, axis=1), CONSTANTS - 1)
        found = np.where(self.minutes >= LEAST_DAYS * 1440, found, CONSTANT_RATIOS.index(1.0))
        return self.constants[np.arange(len(self.keys)), found]

    def columns(self, settings: Mapping[str, Setting]) -> Ints:
        """[n]: where each one's setting stands in its row; -1 where it does not."""
        return np.array([self._column(row, settings.get(key)) for row, key in enumerate(self.keys)], int)

    def _column(self, row: int, setting: Setting | None) -> int:
        """Where a setting stands in a row; -1 where it does not."""
        if setting is None:
            return -1
        if setting.rule is not Rule.CONSTANT:
            first = 0 if setting.rule is Rule.FILL else len(CHOICE_LEVELS)
            return first + CHOICE_LEVELS.index(setting.level) if setting.level in CHOICE_LEVELS else -1
        found = np.flatnonzero(self.constants[row] == setting.replicas)
        return RULES + int(found[-1]) if len(found) else -1  # of equal ones the last is judged best (`scores`)


_OTHER = 1.5


def _others(ladder: Array, before: Array) -> NDArray[np.bool_]:
    """[n]: whose constant floors are to be others than they were."""
    ratio = (ladder[:, -1] + 1) / (before[:, -1] + 1)
    return np.asarray((ratio > _OTHER) | (ratio < 1 / _OTHER))


def constant_floors(largest: Floats) -> Array:
    """The constant floors [n, c] of services whose largest demand needs so many replicas [n]."""
    most = np.minimum(np.nan_to_num(largest, posinf=MOST), MOST)[:, None]
    return np.asarray(np.ceil(np.asarray(CONSTANT_RATIOS) * most), np.float32)
