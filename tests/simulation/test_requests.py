"""Claims about single requests with durations: what a list asks for, and that equal durations are the counted world."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from ahpa.simulation.requests import Requests, RequestTraffic
from ahpa.simulation.traffic import Traffic
from ahpa.simulation.units import GRAIN
from tests.simulation.stories import Story, counted_stories, listed, listed_stories, play


@given(listed_stories())
@settings(max_examples=20, deadline=None)
def test_each_request_of_the_list_is_counted_exactly(story: Story[RequestTraffic]) -> None:
    traffic, config, floors, ready, seed = story
    run, world = play(traffic, config, floors, ready, seed)
    out = run.outcome
    assert out.requests == len(traffic.came) == traffic.arrivals.sum()
    assert 0 <= out.unserved_ratio <= out.late_ratio <= 1
    assert world.late(traffic.start, traffic.start + traffic.seconds) == run.late.sum()
    assert run.demand.sum() * 60 == pytest.approx(traffic.held.sum() / 1e6)


@given(listed_stories())
@settings(max_examples=20, deadline=None)
def test_concurrency_is_the_time_that_requests_are_there(story: Story[RequestTraffic]) -> None:
    """Each second's mean concurrency is the overlap of all requests with it; summed, every slot-second."""
    traffic = story[0]
    second = int(np.argmax(traffic.units)) if len(traffic.came) else 0
    came, ends = traffic.came / 1e6, traffic.ends / 1e6
    overlap = np.clip(np.minimum(ends, second + 1) - np.maximum(came, second), 0, None).sum()
    assert traffic.units[second] / GRAIN == pytest.approx(overlap, abs=1 / GRAIN)
    whole = (np.minimum(ends, traffic.seconds) - came).sum()
    assert traffic.units.sum() / GRAIN == pytest.approx(whole, abs=traffic.seconds / GRAIN)


@given(counted_stories())
@settings(max_examples=30, deadline=None)
def test_equal_durations_are_the_counted_world(story: Story[Traffic]) -> None:
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
    run, _ = play(counted, None, floors, ready + 1, seed)
    shares = []
    for limit in (3.0, 5.0):
        other = replace(ones, service=replace(service, late_after_seconds=limit))
        shares.append(play(other, None, floors, ready + 1, seed)[0].outcome.late_ratio)
    assert shares[1] - 0.04 <= run.outcome.late_ratio <= shares[0] + 0.04
    assert run.outcome.unserved_ratio == pytest.approx(
        play(ones, None, floors, ready + 1, seed)[0].outcome.unserved_ratio, abs=0.04
    )


def test_a_list_in_any_order_is_sorted_and_equal_stamps_keep_their_rows() -> None:
    found = Requests.of("a", np.array([70.0, 3.5, 70.0, 3.25]), np.array([1.0, 2.0, 3.0, 0.0]))
    assert found.came.tolist() == [3_250_000, 3_500_000, 70_000_000, 70_000_000]
    assert found.held.tolist() == [1, 2_000_000, 1_000_000, 3_000_000]
    np.testing.assert_allclose(found.demand.values, [[2 / 60]], atol=1e-6)  # the last minute may be cut short
    assert found.mean_seconds == pytest.approx(1.5)
