"""Worker processes for slow libraries: fits with a deadline, a memory limit and one BLAS thread each.

A library may loop, leak, crash or leave a child that hangs; none of that may reach the controller. A fit that
overruns is interrupted; if it does not listen (C code), we end its process. A dead worker breaks every fit in
flight, of which there are never more than workers: each of these is tried once more, alone. The one that breaks
its worker again is left out with a reason; the innocent are fitted, and the rest goes on in new workers.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import multiprocessing
import os
import resource
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier
from types import FrameType

from ahpa.adapters.processes.workers import OwnWorkers
from forecasting.libraries.calibrated import Fitted, fit_one
from forecasting.libraries.strategies import Strategy
from forecasting.panel import Floats

_MIB = 2**20
_START_SECONDS = 30.0
"""What new workers may take for their imports."""
_LISTENS = 0.8
"""The share of the deadline after which a fit is interrupted; at the deadline its process is ended."""
_MOST_CULPRITS = 10
"""After so many fits of one call that broke their workers, it is the library and not the series."""
_meeting: Barrier
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


class Overrun(Exception):
    """Raised inside a fit at its deadline. Not a TimeoutError: libraries catch that as the OSError it is."""


@dataclass(frozen=True)
class FitPool:
    """A `forecasting.libraries.calibrated.FitAll` in worker processes; workers live for one call."""

    workers: int = 2
    deadline_seconds: float = 10.0
    memory_mib: int = 1500

    def __call__(self, strategy: Strategy, rows: Sequence[Floats], step: float) -> list[Fitted]:
        """Fit `strategy` to each row; in place of an expectation there may be a reason. Raises nothing."""
        results: dict[int, Fitted] = {}
        reason = f"{strategy.name} failed: it broke its worker (memory, deadline or crash)"
        culprits = 0
        while left := [i for i in range(len(rows)) if i not in results]:
            if culprits >= _MOST_CULPRITS:
                results |= dict.fromkeys(left, f"{reason}, as {culprits} others did before")
                break
            try:
                for suspect in self._round(strategy, rows, step, left, results):
                    if self._round(strategy, rows, step, [suspect], results):
                        results[suspect] = reason
                        culprits += 1
            except OSError as error:  # no process, no memory, no room for temporary files
                left = [i for i in left if i not in results]
                results |= dict.fromkeys(left, f"{strategy.name} failed: no worker: {error}"[:200])
        return [results[i] for i in range(len(rows))]

    def _round(
        self,
        strategy: Strategy,
        rows: Sequence[Floats],
        step: float,
        which: Sequence[int],
        results: dict[int, Fitted],
    ) -> list[int]:
        """Fit the rows `which` into `results` until done or a worker breaks; returns what was in flight then."""
        own = OwnWorkers("forkserver")
        own.set_forkserver_preload([__name__])  # not the libraries: what it holds, it holds for ever
        waiting = iter(which)
        flying: dict[Future[Fitted], tuple[int, float]] = {}
        suspects: list[int] = []
        workers = min(self.workers, len(which))
        with self._started(strategy, workers, own) as executor:
            while not suspects:
                for i in itertools.islice(waiting, workers - len(flying)):
                    try:
                        future = executor.submit(_fit, strategy, rows[i], step, self.deadline_seconds)
                    except BrokenProcessPool:
                        suspects.append(i)
                        break
                    flying[future] = i, time.monotonic() + self.deadline_seconds
                if not flying:
                    break
                until = min(late for _, late in flying.values())
                done, _ = wait(flying, max(0.0, until - time.monotonic()), FIRST_COMPLETED)
                if not done:
                    own.kill_groups()
                    done, _ = wait(flying)
                for future in done:
                    suspects += _settle(strategy, future, flying.pop(future)[0], results)
            for future, (i, _) in flying.items():
                suspects += _settle(strategy, future, i, results)
        return suspects

    @contextlib.contextmanager
    def _started(self, strategy: Strategy, workers: int, own: OwnWorkers) -> Iterator[Executor]:
        """Confined workers that are ready to fit, with a directory that goes with whatever they leave there."""
        with tempfile.TemporaryDirectory(prefix="ahpa-fit-", ignore_cleanup_errors=True) as scratch:
            with ProcessPoolExecutor(
                max_workers=workers,
                mp_context=own,
                initializer=_confine,
                initargs=(strategy, self.memory_mib, scratch, own.Barrier(workers)),
            ) as executor:
                with _one_thread():
                    started = [executor.submit(_meet) for _ in range(workers)]
                if wait(started, _START_SECONDS).not_done:
                    own.kill_groups()
                yield executor
            own.kill_groups()


def _settle(strategy: Strategy, future: Future[Fitted], row: int, results: dict[int, Fitted]) -> list[int]:
    """Put down what came of a fit; returns the row if its worker broke and it is not known who did it."""
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        return [row]
    failed = f"{strategy.name} failed: {type(error).__name__}: {error}"[:200]
    results[row] = future.result() if error is None else failed
    return []


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """The environment that workers inherit. BLAS reads it when it is loaded, so we are not changed by it."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _confine(strategy: Strategy, memory_mib: int, scratch: str, meeting: Barrier) -> None:
    """Limits of a worker, and then its imports, which count in no fit's time."""
    global _meeting
    _meeting = meeting
    os.setpgid(0, 0)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    os.environ |= {"TMPDIR": scratch, **dict.fromkeys(_THREADS, "1")}
    tempfile.tempdir = scratch
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * _MIB, memory_mib * _MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()  # libraries talk of every fit, and of what they lack
    with contextlib.suppress(Exception):  # a library that cannot be imported: each fit will say so
        strategy.prepare()


def _meet() -> None:
    """Done when every worker is ready: one that is early must not take another's part."""
    _meeting.wait()


def _end_with_parent() -> None:
    """A controller that was killed must not leave workers that wait for it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.killpg(0, signal.SIGKILL)


def _fit(strategy: Strategy, row: Floats, step: float, deadline_seconds: float) -> Fitted:
    """One fit under the clock."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise Overrun(f"longer than {deadline_seconds * _LISTENS:g} s")

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, deadline_seconds * _LISTENS)
    try:
        return fit_one(strategy, row, step)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
