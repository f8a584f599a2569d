"""Claims about the KPA with `metric: rps`: it counts requests as they come, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from ahpa.backtest import alternatives
from ahpa.backtest.scaling import ByKpa
from ahpa.backtest.trial import Setting
from ahpa.reactive.kpa.autoscaler import Kpa, averages_of
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.scalers.kpa import KpaLoop, kpa_loop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic
from ahpa.simulation.world import World
from forecasting.panel import Panel
from tests.simulation.stories import Story, counted_stories, fast_is_slow


def by_rate(config: KpaConfig, service: SimulatedService) -> KpaConfig:
    """The same share of a replica, told in requests per second."""
    per_second = 1 / service.service_seconds
    target, total = config.target_value * per_second, config.total_value * per_second
    return replace(config, metric="rps", target_value=max(0.01, target), total_value=total)


@given(counted_stories())
@settings(max_examples=40, deadline=None)
def test_passing_over_calm_ticks_changes_nothing(story: Story[Traffic]) -> None:
    fast_is_slow(*story._replace(config=by_rate(story.config, story.traffic.service)))


@given(counted_stories())
@settings(max_examples=25, deadline=None)
def test_it_is_the_exact_kpa_on_the_arrivals_of_each_second(story: Story[Traffic]) -> None:
    """Fed second by second with what came, whoever waits, and every two seconds told how many are ready."""
    traffic, config, _, ready, _ = story
    config = by_rate(replace(config, min_scale=0), traffic.service)
    loop = kpa_loop(config, KpaInputs(traffic, config), traffic.start, ready)
    kpa, averages = Kpa(config, traffic.start, ready, replicas=ready), averages_of(config)
    for tick in range(min(600, traffic.seconds // 2)):
        for second in (2 * tick, 2 * tick + 1):
            averages.record(traffic.start + second, float(traffic.arrivals[second]))
        now = traffic.start + 2 * tick + 2
        seen = averages.at(now - 1)
        assert seen is not None
        stable, panic = seen
        assert loop.tick(tick, now, ready, 0) == kpa.tick(now, stable, panic, ready, 0)
        ready = (ready + loop.desired) // 2


def test_who_waits_is_not_seen() -> None:
    """Three requests a second of 2 s in front of one replica that can take one: the KPA that counts requests in
    flight asks for ever more, the one that counts their rate for three."""
    service = SimulatedService(2.0, 2)
    traffic = Traffic(0.0, np.full(600, 3), service)
    config = KpaConfig(target_value=2.0, total_value=2.0, max_scale_up_rate=1000.0)
    found = []
    for one in (config, by_rate(config, service)):
        loop = kpa_loop(one, KpaInputs(traffic, one), 0.0, 1)
        world = World(traffic, loop, np.random.default_rng(0), 1, 0)
        world.advance(100)
        found.append(loop.desired)
    assert found[0] > 20
    assert found[1] == 3


@pytest.mark.parametrize("service_seconds", [0.1, 2.0, 30.0])
def test_defaults_are_knatives(service_seconds: float) -> None:
    """200 requests per second at 70 %: 300 a second keep three replicas, however long each takes; the plan, in
    requests in flight, counts on 140 a second per replica."""
    config = KpaConfig.from_annotations({"autoscaling.knative.dev/metric": "rps"}, container_concurrency=100)
    level = 300 * service_seconds
    demand = Panel.of(0.0, 60.0, np.full(120, level), ("a",))
    scenario = Setting(SimulatedService(service_seconds, 100), ByKpa(config)).scenario(demand, 3600.0, 7200.0)
    assert scenario.per_replica == pytest.approx(140 * service_seconds)
    assert scenario.ready == 3
    assert (alternatives.kpa(scenario, 0.7).desired == 3).mean() > 0.9


def test_each_loop_counts_its_own_metric() -> None:
    traffic, config = Traffic(0.0, np.zeros(60, np.int64), SimulatedService()), KpaConfig(metric="rps")
    with pytest.raises(ValueError, match="counts concurrency, not rps"):
        KpaLoop(config, KpaInputs(traffic, config), 0.0, 1)
