"""The loop: no failure of a job ends it, a hanging one shows, a wish for a refit is heard, a stop stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from ahpa import loop as module
from ahpa.adapters.kube import KubeError
from ahpa.adapters.telemetry import Metrics
from ahpa.loop import Loop
from ahpa.service import Settings


class Stub:
    """A service whose jobs do what the test says."""

    def __init__(self, tick: Callable[[], object] = lambda: None) -> None:
        self.settings = Settings(tick_seconds=1)
        self.metrics = Metrics()
        self.wants_refit = False
        self.ticks = 0
        self.refits = 0
        self._tick = tick

    def tick(self, now: float) -> None:
        self.ticks += 1
        self._tick()

    def refit(self, now: float) -> None:
        self.refits += 1


def fail_with(error: Exception) -> Callable[[], None]:
    def tick() -> None:
        raise error

    return tick


def wait_for(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def running(service: Stub, monkeypatch: pytest.MonkeyPatch) -> tuple[Loop, threading.Thread]:
    monkeypatch.setattr(module.signal, "signal", lambda *_: None)  # only the main thread may
    loop = Loop(service)  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    return loop, thread


@pytest.mark.parametrize("error", [KubeError(0, "no answer"), ZeroDivisionError("a bug")])
def test_a_tick_that_fails_is_counted_and_the_next_one_comes(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Stub(fail_with(error))
    loop, thread = running(service, monkeypatch)
    assert wait_for(lambda: service.ticks >= 2)
    assert loop.ready
    assert wait_for(lambda: loop.alive)
    loop.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert 'ahpa_job_errors_total{job="tick"}' in service.metrics.text().decode()


def test_a_tick_that_hangs_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = threading.Event()
    service = Stub(lambda: let_go.wait(120))
    loop, thread = running(service, monkeypatch)
    assert wait_for(lambda: service.ticks == 1)
    since = loop._advanced
    with monkeypatch.context() as later:
        later.setattr(module, "time", SimpleNamespace(monotonic=lambda: since + 2.9))
        assert loop.alive
        later.setattr(module, "time", SimpleNamespace(monotonic=lambda: since + 3.1))
        assert not loop.alive
    let_go.set()
    loop.stop()
    thread.join(60)


def test_a_wish_for_a_refit_is_heard_between_two_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    service = Stub()
    loop, thread = running(service, monkeypatch)
    assert wait_for(lambda: service.ticks >= 1)
    service.wants_refit = True
    assert wait_for(lambda: service.refits == 2)
    assert not service.wants_refit
    loop.stop()
    thread.join(60)
