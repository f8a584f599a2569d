"""What people do without us, each at one setting of its knob: a reactive scaler alone, a constant floor below it,
a fixed fleet, yesterday's rule. And how any of them is played.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ahpa.backtest.scaling import Scaling
from ahpa.backtest.scenario import Scenario
from ahpa.core.capacity import replicas
from ahpa.core.words import percent
from ahpa.simulation.counts import interpolated
from ahpa.simulation.outcome import Run
from ahpa.simulation.world import World
from forecasting.panel import DAY_SECONDS

RULE_SECONDS = 1800.0
"""max_over_time(demand[30m] offset 23h30m): the coming half hour of yesterday."""


def play(
    scenario: Scenario,
    world: World,
    contender: str,
    label: str,
    floors: Sequence[int] = (),
    most_late: float = 1.0,
) -> Run:
    """The played days in `world`, with a floor for each minute. Without floors it keeps the world's own, and ends
    early, within a quarter of a day, when a larger share than `most_late` is late for certain: then only `late_ratio`
    means anything."""
    start, low = scenario.start, scenario.bounds[0]
    if len(floors):
        for minute in range(scenario.minutes):
            world.floor = max(low, floors[minute])
            world.advance(start + 60 * (minute + 1))
    else:
        _advance(scenario, world, most_late)
    return world.run(scenario.name, contender, label)


def _advance(scenario: Scenario, world: World, most_late: float) -> None:
    """To the end, or until a larger share is late."""
    end = scenario.start + scenario.traffic.seconds
    if most_late >= 1:
        world.advance(end)
        return
    budget = most_late * float(scenario.traffic.arrived[-1])
    known_after = math.ceil(scenario.service.late_after_seconds) + 2
    late, seen = 0.0, scenario.start
    while world.now < end and late <= budget:
        world.advance(min(world.now + DAY_SECONDS / 4, end))
        known = world.now - known_after
        if known > seen:
            late += world.late(seen, known)
            seen = known


def kpa(scenario: Scenario, utilization: float) -> Run:
    """Knative's autoscaler alone, told to fill replicas to `utilization`."""
    return _alone(scenario, scenario.scaling.kpa().at(utilization))


def hpa(scenario: Scenario, utilization: float) -> Run:
    """The HPA alone on the service's concurrency."""
    return _alone(scenario, scenario.scaling.hpa(scenario.service.service_seconds).at(utilization))


def _alone(scenario: Scenario, scaling: Scaling) -> Run:
    return play(scenario, scenario.world(scaling), scaling.name, f"target {percent(scaling.utilization)}")


def static(scenario: Scenario, floor: float, most_late: float = 1.0) -> Run:
    """The service's scaler above a constant floor; see `play` for `most_late`."""
    count = round(floor)
    return play(scenario, scenario.world(scenario.scaling, count), "static", f"floor {count}", most_late=most_late)


def fixed_max(scenario: Scenario, count: float, most_late: float = 1.0) -> Run:
    """A fixed fleet without any scaler; see `play` for `most_late`."""
    label = f"{count:.0f} replica{'' if round(count) == 1 else 's'}"
    return play(scenario, scenario.fixed_world(round(count)), "fixed-max", label, most_late=most_late)


def seasonal(scenario: Scenario, margin: float) -> Run:
    """The service's scaler above yesterday's largest step of the coming half hour, times `margin`."""
    demand = scenario.demand
    values = interpolated(demand.values[0])
    width = max(1, math.ceil(RULE_SECONDS / demand.step))
    padded = np.concatenate([values, np.zeros(width)])
    peak = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    then = scenario.start + 60.0 * np.arange(scenario.minutes) - DAY_SECONDS
    index = np.floor((then - demand.start) / demand.step).astype(int)
    known = np.where(index >= 0, peak[np.maximum(index, 0)], 0.0)
    floors = [replicas(float(x), scenario.per_replica) for x in known * margin]
    return play(scenario, scenario.world(scenario.scaling, floors[0]), "seasonal", f"yesterday × {margin:g}", floors)
