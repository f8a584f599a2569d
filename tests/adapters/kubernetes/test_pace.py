"""How often is asked, by a clock that only the test moves."""

from __future__ import annotations

import threading

from ahpa.adapters.kubernetes.pace import Pace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Stopping(threading.Event):
    """Waiting moves the clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def wait(self, timeout: float | None = None) -> bool:
        self.clock.now += timeout or 0.0
        return False


def test_after_a_few_at_once_there_is_one_a_second() -> None:
    clock = Clock()
    pace, stopping = Pace(1.0, 3, clock), Stopping(clock)
    times = []
    for _ in range(6):
        pace.take(stopping)
        times.append(clock.now - 100.0)
    assert times == [0.0, 0.0, 0.0, 1.0, 2.0, 3.0]


def test_what_was_not_asked_is_made_up_for_only_so_far() -> None:
    clock = Clock()
    pace, stopping = Pace(1.0, 3, clock), Stopping(clock)
    clock.now += 1000.0
    began = clock.now
    for _ in range(6):
        pace.take(stopping)
    assert clock.now - began == 3.0
