"""Worker processes for slow libraries: fits with a deadline, a memory limit and one BLAS thread each.

A library may loop, leak or crash; none of that may reach the controller. A fit that overruns its deadline is
interrupted, and if it does not listen (C code), its process ends itself. A dead worker breaks every fit in
flight, so those are tried once more, each alone: the one that breaks its worker again is the culprit and is
left out with a reason, its innocent neighbours are fitted.
"""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import resource
import signal
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from types import FrameType

from forecasting.calibrated import Fitted, fit_one
from forecasting.panel import Floats
from forecasting.strategies import Strategy

_MIB = 2**20


@dataclass(frozen=True)
class FitPool:
    """A `forecasting.calibrated.FitAll` in worker processes; workers live for one call."""

    workers: int = 2
    deadline_seconds: float = 10.0
    memory_mib: int = 1500

    def __call__(self, strategy: Strategy, rows: Sequence[Floats], step: float) -> list[Fitted]:
        """Fit `strategy` to each row; in place of an expectation there may be a reason."""
        results: list[Fitted | None] = [None] * len(rows)
        self._round(strategy, rows, step, range(len(rows)), results, self.workers)
        for row in [i for i, result in enumerate(results) if result is None]:
            self._round(strategy, rows, step, [row], results, 1)
        reason = f"{strategy.name} failed: it broke its worker (memory, deadline or crash)"
        return [reason if result is None else result for result in results]

    def _round(
        self,
        strategy: Strategy,
        rows: Sequence[Floats],
        step: float,
        which: Sequence[int],
        results: list[Fitted | None],
        workers: int,
    ) -> None:
        """Fit the rows `which`; what a broken pool lost stays None."""
        with ProcessPoolExecutor(
            max_workers=max(1, min(workers, len(which))),
            mp_context=multiprocessing.get_context("forkserver"),
            initializer=_confine,
            initargs=(self.memory_mib,),
        ) as pool:
            futures: dict[int, Future[Fitted]] = {}
            try:
                for i in which:
                    futures[i] = pool.submit(_fit, strategy, rows[i], step, self.deadline_seconds)
            except BrokenProcessPool:
                pass
            for i, future in futures.items():
                try:
                    results[i] = future.result()
                except BrokenProcessPool:
                    continue


def _confine(memory_mib: int) -> None:
    """Limits of a worker, before it imports anything heavy."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (memory_mib * _MIB, memory_mib * _MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _fit(strategy: Strategy, row: Floats, step: float, deadline_seconds: float) -> Fitted:
    """One fit under the clock: interrupted at the deadline, ended by force at twice the deadline."""

    def late(signum: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"longer than {deadline_seconds:g} s")

    signal.signal(signal.SIGALRM, late)
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(2 * deadline_seconds, exit=True, file=nowhere)
        signal.setitimer(signal.ITIMER_REAL, deadline_seconds)
        try:
            return fit_one(strategy, row, step)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            faulthandler.cancel_dump_traceback_later()
