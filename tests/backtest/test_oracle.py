"""Claims about the clairvoyant's bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.backtest.oracle import bound, lag_least
from ahpa.core.readiness import Lag, Readiness
from ahpa.simulation.requests import RequestTraffic
from ahpa.simulation.stream import SimulatedService, Stream
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from tests.simulation.stories import Story, counted_stories, listed, listed_stories, play


@pytest.mark.parametrize("stories", [counted_stories(), listed_stories()], ids=["counted", "listed"])
@given(st.data(), st.booleans())
@settings(max_examples=80, deadline=None)
def test_no_policy_with_as_few_late_requests_is_cheaper(
    stories: st.SearchStrategy[Story[Stream]], data: st.DataObject, scaled: bool
) -> None:
    """Any floors, beside a KPA or alone: the bound at their own late share lies below their replica-seconds."""
    traffic, config, floors, ready, seed = data.draw(stories)
    run, _ = play(traffic, config if scaled else None, floors, ready, seed)
    found = bound(traffic, run.outcome.late_ratio, ready)
    assert found.seconds <= run.outcome.replica_hours * 3600 + 1e-6


@given(listed_stories(), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_nor_is_one_that_knows_what_is_needed(story: Story[RequestTraffic], ahead: int) -> None:
    """Floors that follow the bound's own need, for the coming minutes, from nothing."""
    traffic = story[0]
    need = bound(traffic, 0.0, 0).need
    floors = [int(need[60 * m : 60 * (m + 1 + ahead)].max()) for m in range(traffic.seconds // 60)]
    run, _ = play(traffic, None, floors, 0, 0)
    assert bound(traffic, run.outcome.late_ratio, 0).seconds <= run.outcome.replica_hours * 3600 + 1e-6


def test_the_bound_is_close_where_it_can_be() -> None:
    """38 requests in flight all day need 10 replicas of 4: the bound is within 5 % of 240 replica-hours."""
    service = SimulatedService(service_seconds=2.0, concurrency=4)
    traffic = Traffic(0.0, np.full(86_400, 19), service)
    assert 0.95 * 240 < bound(traffic, 0.0, 10).seconds / 3600 <= 240


def test_the_bound_of_a_list_is_close_where_it_can_be() -> None:
    """38 requests in flight all day, of 2 s in the mean, need 10 replicas of 4: within 10 % of 240 replica-hours."""
    rng = np.random.default_rng(0)
    counted = Traffic(0.0, np.full(86_400, 19), SimulatedService(2.0, 4))
    held = rng.exponential(2.0, 19 * 86_400)
    assert 0.9 * 240 < bound(listed(counted, held, rng), 0.0, 10).seconds / 3600 <= 240


@given(listed_stories())
@settings(max_examples=20, deadline=None)
def test_more_late_requests_of_a_list_never_cost_more(story: Story[RequestTraffic]) -> None:
    costs = [bound(story[0], late).seconds for late in (0.0, 0.001, 0.01, 0.1, 0.5)]
    assert costs == sorted(costs, reverse=True)


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
    run, _ = play(traffic, None, [0, 1, 1], 0, 0)
    assert run.outcome.late_ratio == 0.0
    assert bound(traffic, 0.0, 0).seconds <= run.outcome.replica_hours * 3600


def test_what_a_withdrawn_replica_still_serves_of_a_list_costs_nothing() -> None:
    """The same of a list: one replica for two minutes of three, withdrawn full of requests of 150 s."""
    service = SimulatedService(150.0, 4, readiness=Readiness.single(Lag.of(2.0, 3.0)))
    arrivals = np.zeros(3600, np.int64)
    arrivals[170::180] = 4
    traffic = listed(Traffic(0.0, arrivals, service), np.full(80, 150.0))
    run, _ = play(traffic, None, [0, 1, 1], 0, 0)
    assert run.outcome.late_ratio == 0.0
    assert bound(traffic, 0.0, 0).seconds <= run.outcome.replica_hours * 3600
