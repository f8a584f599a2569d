"""The loop: no failure of a job ends it, a hanging one shows, a wish for a refit is heard, a stop stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.ports import ClusterError
from ahpa.service.loop import SPARE, SPARE_BESIDE_A_REFIT, Loop, Pace
from ahpa.service.settings import Settings


class Stub:
    """A service whose jobs do what the test says."""

    def __init__(self, tick: Callable[[], object] = lambda: None) -> None:
        self.settings = Settings(tick_seconds=1)
        self.idle = False
        self.wishes = {"refit": threading.Event(), "tick": threading.Event()}
        self.ticks = 0
        self.refits = 0
        self.work = tick
        self.learning: Callable[[], object] = lambda: None

    def tick(self, now: float) -> None:
        self.ticks += 1
        self.work()

    def refit(self, now: float) -> None:
        self.refits += 1
        self.learning()

    def take_wish(self, job: str) -> bool:
        wanted = self.wishes[job].is_set()
        self.wishes[job].clear()
        return wanted


def fail_with(error: Exception) -> Callable[[], None]:
    def tick() -> None:
        raise error

    return tick


def wait_for(holds: Callable[[], bool], seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.02)
    return holds()


def running(
    service: Stub, telemetry: Telemetry | None = None, monotonic: Callable[[], float] = time.monotonic
) -> tuple[Loop, threading.Thread]:
    loop = Loop(service, telemetry or Telemetry(), monotonic=monotonic)
    thread = threading.Thread(target=loop.run, daemon=True)
    thread.start()
    return loop, thread


@pytest.mark.parametrize("error", [ClusterError(0, "no answer"), ZeroDivisionError("a bug")])
def test_a_tick_that_fails_is_counted_and_the_next_one_comes(error: Exception) -> None:
    service, telemetry = Stub(fail_with(error)), Telemetry()
    loop, thread = running(service, telemetry)
    assert wait_for(lambda: service.ticks >= 2)
    assert wait_for(lambda: loop.alive)
    loop.stop()
    thread.join(60)
    assert not thread.is_alive()
    assert 'ahpa_job_errors_total{job="tick"}' in telemetry.text().decode()


@pytest.mark.parametrize("work", [lambda: None, fail_with(ClusterError(0, "no answer"))], ids=["done", "failed"])
def test_after_each_job_it_is_tidied(work: Callable[[], None]) -> None:
    tidied: list[int] = []
    loop = Loop(Stub(work), Telemetry(), tidy=lambda: tidied.append(1))
    for job in ("refit", "tick", "tick"):
        loop.do(job)
    assert len(tidied) == 3


def test_it_is_ready_when_a_tick_has_done_its_work_and_not_when_one_has_failed() -> None:
    """A pod that cannot reach the API server must not count as ready in a rollout."""
    service = Stub(fail_with(ClusterError(0, "no answer")))
    loop, thread = running(service)
    assert wait_for(lambda: service.ticks >= 2)
    assert wait_for(lambda: not loop.ready)
    service.work = lambda: None
    assert wait_for(lambda: loop.ready)
    service.work = fail_with(ClusterError(0, "no answer"))
    failed = service.ticks
    assert wait_for(lambda: service.ticks >= failed + 2)
    assert loop.ready, "what was ready stays so: its floors are held whatever fails later"
    loop.stop()
    thread.join(60)


def test_a_tick_that_hangs_is_not_alive() -> None:
    let_go, clock = threading.Event(), [0.0]
    service = Stub(lambda: let_go.wait(120))
    loop, thread = running(service, monotonic=lambda: clock[0])
    assert wait_for(lambda: service.ticks == 1)
    seen = []
    for clock[0] in (2.9, 3.1):
        seen.append(loop.alive)
    assert seen == [True, False]
    let_go.set()
    loop.stop()
    thread.join(60)


def test_a_wish_for_a_refit_is_heard_between_two_hours() -> None:
    service = Stub()
    loop, thread = running(service)
    assert wait_for(lambda: service.ticks >= 1)
    service.wishes["refit"].set()
    assert wait_for(lambda: service.refits == 2)
    assert not service.wishes["refit"].is_set()
    loop.stop()
    thread.join(60)


@pytest.mark.parametrize(
    ("idle", "wishes", "after", "expected"),
    [
        (False, [], 1.4, []),
        (False, [], 1.5, ["tick"]),
        (True, [], 0.2, []),
        (True, [], 0.3, ["tick"]),
        (True, ["tick"], 0.3, ["tick"]),
        (False, ["refit"], 0.0, ["refit"]),
        (False, ["tick", "refit"], 0.0, ["refit", "tick"]),
    ],
)
def test_what_does_not_wait_for_its_turn(idle: bool, wishes: list[str], after: float, expected: list[str]) -> None:
    """A wish; while nobody asks for a plan, the next round after a quarter of a tick of one second; and a round that
    the wall clock has forgotten after one and a half."""
    service, clock = Stub(), [100.0]
    loop = Loop(service, Telemetry(), monotonic=lambda: clock[0])
    service.idle, loop.ready = idle, True
    for job in wishes:
        service.wishes[job].set()
    clock[0] += after
    assert loop.hurried() == expected


@pytest.mark.parametrize(("after", "expected"), [(0.2, []), (0.3, ["tick"])])
def test_until_a_round_has_seen_the_cluster_the_next_one_comes_early(after: float, expected: list[str]) -> None:
    """The first lists of a large cluster may take longer than the first refit and the first tick wait for them."""
    clock = [100.0]
    loop = Loop(Stub(fail_with(ClusterError(0, "not listed yet"))), Telemetry(), monotonic=lambda: clock[0])
    loop.do("tick")
    clock[0] += after
    assert loop.hurried() == expected


class Learning(Stub):
    """Its refits take as long as the test lets them."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()

    def refit(self, now: float) -> None:
        super().refit(now)
        self.let_go.wait(120)


