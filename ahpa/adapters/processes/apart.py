"""A process for each piece of work: what learns for a minute has an interpreter of its own, and leaves no memory.

Beside a refit on a thread a round of ten thousand services waited for the interpreter after each small step, and the
refit after each of the round's. See docs/decisions/0090-learning-apart.md.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Generic, Self, TypeVar, TypeVarTuple, cast
from weakref import WeakSet

from ahpa.adapters.processes.executors import Processes, Sent
from ahpa.adapters.processes.memory import give_freed_arrays_back, give_holes_back, give_way_to_the_parent
from ahpa.adapters.processes.sheets import Packed, Sheet, packed, unpacked
from ahpa.transport import emptied
from forecasting.executor import Task, Unavailable

Done = TypeVar("Done")
Args = TypeVarTuple("Args")

_BEHIND = 5
"""Niceness: a round has the processor first."""


class Died(Exception):
    """Its process ended before its work did."""


class Apart:
    """An Executor. Arrays that lie in sheets (sheets.py) are seen by the work without a copy; what it gives back may
    refer to them. A process that dies is the work's failure, and nobody else's as far as the kernel ends it alone
    (where it ends a container as a whole, as Kubernetes asks it to, memory is everybody's); where none can begin, or
    sees our memory, the task raises Unavailable."""

    def __init__(self, niceness: int = _BEHIND) -> None:
        self._niceness = niceness
        self._lock = threading.Lock()
        self._alive: WeakSet[Processes] = WeakSet()

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        process, sheets = Processes(1, self._niceness), list[Sheet]()
        with self._lock:
            self._alive.add(process)
        try:
            sent, sheets = packed((work, args))
            return _Alone(process, process.submit(_done, sent), sheets)
        except OSError as error:  # no process, no memory for one
            return _Alone(process, _failed(Unavailable(f"no process could begin: {error}")), sheets)
        except Exception as error:  # what cannot be sent
            return _Alone(process, _failed(error), sheets)

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        sent = {task.sent.future: task for task in cast(Iterable[_Alone[Done]], tasks)}  # they came from `submit`
        for future in as_completed(sent):
            yield sent[future]

    def stop(self) -> None:
        with self._lock:
            alive, self._alive = list(self._alive), WeakSet()
        for process in alive:  # all at once: none ends well because it was the last in the row
            process.end()
        for process in alive:
            process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.stop()


class _Alone(Generic[Done]):
    """A task and its process, which ends when its result is taken."""

    def __init__(self, process: Processes, sent: Sent[Packed], sheets: Sequence[Sheet]) -> None:
        self.sent = sent
        self._process = process
        self._sheets = sheets
        self._outcome: Future[Done] = Future()

    def done(self) -> bool:
        return self.sent.done()

    def result(self) -> Done:
        if not self._outcome.done():
            self._take()
        return self._outcome.result()

    def _take(self) -> None:
        try:
            self._outcome.set_result(cast(Done, unpacked(self.sent.result(), self._sheets, ours=True)[0]))
        except BrokenProcessPool:
            self._outcome.set_exception(Died("its process ended before it was done: no memory, or a crash"))
        except Exception as error:
            self._outcome.set_exception(emptied(error))
        finally:
            self._sheets = ()  # a failure holds us by its traceback
            self._process.stop()
            give_holes_back()  # after the busiest moments of all


def _failed(error: Exception) -> Sent[Packed]:
    future: Future[Packed] = Future()
    future.set_exception(error)
    return Sent(future, threading.Event())


_handed_over: list[Sheet] = []
"""In the process: what its parent is still to open, before it ends it."""


def _done(sent: Packed) -> Packed:
    """In the process: the work."""
    give_freed_arrays_back(heaps=2)  # networks learn on two threads, without the interpreter
    give_way_to_the_parent()
    try:
        call, sheets = unpacked(sent)
    except OSError as error:  # we may not look into our parent's descriptors
        raise Unavailable(f"its memory cannot be seen by another process: {error}") from None
    work, args = cast(tuple[Callable[..., object], tuple[object, ...]], call)
    said, laid = packed(work(*args), sheets)
    _handed_over.extend(laid)
    return said
