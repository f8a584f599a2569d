"""The settings that the service would have found for itself, day by day, from what lay before each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ahpa.backtest.foresight import Foresight
from ahpa.backtest.scenario import TICK_SECONDS, Scenario
from ahpa.backtest.trial import Trial
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy.values import Policy
from ahpa.core.served import Served, largest_lately, wishes
from ahpa.core.setting import DEFAULT_SETTING, Setting
from ahpa.core.tryouts import Tryouts
from forecasting.panel import DAY_SECONDS, Array, Floats

_DAY = round(DAY_SECONDS / TICK_SECONDS)


@dataclass(frozen=True, eq=False)
class Course:
    """Minute by minute from the first that was foreseen to the last tested: what came, and what each rule wanted."""

    start: float
    demand: Array
    """[t]: mean concurrency; NaN where nothing was observed."""
    wanted: Array
    """[t, rules]"""
    kept: Array

    @staticmethod
    def of(scenario: Scenario, foresight: Foresight, served: Served) -> Course:
        """Of one service; empty if nothing was foreseen."""
        end = scenario.start + TICK_SECONDS * scenario.minutes
        first = float(foresight.origins[0]) if len(foresight.origins) else end
        start = end - TICK_SECONDS * np.floor((end - first) / TICK_SECONDS)
        ticks = start + TICK_SECONDS * np.arange(round((end - start) / TICK_SECONDS))
        origins = foresight.newest(ticks)
        reach = ticks - foresight.origins[origins] if len(ticks) else ticks
        reach = reach + scenario.service.readiness.longest(LAG_LEVEL) + TICK_SECONDS
        window = np.minimum(np.searchsorted(foresight.windows, reach - 1e-6), len(foresight.windows) - 1)
        peaks = np.asarray(foresight.peaks[origins, window], np.float32)
        column = np.floor((ticks - scenario.demand.start) / scenario.demand.step + 1e-6).astype(int)
        demand = np.asarray(scenario.demand.values[0][column], np.float32)
        return Course(float(start), demand, *wishes(foresight.levels, peaks, served))


def settings_for(trial: Trial, late_target: float, utilization: float | None = None) -> list[Setting]:
    """For each tested minute: chosen as a day begins, by the days before it and what of the tested ones is over."""
    scenario = trial.tested
    served = served_by(scenario, late_target, utilization)
    course = Course.of(scenario, trial.foresight, served)
    first = len(course.demand) - scenario.minutes
    tryouts = _fresh(scenario, course, served)
    chosen: dict[str, Setting] = {}
    out: list[Setting] = []
    for begin in range(first % _DAY - _DAY * (first % _DAY > 0), len(course.demand), _DAY):
        now = course.start + TICK_SECONDS * max(begin, 0)
        tryouts = tryouts.of(tryouts.keys, np.ones(1), _largest(scenario, now, served))
        chosen |= tryouts.choose(served, np.array([late_target]), chosen)
        day = slice(max(begin, 0), begin + _DAY)
        tryouts = tryouts.through(served, course.wanted[day, None], course.kept[day, None], course.demand[day, None])
        out += [chosen.get(scenario.name, DEFAULT_SETTING)] * len(course.demand[day])
    return out[first:]


def served_by(scenario: Scenario, late_target: float, utilization: float | None) -> Served:
    """The service of a scenario, alone; `utilization` is that of the second lever."""
    service, scaling = scenario.service, scenario.scaling
    filled = (scaling if utilization is None else scaling.at(utilization)).per_replica(service.service_seconds)
    least, most = scenario.bounds
    return Served.of(
        per_replica=[filled],
        slots=[float(service.concurrency)],
        least=[least],
        most=[most],
        release=[Policy().release],
        lag_seconds=[service.readiness.longest(LAG_LEVEL)],
        service_seconds=[service.service_seconds],
        late_after_seconds=[service.late_after_seconds],
        countable=[filled <= service.concurrency],
        reactions=[scaling.reaction],
    )


def _fresh(scenario: Scenario, course: Course, served: Served) -> Tryouts:
    before = scenario.demand.until(course.start).values[0]
    came = before[np.isfinite(before)][-1:]
    needed = np.ceil((came if len(came) else np.ones(1)) / served.per_replica)
    return Tryouts.fresh((scenario.name,), needed, _largest(scenario, course.start, served))


def _largest(scenario: Scenario, now: float, served: Served) -> Floats:
    """Replicas that the largest demand of the last days needs."""
    return largest_lately(scenario.demand.until(now)) / served.per_replica
