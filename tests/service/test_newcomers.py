"""How long the owner of a newly annotated service waits for the first forecast, by a clock of the test's own."""

from __future__ import annotations

import itertools

import pytest

from ahpa.ports import ClusterError
from ahpa.service.loop import Loop
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, add_knative, morning, staged
from tests.service.virtual import Virtual


def world(*settled: str, refit_seconds: float = 20.0) -> Virtual:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning, "third": morning})
    for name in settled:
        add_knative(kube, name, mode="apply")
    stopwatch = itertools.count(0.0, refit_seconds).__next__
    return Virtual(staged(kube, prometheus, stopwatch=stopwatch), refit_seconds)


def waited(of: Virtual, name: str, most: int = 600) -> int:
    """Seconds from the annotation to the first plan."""
    add_knative(of.at.kube, name, mode="apply")
    for second in range(1, most):
        of.pass_a_second()
        rounds = of.at.service.shown.rounds
        if name in {each.target.name for each in rounds if each.decision.plan is not None}:
            return second
    raise AssertionError(f"no plan for {name} within {most} seconds")


@pytest.mark.parametrize("moment", [0, 1, 14, 29, 59, 61, 1000])
def test_the_first_annotation_of_all_is_forecast_within_a_minute(moment: int) -> None:
    """On a fresh installation it took six minutes. A refit takes 20 seconds here."""
    fresh = world()
    for _ in range(moment):
        fresh.pass_a_second()
    assert waited(fresh, "chat") <= 60


@pytest.mark.parametrize("moment", [0, 1, 29, 59, 61, 1000])
def test_a_later_one_waits_for_the_next_round_and_the_refit_and_for_no_other_round(moment: int) -> None:
    busy = world("chat")
    for _ in range(moment):
        busy.pass_a_second()
    assert waited(busy, "other") <= 60 + 20 + 2
    assert waited(busy, "third") <= 200 + 60 + 20 + 2, "the refits of many newcomers may take a tenth of the time"


def test_while_nobody_asks_rounds_come_four_times_as_often_and_then_as_the_operator_said() -> None:
    fresh = world()
    ticks = [second for second in range(1, 91) if fresh.pass_a_second()]
    assert ticks == [15, 30, 45, 60, 75, 90]
    assert waited(fresh, "chat") <= 60
    assert len([1 for _ in range(600) if fresh.pass_a_second()]) == 10


def test_who_could_not_be_listed_in_the_first_refit_is_learned_by_the_next_tick_and_the_refit_that_it_wishes() -> None:
    """The first lists of a large cluster take longer than the first refit waits for them; the next one would come in
    an hour."""
    kube, seconds = FakeKube(), [0.0]
    add_knative(kube, "chat", mode="apply")
    kube.fail = lambda method, where: ClusterError(0, "LIST: no answer within the round's time")
    at = staged(kube, FakePrometheus({"chat": morning}))
    loop = Loop(at.service, at.telemetry, clock=lambda: NOW + seconds[0], monotonic=lambda: seconds[0])
    for job in ("refit", "tick"):
        loop.do(job)
    kube.fail = lambda method, where: None
    seconds[0] += 15
    done = []
    for _ in range(3):
        for job in loop.hurried():
            done.append(job)
            loop.do(job)
    assert done == ["tick", "refit", "tick"]
    assert at.service.shown.rounds[0].decision.plan is not None
