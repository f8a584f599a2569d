"""One contract for everything that runs work: here, on threads, in processes, on a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path

import pytest

from ahpa.adapters.dask.executor import Dask
from ahpa.adapters.processes.apart import Apart
from ahpa.adapters.processes.executors import Processes, Threads
from forecasting.executor import Executor, OrHere, Serial, Task, run_all
from tests.adapters.dask.cluster import DASK
from tests.adapters.processes.pids import ends, pid_in, runs, runs_until


@pytest.fixture(params=["serial", "threads", "processes", pytest.param("dask", marks=DASK), "or-here", "apart"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    made: dict[str, Callable[[], Executor]] = {
        "serial": Serial,
        "threads": partial(Threads, 2),
        "processes": partial(Processes, 2),
        "dask": lambda: Dask(request.getfixturevalue("dask_cluster").reached()),
        "apart": Apart,
        "or-here": lambda: OrHere(Threads(2), lambda error: None),
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
    """The first results are there while other work has not ended."""
    tasks = [executor.submit(written, tmp_path / name) for name in ("first", "second")]
    tasks.append(executor.submit(runs_until, tmp_path / "go"))
    done = executor.as_completed(tasks)
    assert {next(done).result() for _ in range(2)} == {tmp_path / "first", tmp_path / "second"}
    assert not tasks[2].done()
    (tmp_path / "go").touch()
    assert next(done).result() == tmp_path / "go"


def test_what_has_not_begun_is_dropped_when_it_stops(executor: Executor, tmp_path: Path) -> None:
    if isinstance(executor, Apart):
        pytest.skip("there nothing waits: each has a process at once")
    go = tmp_path / "go"
    busy = [executor.submit(runs_until, go, tmp_path / f"busy {number}") for number in range(2)]
    rest = [executor.submit(written, tmp_path / f"rest {number}") for number in range(10)]
    if not isinstance(executor, Serial):
        pid_in(tmp_path / "busy 0")
    helper = threading.Thread(target=_release_when_dropped, args=(rest[-1], go))
    helper.start()
    executor.stop()
    helper.join()
    assert all(task.done() for task in (*busy, *rest))
    with pytest.raises(CancelledError):
        rest[-1].result()
    assert not (tmp_path / "rest 9").exists()


def _release_when_dropped(task: Task[Path], go: Path) -> None:
    """Threads wait for what runs: let it end once what had not begun is dropped."""
    while not task.done():
        time.sleep(0.01)
    go.touch()


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
    """Not those of another executor, and no other child of the program."""
    other = multiprocessing.get_context("spawn").Process(target=runs_until, args=(tmp_path / "go", tmp_path / "other"))
    other.start()
    try:
        with Processes(1) as theirs, Processes(2) as ours:
            neighbour = theirs.submit(runs_until, tmp_path / "go", tmp_path / "theirs")
            running = [ours.submit(runs_until, tmp_path / "never", tmp_path / f"ours {number}") for number in range(2)]
            mine = [pid_in(tmp_path / f"ours {number}") for number in range(2)]
            others = [pid_in(tmp_path / name) for name in ("other", "theirs")]
            began = time.monotonic()
            ours.stop()
            assert time.monotonic() - began < 60  # of the ten minutes that they would take
            assert not any(runs(pid) for pid in mine)
            assert all(runs(pid) for pid in others)
            for task in running:
                with pytest.raises(CancelledError):
                    task.result()
            (tmp_path / "go").touch()
            assert neighbour.result() == tmp_path / "go"
    finally:
        other.kill()
        other.join()


def test_who_hands_in_much_keeps_nobody_else_waiting() -> None:
    """A refit reads a fortnight of ten thousand services; a tick beside it wants its hour now."""
    go = threading.Event()
    with Threads(1) as executor:
        refit = threading.Thread(target=lambda: [executor.submit(go.wait, 120) for _ in range(50)])
        refit.start()
        refit.join()
        assert executor.submit(max, 1, 2).result() == 2
        go.set()


def test_an_interrupt_ends_the_program_and_its_workers_quickly(tmp_path: Path) -> None:
    """Ctrl-C reaches the whole group of processes, as from a terminal; workers leave it to their parent."""
    code = (
        "import signal\n"
        "from pathlib import Path\n"
        "from ahpa.adapters.processes.executors import Processes\n"
        "from tests.adapters.processes.pids import runs_until\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # who runs us in the background ignores it
        "    with Processes(2) as executor:\n"
        f"        here = Path({str(tmp_path)!r})\n"
        "        tasks = [executor.submit(runs_until, here / 'never', here / str(k)) for k in range(6)]\n"
        "        next(executor.as_completed(tasks))\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    workers = [pid_in(tmp_path / str(number)) for number in range(2)]
    began = time.monotonic()
    os.killpg(program.pid, signal.SIGINT)
    _, errors = program.communicate(timeout=120)
    assert time.monotonic() - began < 60  # of the ten minutes that they would take
    assert errors.count("KeyboardInterrupt") == 1  # the parent's own
    assert not any(runs(pid) for pid in workers)


def test_workers_do_not_outlive_a_program_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from ahpa.adapters.processes.executors import Processes\n"
        "from tests.adapters.processes.pids import runs_until\n"
        "if __name__ == '__main__':\n"
        "    executor = Processes(1)\n"
        f"    here = Path({str(tmp_path)!r})\n"
        "    executor.submit(runs_until, here / 'never', here / 'begun')\n"
        "    input()\n"
    )
    program = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, start_new_session=True)
    worker = pid_in(tmp_path / "begun")
    program.kill()
    program.communicate()
    assert ends(worker)


def test_nothing_is_started_before_there_is_work() -> None:
    before = threading.active_count(), len(multiprocessing.active_children())
    Threads(4)
    Processes(4)
    assert (threading.active_count(), len(multiprocessing.active_children())) == before
