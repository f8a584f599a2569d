"""The settings that the service would have found for itself, day by day, from what lay before each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from ahpa.backtest.foresight import Foresight
from ahpa.backtest.ours import DAY_MINUTES, Lived
from ahpa.backtest.scenario import TICK_SECONDS, Scenario
from ahpa.backtest.trial import Trial
from ahpa.core.fills import Fills
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy.values import Policy
from ahpa.core.served import Served, largest_lately, newest_observed, wishes
from ahpa.core.setting import DEFAULT_SETTING, FILLS, Setting
from ahpa.core.tryouts import Minute, Tryouts
from forecasting.panel import Array, Floats, Ints


@dataclass(frozen=True, eq=False)
class Course:
    """Minute by minute from the first that was foreseen to the last tested: what came, and what each rule wanted at
    each of r fills."""

    start: float
    demand: Array
    """[t]: mean concurrency; NaN where nothing was observed, or an event was planned: no setting is judged by it."""
    wanted: Array
    """[t, r, rules]"""
    kept: Array

    @staticmethod
    def of(scenario: Scenario, foresight: Foresight, served: Served) -> Course:
        """Of one service, `served` at r fills; empty if nothing was foreseen."""
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
        demand = np.asarray(_ordinary(scenario)[column], np.float32)
        fills = range(len(served.lag))
        wanted, kept = zip(*(wishes(foresight.levels, peaks, served.rows(np.array([r]))) for r in fills), strict=True)
        return Course(float(start), demand, np.stack(wanted, axis=1), np.stack(kept, axis=1))

    def minute(self, at: int, in_force: Ints, late: float, ready: float) -> Minute:
        """One of them, in which so many were ready and so large a share was late with what was `in_force` [r]."""
        demand, there, share = np.array([[self.demand[at]], [ready], [late]], np.float32).repeat(len(in_force), axis=1)
        return Minute(self.wanted[at], self.kept[at], demand, there, share, in_force)


class Chooser:
    """Says as each tested day begins what its floor follows: by the days before, and by what was lived since."""

    def __init__(self, trial: Trial, late_target: float, fills: Sequence[float | None]) -> None:
        self._scenario, self._fills = trial.tested, Fills.of([(trial.tested.name, fills)])
        self._target = np.full(len(fills), late_target)
        self._served = reduce(Served.beside, (served_by(trial.tested, fill) for fill in fills))
        self._course = Course.of(trial.tested, trial.foresight, self._served)
        self._tryouts = self._fresh()
        self._chosen: Setting | None = None
        self._minute = 0
        before = len(self._course.demand) - trial.tested.minutes
        for end in range(before % DAY_MINUTES or DAY_MINUTES, before + 1, DAY_MINUTES):
            self._go_on(Lived(*np.full((2, end - self._minute), np.nan)))

    def __call__(self, lived: Lived) -> Setting:
        """The setting of the day that begins; what was `lived` in the one before."""
        if len(lived.late):
            self._go_on(lived)
        return self._chosen or DEFAULT_SETTING

    def _go_on(self, lived: Lived) -> None:
        """Live through these minutes, and choose anew."""
        followed = {self._scenario.name: self._chosen or DEFAULT_SETTING}
        in_force = self._tryouts.columns(self._fills.at_theirs(followed))
        minutes = [
            self._course.minute(self._minute + i, in_force, late, ready)
            for i, (late, ready) in enumerate(zip(lived.late.tolist(), lived.ready.tolist(), strict=True))
        ]
        for i, minute in enumerate(minutes):
            now = self._course.start + TICK_SECONDS * (self._minute + i)
            self._tryouts = self._tryouts.seen(self._bounded(now), minute)
        self._tryouts = self._fills.taught(self._tryouts, in_force)
        self._minute += len(minutes)
        now = self._course.start + TICK_SECONDS * self._minute
        ready = np.ones(len(self._fills.keys))
        self._tryouts = self._tryouts.of(self._tryouts.keys, ready, self._largest(now))
        before = {} if self._chosen is None else {self._scenario.name: self._chosen}
        chosen = self._fills.choose(self._tryouts, self._served, self._target, before)
        self._chosen = chosen.get(self._scenario.name, self._chosen)

    def _bounded(self, now: float) -> Served:
        """The service within the bounds of its windows: each setting is tried above them, as the floor is."""
        known, lead = self._scenario.known, self._scenario.service.readiness.longest(LAG_LEVEL) + TICK_SECONDS
        if not known.windows and not known.events:
            return self._served
        return self._served.within(*known.bounds(now, now + lead))

    def _fresh(self) -> Tryouts:
        came = newest_observed(self._scenario.demand.until(self._course.start))
        needed = np.ceil(came / self._served.per_replica)
        return Tryouts.fresh(self._fills.keys, needed, self._largest(self._course.start))

    def _largest(self, now: float) -> Floats:
        """Replicas that the largest demand of the last days needs, [r]."""
        return largest_lately(self._scenario.demand.until(now)) / self._served.per_replica


def _ordinary(scenario: Scenario) -> Floats:
    """The demand of a scenario [t]; NaN while an event takes place."""
    demand = scenario.demand
    factors = scenario.known.factors(demand.start, demand.step, demand.values.shape[1])
    return np.asarray(demand.values[0] if factors is None else np.where(factors == 1, demand.values[0], np.nan))


def chooser(trial: Trial, late_target: float, manage_target: bool = False) -> Chooser:
    """As the service chooses; with the second lever also how full replicas may be."""
    return Chooser(trial, late_target, (None, *FILLS) if manage_target else (None,))


def served_by(scenario: Scenario, utilization: float | None) -> Served:
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
