"""How long the owner of a newly annotated service waits for the first forecast, by a clock of the test's own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import pytest

from ahpa.service.loop import Loop
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, Stage, add_knative, morning, staged


@dataclass
class World:
    """The service, and the jobs as the loop runs them: by their periods, or hurried, looked at once a second."""

    at: Stage
    refit_seconds: float
    seconds: int = 0
    loop: Loop = field(init=False)
    next_tick: int = 60
    refit_ends: float | None = None

    def __post_init__(self) -> None:
        self.loop = Loop(self.at.service, self.at.telemetry, clock=self.now, monotonic=self.now)
        self.loop.run_once()

    def now(self) -> float:
        return NOW + self.seconds

    def pass_a_second(self) -> set[str]:
        """Returns who has a plan by now."""
        self.seconds += 1
        hurried = self.loop.hurried()
        if "refit" in hurried:
            self.refit_ends = self.seconds + self.refit_seconds
        if self.refit_ends is not None and self.seconds >= self.refit_ends:
            self.refit_ends = None
            self.loop.do("refit")
        if "tick" in hurried or self.seconds >= self.next_tick:
            self.next_tick = self.seconds + 60
            self.loop.do("tick")
        rounds = self.at.service.shown.rounds
        return {each.target.name for each in rounds if each.decision.plan is not None}


def world(*settled: str, refit_seconds: float = 20.0) -> World:
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning, "third": morning})
    for name in settled:
        add_knative(kube, name, mode="apply")
    stopwatch = itertools.count(0.0, refit_seconds).__next__
    return World(staged(kube, prometheus, stopwatch=stopwatch), refit_seconds)


def waited(of: World, name: str, most: int = 600) -> int:
    """Seconds from the annotation to the first plan."""
    add_knative(of.at.kube, name, mode="apply")
    return next(second for second in range(1, most) if name in of.pass_a_second())


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
    ticks = [fresh.at.service.shown.at]
    for second in range(1, 181):
        if second == 91:
            add_knative(fresh.at.kube, "chat", mode="observe")
        fresh.pass_a_second()
        if fresh.at.service.shown.at != ticks[-1]:
            ticks.append(fresh.at.service.shown.at)
    assert [at - NOW for at in ticks] == [0, 15, 30, 45, 60, 75, 90, 105, 127, 187][:-1]
