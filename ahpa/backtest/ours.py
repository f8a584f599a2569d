"""Ours in a backtest: the very `controller.step` that the service runs, fed by simulated observations, and the level
that its owner would have been given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby

import numpy as np

from ahpa.backtest.foresight import Foresight
from ahpa.backtest.scenario import TICK_SECONDS, Scenario
from ahpa.backtest.trial import Trial
from ahpa.backtest.trust import NEVER, Freeze, limits_for, observed
from ahpa.core.controller import step
from ahpa.core.decision import Decision
from ahpa.core.known.knowledge import Known
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.values import Parsed, Policy
from ahpa.core.setting import Lever, Setting
from ahpa.core.units import IN_FLIGHT
from ahpa.reactive.kpa.config import NO_LIMIT
from ahpa.simulation.outcome import Move, Run
from ahpa.simulation.world import World
from forecasting.panel import DAY_SECONDS, Floats
from forecasting.windows import width_of

COVERED_LEVELS = (0.9, 0.95, 0.99)
"""Realised coverage is reported at these, and at the level that was planned for."""
FULL_UTILIZATION = 0.9
"""The second lever, where a level is asked for and none is chosen."""
DAY_MINUTES = round(DAY_SECONDS / TICK_SECONDS)


@dataclass(frozen=True)
class Lived:
    """What a played day has shown, by minute: the share of the requests that was late, and replicas that were ready on
    average. Of the first day's beginning it is empty."""

    late: Floats
    ready: Floats


@dataclass(frozen=True, eq=False)
class Ahpa:
    """Ours: the service's own decision function, once a minute, above the service's own scaler."""

    scenario: Scenario
    foresight: Foresight
    freeze: Freeze = NEVER
    utilization: float | None = None
    """The second lever, where a level is played; settings bring their own."""
    step: Callable[[Observation], tuple[Decision, ...]] = step
    """The service's own; a test may listen in."""

    def __call__(self, level: float) -> Run:
        """The played days at one quantile level."""
        return self.play(lambda _: Setting.fill(level, self.utilization))

    def play(self, choose: Callable[[Lived], Setting]) -> Run:
        """The played days with the setting that is chosen as each begins."""
        scenario, foresight = self.scenario, self.foresight
        limits = limits_for(scenario.demand.step)
        world = scenario.world(scenario.scaling)
        workload = self._workload()
        policy, raised = workload.policy.policy, None
        peaks = np.full(scenario.minutes, np.nan)
        moves: list[Move] = []
        settings: list[Setting] = []
        for minute, (origin, until, coverage, frozen) in enumerate(self._seen):
            now = scenario.start + TICK_SECONDS * minute
            if minute % DAY_MINUTES == 0:
                settings.append(choose(Lived(*world.minutes(max(0, minute - DAY_MINUTES), minute))))
            snapshot = world.replicas
            seen = replace(
                workload,
                floor=world.floor,
                ready=snapshot.ready,
                present=snapshot.present,
                observed_until=until,
                coverage=coverage,
                setting=settings[-1],
                policy=Parsed(replace(policy, manage_target=settings[-1].utilization is not None)),
                lever=replace(workload.lever, raised=raised),
            )
            outlooks = {seen.key: foresight.outlook(origin)} if origin >= 0 else {}
            (decision,) = self.step(Observation(now, TICK_SECONDS, (seen,), outlooks, limits, minute > 0, frozen))
            if decision.utilization != raised:
                raised = decision.utilization
                self._fill(raised, world)
            if decision.plan is not None:
                peaks[minute] = decision.plan.peak
            if decision.change:
                moves.append(Move(now, decision.previous, decision.floor, decision.message))
                world.floor = decision.floor
            world.advance(now + TICK_SECONDS)
        run = world.run(scenario.name, "ahpa", label_of(settings))
        outcome = replace(run.outcome, coverage=self._realised(settings[-1].level))
        return replace(run, outcome=outcome, peak=peaks, moves=tuple(moves))

    @cached_property
    def _seen(self) -> list[tuple[int, float, float, bool]]:
        """At the beginning of each played minute: the newest origin (-1: none), the newest observed moment, the share
        of the last hour that was observed, and whether the fleet is frozen."""
        ticks = self.scenario.ticks
        until, coverage = observed(self.scenario.demand, ticks)
        origins = self.foresight.newest(ticks)
        return list(zip(origins.tolist(), until[0].tolist(), coverage[0].tolist(), self.freeze.at(ticks), strict=True))

    def _fill(self, utilization: float | None, world: World) -> None:
        """Pull the second lever, or let it go."""
        scaling = self.scenario.scaling
        (scaling if utilization is None else scaling.at(utilization)).retarget(world.scaler)

    def _workload(self) -> Workload:
        scenario = self.scenario
        (least, most), known = scenario.bounds, scenario.known
        told = Policy(windows=known.windows or None, events=known.events or None, time_zone=known.time_zone)
        filled = scenario.per_replica / scenario.service.concurrency
        return Workload(
            key=scenario.name,
            policy=Parsed(replace(told, mode="apply")),
            utilization=filled,
            lever=Lever(filled),
            baseline=least,
            floor=least,
            ready=0,
            present=0,
            per_replica=scenario.per_replica,
            readiness=scenario.service.readiness,
            observed_until=-math.inf,
            maximum=None if most == NO_LIMIT else most,
            unit=IN_FLIGHT.words,
        )

    def _realised(self, level: float) -> dict[str, float]:
        shares = {f"{q:g}": self.coverage(q) for q in sorted({*COVERED_LEVELS, level})}
        return {q: share for q, share in shares.items() if share is not None}

    def coverage(self, level: float) -> float | None:
        """How often the predicted `level` quantile of the peak held over the shortest window; None if never seen."""
        foresight, demand = self.foresight, self.scenario.demand
        width = width_of(foresight.windows[0], demand.step)
        first = np.round((foresight.origins - demand.start) / demand.step).astype(int)
        within = (first >= 0) & (first + width <= demand.values.shape[1]) & (foresight.origins >= self.scenario.start)
        if not within.any():
            return None
        view = np.lib.stride_tricks.sliding_window_view(demand.values[0], width)
        came = view[first[within]].max(axis=1)
        lifts = lifts_of(self.scenario.known, foresight.origins[within], float(foresight.windows[0]))
        said = foresight.nearest_peak(level, within) * lifts
        known = np.isfinite(came) & np.isfinite(said)
        return float((came <= said)[known].mean()) if known.any() else None


def lifts_of(known: Known, moments: Floats, seconds: float) -> Floats:
    """The factor on the usual demand of the window that begins at each of these moments, same shape."""
    if not known.events:
        return np.ones(len(moments))
    return np.array([known.lift(at, at + seconds).value for at in moments.tolist()])


def ours(trial: Trial, utilization: float | None = None) -> Ahpa:
    """Ours on the tested days."""
    return Ahpa(trial.tested, trial.foresight, trial.freeze, utilization)


def label_of(settings: Sequence[Setting]) -> str:
    """A setting in words, or those that followed one another: "quantile 0.99, then floor 4"."""
    return ", then ".join(str(setting) for setting, _ in groupby(settings))
