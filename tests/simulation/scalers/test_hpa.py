"""Claims about the HPA beside a simulated service."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings

from ahpa.core.readiness import Lag, Readiness
from ahpa.simulation.scalers.hpa import HpaLoop, on_concurrency
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic
from ahpa.simulation.world import World
from tests.simulation.stories import SlowWorld, Story, counted_stories, live


class Watching(HpaLoop):
    """Adds up its window at every tick."""

    def tick(self, tick: int, now: float, ready: int, floor: int) -> int:
        self._open = tick + 1
        return super().tick(tick, now, ready, floor)


@given(counted_stories())
@settings(max_examples=25, deadline=None)
def test_what_is_averaged_beforehand_is_what_is_seen(story: Story[Traffic]) -> None:
    """The fast world equals the one that runs the queue every second and adds up each window."""
    traffic, config, floors, ready, seed = story
    runs = []
    for loop, kind in ((HpaLoop, World), (Watching, SlowWorld)):
        scaler = loop(traffic, on_concurrency(config.target_value, 1, config.max_scale))
        runs.append(live(kind(traffic, scaler, np.random.default_rng(seed), ready), floors))
    assert runs[0].outcome == runs[1].outcome
    np.testing.assert_array_equal(runs[0].desired, runs[1].desired)


def step_up(low: int, high: int) -> Traffic:
    """Half an hour of `low` requests a second, then an hour of `high`; each holds a slot for 2 s."""
    service = SimulatedService(2.0, 4, readiness=Readiness.single(Lag.of(30, 45)))
    return Traffic(0.0, np.concatenate([np.full(1800, low), np.full(3600, high)]), service)


def test_it_settles_where_demand_over_target_says() -> None:
    """20 a second of 2 s are 40 in flight: at 2.8 each 14.3, so 15 replicas; 10 % of tolerance."""
    traffic = step_up(4, 20)
    world = World(traffic, HpaLoop(traffic, on_concurrency(2.8)), np.random.default_rng(0), 3)
    world.advance(traffic.seconds)
    assert 13 <= world.replicas.ready <= 16
    assert world.replicas.starting == 0


def test_it_lowers_only_after_five_minutes() -> None:
    """The recommendation of the last five minutes stands: 240 s after the fall nothing has gone, 600 s after it has."""
    traffic = step_up(20, 4)
    world = World(traffic, HpaLoop(traffic, on_concurrency(2.8)), np.random.default_rng(0), 15)
    world.advance(1800 + 240)
    before = world.replicas.present
    world.advance(1800 + 600)
    assert before >= 13
    assert world.replicas.present <= 4


def test_a_raised_minimum_is_met_at_the_next_sync() -> None:
    traffic = step_up(1, 1)
    world = World(traffic, HpaLoop(traffic, on_concurrency(2.8)), np.random.default_rng(0), 1)
    world.advance(600)
    world.floor = 9
    world.advance(630)
    assert world.replicas.present == 9
