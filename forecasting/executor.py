"""Where independent pieces of work run. Whoever composes a program says so; models only hand them in.

The port has the shape of `concurrent.futures` and of Dask's client, so that threads, processes and a distributed
engine can stand behind it (`ahpa/adapters/processes/executors.py`, `ahpa/adapters/dask/`). Work is a module's function,
a method, or a `functools.partial` of one, and what it needs it is given: so it can be sent elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar, TypeVarTuple, cast

Part = TypeVar("Part")
Done = TypeVar("Done")
Done_co = TypeVar("Done_co", covariant=True)
Args = TypeVarTuple("Args")


class Task(Protocol[Done_co]):
    """A piece of work that was handed in."""

    def done(self) -> bool:
        """Whether its result is there (or will never be)."""
        ...

    def result(self) -> Done_co:
        """What the work returned, waited for. Raises what it raised; CancelledError if it was dropped before."""
        ...


class Executor(Protocol):
    """Runs work, somewhere and in some order. Work may hand in further work to the same executor."""

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        """Hand in `work(*args)`."""
        ...

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        """Tasks of this executor, each as soon as it is done."""
        ...

    def stop(self) -> None:
        """Drop what has not begun and end what can be ended; back when nothing of this executor runs here any more."""
        ...


class Unavailable(Exception):
    """An executor cannot work, or has lost what it had, through no fault of the work: that can be done elsewhere."""


@dataclass
class _Batch:
    """What was handed in between two stops."""

    stopped: bool = False


class _Deferred(Generic[Done]):
    """A task that waits for somebody to ask."""

    def __init__(self, call: Callable[[], Done], batch: _Batch) -> None:
        self._call = call
        self._batch = batch
        self._outcome: list[Done] = []
        self._error: Exception | None = None

    def done(self) -> bool:
        return bool(self._outcome) or self._error is not None or self._batch.stopped

    def result(self) -> Done:
        if self._error is None and not self._outcome:
            if self._batch.stopped:
                raise CancelledError
            try:
                self._outcome.append(self._call())
            except Exception as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._outcome[0]


class Serial:
    """Here, one after the other: work runs when its result is asked for, or when `as_completed` comes to it.

    So results stream, and whoever stops asking has stopped the work.
    """

    def __init__(self) -> None:
        self._batch = _Batch()

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        return _Deferred(partial(work, *args), self._batch)

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        for task in tasks:
            with suppress(Exception):  # whoever asks for the result hears of it
                task.result()
            yield task

    def stop(self) -> None:
        self._batch.stopped = True
        self._batch = _Batch()


class _Either(Generic[Done]):
    """A task that is done here if it cannot be done there."""

    def __init__(self, there: Task[Done], here: Callable[[], Done], hear: Callable[[Unavailable | None], None]) -> None:
        self.there = there
        self._here = here
        self._hear = hear
        self._instead: list[Done] = []

    def done(self) -> bool:
        return self.there.done()

    def result(self) -> Done:
        if not self._instead:
            try:
                result = self.there.result()
            except Unavailable as error:
                self._hear(error)
                self._instead.append(self._here())
            else:
                self._hear(None)
                return result
        return self._instead[0]


class OrHere:
    """There; and where that is unavailable, here, when its result is asked for.

    `tell` hears why, once when that begins, and None when it is over.
    """

    def __init__(self, there: Executor, tell: Callable[[Unavailable | None], object]) -> None:
        self._there = there
        self._tell = tell
        self._away = False

    def __reduce__(self) -> tuple[type[Serial], tuple[()]]:
        return Serial, ()

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        return _Either(self._there.submit(work, *args), partial(work, *args), self._hear)

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        ours = {id(task.there): task for task in cast(Iterable[_Either[Done]], tasks)}  # they came from `submit`
        for there in self._there.as_completed([task.there for task in ours.values()]):
            yield ours[id(there)]

    def stop(self) -> None:
        self._there.stop()

    def _hear(self, error: Unavailable | None) -> None:
        if (error is not None) != self._away:
            self._away = error is not None
            self._tell(error)


def run_all(executor: Executor, work: Callable[[Part], Done], parts: Iterable[Part]) -> list[Done]:
    """`work` on every part, results in their order. A single part is not worth sending."""
    several = list(parts)
    if len(several) < 2:
        return [work(part) for part in several]
    tasks = [executor.submit(work, part) for part in several]
    return [task.result() for task in tasks]
