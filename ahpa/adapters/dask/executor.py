"""Dask's workers as a `forecasting.executor.Executor`."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Self, TypeVar, TypeVarTuple, cast

from ahpa.adapters.dask.crew import Crew, Sent
from ahpa.adapters.dask.loop import Loop
from ahpa.adapters.dask.remote import Differs, carried, packed, terms
from ahpa.adapters.dask.scheduler import Scheduler
from forecasting.executor import Serial, Task, Unavailable

if TYPE_CHECKING:
    import distributed

Done = TypeVar("Done")
Args = TypeVarTuple("Args")


@dataclass(frozen=True)
class Patience:
    """Seconds that we wait for others."""

    connect: float = 10.0
    """For the scheduler to answer, for a worker to be there, and for one to take a first piece of work."""
    again: float = 30.0
    """After a scheduler was not reached nobody waits for it again for so long."""
    ping: float = 5.0
    """Between two questions whether it is there."""
    answer: float = 20.0
    """A scheduler that says nothing for so long is lost, though its connection stands: it was stopped, or hangs."""
    workerless: float = 60.0
    """Work waits so long for workers where all are gone: time for new ones to start."""


class Dask:
    """Work on the workers of one Dask cluster.

    It connects when the first work is handed in, and anew after a stop or an outage. Nothing of it hangs for ever:
    where the scheduler is away, silent, without workers or with workers that are not like us, results raise
    `Unavailable`.
    A piece whose worker dies is tried again, and left out if it ends a second one (`WorkerDied`).

    Work that hands in more runs that where it is: a copy that was sent to a worker is a `Serial`.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        patience: Patience = Patience(),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises ModuleNotFoundError where the extra is not installed."""
        _library()
        self._scheduler = scheduler
        self._patience = patience
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._loop: Loop | None = None
        self._crew: Crew | None = None
        self._over = threading.Event()
        self._away: tuple[float, str] | None = None
        """Since when it could not be reached, and why."""

    def __reduce__(self) -> tuple[type[Serial], tuple[()]]:
        return Serial, ()

    def check(self) -> None:
        """Connect now. Raises Unavailable."""
        with self._lock:
            self._connected()

    def submit(self, work: Callable[[*Args], Done], /, *args: *Args) -> Task[Done]:
        sent: Sent[Done] = Sent(work, *args)
        try:
            with self._lock:
                crew = self._connected()
        except Unavailable as error:
            sent.fail(error)
        else:
            crew.send(cast(Sent[object], sent))
        return sent

    def as_completed(self, tasks: Iterable[Task[Done]], /) -> Iterator[Task[Done]]:
        sent = {task.outcome: task for task in cast(Iterable[Sent[Done]], tasks)}  # they came from `submit`
        for outcome in as_completed(sent):
            yield sent[outcome]

    def stop(self) -> None:
        """Drop all that is not done. What runs on a worker ends there, unheard: nobody waits for it."""
        with self._lock:
            crew, self._crew = self._crew, None
            loop, self._loop = self._loop, None
            self._over.set()
        if crew is not None:
            crew.leave(None)
        if loop is not None:
            loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *why: object) -> None:
        self.stop()

    def _connected(self) -> Crew:
        """Raises Unavailable, and for a while at once if it has just done so."""
        if self._crew is not None and not self._crew.lost:
            return self._crew
        if self._away is not None and self._monotonic() - self._away[0] < self._patience.again:
            raise Unavailable(self._away[1])
        try:
            self._crew, self._over = self._found()
        except Unavailable as error:
            self._away = self._monotonic(), str(error)
            raise
        self._away = None
        return self._crew

    def _found(self) -> tuple[Crew, threading.Event]:
        """Workers that are like us, watched until the event is set. Raises Unavailable."""
        library, address = _library(), self._scheduler.address
        self._loop = self._loop or Loop()
        try:
            client = library.Client(
                address,
                security=self._scheduler.security(),
                timeout=self._patience.connect,
                set_as_default=False,
                loop=self._loop.tornado,
                name="ahpa",
            )
        except Exception as error:  # OSError, ssl.SSLError, ValueError for a file that is no certificate
            raise Unavailable(
                f"no Dask scheduler at {address} within {self._patience.connect:g} s ({_short(error)}); see that it "
                "runs, that the port is open to us, and that its certificate and ours are of one CA"
            ) from error
        try:
            threads = self._greeted(client, library)
        except Unavailable:
            client.close(timeout=2)
            raise
        crew, over = Crew(client, threads), threading.Event()
        threading.Thread(target=self._watch, args=(crew, client, over), name="ahpa-dask-watch", daemon=True).start()
        return crew, over

    def _greeted(self, client: distributed.Client, library: ModuleType) -> int:
        """How many threads the workers have. Each has taken a piece of work that does nothing, or is busy: it looks at
        our terms with each piece. Raises Unavailable."""
        address, workers = self._scheduler.address, self._hired(client)
        try:
            hello = packed(len), packed(())
            first = [client.submit(carried, dict(terms()), *hello, workers=[name], pure=False) for name in workers]
            with suppress(TimeoutError), client.as_current():
                library.wait(first, timeout=self._patience.connect, return_when="FIRST_COMPLETED")
            for future in [each for each in first if each.done()]:
                future.result()
        except Differs as error:
            raise Unavailable(f"a worker of {address} is not like us: {error}") from error
        except Exception as error:
            raise Unavailable(
                f"a worker of {address} cannot do our work: {_short(error)}; it needs our image"
            ) from error
        return sum(workers.values())

    def _hired(self, client: distributed.Client) -> dict[str, int]:
        """Threads of each worker by its address, of one at least. Raises Unavailable."""
        address, until = self._scheduler.address, self._monotonic() + self._patience.connect
        while True:
            try:  # `Client.wait_for_workers` would wait for ever for a scheduler that is silent
                said = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=self._patience.answer)
            except Exception as error:
                raise Unavailable(f"the Dask scheduler at {address} does not answer: {_short(error)}") from error
            if said["workers"]:
                return {name: int(each["nthreads"]) for name, each in said["workers"].items()}
            if self._monotonic() >= until:
                raise Unavailable(
                    f"the Dask scheduler at {address} has no worker; start some, or see why they do not come to it"
                )
            time.sleep(0.1)

    def _watch(self, crew: Crew, client: distributed.Client, over: threading.Event) -> None:
        """Leave a scheduler that has gone silent, or that has been without workers for long."""
        alone_since: float | None = None
        while not over.wait(self._patience.ping) and not crew.lost:
            try:
                said = client.sync(client.scheduler.identity, n_workers=0, callback_timeout=self._patience.answer)
                crew.threads = int(said["total_threads"])
            except Exception as error:
                if not over.is_set():
                    crew.leave(Unavailable(f"the Dask scheduler at {self._scheduler.address} is lost: {_short(error)}"))
                return
            now = self._monotonic()
            alone_since = None if crew.threads else alone_since if alone_since is not None else now
            if crew.busy and alone_since is not None and now - alone_since >= self._patience.workerless:
                crew.leave(Unavailable(f"the Dask scheduler at {self._scheduler.address} has lost all its workers"))


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _library() -> ModuleType:
    """Dask's, quiet: what it has to say we say in words of ours. Raises ModuleNotFoundError."""
    try:
        import dask
        import distributed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{error}; work on other machines needs: pip install 'ahpa[dask]'") from error
    dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"})  # what is large we send once
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).disabled = True
    library: ModuleType = distributed
    return library
