"""A clock that only the API server tells of: nothing is learned by it, and no forecast moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from ahpa.ports import Reading
from tests.fakes.demand import FakePrometheus
from tests.service.stage import NOW
from tests.service.test_never_down_on_a_doubt import CHAT, Flaky, at_its_peak, floors, run


@dataclass
class ApiClock:
    """What the API server says of the time."""

    skew: float = 0.0


class Dateless(FakePrometheus):
    """Its answers do not say when they were given: a proxy takes the header away."""

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        return replace(super().read(queries, start, end, step, deadline), skew=0.0)


@pytest.mark.parametrize("heard", [True, False], ids=["the API server says so", "nobody says so"])
def test_a_clock_that_was_wrong_for_a_round_without_prometheus_moves_no_forecast(heard: bool) -> None:
    """An hour ahead for one round in which Prometheus was away. An hour of nothing was learned, the forecast began an
    hour later, and with the clock right again it was "nothing observed for 61 minutes": 23, 20, ... 0."""
    clock = ApiClock()
    at = at_its_peak(Flaky(), clock=clock)
    at.prometheus.down, clock.skew = True, 3600.0 * heard
    assert floors(run(at, [66])) == [23]
    at.prometheus.down, clock.skew = False, 0.0
    decisions = run(at, range(7, 67))
    assert floors(decisions) == [23] * 60
    assert all(d.plan is not None for d in decisions)


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
def test_what_only_the_api_server_says_of_the_clock_counts_for_all_that_is_learned(skew: float) -> None:
    """Prometheus answers without a date: ticks and a refit learned from hours that were not those of the clock."""
    clock = ApiClock()
    at = at_its_peak(Flaky(), Dateless({"chat": lambda t: 160.0}), clock)
    at.prometheus.skew = clock.skew = skew
    at.tick(NOW + 360 + skew)
    at.service.refit(NOW + 370 + skew)
    assert at.tick(NOW + 420 + skew)[CHAT].floor == 23
    assert at.service._learned.fitted_at == NOW
    at.prometheus.skew = clock.skew = 0.0
    decisions = run(at, range(8, 68))
    assert floors(decisions) == [23] * 60
    assert all(d.plan is not None for d in decisions)
