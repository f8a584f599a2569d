"""The courses that a service would have taken otherwise, minute by minute beside the one that it took, and what each
has cost since it is counted.

Three are followed in the coarse world (coarse.py), which is told the demand that came and foresees nothing: the scaler
alone, the scaler above a constant floor, and the scaler above the floors that we decided. One of the first and the last
really was, as our floors were in force or only thought of; what the model says of it is kept beside what was measured,
and is how far the model is believed of the others (savings.py).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ahpa.core.by_service import ByService, places
from ahpa.core.coarse import CoarseWorld, queue
from ahpa.core.savings import Account, Course, Estimate, Evidence, Saving, hours_like, late_actual, late_like
from ahpa.core.served import MOST, Served
from forecasting.panel import Array, Floats, Ints

ACTED, WATCHED = 0, 1
"""Kinds of minutes: our floors were in force, or only thought of."""
ACTUAL, MODELLED, OTHER, FIXED = range(4)
"""Courses: what really was; what the model says of that; the scaler alone, or where it was alone the one above our
floors; the one above a constant floor."""
SETTLING_MINUTES = 5
"""So long, beside a start and the scaler's window, nothing is counted of a model that has just begun: it begins with
the replicas that are there, whoever asked for them."""
_ALONE, _CONSTANT = 0, 1


@dataclass(frozen=True, eq=False)
class Came(ByService):
    """What came in a minute and what was there, of n services; shape [n] each, demand in requests in flight."""

    demand: Array
    """NaN: not observed, and nothing is counted."""
    late: Array
    """The share of the requests that was measured to be late; NaN: nobody measured it."""
    present: Array
    """Replicas that were asked for, and those of them that were `ready`."""
    ready: Array
    floor: Array
    """That we decided, in replicas."""
    fixed: Array
    """The constant floor."""
    acts: NDArray[np.bool_]
    """Whether our floor was in force."""
    each: Array
    """Requests that one in flight is in a minute."""


@dataclass(frozen=True, eq=False)
class Ledger(ByService):
    """What has come of n services in two kinds of minutes, [n, 2], and four courses, [n, 2, 4]; it only grows."""

    minutes: Floats
    requests: Floats
    measured: Floats
    """Requests of which it was measured whether they were late."""
    replica_minutes: Floats
    late: Floats
    """Requests."""

    @classmethod
    def empty(cls, services: int) -> Ledger:
        kinds, courses = np.zeros((services, 2)), np.zeros((services, 2, 4))
        return cls(kinds, kinds, kinds, courses, courses)

    def with_(self, other: Ledger) -> Ledger:
        """What is in both, service by service."""
        pairs = {name: mine + getattr(other, name) for name, mine in self._parts() if isinstance(mine, np.ndarray)}
        return replace(self, **pairs)

    def without(self, other: Ledger) -> Ledger:
        """What has come since there was `other`, service by service."""
        pairs = {name: mine - getattr(other, name) for name, mine in self._parts() if isinstance(mine, np.ndarray)}
        return replace(self, **pairs)

    @staticmethod
    def courses(values: Floats) -> dict[str, Floats]:
        """Of `values` [n, 2, 4], by course: what it comes to over both kinds of minutes [n]. Where the scaler was alone
        that course is what really was, and so is the one with our floors where they were in force."""
        acted, watched = values[:, ACTED], values[:, WATCHED]
        return {
            "actual": acted[:, ACTUAL] + watched[:, ACTUAL],
            "reactive": acted[:, OTHER] + watched[:, ACTUAL],
            "advised": acted[:, ACTUAL] + watched[:, OTHER],
            "fixed": acted[:, FIXED] + watched[:, FIXED],
            "modelled": acted[:, MODELLED] + watched[:, MODELLED],
        }

    def saving(self, row: int, key: str, since: float, until: float, counted: bool) -> Saving:
        """What it comes to for one service; see `Saving` for the rest."""
        return Saving(key, since, until, self._account(row, ACTED), self._account(row, WATCHED), counted)

    def _account(self, row: int, kind: int) -> Account:
        counted = float(self.minutes[row, kind]) / 60
        hours, late = (self.replica_minutes[row, kind] / 60).tolist(), self.late[row, kind].tolist()
        requests, measured = float(self.requests[row, kind]), float(self.measured[row, kind])
        share, known = (measured / requests if requests else 0.0), self._evidence(row)

        def course(at: int) -> Course:
            ratio = late[at] / requests if requests else 0.0
            return Course(hours_like(hours[at], counted, ratio, known), late_like(late[at], requests, share, known))

        actual = Course(Estimate.exactly(hours[ACTUAL]), late_actual(late[ACTUAL], requests, share))
        other = course(OTHER)
        reactive, advised = (other, actual) if kind == ACTED else (actual, other)
        return Account(counted, requests, measured, actual, reactive, advised, course(FIXED))

    def _evidence(self, row: int) -> Evidence:
        hours, late = (self.replica_minutes[row] / 60).sum(axis=0).tolist(), self.late[row].sum(axis=0).tolist()
        return Evidence(hours[ACTUAL], hours[MODELLED], late[ACTUAL], late[MODELLED], float(self.requests[row].sum()))


@dataclass(frozen=True, eq=False)
class Totals(ByService):
    """What of n services outlives a restart, where there is a volume."""

    NAMED = ("keys",)
    keys: tuple[str, ...]
    since: Floats
    """[n], unix seconds, as `until`."""
    until: Floats
    counted: NDArray[np.bool_]
    """[n]: whether the demand counts requests."""
    ledger: Ledger

    def but(self, keys: Collection[str]) -> Totals:
        """Without these."""
        here = frozenset(keys)
        return self.rows(np.array([row for row, key in enumerate(self.keys) if key not in here], int))

    def beyond(self, earlier: Totals) -> Totals:
        """Of the same services, what has come since there was `earlier`."""
        there = places(self.keys, earlier.keys)
        old = there >= 0
        before = Ledger.empty(len(self.keys)).put(old, earlier.ledger, there[old])
        return replace(self, ledger=self.ledger.without(before))

    def saving(self, key: str) -> Saving | None:
        """What it comes to for one; None where it is not among them."""
        if key not in self.keys:
            return None
        row = self.keys.index(key)
        return self.ledger.saving(row, key, float(self.since[row]), float(self.until[row]), bool(self.counted[row]))

    def savings(self) -> dict[str, Saving]:
        """By key: what it comes to."""
        rows = zip(self.keys, self.since.tolist(), self.until.tolist(), self.counted.tolist(), strict=True)
        return {key: self.ledger.saving(row, key, *said) for row, (key, *said) in enumerate(rows)}


NO_TOTALS = Totals((), np.zeros(0), np.zeros(0), np.zeros(0, bool), Ledger.empty(0))


@dataclass(frozen=True, eq=False)
class Courses(ByService):
    """Where the courses of n services stand, and what has come of them."""

    alone: CoarseWorld
    """The scaler as its owner has it, above no floor of ours and above the constant one."""
    ours: CoarseWorld
    backlog: Array
    """[n]: work that really waits, in demand times minutes, where nobody measures how late it is."""
    ledger: Ledger

    @classmethod
    def begun(cls, present: Floats) -> Courses:
        """With so many replicas [n]; nothing has come yet."""
        n = len(present)
        return cls(
            CoarseWorld.begun(present, 2), CoarseWorld.begun(present, 1), np.zeros(n, np.float32), Ledger.empty(n)
        )

    def after(self, served: Served, filled: Served, came: Came) -> Courses:
        """After a minute. `filled` is `served` as full as the scaler was told to fill replicas by us."""
        floors = np.stack([np.zeros_like(came.fixed), came.fixed], axis=1)
        alone, late = self.alone.after(served, floors, floors, came.demand)
        ours, our_late = self.ours.after(filled, came.floor[:, None], came.floor[:, None], came.demand)
        x = np.minimum(np.nan_to_num(came.demand), MOST).astype(np.float32)
        slots = (came.ready * served.slots)[:, None]
        found, backlog, _ = (part[:, 0] for part in queue(x[:, None], slots, self.backlog[:, None], served))
        really = np.where(np.isfinite(came.late), np.nan_to_num(came.late) * x, found)
        observed = np.isfinite(came.demand)
        counts = observed & (self.alone.minutes >= _settled(served))

        replicas = _courses(came, came.present, alone.present, ours.present[:, 0])
        lateness = _courses(came, really, late, our_late[:, 0]) * came.each[:, None]
        measured = np.where(np.isfinite(came.late), x, np.float32(0)) * came.each
        seen = Ledger(
            *(_by_kind(part, came.acts, counts) for part in (np.ones(len(x)), x * came.each, measured)),
            *(_by_kind(part, came.acts, counts) for part in (replicas, lateness)),
        )
        return Courses(alone, ours, np.where(observed, backlog, np.float32(0)), self.ledger.with_(seen))

    def anew(self, rows: NDArray[np.bool_], present: Floats) -> Courses:
        """These `rows` [n] begin again with so many replicas [n]; what has come of them stays."""
        if not rows.any():
            return self
        fresh = replace(Courses.begun(present), ledger=self.ledger)
        return self.put(rows, fresh, np.flatnonzero(rows))


def _settled(served: Served) -> Ints:
    """[n]: minutes after which a model has forgotten how it began."""
    return np.asarray(served.lag + 2 * served.half + SETTLING_MINUTES)


def _courses(came: Came, actual: Array, alone: Array, ours: Array) -> Floats:
    """[n, 4], from what really was [n], of the scaler alone and above a constant floor [n, 2], and of ours [n]."""
    reactive = alone[:, _ALONE]
    modelled, other = np.where(came.acts, ours, reactive), np.where(came.acts, reactive, ours)
    return np.stack([actual, modelled, other, alone[:, _CONSTANT]], axis=1).astype(float)


def _by_kind(part: Array | Floats, acts: NDArray[np.bool_], counts: NDArray[np.bool_]) -> Floats:
    """[n, 2, ...]: under the kind of this minute, where it counts."""
    kinds = np.stack([counts & acts, counts & ~acts], axis=1)
    return np.asarray(np.where(kinds.reshape(*kinds.shape, *(1,) * (part.ndim - 1)), part[:, None], 0.0), float)
