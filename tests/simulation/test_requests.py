"""Claims about single requests with durations: the queue is the textbook's, the fast world the slow one."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.backtest.oracle import bound
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.requests import Requests, RequestTraffic
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic
from ahpa.simulation.units import GRAIN
from ahpa.simulation.world import World
from forecasting.panel import Floats
from tests.simulation.test_world import fast_is_slow, play, stories

Story = tuple[RequestTraffic, KpaConfig, list[int], int, int]


def listed(traffic: Traffic, held_seconds: Floats, rng: np.random.Generator | None = None) -> RequestTraffic:
    """The counted requests as a list: at random within their second, or evenly without `rng`."""
    counts = traffic.arrivals
    second = np.repeat(np.arange(len(counts)), counts)
    if rng is None:
        inside = (np.arange(len(second)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[second]
    else:
        inside = rng.random(len(second))
    requests = Requests.of("a", traffic.start + second + inside, held_seconds)
    end = traffic.start + traffic.seconds
    return requests.traffic(traffic.start, end, traffic.service, np.random.default_rng(0), 1.0)


@st.composite
def lists(draw: st.DrawFn) -> Story:
    """The stories of test_world with durations about the same mean: spread, none at all, a few very long ones."""
    traffic, config, floors, ready, seed = draw(stories())
    # The textbook's loop is slow: as many minutes as hold 30,000 requests, at least one.
    minutes = max(1, int((traffic.arrived[::60] <= 30_000).sum()) - 1)
    traffic = Traffic(traffic.start, traffic.arrivals[: 60 * minutes], traffic.service)
    rng = np.random.default_rng(seed)
    n, mean = int(traffic.arrivals.sum()), traffic.service.service_seconds
    kind = draw(st.sampled_from(["equal", "exponential", "whole", "heavy", "long"]))
    held = {
        "equal": np.full(n, mean),
        "exponential": rng.exponential(mean, n),
        "whole": rng.integers(0, 3, n) * mean,
        "heavy": rng.lognormal(np.log(mean) - 1, 1.5, n),
        "long": np.where(rng.random(n) < 0.02, 50 * mean, mean / 4),
    }[kind]
    return listed(traffic, held, rng), config, floors, ready, seed


def textbook(traffic: RequestTraffic, slots: int) -> tuple[Floats, Floats]:
    """(waiting seconds, 1 where never served) of every request: first come first served, event by event."""
    service, end = traffic.service, traffic.seconds
    free = [0.0] * slots
    waited, unserved = [], []
    for came, held in zip(traffic.came / 1e6, traffic.held / 1e6, strict=True):
        begun = max(came, free[0])
        gives_up, stays = round(begun - came, 7) > service.give_up_seconds, begun >= end
        if not gives_up and not stays:
            heapq.heapreplace(free, begun + held)
        waited.append(min(begun - came, service.give_up_seconds + 1e-6, end - came if stays else np.inf))
        unserved.append(gives_up or stays)
    return np.array(waited), np.array(unserved)


@given(lists(), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_it_is_first_come_first_served_to_the_microsecond(story: Story, replicas: int) -> None:
    traffic = story[0]
    world = World(traffic, Fixed(), np.random.default_rng(0), replicas, replicas)
    world.advance(traffic.start + traffic.seconds)
    out = world.outcome()
    if not out.requests:
        return
    waited, unserved = textbook(traffic, replicas * traffic.service.concurrency)
    assert out.unserved_ratio == pytest.approx(unserved.mean())
    late = unserved | (np.round(waited, 7) > traffic.service.late_after_seconds)
    assert out.late_ratio == pytest.approx(late.mean())
    ours = out.wait_p50_seconds, out.wait_p95_seconds, out.wait_p99_seconds
    assert ours == pytest.approx(np.quantile(waited, [0.5, 0.95, 0.99], method="inverted_cdf"), abs=2e-6)


@given(lists())
@settings(max_examples=60, deadline=None)
def test_passing_over_calm_ticks_changes_nothing(story: Story) -> None:
    """As for counted traffic."""
    fast_is_slow(*story)


@given(lists())
@settings(max_examples=20, deadline=None)
def test_no_request_gets_lost_and_shares_are_shares(story: Story) -> None:
    traffic, config, floors, ready, seed = story
    run, world = play(traffic, config, floors, ready, seed, skip=True)
    out = run.outcome
    assert out.requests == len(traffic.came) == traffic.arrivals.sum()
    assert run.demand.sum() * 60 == pytest.approx(traffic.held.sum() / 1e6)
    assert 0 <= out.unserved_ratio <= out.late_ratio <= 1
    assert out.wait_p50_seconds <= out.wait_p95_seconds <= out.wait_p99_seconds
    assert run.late.sum() == pytest.approx(out.late_ratio * out.requests)
    assert world.late(traffic.start, traffic.start + traffic.seconds) == run.late.sum()


@given(lists())
@settings(max_examples=20, deadline=None)
def test_concurrency_is_the_time_that_requests_are_there(story: Story) -> None:
    """Each second's mean concurrency is the overlap of all requests with it; summed, every slot-second."""
    traffic = story[0]
    second = int(np.argmax(traffic.units)) if len(traffic.came) else 0
    came, ends = traffic.came / 1e6, traffic.ends / 1e6
    overlap = np.clip(np.minimum(ends, second + 1) - np.maximum(came, second), 0, None).sum()
    assert traffic.units[second] / GRAIN == pytest.approx(overlap, abs=1 / GRAIN)
    whole = (np.minimum(ends, traffic.seconds) - came).sum()
    assert traffic.units.sum() / GRAIN == pytest.approx(whole, abs=traffic.seconds / GRAIN)


