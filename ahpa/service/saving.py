"""Count: what each target really had, minute by minute, and what it would have had otherwise (core/courses.py).

The rounds feed it: the replicas that there were and the floor that was decided, and then the demand that came. Nothing
is counted of what was not observed, is doubted, or is another copy's to count.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ahpa.core.by_service import ByService, places
from ahpa.core.courses import NO_TOTALS, Came, Courses, Totals
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation, Workload
from ahpa.core.served import MOST, Reaction, Served
from ahpa.core.units import IN_FLIGHT, PER_SECOND, UNITS
from ahpa.service.choose import SERVICE_SECONDS, STEP_SECONDS, in_flight, served_of, step_of
from forecasting.panel import DAY_SECONDS, Array, Floats, Panel

CATCHES_UP = 5
"""So many steps that come at once are counted one by one, with the replicas of the last round; of more there is a gap,
and the models begin anew with what is there."""
_RATES = {unit.words: 60 * unit.factor for unit in UNITS.values() if unit.counts == PER_SECOND.counts}
"""Requests a minute in one of the unit."""


@dataclass(frozen=True, eq=False)
class Saved(ByService):
    """n targets that are counted, or were; shape [n] in the order of `keys`."""

    NAMED = ("keys", "series")
    keys: tuple[str, ...]
    """Of the targets."""
    series: tuple[str, ...]
    since: Floats
    """Unix seconds."""
    until: Floats
    """The newest moment that was looked at."""
    counted: NDArray[np.bool_]
    """Whether the demand counts requests."""
    here: NDArray[np.bool_]
    """Whether the last round looked at it, and it is ours to count."""
    scale: Floats
    """Requests in flight for one unit of the demand."""
    chosen: Floats
    """Unix seconds at which its constant floor was chosen: it stays for a day."""
    served: Served
    """As its owner has it, with its owner's own bounds."""
    filled: Served
    """As full as we let the scaler fill replicas."""
    seen: Came
    """What the last round saw and decided; the demand comes after it."""
    courses: Courses

    def after(self, recent: Panel, late: Panel, doubted: Collection[str]) -> Self:
        """With what has come since then, and the share of it that was measured to be `late`. What is `doubted` (series)
        was not observed."""
        at, measured = places(self.series, recent.keys, but=doubted), places(self.series, late.keys)
        if not recent.values.size or not (at >= 0).any():
            return self
        last = np.where((at >= 0) & self.here, recent.last_observed()[at], -np.inf)
        last = np.where(last - self.until > CATCHES_UP * STEP_SECONDS + 1e-6, -np.inf, last)
        first, courses = self.until, self.courses
        for step in range(1, CATCHES_UP + 1):
            ends = np.where(first + step * STEP_SECONDS <= last + 1e-6, first + step * STEP_SECONDS, -np.inf)
            if not np.isfinite(ends).any():
                break
            demand = np.minimum(step_of(recent, at, ends) * self.scale, MOST).astype(np.float32)
            share = np.clip(step_of(late, measured, ends), 0, 1).astype(np.float32)
            courses = courses.after(self.served, self.filled, replace(self.seen, demand=demand, late=share))
        return replace(self, courses=courses, until=np.maximum(self.until, last))

    def without(self, gone: Callable[[str], bool]) -> Saved | None:
        """Those that are not gone; None if all are."""
        return self.where([not gone(key) for key in self.keys])

    @property
    def totals(self) -> Totals:
        """What outlives a restart."""
        return Totals(self.keys, self.since, self.until, self.counted, self.courses.ledger)


def counting(
    before: Saved | None,
    seen: Observation,
    decisions: Sequence[Decision],
    written: Sequence[Decision],
    series: Mapping[str, str],
    reactions: Mapping[str, Reaction],
    constants: Mapping[str, float],
    held: Collection[str],
    earlier: Totals = NO_TOTALS,
) -> Saved | None:
    """What this round saw and decided, to be counted when its demand has come.

    By workload's key: its `series`, `reactions` (how the scaler above the floor follows the load); by series the
    `constants`, of those of whom one is known. Counted are those that we `held`; of them `written` decisions were
    carried out. Those that are not here any more keep what they have. `earlier` is what was counted before the start.
    """
    both = zip(seen.workloads, decisions, strict=True)
    known = set() if before is None else set(before.keys)
    each = [
        (w, d) for w, d in both
        if w.key in held and w.per_replica is not None and (w.key in known or series[w.key] in constants)
    ]  # fmt: skip
    others = before and before.without({w.key for w, _ in each}.__contains__)
    waiting = others and replace(others, here=np.zeros(len(others.keys), bool))
    if not each:
        return waiting
    acting = {decision.key for decision in written if decision.apply}
    names = [series[w.key] for w, _ in each]
    now = _seen(each, names, seen, acting, [reactions[w.key] for w, _ in each])
    now = _restored(now, earlier)
    if before is not None:
        now = _going_on(now, before)
    now = _with_constants(now, constants, seen.now)
    return now if waiting is None else now.beside(waiting)


