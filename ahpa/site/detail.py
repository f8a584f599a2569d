"""One service from last week to the next 24 hours, and why: its view."""

from __future__ import annotations

import numpy as np

from ahpa.core.ahead import Ahead as Floors
from ahpa.core.ahead import ahead
from ahpa.core.starts import PHASES, StartLog
from ahpa.ports import TargetRound
from ahpa.render.explained import Explained, alone, sentences
from ahpa.render.status import Row
from ahpa.service.chronicle import BUCKET_SECONDS, BUCKETS, Course
from ahpa.service.showing import Shown
from ahpa.site.once import Once
from ahpa.site.running import Running
from ahpa.site.seen import Seen, change_line, line_of
from ahpa.site.views import Ahead, NextChange, Numbers, Past, Phase, Sentence, ServiceDetail, Starting
from ahpa.site.worth import savings_of, what_if_of
from forecasting.forecast import Forecast
from forecasting.levels import read_level
from forecasting.panel import DAY_SECONDS, Array, Floats, Panel

AHEAD_SECONDS = DAY_SECONDS
PAST_SECONDS = 7 * DAY_SECONDS
MOST_KEPT = 32
"""Services of which what is dear is kept, some 0.4 MiB each."""
LEVELS = (0.5, 0.95)
"""Of the median and of the upper edge of the band; the lower one is the lowest that the forecast has."""


class Details:
    """The views of single services. What is dear about one (a forecast of a day, a tenth of a second) is made once a
    round."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._made = Once[Explained](MOST_KEPT)

    def of(self, key: str, ask: bool = False) -> ServiceDetail | None:
        """None: there is no such service in the last round. `ask`: what would have been is asked for, which begins the
        work where it is not done."""
        running, shown = self._seen.running, self._seen.running.shown()
        each = next((one for one in shown.rounds if one.decision.key == key), None)
        if each is None:
            return None
        it = self._made.of(key, shown, lambda: explained(running, shown, each))
        change, saving = it.row.change, running.saving(key)
        return ServiceDetail(
            standing=self._seen.round().standing,
            service=line_of(each, running),
            per_replica=each.workload.per_replica,
            next=None if change is None else NextChange(*change),
            why=tuple(Sentence(what, said) for what, said in sentences(it)),
            starting=starting_of(each.starts),
            past=past_of(it.history, running.chronicle.course(key), each, shown.at),
            ahead=None if it.steps is None else ahead_of(it.steps, it.row.ahead),
            what_if=None if running.what_if is None else what_if_of(running.what_if(key) if ask else None),
            saved=None if saving is None else savings_of(saving),
            changes=tuple(map(change_line, running.chronicle.changes(key))),
        )


def explained(running: Running, shown: Shown, each: TargetRound) -> Explained:
    """What `ahpa explain` tells, from what is in memory."""
    asked = next(one for one in shown.listing.asked if one.target.key == each.decision.key)
    history = None
    if asked.query is not None:
        since = shown.at - running.settings.history_seconds
        held = running.held({asked.series: asked.query}, since, shown.at)
        history = held if held.keys else None
    steps = None if asked.query is None else running.sketch(asked.series, AHEAD_SECONDS)
    steps = None if steps is None else only(steps, asked.series)
    limits, tick = running.settings.limits, running.settings.tick_seconds
    floors = None
    if steps is not None and each.outlook is not None and each.decision.plan is not None:
        floors = ahead(each.workload, each.outlook, steps, 0, each.decision.floor, shown.at, limits, tick)
    return Explained(
        Row(each.workload, each.decision, floors, each.ignored), each, shown.at, limits, tick, asked.query,
        asked.words, history, steps,
    )  # fmt: skip


def only(steps: Forecast, series: str) -> Forecast | None:
    """What is foreseen of one series; None: nothing is."""
    row = steps.keys.index(series) if series in steps.keys else None
    return None if row is None or steps.reasons[row] is not None else alone(steps, row, series)


def starting_of(log: StartLog) -> Starting | None:
    spent = log.spent()
    if spent is None:
        return None
    phases = tuple(Phase(name, mean) for name, mean in zip(PHASES, spent.seconds, strict=True))
    return Starting(spent.starts, phases)


def past_of(history: Panel | None, course: Course | None, each: TargetRound, now: float) -> Past | None:
    """The last week in the buckets of the chronicle; None where nothing is known at all."""
    if history is None and course is None:
        return None
    count = round(PAST_SECONDS / BUCKET_SECONDS)
    end = now // BUCKET_SECONDS * BUCKET_SECONDS + BUCKET_SECONDS
    if course is None:
        nothing = np.full(BUCKETS, np.nan)
        course = Course(end - BUCKETS * BUCKET_SECONDS, BUCKET_SECONDS, nothing, nothing, nothing)
    start = course.start + (BUCKETS - count) * course.step
    demand = in_buckets(history, start, count)
    floor, ready, peak = (values[-count:] for values in (course.floor, course.ready, course.peak))
    per_replica, filled = each.workload.per_replica, each.workload.utilization or 1.0
    slots = ready * (np.nan if per_replica is None else per_replica / filled)
    short = np.maximum(demand - slots, 0)
    return Past(start, course.step, *map(numbers, (demand, floor, ready, peak, short)))


def in_buckets(history: Panel | None, start: float, count: int) -> Floats:
    """Means of the demand in `count` buckets from `start` on; NaN where nothing was observed."""
    if history is None:
        return np.full(count, np.nan)
    values = history.values[0].astype(float)
    if history.step > BUCKET_SECONDS:
        at = np.floor((start + BUCKET_SECONDS * np.arange(count) - history.start) / history.step).astype(int)
        within = (at >= 0) & (at < len(values))
        return np.where(within, values[np.clip(at, 0, len(values) - 1)], np.nan)
    bucket = np.floor((history.times() - start) / BUCKET_SECONDS).astype(int)
    told = np.isfinite(values) & (bucket >= 0) & (bucket < count)
    sums = np.bincount(bucket[told], values[told], count)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.bincount(bucket[told], minlength=count))


def ahead_of(steps: Forecast, floors: Floors | None) -> Ahead:
    """In steps of five minutes, or the forecast's own where they are longer."""
    of = steps.steps[0]
    lowest = float(steps.levels[0])
    low, median, high = (
        np.array([read_level(steps.levels, values, level) for values in of]) for level in (lowest, *LEVELS)
    )
    planned = np.full(len(of), np.nan)
    if floors is not None:
        first = max(0, round((float(floors.at[0]) - steps.origin) / steps.step))
        part = floors.floors[: max(0, len(of) - first)]
        planned[first : first + len(part)] = part
    every = max(1, round(BUCKET_SECONDS / steps.step))
    low, median, high, planned = (values[::every] for values in (low, median, high, planned))
    return Ahead(
        start=steps.origin,
        step_seconds=steps.step * every,
        low=numbers(low),
        median=numbers(median),
        high=numbers(high),
        levels=(lowest, *LEVELS),
        floor=numbers(planned),
        model=steps.models[0],
    )


def numbers(values: Array) -> Numbers:
    """To four digits, as much as a picture shows."""
    return tuple(None if not np.isfinite(value) else float(f"{value:.4g}") for value in values.tolist())
