"""Clocks that differ, and our own absence, are no age of the data: nothing is lowered for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.decision import Reason
from ahpa.ports import ClusterError, Reading
from tests.fakes.demand import FakePrometheus
from tests.service.peak import CHAT, HOLD, ApiClock, Flaky, at_its_peak, floors, run
from tests.service.stage import NOW, ROOT


class Dateless(FakePrometheus):
    """Its answers do not say when they were given: a proxy takes the header away."""

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        return replace(super().read(queries, start, end, step, deadline), skew=0.0)


@pytest.mark.parametrize("skew", [31.0, 300.0, 3600.0, 27_000.0, -40.0, -3600.0, 4.5e8, 1e12, -1.69e9])
def test_while_the_clocks_differ_nothing_is_lowered_and_the_sentence_says_so(skew: float) -> None:
    """Our clock an hour ahead: everything looked an hour old, so the hold was skipped: 6, 5, 4, ... 0."""
    at = at_its_peak(Flaky())
    at.prometheus.skew = skew
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    lowered = []
    for minute in range(6, 36):
        now = NOW + 60 * minute + skew
        if minute == 20:
            at.service.refit(now)
        decision = at.tick(now)[CHAT]
        lowered.append(decision.change < 0)
        assert decision.reason is Reason.CLOCK_SKEW
        assert f"our clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the servers'" in decision.message
    assert not any(lowered)
    at.prometheus.skew = 0.0
    assert run(at, range(36, 40))[-1].floor == 23, "as soon as it is set right all goes on as before"


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
    learned = at.service._learned
    at.service.refit(NOW + 370 + skew)
    assert at.tick(NOW + 420 + skew)[CHAT].floor == 23
    assert at.service._learned is learned
    at.prometheus.skew = clock.skew = 0.0
    decisions = run(at, range(8, 68))
    assert floors(decisions) == [23] * 60
    assert all(d.plan is not None for d in decisions)


def test_a_clock_that_differs_a_little_is_no_matter() -> None:
    at = at_its_peak(Flaky())
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    at.prometheus.skew = 29.0
    assert run(at, [6, 7])[-1].floor < 40


@pytest.mark.parametrize("absent", [24, 240])
def test_our_own_absence_is_no_age_of_the_data(absent: int) -> None:
    """The API server is away for 24 minutes while Prometheus is fine, and then one read fails. It went 23, 20."""
    at = at_its_peak(Flaky())
    at.kube.fail = lambda method, where: ClusterError(503, "away")
    for minute in range(6, 6 + absent):
        with pytest.raises(ClusterError):
            at.tick(NOW + 60 * minute)
    at.kube.fail = lambda method, where: None
    at.prometheus.down = True
    first = 6 + absent
    assert floors(run(at, range(first, first + HOLD + 1))) == [23] * (HOLD + 1)
    decayed = floors(run(at, range(first + HOLD + 1, first + HOLD + 4)))
    assert decayed == [20, 18, 16], "then at most a tenth per round"
    at.prometheus.down = False
    assert run(at, [first + HOLD + 4])[0].floor == 23


def test_an_absence_within_a_hold_does_not_count_to_it() -> None:
    """Prometheus fails once, then the API server is away for an hour, then Prometheus fails again."""
    at = at_its_peak(Flaky())
    at.prometheus.down = True
    run(at, [6])
    assert floors(run(at, range(66, 66 + HOLD - 1))) == [23] * (HOLD - 1)
    assert run(at, range(66 + HOLD - 1, 66 + HOLD + 2))[-1].floor < 23


def test_the_hold_counts_from_the_first_failed_read_and_anew_after_one_that_succeeds() -> None:
    at = at_its_peak(Flaky())
    for first in (6, 30):
        at.prometheus.down = True
        assert floors(run(at, range(first, first + HOLD + 1))) == [23] * (HOLD + 1)
        at.prometheus.down = False
        run(at, [first + HOLD + 1])
