"""The policies that a backtest compares: each plays one scene at one setting of its knob and gives a `Run`.

`ahpa` is the very `controller.step` that the service runs, fed by simulated observations. The others are what
people do without it: a reactive scaler alone, a constant floor, a fixed fleet, yesterday's rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ahpa.backtest.scenario import Scene
from ahpa.core.capacity import replicas
from ahpa.core.controller import step
from ahpa.core.decision import UNTRUSTED, Decision
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy.values import Parsed, Policy
from ahpa.simulation.counts import interpolated
from ahpa.simulation.outcome import Run
from ahpa.simulation.scalers.kpa import KpaLoop
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.world import World
from forecasting.forecast import Outlook
from forecasting.panel import DAY_SECONDS, Floats

TICK_SECONDS = 60.0
"""How often the service decides."""
COVERED_LEVELS = (0.9, 0.95, 0.99)
"""Realised coverage is reported at these, and at the level that was planned for."""
RULE_SECONDS = 1800.0
"""max_over_time(demand[30m] offset 23h30m): the coming half hour of yesterday."""


@dataclass(frozen=True, eq=False)
class Foresight:
    """What a model said of one series at each origin, learned from what was complete then."""

    origins: Floats
    """Unix seconds, shape [o], increasing; the ends of steps."""
    levels: Floats
    """Shape [q]."""
    windows: Floats
    """Seconds, shape [w]."""
    peaks: Floats
    """Shape [o, w, q]: quantiles of the largest step in each window; NaN where it had nothing to say."""
    model: str

    def reading(self, level: float) -> Floats:
        """Weights, shape [q], that read a level off the others as `Outlook.peak` does."""
        places = -np.log1p(-self.levels)
        at = -math.log1p(-level)
        return np.array([np.interp(at, places, row) for row in np.eye(len(places))])

    @cached_property
    def _said(self) -> list[bool]:
        out: list[bool] = np.asarray(np.isfinite(self.peaks).all(axis=(1, 2))).tolist()
        return out

    def outlook(self, index: int) -> Outlook:
        peaks = self.peaks[index]
        reason = None if self._said[index] else "the model had nothing to say"
        return Outlook(float(self.origins[index]), self.levels, self.windows, peaks, self.model, reason)


def leads_of(service: SimulatedService) -> tuple[float, ...]:
    """Seconds of the windows for which a tick plans, tier by tier."""
    return tuple(lead + TICK_SECONDS for _, lead in service.readiness.leads(LAG_LEVEL))


def play(
    scene: Scene,
    world: World,
    policy: str,
    label: str,
    floors: Sequence[int] = (),
    most_late: float = 1.0,
) -> Run:
    """The tested days in `world`, with a floor for each minute. Without floors it keeps the world's own, and ends
    early, within a quarter of a day, when a larger share than `most_late` is late for certain: then only `late_ratio`
    means anything."""
    start, low = scene.start, scene.kpa.min_scale
    if len(floors):
        for minute in range(scene.minutes):
            world.floor = max(low, floors[minute])
            world.advance(start + 60 * (minute + 1))
    else:
        _advance(scene, world, most_late)
    return world.run(scene.name, policy, label)


def _advance(scene: Scene, world: World, most_late: float) -> None:
    """To the end, or until a larger share is late."""
    end = scene.start + scene.traffic.seconds
    if most_late >= 1:
        world.advance(end)
        return
    budget = most_late * float(scene.traffic.arrived[-1])
    known_after = math.ceil(scene.service.late_after_seconds) + 2
    late, seen = 0.0, scene.start
    while world.now < end and late <= budget:
        world.advance(min(world.now + DAY_SECONDS / 4, end))
        known = world.now - known_after
        if known > seen:
            late += world.late(seen, known)
            seen = known


def kpa(scene: Scene, utilization: float) -> Run:
    """Knative's autoscaler alone, told to fill replicas to `utilization`."""
    return play(scene, scene.kpa_world(scene.at(utilization)), "kpa", f"target {utilization:.0%}")


def hpa(scene: Scene, utilization: float) -> Run:
    """The HPA alone on the service's concurrency."""
    return play(scene, scene.hpa_world(utilization), "hpa", f"target {utilization:.0%}")


def static(scene: Scene, floor: float, most_late: float = 1.0) -> Run:
    """The KPA above a constant floor; see `play` for `most_late`."""
    count = round(floor)
    return play(scene, scene.kpa_world(scene.kpa, count), "static", f"floor {count}", most_late=most_late)


def fixed_max(scene: Scene, count: float, most_late: float = 1.0) -> Run:
    """A fixed fleet without any scaler; see `play` for `most_late`."""
    label = f"{count:.0f} replica{'' if round(count) == 1 else 's'}"
    return play(scene, scene.fixed_world(round(count)), "fixed-max", label, most_late=most_late)


def seasonal(scene: Scene, margin: float) -> Run:
    """The KPA above yesterday's largest step of the coming half hour, times `margin`."""
    demand = scene.demand
    values = interpolated(demand.values[0])
    width = max(1, math.ceil(RULE_SECONDS / demand.step))
    padded = np.concatenate([values, np.zeros(width)])
    peak = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    then = scene.start + 60.0 * np.arange(scene.minutes) - DAY_SECONDS
    index = np.floor((then - demand.start) / demand.step).astype(int)
    known = np.where(index >= 0, peak[np.maximum(index, 0)], 0.0)
    floors = [replicas(float(x), scene.per_replica) for x in known * margin]
    return play(scene, scene.kpa_world(scene.kpa, floors[0]), "seasonal", f"yesterday × {margin:g}", floors)


