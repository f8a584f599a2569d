"""The wall clock is set, the machine sleeps, summer time begins: twenty times each, at every third second of a tick.

The next tick comes within two periods, or liveness fails within three; and nothing is lowered. What the service thinks
of a clock that differs is in test_clocks.py; here is the loop, which goes by the very clock that is wrong.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.fakes.demand import FakePrometheus
from tests.reliability.reached import Reached
from tests.service.peak import ApiClock, Flaky, at_its_peak
from tests.service.stage import Stage
from tests.service.virtual import Virtual

HOUR = 3600.0
TIMES, PERIOD, FLOOR = 20, 60, 23
IN_2038 = datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC).timestamp()


def set_by(seconds: float) -> Callable[[Virtual], None]:
    def fault(world: Virtual) -> None:
        world.ahead += seconds

    return fault


def leap_to_2038(world: Virtual) -> None:
    world.ahead += IN_2038 - world.wall()


def suspend(world: Virtual) -> None:
    world.sleep(3600)


def stop(world: Virtual) -> None:
    """As SIGSTOP does, or a host that is short of processors: our stopwatch goes on."""
    world.seconds += 600


FAULTS = {
    "an hour back": set_by(-HOUR),
    "an hour forward": set_by(HOUR),
    "a minute back": set_by(-60.0),
    "a leap to 2038": leap_to_2038,
    "suspended for an hour": suspend,
    "stopped for ten minutes": stop,
}


@pytest.fixture
def clock() -> ApiClock:
    return ApiClock()


@pytest.fixture
def world(clock: ApiClock) -> Virtual:
    return Virtual(at_its_peak(Flaky(), FakePrometheus({"chat": lambda t: 160.0}), clock), seconds=360)


def until_a_tick(world: Virtual, clock: ApiClock) -> int:
    """The seconds until the next tick; Prometheus and the API server know the true time."""
    for second in range(1, 10 * PERIOD):
        world.at.prometheus.skew = clock.skew = world.ahead
        if world.pass_a_second():
            return second
        assert world.loop.alive or second <= 3 * PERIOD
    raise AssertionError("no tick any more")


def floor(at: Stage) -> int:
    return int(at.min_scale("chat") or 0)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_the_next_tick_comes_within_two_periods_and_nothing_is_lowered(
    world: Virtual, clock: ApiClock, fault: Callable[[Virtual], None], reached: Reached
) -> None:
    """Set back by an hour, the scheduler was silent for that hour, until liveness ended the pod."""
    longest = 0
    for number in range(TIMES):
        for _ in range(3 * number):
            world.pass_a_second()
        fault(world)
        waits = [until_a_tick(world, clock) for _ in range(3)]
        world.ahead = 0.0  # somebody sets it right
        waits += [until_a_tick(world, clock) for _ in range(3)]
        longest = max(longest, *waits)
        assert longest <= 2 * PERIOD
        assert floor(world.at) == FLOOR
    assert world.loop.alive
    assert until_a_tick(world, clock) <= PERIOD
    reached("T10", size=f"{TIMES} times", figure=f"next tick within {longest} s at {PERIOD} s a tick; 0 lowered")


@pytest.fixture
def time_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    def use(rule: str) -> None:
        monkeypatch.setenv("TZ", rule)
        time.tzset()

    yield use
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("forward", [True, False], ids=["summer time begins", "summer time ends"])
def test_where_the_host_changes_its_summer_time_nothing_happens(
    world: Virtual, clock: ApiClock, time_zone: Callable[[str], None], forward: bool, reached: Reached
) -> None:
    """The pod's own zone; that of the people who make the load is the calendar's, and has its tests there."""
    for _ in range(TIMES):
        at = time.gmtime(world.wall() + 90)
        day = f"J{at.tm_yday}"
        begins, ends = (
            (f"{day}/{at.tm_hour}:{at.tm_min:02}", "J364/0")
            if forward
            else ("J1/0", f"{day}/{at.tm_hour + 1}:{at.tm_min:02}")
        )
        time_zone(f"STD0DST,{begins},{ends}")
        before = time.localtime(world.wall()).tm_isdst
        assert [until_a_tick(world, clock) for _ in range(4)] == [PERIOD] * 4
        assert time.localtime(world.wall()).tm_isdst == forward != before
        assert floor(world.at) == FLOOR
    reached("T10", size=f"{TIMES} times", figure=f"next tick within {PERIOD} s at {PERIOD} s a tick; 0 lowered")
