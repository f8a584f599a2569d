"""Claims about the clairvoyant's bound."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.backtest.oracle import bound, lag_least
from ahpa.core.readiness import Lag, Readiness
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from tests.simulation.test_world import play, stories


@given(stories(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_policy_with_as_few_late_requests_is_cheaper(story, scaled) -> None:  # type: ignore[no-untyped-def]
    """Any floors, beside a KPA or alone: the bound at their own late share lies below their replica-seconds."""
    traffic, config, floors, ready, seed = story
    run, _ = play(traffic, config if scaled else None, floors, ready, seed, skip=True)
    found = bound(traffic, run.outcome.late_ratio, ready)
    assert found.seconds <= run.outcome.replica_hours * 3600 + 1e-6


def test_the_bound_is_close_where_it_can_be() -> None:
    """38 requests in flight all day need 10 replicas of 4: the bound is within 5 % of 240 replica-hours."""
    service = SimulatedService(service_seconds=2.0, concurrency=4)
    traffic = Traffic(0.0, np.full(86_400, 19), service)
    assert 0.95 * 240 < bound(traffic, 0.0, 10).seconds / 3600 <= 240


def test_more_late_requests_never_cost_more() -> None:
    service = SimulatedService(service_seconds=3.0, concurrency=2)
    rng = np.random.default_rng(1)
    minutes = 30 * (1 + np.sin(np.arange(600) / 60)) + rng.poisson(20, 600).astype(float)
    traffic = Traffic(0.0, spread_over_seconds(np.asarray(minutes), 60, rng), service)
    costs = [bound(traffic, late).seconds for late in (0.0, 0.0001, 0.001, 0.01, 0.1)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0]


def test_the_first_start_is_paid() -> None:
    """A single stretch of need from nothing costs at least the least lag on top of its length."""
    service = SimulatedService(service_seconds=2.0, concurrency=1)
    arrivals = np.zeros(3600, np.int64)
    arrivals[1800:2400:2] = 1
    traffic = Traffic(0.0, arrivals, service)
    cold, warm = bound(traffic, 0.0, 0).seconds, bound(traffic, 0.0, 1).seconds
    assert cold > 500 + lag_least(traffic) - 80
    assert warm <= cold


def test_what_a_withdrawn_replica_still_serves_costs_nothing() -> None:
    """One replica for two minutes of three, withdrawn each time with four requests of 150 s in it, which it serves
    to their end: the work is more than was paid for, and the bound must not be."""
    service = SimulatedService(150.0, 4, late_after_seconds=1.0, readiness=Readiness.single(Lag.of(2.0, 3.0)))
    arrivals = np.zeros(3600, np.int64)
    arrivals[170::180] = 4
    traffic = Traffic(0.0, arrivals, service)
    run, _ = play(traffic, None, [0, 1, 1], 0, 0, skip=True)
    assert run.outcome.late_ratio == 0.0
    assert bound(traffic, 0.0, 0).seconds <= run.outcome.replica_hours * 3600