@dataclass(frozen=True, eq=False)
class Ahpa:
    """Ours: the service's own decision function, once a minute, beside the service's KPA."""

    scene: Scene
    foresight: Foresight
    utilization: float | None = None
    """The second lever: while the forecast is trusted the KPA fills replicas to this share, and the plan counts
    on it; None leaves the KPA's target alone."""
    limits: Limits = Limits(cap=10_000)
    step: Callable[[Observation], tuple[Decision, ...]] = step
    """The service's own; a test may listen in."""

    @cached_property
    def _last_origin(self) -> list[int]:
        """For each minute of the tested days the newest origin at its beginning; -1 where there is none."""
        ticks = self.scene.start + TICK_SECONDS * np.arange(self.scene.minutes)
        out: list[int] = (np.searchsorted(self.foresight.origins, ticks + 1e-6, side="right") - 1).tolist()
        return out

    @cached_property
    def _observed(self) -> tuple[list[float], list[float]]:
        """(newest observed moment, share of the last hour observed) at the beginning of each minute."""
        demand = self.scene.demand
        seen = np.isfinite(demand.values[0])
        ends = demand.start + demand.step * (1 + np.arange(len(seen)))
        newest = np.maximum.accumulate(np.where(seen, ends, -np.inf))
        total = np.concatenate([[0], np.cumsum(seen)])
        width = max(1, round(3600 / demand.step))
        ticks = self.scene.start + TICK_SECONDS * np.arange(self.scene.minutes)
        complete = np.floor((ticks - demand.start) / demand.step + 1e-9).astype(int)
        first = np.maximum(complete - width, 0)
        share = (total[complete] - total[first]) / np.maximum(complete - first, 1)
        return newest[np.maximum(complete - 1, 0)].tolist(), share.tolist()

    def __call__(self, level: float) -> Run:
        """The tested days at one quantile level."""
        scene, foresight = self.scene, self.foresight
        limits = self._limits()
        filled = None if self.utilization is None else scene.at(self.utilization)
        world = scene.kpa_world(scene.kpa)
        scaler = world.scaler
        assert isinstance(scaler, KpaLoop)
        observed, coverage = self._observed
        workload = self._workload(level)
        per_replica = scene.per_replica
        peaks = np.full(scene.minutes, np.nan)
        messages: list[tuple[float, str]] = []
        for minute, origin in enumerate(self._last_origin):
            now = scene.start + TICK_SECONDS * minute
            outlook = foresight.outlook(origin) if origin >= 0 else None
            snapshot = world.replicas
            seen = replace(
                workload,
                floor=world.floor,
                ready=snapshot.ready,
                present=snapshot.present,
                per_replica=per_replica,
                observed_until=observed[minute],
                coverage=coverage[minute],
            )
            outlooks = {} if outlook is None else {seen.key: outlook}
            observation = Observation(now, TICK_SECONDS, (seen,), outlooks, limits, minute > 0, frozen=False)
            (decision,) = self.step(observation)
            if filled is not None:
                trusted = decision.plan is not None and decision.reason not in UNTRUSTED
                config = filled if trusted else scene.kpa
                scaler.retarget(config)
                per_replica = config.in_flight(config.target_value, scene.service.service_seconds)
            if decision.plan is not None:
                peaks[minute] = decision.plan.peak
            if decision.change:
                messages.append((now, decision.message))
                world.floor = decision.floor
            world.advance(now + TICK_SECONDS)
        run = world.run(scene.name, "ahpa", f"quantile {level:g}")
        shares = {f"{q:g}": self.coverage(q) for q in sorted({*COVERED_LEVELS, level})}
        outcome = replace(run.outcome, coverage={q: share for q, share in shares.items() if share is not None})
        return replace(run, outcome=outcome, peak=peaks, messages=tuple(messages))

    def _limits(self) -> Limits:
        """Coarse data are not stale between two of their steps."""
        step = self.scene.demand.step
        limits = self.limits
        return replace(
            limits,
            stale_seconds=max(limits.stale_seconds, 2 * step + TICK_SECONDS),
            hold_seconds=max(limits.hold_seconds, 3 * step + TICK_SECONDS),
        )

    def _workload(self, level: float) -> Workload:
        scene = self.scene
        return Workload(
            key=scene.name,
            policy=Parsed(Policy(mode="apply", quantile=level)),
            baseline=scene.kpa.min_scale,
            floor=scene.kpa.min_scale,
            ready=0,
            present=0,
            per_replica=scene.per_replica,
            readiness=scene.service.readiness,
            observed_until=-math.inf,
            maximum=scene.kpa.max_scale or None,
        )

    def coverage(self, level: float) -> float | None:
        """How often the predicted `level` quantile of the peak held over the shortest window; None if never seen."""
        foresight, demand = self.foresight, self.scene.demand
        width = max(1, math.ceil(foresight.windows[0] / demand.step - 1e-9))
        first = np.round((foresight.origins - demand.start) / demand.step).astype(int)
        within = (first >= 0) & (first + width <= demand.values.shape[1]) & (foresight.origins >= self.scene.start)
        if not within.any():
            return None
        view = np.lib.stride_tricks.sliding_window_view(demand.values[0], width)
        came = view[first[within]].max(axis=1)
        said = foresight.peaks[within, 0] @ foresight.reading(level)
        known = np.isfinite(came) & np.isfinite(said)
        return float((came <= said)[known].mean()) if known.any() else None