def test_a_stop_does_not_wait_for_the_first_refit_and_no_round_follows_it() -> None:
    """It takes minutes, and a pod that is told to go has half a minute, in which its leases must be given back."""
    service = Learning()
    loop, thread = running(service)
    assert wait_for(lambda: service.refits == 1)
    loop.stop()
    thread.join(30)
    assert not thread.is_alive()
    service.let_go.set()
    assert wait_for(lambda: not any(each.name == "first" for each in threading.enumerate()))
    assert service.ticks == 0


def test_a_cluster_that_is_away_is_one_line_when_it_goes_and_one_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    service, telemetry = Stub(fail_with(ClusterError(0, "no answer"))), Telemetry()
    with caplog.at_level("INFO", logger="ahpa"):
        loop, thread = running(service, telemetry)
        assert wait_for(lambda: service.ticks >= 3)
        service.work = lambda: None
        assert wait_for(lambda: loop.ready)
        loop.stop()
        thread.join(60)
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("tick.")]
    # A round that a busy machine was late with is its own line: it says nothing of the cluster.
    assert [line for line in told if line != "tick.skipped"] == ["tick.failed", "tick.works_again"]


def test_who_runs_a_round_is_waited_for_by_who_ends_the_process() -> None:
    """A daemon is cut off in what it writes: half a line of the journal, an object without its record."""
    kinds: list[bool] = []
    service = Stub(lambda: kinds.append(threading.current_thread().daemon))
    loop, thread = running(service)
    assert wait_for(lambda: service.ticks >= 3)
    loop.stop()
    thread.join(60)
    assert not kinds[-1], "the first is of the thread that runs the loop"


def test_what_is_cancelled_is_a_failure_but_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    service = Stub(fail_with(CancelledError()))
    loop = Loop(service, Telemetry())
    with caplog.at_level("INFO", logger="ahpa"):
        loop.do("tick")
        loop.stop()
        loop.do("tick")
    assert [record.getMessage() for record in caplog.records] == ["tick.failed", "tick.ended"]


def test_others_wait_while_a_round_goes_on_and_until_the_first_is_over_and_have_little_of_a_refits_time() -> None:
    """The filler reads whole fortnights with the interpreter that a round wants, and the core that a refit does."""
    service = Stub(fail_with(ClusterError(0, "no answer")))
    loop = Loop(service, Telemetry())
    assert loop.spare == 0
    loop.do("tick")
    assert loop.spare == SPARE
    seen = list[float]()
    service.work = service.learning = lambda: seen.append(loop.spare)
    loop.do("tick")
    loop.do("refit")
    assert seen == [0, SPARE_BESIDE_A_REFIT]
    assert loop.spare == SPARE


def test_a_pace_lets_a_burst_through_and_then_keeps_its_rate() -> None:
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(per_second=10, burst_seconds=0.5, monotonic=lambda: now[0], sleep=sleep)
    for _ in range(25):
        pace()
    assert slept == pytest.approx([0.1] * 20)
    now[0] += 60
    slept.clear()
    for _ in range(6):
        pace()
    assert slept == pytest.approx([0.1])


@pytest.mark.parametrize("busy", [429, 500, 503, 0], ids=["too many", "error", "unavailable", "no answer"])
def test_a_busy_server_is_written_to_more_and_more_slowly_and_at_full_speed_again_once_it_answers(busy: int) -> None:
    """100 writes a second; a refused one halves that, at most to one a second; fifty good ones bring it back."""
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def writes_in(seconds: float, status: int) -> int:
        began, count = now[0], 0
        while now[0] < began + seconds:
            pace()
            now[0] += 0.001
            pace.answered(status)
            count += 1
        return count

    pace = Pace(per_second=100, monotonic=lambda: now[0], sleep=sleep)
    assert writes_in(10, 200) == pytest.approx(1100, abs=2), "one second's worth is a burst"
    assert writes_in(1, busy) <= 20, "no more than twenty a second once it is known"
    assert writes_in(60, busy) == pytest.approx(60, abs=2), "it is asked all the same"
    assert writes_in(1, 409) <= 30, "a conflict is an answer: the way back is gentle"
    writes_in(5, 200)
    assert writes_in(10, 200) == pytest.approx(1000, abs=2)


def test_a_round_that_is_due_while_the_last_one_runs_is_counted_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    """One that takes longer than a tick would else look like a healthy one that nobody needed."""
    let_go, telemetry = threading.Event(), Telemetry()
    service = Stub()
    with caplog.at_level("WARNING", logger="ahpa"):
        loop, thread = running(service, telemetry)
        assert wait_for(lambda: service.ticks == 1)
        service.work = lambda: let_go.wait(120)
        skipped = 'ahpa_rounds_skipped_total{job="tick"} 1.0'
        assert wait_for(lambda: skipped in telemetry.text().decode())
        let_go.set()
        loop.stop()
        thread.join(60)
    assert "tick.skipped" in {record.getMessage() for record in caplog.records}
