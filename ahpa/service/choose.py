"""Choose: what each target's floor follows. Each round the settings are tried on what came; each refit chooses.

All is counted in requests in flight. A demand of another kind (cores, messages) is taken as if a full replica held ten
of them: how noisy it is within a minute is not known.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.core.by_service import ByService, places
from ahpa.core.decision import Decision
from ahpa.core.fills import Fills
from ahpa.core.lever import fills_of
from ahpa.core.observation import Observation, Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.served import MOST, Reaction, Served, wishes
from ahpa.core.setting import FILLED, Setting
from ahpa.core.tryouts import LEAST_DAYS, Minute, Tryouts
from ahpa.core.units import IN_FLIGHT
from ahpa.ports import Telemetry
from forecasting.panel import Array, Floats, Ints, Panel

STEP_SECONDS = 60.0
"""In steps of so long all is tried (core/tryouts.py)."""
SERVICE_SECONDS = 2.0
"""A request takes so long where its owner does not say (`ahpa.dev/service-time`)."""
HELD = 10.0
"""Requests that a full replica holds, where demand counts something else."""
SAME = 0.05
"""A replica that serves another demand by no more than this is the one that it was when the record began."""
EVENT_SECONDS = 600.0
"""So long after an event its steps may still come."""
SAID = 3
"""So many changes are named in a log line."""


@dataclass(frozen=True, eq=False)
class Tried(ByService):
    """All targets that are planned for, with their settings as far as they were tried; shape [n] in the order of the
    tryouts' keys. Each is a series at a fill: its scaler's own, and others where its target may be raised."""

    tryouts: Tryouts
    fills: Fills
    """Of series."""
    served: Served
    """Within the bounds that their owners have at all times: days that are past had other windows."""
    bounded: Served
    """As `served`, within the windows and events of then too."""
    began: Floats
    """What a replica served when the record began, in the unit of its demand."""
    late_target: Floats
    scale: Floats
    """Requests in flight for one unit of the demand."""
    until: Floats
    """Unix seconds: the newest step that had been observed when the rules said what they want."""
    age: Floats
    """Seconds from there to the round that said so."""
    reach: Floats
    """Seconds from there to the end of what a plan had to cover."""
    ready: Floats
    """Replicas that were there then."""
    in_force: Ints
    """The column of the setting that floors followed then; -1: none of them did, or it was only thought of."""
    wanted: Array
    """[n, rules]: what they wanted then, and what of it was worth keeping."""
    kept: Array
    anew: tuple[str, ...] = field(default=(), kw_only=True)
    """Series that began anew in this round, as a replica serves another demand than it did."""

    @property
    def keys(self) -> tuple[str, ...]:
        return self.tryouts.keys

    @property
    def series(self) -> tuple[str, ...]:
        return self.fills.services

    def after(self, recent: Panel, late: Panel, doubted: Collection[str]) -> Tried:
        """With what has come since then, and the share of it that was measured to be `late`. Of what is `doubted`
        (series) nothing is learned."""
        at = places(self.series, recent.keys, but=doubted)
        if not recent.values.size or not (at >= 0).any():
            return self
        newest = np.where(at >= 0, recent.last_observed()[at], -np.inf)
        new = newest > self.until + 1e-6
        if not new.any():
            return self
        ends = np.where(new, newest, -np.inf)
        demand = np.minimum(step_of(recent, at, ends) * self.scale, MOST).astype(np.float32)
        measured = np.clip(step_of(late, places(self.series, late.keys), ends), 0, 1).astype(np.float32)
        minute = Minute(self.wanted, self.kept, demand, self.ready.astype(np.float32), measured, self.in_force)
        tryouts = self.fills.taught(self.tryouts.seen(self.bounded, minute), self.in_force)
        return replace(self, tryouts=tryouts, until=np.maximum(self.until, newest))

    def without(self, gone: Callable[[str], bool]) -> Tried | None:
        """Those whose series are not gone; None if all are."""
        return self.where([not gone(series) for series in self.series])

    def late(self) -> dict[str, float]:
        """By series, of those whose floors followed a setting: the share of the requests that was late with it."""
        shares = zip(self.series, self.tryouts.experience.shares().tolist(), strict=True)
        return {series: share for series, share in shares if math.isfinite(share)}

    def constants(self) -> dict[str, float]:
        """By series: the constant floor that its owner would set by what is on record."""
        rows = zip(self.series, self.fills.shares, self.tryouts.constant(self.late_target).tolist(), strict=True)
        return {series: floor for series, share, floor in rows if share is None}

    def young(self) -> dict[str, str]:
        """By key, of those with too little on record to choose by: the series."""
        few = self.tryouts.minutes < LEAST_DAYS * 1440
        rows = zip(self.keys, self.series, few.tolist(), strict=True)
        return {key: series for key, series, is_young in rows if is_young}

    def relived(self, others: Tried) -> Tried:
        """With what is on record of `others`, but of those that are another service since then."""
        changed = _changed(others, self.keys, self.served.per_replica / self.scale)
        return replace(self, tryouts=self.tryouts.relived(others.tryouts, changed))

    def chosen(self, before: Mapping[str, Setting]) -> dict[str, Setting]:
        """By series: the setting that did best, of those with enough on record; as `Fills.choose`."""
        return self.fills.choose(self.tryouts, self.served, self.late_target, before)

    def choose(self, before: Mapping[str, Setting], telemetry: Telemetry) -> dict[str, Setting]:
        """By series: the setting in force from now on, of those with enough on record."""
        chosen = self.chosen(before)
        changed = [key for key, setting in chosen.items() if setting != before.get(key)]
        if changed:
            first = {key.partition(" ")[0]: str(chosen[key]) for key in changed[:SAID]}
            telemetry.log("settings.chosen", logging.INFO, targets=len(chosen), changed=len(changed), first=first)
        return chosen


def wish(
    before: Tried | None,
    seen: Observation,
    series: Mapping[str, str],
    largest: Mapping[str, float],
    reactions: Mapping[str, Reaction],
    followed: Mapping[str, Setting],
) -> Tried | None:
    """What the rules want for the minute that begins, of every target with a forecast. By workload's key: its `series`,
    `reactions` (how the scaler above the floor follows the load), and the setting that its floor really `followed` in
    this round; `largest` by series is the largest demand of the last days. Those that were tried before and are not
    planned for in this round keep their record and learn nothing. None: there is none to try anything for."""
    each = [w for w in seen.workloads if w.per_replica is not None and seen.outlook(w.key) is not None]
    names = {series[w.key] for w in each}
    others = before and before.without(names.__contains__)
    if not each:
        return others and _waiting(others)
    fills = Fills.of([(series[w.key], (None, *fills_of(w))) for w in each])
    keys, planned = fills.keys, [w for w in each for _ in (None, *fills_of(w))]
    scale = np.array([in_flight(w) for w in planned])
    served = _capped(served_of(planned, fills.shares, scale, [reactions[w.key] for w in planned]), seen)
    needs = np.array([largest.get(name, 0.0) for name in fills.services]) * scale / served.per_replica
    ready = np.array([w.ready for w in planned], float)
    serves = np.asarray(served.per_replica / scale, float)
    anew = () if before is None else _changed(before, keys, serves)
    then = {} if before is None else dict(zip(before.keys, before.began.tolist(), strict=True))
    began = [value if key in anew else then.get(key, value) for key, value in zip(keys, serves.tolist(), strict=True)]
    tryouts = Tryouts.fresh(keys, ready, needs) if before is None else before.tryouts.of(keys, ready, needs, anew)
    reach = np.array([_reach(w, seen) for w in planned])
    levels, peaks = _peaks(planned, reach, seen)
    wanted, kept = wishes(levels, np.asarray(np.minimum(peaks * scale[:, None], 1e30), np.float32), served)
    until = np.where(np.isfinite(peaks).all(axis=1), [w.observed_until for w in planned], np.inf)
    target = np.array([w.policy.policy.late_target for w in planned])
    age = np.array([_age(w, seen) for w in planned])
    in_force = tryouts.columns(fills.at_theirs({series[key]: setting for key, setting in followed.items()}))
    here = Tried(
        tryouts, fills, served, _bounded(served, planned, seen),
        np.array(began), target, scale, until, age, reach, ready, in_force, wanted, kept,
        anew=tuple(dict.fromkeys(name for name, key in zip(fills.services, keys, strict=True) if key in anew)),
    )  # fmt: skip
    return here if others is None else here.beside(_waiting(others))


def followed(seen: Observation, written: Sequence[Decision]) -> dict[str, Setting]:
    """By workload's key: the setting that a `written` decision follows, and that was really so: we hold the floor, and
    the cluster has so many replicas, as full as we said."""
    filled = {w.key: w.lever.raised for w in seen.workloads if w.managed and w.present >= w.floor}
    return {
        one.key: one.plan.setting
        for one in written
        if one.plan is not None and one.key in filled and filled[one.key] == one.utilization
        and one.plan.setting.utilization == one.utilization
    }  # fmt: skip


def in_event(workload: Workload, now: float) -> bool:
    """Whether there is, or was a few steps ago, another demand than usual: no setting is judged by that."""
    policy = workload.policy.policy
    steps = round(EVENT_SECONDS / STEP_SECONDS)
    return bool(policy.events) and policy.known.factors(now - EVENT_SECONDS, STEP_SECONDS, steps) is not None


def step_of(panel: Panel, rows: Ints, ends: Floats) -> Floats:
    """What a panel says in these rows [n] (-1: none) of the step that ends then [n]; NaN where it says nothing."""
    steps = (np.where(np.isfinite(ends), ends, panel.start) - panel.start) / panel.step
    columns = np.rint(steps).astype(int) - 1
    there = (rows >= 0) & (columns >= 0) & (columns < panel.values.shape[1])
    out = np.full(len(rows), np.nan)
    out[there] = panel.values[rows[there], columns[there]]
    return out


def _waiting(others: Tried) -> Tried:
    """Of which nothing is learned until they are planned for again."""
    return replace(others, until=np.full(len(others.until), np.inf), anew=())


def _changed(before: Tried, keys: Sequence[str], per_replica: Floats) -> tuple[str, ...]:
    """Those of which a replica serves another demand than it did, each in its unit: that was another service."""
    then = dict(zip(before.keys, before.began.tolist(), strict=True))
    now = zip(keys, per_replica.tolist(), strict=True)
    return tuple(key for key, value in now if not math.isclose(value, then.get(key, value), rel_tol=SAME))


def _age(workload: Workload, seen: Observation) -> float:
    """Seconds since the newest step that its forecast knows of."""
    return max(0.0, seen.now - seen.outlooks[workload.key].origin)


def _reach(workload: Workload, seen: Observation) -> float:
    """Seconds from there to the end of what a plan has to cover."""
    lead = workload.policy.policy.lead or workload.readiness.longest(LAG_LEVEL)
    return _age(workload, seen) + lead + seen.tick_seconds


def _peaks(planned: Sequence[Workload], reach: Floats, seen: Observation) -> tuple[Floats, Floats]:
    """(levels [q], quantiles [n, q] of the peak within each one's reach), NaN where a model has no opinion."""
    rows = [seen.outlooks[w.key].within(seconds) for w, seconds in zip(planned, reach.tolist(), strict=True)]
    return seen.outlooks[planned[0].key].levels, np.stack(rows)


def in_flight(workload: Workload) -> float:
    """Requests in flight for one unit of its demand."""
    assert workload.per_replica is not None
    return 1.0 if workload.unit == IN_FLIGHT.words else HELD * FILLED / workload.per_replica


def served_of(
    planned: Sequence[Workload], fills: Sequence[float | None], scale: Floats, reactions: Sequence[Reaction]
) -> Served:
    """What the targets are, as far as it is known, each filled to such a share (None: as its owner has it)."""
    own = [(w.per_replica or 1.0) * s for w, s in zip(planned, scale, strict=True)]
    shares = [w.utilization if w.unit == IN_FLIGHT.words else None for w in planned]
    counted = [share is not None and share <= 1 for share in shares]
    filled = [share or FILLED for share in shares]
    further = [fill / (w.lever.own or fill) if fill else 1.0 for w, fill in zip(planned, fills, strict=True)]
    return Served.of(
        per_replica=[value * more for value, more in zip(own, further, strict=True)],
        slots=[value / share for value, share in zip(own, filled, strict=True)],
        least=[max(w.baseline, w.policy.policy.min or 0) for w in planned],
        most=[min(x for x in (MOST, w.maximum, w.policy.policy.max) if x is not None) for w in planned],
        release=[w.policy.policy.release for w in planned],
        lag_seconds=[w.readiness.longest(LAG_LEVEL) for w in planned],
        service_seconds=[w.policy.policy.service_time or SERVICE_SECONDS for w in planned],
        late_after_seconds=[w.policy.policy.late_after for w in planned],
        countable=counted,
        reactions=reactions,
    )


def _capped(served: Served, seen: Observation) -> Served:
    """With no floor above the operator's cap."""
    return replace(served, most=np.minimum(served.most, np.float32(seen.limits.cap)))


def _bounded(served: Served, planned: Sequence[Workload], seen: Observation) -> Served:
    """Within the bounds of windows and events: each setting is tried above them, as the floor is."""
    if not any(w.policy.policy.windows or w.policy.policy.events for w in planned):
        return served
    bounds = [w.policy.policy.known.bounds(seen.now, seen.now + _reach(w, seen) - _age(w, seen)) for w in planned]
    least, most = zip(*bounds, strict=True)
    return served.within(np.array(least), np.array(most))
