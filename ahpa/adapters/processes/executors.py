"""Threads and processes of this machine as `forecasting.executor.Executor`s.

Both are context managers: leaving the block stops them, so Ctrl-C inside it ends what they run. They start when the
first work is handed in, and anew after a stop.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import parent_process
from typing import Generic, Self, TypeVar, TypeVarTuple, cast
from weakref import WeakSet

from ahpa.adapters.processes.workers import OwnWorkers
from forecasting.executor import Serial, Task

Done = TypeVar("Done")
Args = TypeVarTuple("Args")


class Threads:
    """Work on a few threads for each thread that hands some in: for numpy, which lets go of the interpreter's lock, and
    for answers that are waited for. A refit that hands in a fortnight's reading so keeps no tick waiting.

    What one of them hands in itself, it does itself: nested work never waits for a thread that waits for it. A copy in
    another process (models are sent there) has threads of its own.
    """

    def __init__(self, workers: int = 2) -> None:
        self.workers = workers
        self._lock = threading.Lock()
        self._pools: WeakSet[ThreadPoolExecutor] = WeakSet()
        """Those of callers that still run; a caller's own goes with it."""
        self._here = threading.local()
        self._serial = Serial()

    def __reduce__(self) -> tuple[type[Threads], tuple[int]]:
        return Threads, (self.workers,)

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        if self._nested:
            return self._serial.submit(work, *args)
        with self._lock:
            pool: ThreadPoolExecutor | None = getattr(self._here, "pool", None)
            if pool is None or pool not in self._pools:
                self._here.pool = pool = ThreadPoolExecutor(self.workers, "ahpa-work", initializer=self._mark)
                self._pools.add(pool)
            return pool.submit(work, *args)

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        if self._nested:
            yield from self._serial.as_completed(tasks)
        else:
            yield from as_completed(cast(Iterable[Future[Done]], tasks))  # they came from `submit`

    def stop(self) -> None:
        """Drop what has not begun; what runs on a thread cannot be ended and is waited for."""
        with self._lock:
            pools, self._pools = list(self._pools), WeakSet()
        self._serial.stop()
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.stop()

    @property
    def _nested(self) -> bool:
        return getattr(self._here, "working", False)

    def _mark(self) -> None:
        self._here.working = True


class Processes:
    """Work in spawned processes, which share nothing with us; a program that uses them needs a `__main__` guard.

    Interrupts are the parent's to handle, and workers do not outlive it. A worker that dies breaks the executor: the
    results of what was running raise BrokenProcessPool until it is stopped.
    """

    def __init__(self, workers: int, niceness: int = 0) -> None:
        """`niceness`: how far they stand behind others for the processor, 0 to 19."""
        self.workers = workers
        self._niceness = niceness
        self._lock = threading.Lock()
        self._pool: _Pool | None = None

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Sent[Done]:
        with self._lock:
            if self._pool is None:
                own = OwnWorkers("spawn")
                self._pool = _Pool(
                    own, ProcessPoolExecutor(self.workers, own, _begin, (self._niceness,)), threading.Event()
                )
            return Sent(self._pool.executor.submit(work, *args), self._pool.stopped)

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        sent = {task.future: task for task in cast(Iterable[Sent[Done]], tasks)}  # they came from `submit`
        for future in as_completed(sent):
            yield sent[future]

    def end(self) -> None:
        """Tell the workers to end, whatever they are doing, and wait for nobody; nobody else's children."""
        with self._lock:
            pool = self._pool
        if pool is not None:
            pool.stopped.set()
            pool.own.terminate()

    def stop(self) -> None:
        """Drop what has not begun and end the workers."""
        self.end()
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.stop()


@dataclass(frozen=True, eq=False)
class _Pool:
    own: OwnWorkers
    executor: ProcessPoolExecutor
    stopped: threading.Event


@dataclass(frozen=True, eq=False)
class Sent(Generic[Done]):
    """A task in another process. That its worker was ended by `stop` is a cancellation, not a fault."""

    future: Future[Done]
    stopped: threading.Event

    def done(self) -> bool:
        return self.future.done()

    def result(self) -> Done:
        try:
            return self.future.result()
        except BrokenProcessPool:
            if self.stopped.is_set():
                raise CancelledError from None
            raise


def _begin(niceness: int) -> None:
    """In a new worker: leave Ctrl-C to the parent, and go when it has gone."""
    os.nice(niceness)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
