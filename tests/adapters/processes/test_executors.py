"""One contract for everything that runs work: here, on threads, in processes."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest

from ahpa.adapters.processes.executors import Processes, Threads
from forecasting.executor import Executor, Serial, Task, run_all
from tests.adapters.processes.pids import ends, runs


@pytest.fixture(params=["serial", "threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: dict[str, type[Serial] | partial[Threads] | partial[Processes]] = {
        "serial": Serial,
        "threads": partial(Threads, 2),
        "processes": partial(Processes, 2),
    }
    executor = made[request.param]()
    yield executor
    executor.stop()


def double(number: int) -> int:
    return 2 * number


def fail(number: int) -> int:
    if number == 2:
        raise ValueError(f"{number} is not wanted")
    return number


def slowly(seconds: float, mark: Path | None = None) -> float:
    if mark is not None:
        mark.write_text(str(os.getpid()))
    time.sleep(seconds)
    return seconds


def written(mark: Path) -> Path:
    mark.touch()
    return mark


def test_results_come_in_the_order_of_their_parts(executor: Executor) -> None:
    assert run_all(executor, double, range(20)) == [2 * number for number in range(20)]
    assert run_all(executor, double, []) == []
    assert run_all(executor, double, [4]) == [8]


def test_an_exception_comes_to_whoever_asks_for_that_result_and_harms_no_other(executor: Executor) -> None:
    tasks = [executor.submit(fail, number) for number in range(4)]
    finished = list(executor.as_completed(tasks))
    assert {id(task) for task in finished} == {id(task) for task in tasks}
    assert all(task.done() for task in tasks)
    assert [tasks[number].result() for number in (0, 1, 3)] == [0, 1, 3]
    for _ in range(2):
        with pytest.raises(ValueError, match="2 is not wanted"):
            tasks[2].result()


def test_results_stream(executor: Executor, tmp_path: Path) -> None:
    """The first result is there while the last work has not ended."""
    tasks: list[Task[float]] = [executor.submit(slowly, seconds) for seconds in (0.0, 0.0, 3.0)]
    began = time.monotonic()
    first = next(executor.as_completed(tasks))
    assert first.result() == 0.0
    assert not tasks[2].done()
    assert time.monotonic() - began < 3


def test_what_has_not_begun_is_dropped_when_it_stops(executor: Executor, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    busy = [executor.submit(slowly, 0.5, begun) for _ in range(2)]
    rest = [executor.submit(written, tmp_path / f"rest {number}") for number in range(10)]
    if not isinstance(executor, Serial):
        while not begun.exists():
            time.sleep(0.01)
    executor.stop()
    assert all(task.done() for task in (*busy, *rest))
    with pytest.raises(CancelledError):
        rest[-1].result()
    assert not (tmp_path / "rest 9").exists()


def test_after_a_stop_it_works_again(executor: Executor) -> None:
    executor.submit(double, 1).result()
    executor.stop()
    executor.stop()
    assert executor.submit(double, 2).result() == 4


def test_work_on_a_thread_may_hand_in_more_to_the_same_threads() -> None:
    with Threads(2) as threads:
        nested = run_all(threads, partial(run_all, threads, double), [range(5)] * 8)
        streamed = run_all(threads, partial(_streamed, threads), range(8))
    assert nested == [[0, 2, 4, 6, 8]] * 8
    assert streamed == [6] * 8


def _streamed(threads: Threads, _: int) -> int:
    tasks = [threads.submit(double, number) for number in range(3)]
    return sum(task.result() for task in threads.as_completed(tasks))


def test_threads_can_be_sent_to_another_process() -> None:
    with Threads(3) as threads:
        run_all(threads, double, range(3))
        copy = pickle.loads(pickle.dumps(threads))
        assert copy.workers == 3
        with Processes(1) as processes:
            assert processes.submit(run_all, threads, double, range(3)).result() == [0, 2, 4]


def test_processes_end_their_own_workers_only_and_at_once(tmp_path: Path) -> None:
    other = multiprocessing.get_context("spawn").Process(target=slowly, args=(60.0,))
    other.start()
    try:
        with Processes(1) as theirs, Processes(2) as ours:
            neighbour = theirs.submit(slowly, 2.0, tmp_path / "theirs")
            running = [ours.submit(slowly, 60.0, tmp_path / f"ours {number}") for number in range(2)]
            while len(list(tmp_path.iterdir())) < 3:
                time.sleep(0.02)
            before = len(multiprocessing.active_children())
            began = time.monotonic()
            ours.stop()
            assert time.monotonic() - began < 2
            assert len(multiprocessing.active_children()) == before - 2
            for task in running:
                with pytest.raises(CancelledError):
                    task.result()
            assert neighbour.result() == 2.0
        assert other.is_alive()
    finally:
        other.kill()
        other.join()


def test_an_interrupt_ends_the_program_and_its_workers_quickly(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole group of processes, as from a terminal; workers leave it to their parent."""
    code = (
        "from pathlib import Path\n"
        "from ahpa.adapters.processes.executors import Processes\n"
        "from tests.adapters.processes.test_executors import slowly\n"
        "if __name__ == '__main__':\n"
        "    with Processes(2) as executor:\n"
        f"        tasks = [executor.submit(slowly, 60.0, Path({str(tmp_path)!r}) / str(k)) for k in range(6)]\n"
        "        next(executor.as_completed(tasks))\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    workers = [_pid(tmp_path / str(number)) for number in range(2)]
    began = time.monotonic()
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert errors.count("KeyboardInterrupt") == 1  # the parent's own
    assert not any(runs(pid) for pid in workers)


def test_workers_do_not_outlive_a_program_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from ahpa.adapters.processes.executors import Processes\n"
        "from tests.adapters.processes.test_executors import slowly\n"
        "if __name__ == '__main__':\n"
        "    executor = Processes(1)\n"
        f"    executor.submit(slowly, 60.0, Path({str(tmp_path)!r}) / 'begun')\n"
        "    input()\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True)
    worker = _pid(tmp_path / "begun")
    program.kill()
    program.communicate()
    assert ends(worker)


def _pid(mark: Path) -> int:
    """What a worker wrote down, once it has."""
    while not (mark.exists() and mark.read_text()):
        time.sleep(0.02)
    return int(mark.read_text())


def test_nothing_is_started_before_there_is_work() -> None:
    before = threading.active_count(), len(multiprocessing.active_children())
    Threads(4)
    Processes(4)
    assert (threading.active_count(), len(multiprocessing.active_children())) == before
