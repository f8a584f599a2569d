"""Work at one scheduler: what waits here, what is there, and who is suspected of having ended its worker.

Only so much is sent as keeps the workers busy, so a scheduler never holds a fleet, and few stand beside a piece that
ends its worker. Dask blames all that its worker had before it; we then try each of them once more, alone, as
`adapters/processes/fits.py` does: the culprit is left out, the innocent cost time and nothing else.
"""

from __future__ import annotations

import pickle
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Generic, TypeVar

from ahpa.adapters.dask.remote import Differs, carried, kept, packed, terms
from forecasting.executor import Unavailable

if TYPE_CHECKING:
    import distributed

Done = TypeVar("Done")

LARGE_BYTES = 2**20
"""What many pieces share and is so large is sent once and not with each."""
_AHEAD = 2
"""Pieces for each thread of the workers: one that runs and one that is there when it ends."""


class WorkerDied(Exception):
    """A piece of work ended its worker, twice."""


class Sent(Generic[Done]):
    """A piece of work that was handed in: a `forecasting.executor.Task`."""

    def __init__(self, work: Callable[..., Done], *args: object) -> None:
        self.name = str(getattr(work, "__qualname__", type(work).__name__))
        self.parts: tuple[object, ...] = (work, *args)
        """Until it is settled."""
        self.suspected = False
        self.outcome: Future[Done] = Future()

    def done(self) -> bool:
        return self.outcome.done()

    def result(self) -> Done:
        return self.outcome.result()

    def drop(self) -> None:
        """Nobody will do it."""
        self.parts = ()
        if self.outcome.cancel():
            self.outcome.set_running_or_notify_cancel()

    def fail(self, error: BaseException) -> None:
        self.parts = ()
        self.outcome.set_exception(error)

    def succeed(self, result: Done) -> None:
        self.parts = ()
        self.outcome.set_result(result)


class Crew:
    """The workers of one scheduler, through one client, until it is lost or left."""

    def __init__(self, client: distributed.Client, threads: int) -> None:
        """`threads`: of all workers."""
        self.threads = threads
        self.lost = False
        self._client = client
        self._lock = threading.RLock()
        self._waiting: deque[Sent[object]] = deque()
        self._suspects: deque[Sent[object]] = deque()
        self._flying: dict[str, tuple[Sent[object], distributed.Future]] = {}
        self._needed: Counter[int] = Counter()
        """By the id of a part: how many that wait or fly need it."""
        self._there: dict[int, distributed.Future] = {}
        """By the id of a large part: where it is."""

    def send(self, sent: Sent[object]) -> None:
        """Put it in line."""
        with self._lock:
            if self.lost:
                sent.fail(Unavailable("the scheduler was lost"))
                return
            self._needed.update(map(id, sent.parts))
            self._waiting.append(sent)
            self._feed()

    def leave(self, error: Unavailable | None) -> None:
        """All that is not done fails with `error`, or is dropped where there is none; then the client is closed."""
        with self._lock:
            self.lost = True
            left = [*self._waiting, *self._suspects, *(sent for sent, _ in self._flying.values())]
            self._waiting.clear()
            self._suspects.clear()
            self._flying.clear()
            self._there.clear()
        self._client.close(timeout=2)
        for sent in left:
            if error is None:
                sent.drop()
            else:
                sent.fail(error)

    @property
    def busy(self) -> bool:
        """Whether anything is there that was not done."""
        return bool(self._flying)

    def _feed(self) -> None:
        """Send what there is room for; a suspect only alone."""
        while not any(sent.suspected for sent, _ in self._flying.values()):
            if self._suspects:
                if self._flying:
                    return
                self._fly(self._suspects.popleft())
            elif self._waiting and len(self._flying) < _AHEAD * max(1, self.threads):
                self._fly(self._waiting.popleft())
            else:
                return

    def _fly(self, sent: Sent[object]) -> None:
        try:
            parts = [self._there.get(id(part)) or packed(part) for part in sent.parts]
        except Exception as error:  # what cannot be packed
            self._forget(sent)
            sent.fail(error)
            return
        try:
            given = [self._placed(part, here) for part, here in zip(sent.parts, parts, strict=True)]
            future = self._client.submit(carried, dict(terms()), *given, key=_key(sent.name), pure=False)
        except Exception as error:  # the client has closed itself
            self._waiting.appendleft(sent)
            self.leave(Unavailable(f"the Dask scheduler is lost: {type(error).__name__}: {error}"))
            return
        self._flying[future.key] = sent, future
        future.add_done_callback(self._landed)

    def _placed(self, part: object, here: bytes | distributed.Future) -> bytes | distributed.Future:
        """A part as it is handed over: itself, or where it is."""
        if not isinstance(here, bytes) or len(here) < LARGE_BYTES:
            return here
        self._there[id(part)] = there = self._client.submit(kept, here, key=_key("part"), pure=False)
        return there

    def _landed(self, future: distributed.Future) -> None:
        """On a thread of Dask's client: a piece is done, or will never be."""
        with self._lock:
            found = self._flying.get(future.key)
        if found is None:  # we have left
            return
        sent = found[0]
        try:
            result, error = pickle.loads(future.result()), None
        except Exception as raised:
            result, error = None, raised
        if isinstance(error, Differs):
            self.leave(Unavailable(f"a worker is not like us: {error}"))
            return
        if isinstance(error, CancelledError):
            self.leave(Unavailable(f"the Dask scheduler has lost our work: {error}"))
            return
        died = _died(error)
        again = died and not sent.suspected
        with self._lock:
            if self._flying.pop(future.key, None) is None:
                return
            if again:
                self._suspect(sent)
            else:
                self._forget(sent)
            self._feed()
        if error is None:
            sent.succeed(result)
        elif not again:
            sent.fail(WorkerDied(_said(sent)) if died else error)

    def _suspect(self, sent: Sent[object]) -> None:
        sent.suspected = True
        for part in sent.parts:
            self._there.pop(id(part), None)  # it may have been lost with the worker
        self._suspects.append(sent)

    def _forget(self, sent: Sent[object]) -> None:
        """It needs its parts no more."""
        for key in map(id, sent.parts):
            self._needed[key] -= 1
            if self._needed[key] <= 0:
                del self._needed[key]
                self._there.pop(key, None)


def _said(sent: Sent[object]) -> str:
    return f"{sent.name} ended its worker twice, the second time alone: out of memory, or a crash in C code; left out"


def _died(error: BaseException | None) -> bool:
    from distributed import KilledWorker

    return isinstance(error, KilledWorker)


def _key(name: str) -> str:
    return f"ahpa-{name}-{uuid.uuid4().hex}"
