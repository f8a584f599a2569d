"""Claims about the simulated world: passing over calm ticks changes nothing, and nothing gets lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.core.readiness import Lag, Readiness
from ahpa.simulation.stream import SimulatedService, Stream
from ahpa.simulation.traffic import Traffic
from tests.simulation.stories import Story, config_of, counted_stories, fast_is_slow, listed_stories, play

Stories = st.SearchStrategy[Story[Stream]]
counted_or_listed = pytest.mark.parametrize("stories", [counted_stories(), listed_stories()], ids=["counted", "listed"])


@counted_or_listed
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_passing_over_calm_ticks_changes_nothing(stories: Stories, data: st.DataObject) -> None:
    """The fast world equals the one that runs queue and scaler at every tick, bit for bit."""
    fast_is_slow(*data.draw(stories))


@pytest.mark.parametrize("part", range(4))
def test_passing_over_changes_nothing_on_the_way_to_zero_and_back(part: int) -> None:
    """Two minutes of load, one of nothing, a burst in the grace period: what is idle is active again, and sleeps."""
    rng = np.random.default_rng(part)
    for _ in range(60):
        service = SimulatedService(float(rng.choice([0.5, 1.0, 2.0, 5.0])), 10)
        arrivals = np.zeros(480, dtype=np.int64)
        arrivals[:120] = 1
        most = int(10 / min(1.0, service.service_seconds))
        arrivals[rng.integers(184, 214, rng.integers(1, 4))] = most + rng.integers(1, 6)
        window = int(rng.choice([20, 30, 60]))
        config = replace(config_of(service), target_burst_capacity=0.0, stable_window_seconds=window)
        fast_is_slow(Traffic(0.0, arrivals, service), config, [0], 1, 0)


def test_a_request_that_comes_just_as_the_first_replica_is_ready_is_no_calm_tick() -> None:
    """Its one request has given up; the replica that was started for it is ready when another comes. The activator has
    yet to leave the path: from then on, not from the start, the grace period of the way to zero counts."""
    service = SimulatedService(1.0, 10, give_up_seconds=5.0, readiness=Readiness.single(Lag.of(90, 91)))
    config = replace(config_of(service), target_burst_capacity=0.0)
    for second in range(80, 110):
        arrivals = np.zeros(600, dtype=np.int64)
        arrivals[[0, second]] = 1
        fast_is_slow(Traffic(0.0, arrivals, service), config, [0], 0, 0)


@counted_or_listed
@given(st.data())
@settings(max_examples=20, deadline=None)
def test_no_request_gets_lost_and_shares_are_shares(stories: Stories, data: st.DataObject) -> None:
    traffic, config, floors, ready, seed = data.draw(stories)
    run, world = play(traffic, config, floors, ready, seed)
    out = run.outcome
    assert out.requests == traffic.arrivals.sum()
    assert 0 <= out.unserved_ratio <= out.late_ratio + 1e-9 <= 1 + 2e-9
    assert out.wait_p50_seconds <= out.wait_p95_seconds <= out.wait_p99_seconds
    assert run.late.sum() == pytest.approx(out.late_ratio * out.requests)
    assert world.late(traffic.start, traffic.start + traffic.seconds) == pytest.approx(run.late.sum(), rel=1e-12)
    assert out.replica_hours == pytest.approx((run.ready + run.starting).sum() / 60)
    assert world.replicas.present == ready + out.scale_ups - out.churn
    assert out.money is not None
    assert out.replica_hours - 1e-9 <= out.money <= 2 * out.replica_hours + 1e-9
