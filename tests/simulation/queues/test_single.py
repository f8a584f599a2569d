"""Claims about the queue of single requests: it is the textbook's."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ahpa.simulation.requests import RequestTraffic
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.world import World
from forecasting.panel import Floats
from tests.simulation.stories import Story, listed_stories


def textbook(traffic: RequestTraffic, slots: int) -> tuple[Floats, NDArray[np.bool_]]:
    """(waiting seconds, whether never served) of every request: first come first served, event by event."""
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


@given(listed_stories(), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_it_is_first_come_first_served_to_the_microsecond(story: Story[RequestTraffic], replicas: int) -> None:
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