def _seen(
    each: Sequence[tuple[Workload, Decision]],
    names: Sequence[str],
    seen: Observation,
    acting: Collection[str],
    reactions: Sequence[Reaction],
) -> Saved:
    """These as they are now; nothing has come of them yet."""
    workloads = [w for w, _ in each]
    scale = np.array([in_flight(w) for w in workloads])
    plain = served_of(workloads, [None] * len(each), scale, reactions)
    further = _of(_further(w, decision.utilization) for w, decision in each)
    least = np.array([w.baseline for w in workloads], np.float32)
    most = np.array([MOST if w.maximum is None else w.maximum for w in workloads], np.float32)
    served = replace(plain, least=least, most=np.maximum(most, least))
    filled = replace(served, per_replica=served.per_replica * further)
    present = _of(w.present for w in workloads)
    acts = np.array([w.managed or w.key in acting for w in workloads], bool)
    floors = [d.floor if w.key in acting or not w.managed else w.floor for w, d in each]
    nothing, n = np.full(len(each), np.nan, np.float32), len(each)
    came = Came(nothing, nothing, present, _of(w.ready for w in workloads), _of(floors), nothing, acts,
                _requests(workloads, scale))  # fmt: skip
    until = np.array([w.observed_until for w in workloads])
    counted = np.array([w.unit == IN_FLIGHT.words or w.unit in _RATES for w in workloads], bool)
    return Saved(
        tuple(w.key for w in workloads), tuple(names), until, until, counted, np.ones(n, bool), scale,
        np.full(n, -np.inf), served, filled, came, Courses.begun(present.astype(float)),
    )  # fmt: skip


def _further(workload: Workload, fill: float | None) -> float:
    """How much more a replica serves at this share of its slots (None: its owner's own)."""
    return fill / workload.lever.own if fill is not None and workload.lever.own else 1.0


def _of(values: Iterable[float]) -> Array:
    return np.array(list(values), np.float32)


def _requests(workloads: Sequence[Workload], scale: Floats) -> Array:
    """Requests a minute that one in flight is; of a demand that counts none it is a guess, as all of it."""
    takes = [w.policy.policy.service_time or SERVICE_SECONDS for w in workloads]
    rates = [_RATES.get(w.unit or "") for w in workloads]
    parts = zip(takes, rates, scale.tolist(), strict=True)
    return _of(60 / seconds if rate is None else rate / one for seconds, rate, one in parts)


def _restored(now: Saved, earlier: Totals) -> Saved:
    """With what was counted before the start."""
    there = places(now.keys, earlier.keys)
    old, rows, since = there >= 0, there[there >= 0], now.since.copy()
    since[old] = earlier.since[rows]
    ledger = now.courses.ledger.put(old, earlier.ledger, rows)
    return replace(now, since=since, courses=replace(now.courses, ledger=ledger))


def _going_on(now: Saved, before: Saved) -> Saved:
    """With what has come so far. After a gap, or where nothing was modelled yet, models begin with what is there."""
    there = places(now.keys, before.keys)
    old = there >= 0
    rows = there[old]
    courses = now.courses.put(old, before.courses, rows)
    since, chosen, until = now.since.copy(), now.chosen.copy(), now.until.copy()
    since[old], chosen[old] = before.since[rows], before.chosen[rows]
    fixed = now.seen.fixed.copy()
    fixed[old] = before.seen.fixed[rows]
    gap = old & (now.until - np.where(old, before.until[there], 0) > CATCHES_UP * STEP_SECONDS)
    begins = gap | (courses.alone.minutes == 0)
    until[old & ~begins] = before.until[rows][~begins[old]]
    return replace(
        now, since=since, chosen=chosen, until=until, seen=replace(now.seen, fixed=fixed),
        courses=courses.anew(begins, now.seen.present.astype(float)),
    )  # fmt: skip


def _with_constants(now: Saved, constants: Mapping[str, float], at: float) -> Saved:
    """With a constant floor for each; one that is a day old is chosen anew, as an owner would who looks after it."""
    due = at - now.chosen >= DAY_SECONDS
    known = np.array([constants.get(name, np.nan) for name in now.series])
    new = due & np.isfinite(known)
    fixed = np.where(new, known, now.seen.fixed).astype(np.float32)
    return replace(now, chosen=np.where(new, at, now.chosen), seen=replace(now.seen, fixed=fixed))
