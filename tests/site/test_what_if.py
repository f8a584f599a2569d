"""What if: asked at once, played one at a time, never begun beside a refit, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

import pytest

from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.backtest.series import prepared
from ahpa.backtest.sweep import Question as Asked
from ahpa.core.policy.values import Policy
from ahpa.site.ways import DAYS, LATE_TARGETS, QUANTILES, Case, NoCaseError, Way, ways
from ahpa.site.what_if import KEPT_SECONDS, MOST_WAITING, Pending, Played, Question, Refused, WhatIf
from ahpa.survey.worlds import World
from forecasting.executor import Executor, Serial
from tests.backtest.examples import SETTING, Spread, waves

GO_ON = threading.Event()
"""Never set: nobody ends the service."""
WAYS = (Way("no floor", "target 70 %", 10.0, 0.1),)


@cache
def case(policy: Policy) -> Case:
    series, _ = prepared([waves()], 1.0, DAYS)
    return Case(tuple(series), World(1.0, True, SETTING, SETTING, Asked()), policy, Spread())


def asked(key: str) -> Question:
    if key == "short":
        raise NoCaseError("a day of data, and three are needed")
    return Question(case(Policy()), 9.0, DAYS, ("said",))


def played(case: Case) -> tuple[Way, ...]:
    return WAYS


def broken(case: Case) -> tuple[Way, ...]:
    raise MemoryError


class Stopwatch:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def what_if(
    play: Callable[[Case], tuple[Way, ...]] = played,
    executor: Executor | None = None,
    busy: Callable[[], bool] = lambda: False,
    most_seconds: float = 60.0,
    stopwatch: Callable[[], float] | None = None,
) -> WhatIf:
    return WhatIf(
        lambda key: key != "gone", asked, executor or Threads(1), busy, Telemetry(), play, most_seconds,
        stopwatch or Stopwatch(),
    )  # fmt: skip


def test_who_asks_waits_for_nobody_and_finds_it_played_later() -> None:
    at = what_if()
    assert at.ask("a") == at.ask("a") == Pending(0)
    assert at.ask("b") == Pending(1)
    assert at.step(GO_ON)
    assert at.ask("a") == Played(9.0, DAYS, WAYS, ("said",))
    assert at.ask("b") == Pending(0)


def test_it_stands_for_an_hour() -> None:
    time = Stopwatch()
    at = what_if(stopwatch=time)
    at.ask("a")
    at.step(GO_ON)
    time.seconds = KEPT_SECONDS - 1
    assert isinstance(at.ask("a"), Played)
    assert not at.step(GO_ON)
    time.seconds = KEPT_SECONDS
    assert at.ask("a") == Pending(0)


@pytest.mark.parametrize(
    ("key", "play", "why"),
    [
        ("gone", played, "there is no such service"),
        ("short", played, "a day of data, and three are needed"),
        ("a", broken, "it failed: the log of ahpa serve says why"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(
    key: str, play: Callable[[Case], tuple[Way, ...]], why: str
) -> None:
    at = what_if(play)
    at.ask(key)
    at.step(GO_ON)
    assert at.ask(key) == Refused(why)


def test_whoever_asks_of_too_many_is_refused_and_takes_no_memory() -> None:
    at = what_if()
    for number in range(MOST_WAITING):
        assert at.ask(f"s{number}") == Pending(number)
    assert isinstance(at.ask("one more"), Refused)
    assert at.step(GO_ON)
    assert at.ask("one more") == Pending(MOST_WAITING - 1)


def test_beside_a_refit_nothing_is_begun() -> None:
    refits = [True, True, False]
    at = what_if(busy=lambda: refits.pop(0))
    at.ask("a")
    assert [at.step(GO_ON) for _ in range(3)] == [False, False, True]


def test_that_the_service_ends_is_no_slow_answer(caplog: pytest.LogCaptureFixture) -> None:
    """An operator who looks for what took too long must not find each restart."""
    ends = threading.Event()
    ends.set()
    at = what_if(executor=Serial())
    at.ask("a")
    at.step(ends)
    assert at.ask("a") == Refused("ahpa ends")
    assert "what_if.slow" not in caplog.text


def test_what_takes_too_long_is_ended_and_the_next_has_its_turn() -> None:
    """It is never done, as nobody works."""
    ended: list[bool] = []

    class Idle(Serial):
        def stop(self) -> None:
            ended.append(True)

    at = what_if(executor=Idle(), most_seconds=-1.0)
    at.ask("a")
    at.ask("b")
    at.step(GO_ON)
    answer = at.ask("a")
    assert isinstance(answer, Refused)
    assert "took longer" in answer.why
    assert ended
    assert at.ask("b") == Pending(0)


def test_its_thread_ends_when_it_is_told_to() -> None:
    at, stop = what_if(), threading.Event()
    thread = threading.Thread(target=at.run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(60)
    assert not thread.is_alive()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (Policy(), "late target 0.1 %"),
        (Policy(late_target=0.02), "late target 2 %"),
        (Policy(quantile=0.97), "quantile 0.97"),
        (Policy(manage_target=True), "second lever"),
    ],
)
def test_each_way_is_played_and_the_owners_own_is_marked(policy: Policy, chosen: str) -> None:
    found = {way.name: way for way in ways(case(policy))}
    assert [name for name, way in found.items() if way.chosen] == [chosen]
    assert len(found) >= len(LATE_TARGETS) + len(QUANTILES) + 3
    assert found["no floor"].late_ratio > found["quantile 0.999"].late_ratio
    assert found["fixed fleet"].replica_hours > found["quantile 0.9"].replica_hours
    assert found["second lever"].replica_hours < found["late target 0.1 %"].replica_hours