@given(stories())
@settings(max_examples=30, deadline=None)
def test_equal_durations_are_the_counted_world(story) -> None:  # type: ignore[no-untyped-def]
    """Spread evenly in their second with one duration: the same concurrency, and the late share of the world that
    counts on a grid of seconds lies between those of half a second around the limit, give or take four points."""
    traffic, _, _, ready, seed = story
    service = replace(traffic.service, late_after_seconds=4.0, give_up_seconds=100_000.0)
    counted = Traffic(traffic.start, traffic.arrivals, service)
    ones = listed(counted, np.full(int(counted.arrivals.sum()), service.service_seconds))
    first, second = (units.reshape(-1, 60).mean(axis=1) / GRAIN for units in (ones.units, counted.units))
    np.testing.assert_allclose(first, second, atol=0.02, rtol=0.02)
    np.testing.assert_allclose(ones.demand, counted.demand)
    floors = [ready + 1] * 5
    run, _ = play(counted, None, floors, ready + 1, seed, skip=True)
    shares = []
    for limit in (3.0, 5.0):
        other = replace(ones, service=replace(service, late_after_seconds=limit))
        shares.append(play(other, None, floors, ready + 1, seed, skip=True)[0].outcome.late_ratio)
    assert shares[1] - 0.04 <= run.outcome.late_ratio <= shares[0] + 0.04
    assert run.outcome.unserved_ratio == pytest.approx(
        play(ones, None, floors, ready + 1, seed, skip=True)[0].outcome.unserved_ratio, abs=0.04
    )


@given(lists(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_no_policy_with_as_few_late_requests_is_cheaper(story, scaled) -> None:  # type: ignore[no-untyped-def]
    """Any floors, beside a KPA or alone: the bound at their own late share lies below their replica-seconds."""
    traffic, config, floors, ready, seed = story
    run, _ = play(traffic, config if scaled else None, floors, ready, seed, skip=True)
    found = bound(traffic, run.outcome.late_ratio, ready)
    assert found.seconds <= run.outcome.replica_hours * 3600 + 1e-6


@given(lists(), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_nor_is_one_that_knows_what_is_needed(story: Story, ahead: int) -> None:
    """Floors that follow the bound's own need, for the coming minutes, from nothing."""
    traffic = story[0]
    need = bound(traffic, 0.0, 0).need
    floors = [int(need[60 * m : 60 * (m + 1 + ahead)].max()) for m in range(traffic.seconds // 60)]
    run, _ = play(traffic, None, floors, 0, 0, skip=True)
    assert bound(traffic, run.outcome.late_ratio, 0).seconds <= run.outcome.replica_hours * 3600 + 1e-6


@given(lists())
@settings(max_examples=20, deadline=None)
def test_more_late_requests_never_cost_more(story: Story) -> None:
    costs = [bound(story[0], late).seconds for late in (0.0, 0.001, 0.01, 0.1, 0.5)]
    assert costs == sorted(costs, reverse=True)


def test_the_bound_is_close_where_it_can_be() -> None:
    """38 requests in flight all day, of 2 s in the mean, need 10 replicas of 4: within 10 % of 240 replica-hours."""
    rng = np.random.default_rng(0)
    counted = Traffic(0.0, np.full(86_400, 19), SimulatedService(2.0, 4))
    held = rng.exponential(2.0, 19 * 86_400)
    assert 0.9 * 240 < bound(listed(counted, held, rng), 0.0, 10).seconds / 3600 <= 240


def test_the_bound_counts_no_free_drain() -> None:
    """As in test_oracle: one replica for two minutes of three, withdrawn full of requests of 150 s."""
    service = SimulatedService(150.0, 4, readiness=Readiness.single(Lag.of(2.0, 3.0)))
    arrivals = np.zeros(3600, np.int64)
    arrivals[170::180] = 4
    traffic = listed(Traffic(0.0, arrivals, service), np.full(80, 150.0))
    run, _ = play(traffic, None, [0, 1, 1], 0, 0, skip=True)
    assert run.outcome.late_ratio == 0.0
    assert bound(traffic, 0.0, 0).seconds <= run.outcome.replica_hours * 3600


def test_a_list_in_any_order_is_sorted_and_equal_stamps_keep_their_rows() -> None:
    found = Requests.of("a", np.array([70.0, 3.5, 70.0, 3.25]), np.array([1.0, 2.0, 3.0, 0.0]))
    assert found.came.tolist() == [3_250_000, 3_500_000, 70_000_000, 70_000_000]
    assert found.held.tolist() == [1, 2_000_000, 1_000_000, 3_000_000]
    np.testing.assert_allclose(found.demand.values, [[2 / 60]], atol=1e-6)  # the last minute may be cut short
    assert found.mean_seconds == pytest.approx(1.5)
