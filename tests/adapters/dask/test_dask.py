"""Claims about work on a real Dask cluster in TLS: what a fault there costs, and that nobody waits for ever."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters.dask.crew import LARGE_BYTES, WorkerDied
from ahpa.adapters.dask.executor import Dask, Patience
from ahpa.adapters.dask.remote import Differs, carried, packed, terms
from ahpa.adapters.dask.scheduler import Scheduler
from ahpa.adapters.processes.fits import FitPool
from forecasting.executor import Executor, OrHere, Serial, Unavailable, run_all
from forecasting.libraries.spread import Spread
from tests.adapters.dask.cluster import DASK, Cluster, running, wait_for, with_children
from tests.adapters.processes.pids import runs_until
from tests.adapters.processes.test_executors import double
from tests.forecasting.poison import Poison

pytestmark = DASK
SHORT = Patience(connect=0.5, again=0, ping=0.2, answer=2, workerless=1)
"""For schedulers that are away: on a machine that is busy, they are away for sure."""


@pytest.fixture
def shared(dask_cluster: Cluster) -> Iterator[Dask]:
    with Dask(dask_cluster.reached()) as executor:
        yield executor


@pytest.fixture
def own(dask_cluster: Cluster, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for one test, which may break it."""
    with running(dask_cluster.tls, tmp_path, 1) as cluster:
        yield cluster


class Large:
    """Counts how often it is packed."""

    def __init__(self) -> None:
        self.packed = 0
        self.values = np.arange(LARGE_BYTES)

    def __getstate__(self) -> dict[str, object]:
        self.packed += 1
        return {"packed": 0, "values": self.values}

    def summed(self, number: int) -> int:
        return int(self.values.sum()) + number


def total(large: Large, number: int) -> int:
    return large.summed(number)


def changed(values: np.ndarray) -> np.ndarray:
    values += 1
    return values


def marked_death(number: int, folder: Path) -> int:
    """Number 3 ends its worker, and leaves word of it each time."""
    if number == 3:
        (folder / f"death of {os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def unsendable(_: int) -> object:
    return threading.Lock()


def nested(executor: Executor, number: int) -> list[int]:
    return run_all(executor, double, range(number))


def test_what_all_pieces_share_is_sent_once(shared: Dask) -> None:
    large = Large()
    tasks = [shared.submit(total, large, number) for number in range(20)]
    first = int(np.arange(LARGE_BYTES).sum())
    assert [task.result() for task in tasks] == [first + number for number in range(20)]
    assert large.packed == 1


def test_arrays_come_as_from_another_process(shared: Dask) -> None:
    """They may be written to, there and here; ours is not changed by it."""
    ours = np.zeros(3)
    there = shared.submit(changed, ours).result()
    there += 1
    assert (ours.tolist(), there.tolist()) == ([0, 0, 0], [2, 2, 2])


def test_work_that_hands_in_more_does_it_where_it_is(shared: Dask) -> None:
    assert run_all(shared, partial(nested, shared), range(3, 9)) == [[2 * k for k in range(n)] for n in range(3, 9)]


def test_what_cannot_travel_harms_no_other(shared: Dask) -> None:
    good = shared.submit(double, 2)
    with pytest.raises(TypeError, match="pickle"):
        shared.submit(str, threading.Lock()).result()
    with pytest.raises(TypeError, match="pickle"):
        shared.submit(unsendable, 1).result()
    assert good.result() == 4


def test_a_stop_does_not_wait_for_what_runs_there(shared: Dask, tmp_path: Path) -> None:
    shared.submit(runs_until, tmp_path / "go", tmp_path / "begun")
    wait_for(tmp_path / "begun")
    began = time.monotonic()
    shared.stop()
    assert time.monotonic() - began < 60  # of the ten minutes that it would take
    (tmp_path / "go").touch()


@pytest.mark.soak
def test_a_worker_that_is_killed_costs_time_and_no_result(own: Cluster, tmp_path: Path) -> None:
    with Dask(own.reached()) as executor:
        tasks = [executor.submit(runs_until, tmp_path / "go", tmp_path / f"begun {n}") for n in range(3)]
        tasks += [executor.submit(runs_until, tmp_path, None) for _ in range(5)]
        wait_for(tmp_path / "begun 0")
        with_children(own.workers[0], signal.SIGKILL)
        own.hire(1)
        (tmp_path / "go").touch()
        assert [task.result() for task in tasks] == [tmp_path / "go"] * 3 + [tmp_path] * 5


def test_who_ends_two_workers_is_left_out_and_its_neighbours_are_not(own: Cluster, tmp_path: Path) -> None:
    """Whatever stood beside it on the first worker is tried again alone."""
    own.hire(2)
    with Dask(own.reached()) as executor:
        tasks = [executor.submit(marked_death, number, tmp_path) for number in range(8)]
        assert [tasks[number].result() for number in (0, 1, 2, 4, 5, 6, 7)] == [0, 1, 2, 4, 5, 6, 7]
        with pytest.raises(WorkerDied, match="marked_death ended its worker twice"):
            tasks[3].result()
    assert len(list(tmp_path.glob("death of *"))) == 2


@pytest.mark.soak
def test_a_library_that_ends_its_process_there_costs_no_worker(shared: Dask, tmp_path: Path) -> None:
    """The pool with a deadline and a memory limit works on a worker as it does here, for the fits of a parcel."""
    good, bad = np.array([1.0, 2.0]), np.array([-1.0, 2.0])
    fits = Spread(FitPool(workers=1), shared, rows=2)(Poison(deed="die"), [good, bad, good, good], 60.0)
    assert [isinstance(fit, str) for fit in fits] == [False, True, False, False]
    assert "broke its worker" in str(fits[1])


def test_what_would_come_to_other_numbers_is_refused_in_words() -> None:
    ours = dict(terms())
    assert pickle.loads(carried(ours, packed(double), packed(2))) == 4
    with pytest.raises(Differs, match=r"^numpy 1\.0 here and .* there, sklearn 1\.1 here and none there"):
        carried({**ours, "numpy": "1.0", "sklearn": "1.1"}, packed(double), packed(2))


@pytest.mark.soak
def test_a_worker_that_is_not_like_us_is_named(own: Cluster) -> None:
    with_children(own.workers[0], signal.SIGKILL)
    own.hire(1, {"OPENBLAS_NUM_THREADS": "2"})
    with Dask(own.reached()) as executor, pytest.raises(Unavailable, match="OPENBLAS_NUM_THREADS 1 here and 2 there"):
        executor.check()


def test_who_has_no_certificate_of_the_cluster_is_not_let_in(dask_cluster: Cluster) -> None:
    plain = Scheduler.at(f"dask://127.0.0.1:{dask_cluster.port}")
    with Dask(plain, SHORT) as executor, pytest.raises(Unavailable, match="no Dask scheduler at tcp://"):
        executor.check()


def test_a_scheduler_that_is_away_is_a_sentence_and_the_work_is_done_here(dask_cluster: Cluster) -> None:
    """And for a while nobody waits for it again."""
    heard: list[Unavailable | None] = []
    now = 0.0
    there = Dask(replace(dask_cluster.reached(), port=1), replace(SHORT, again=30), lambda: now)
    with pytest.raises(Unavailable, match=r"no Dask scheduler at tls://127\.0\.0\.1:1 within 0\.5 s"):
        there.check()
    began = time.monotonic()
    assert run_all(OrHere(there, heard.append), double, range(200)) == [2 * k for k in range(200)]
    assert time.monotonic() - began < 50  # of the hundred seconds that asking for each would take
    assert len(heard) == 1
    there.stop()


def test_attempts_in_vain_leave_nothing_behind(dask_cluster: Cluster) -> None:
    """No thread and no descriptor, however long the outage."""

    def left() -> tuple[int, int]:
        with suppress(Unavailable):
            there.check()
        gc.collect()
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    there = Dask(replace(dask_cluster.reached(), port=1), replace(SHORT, connect=0.1))
    threads, descriptors = left()
    for _ in range(5):
        now = left()
        assert now[0] <= threads
        assert now[1] <= descriptors
    there.stop()
    assert threading.active_count() == threads - 1


@pytest.mark.parametrize("fault", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.soak)])
def test_a_scheduler_that_goes_away_costs_no_result(own: Cluster, tmp_path: Path, fault: signal.Signals) -> None:
    """Killed, or silent with its connections open. What was there is done here; when it is back it is used again."""
    heard: list[Unavailable | None] = []
    with Dask(own.reached(), replace(SHORT, connect=60, answer=10)) as there:
        executor = OrHere(there, heard.append)
        tasks = [
            executor.submit(runs_until, tmp_path / "go", tmp_path / "begun"),
            executor.submit(runs_until, tmp_path),
        ]
        wait_for(tmp_path / "begun")
        assert own.scheduler is not None
        with_children(own.scheduler, fault)
        tasks += [executor.submit(runs_until, tmp_path) for _ in range(9)]
        (tmp_path / "go").touch()
        assert [task.result() for task in tasks] == [tmp_path / "go", *[tmp_path] * 10]
        assert [type(each) for each in heard] == [Unavailable]
        own.end()
        own.begin()
        own.hire(1)
        assert executor.submit(os.getppid).result() == os.getpid()
        assert heard[1:] == [None]


@pytest.mark.soak
def test_a_scheduler_whose_workers_all_go_is_left(own: Cluster, tmp_path: Path) -> None:
    with Dask(own.reached(), replace(SHORT, connect=60, answer=10)) as executor:
        task = executor.submit(runs_until, tmp_path / "never", tmp_path / "begun")
        wait_for(tmp_path / "begun")
        with_children(own.workers[0], signal.SIGKILL)
        with pytest.raises(Unavailable, match="has lost all its workers"):
            task.result()


def test_a_copy_on_a_worker_works_there() -> None:
    there = Dask(Scheduler.at("dask://localhost:8786"))
    assert isinstance(pickle.loads(pickle.dumps(there)), Serial)
    assert isinstance(pickle.loads(pickle.dumps(OrHere(there, print))), Serial)
