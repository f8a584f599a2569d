"""One collection of an API server, kept in memory by a list and then a watch, on a thread of its own.

Why not the client's own informer: it asks 23 to 65 times a second while a server fails, notices no dead connection, and
raises on what is no object (docs/decisions/0060-the-cluster-watched.md).
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object, Origin, Stream, objects_among
from ahpa.adapters.kubernetes.pace import Pace, Rhythm
from ahpa.adapters.kubernetes.page import SIZE, not_a_list, page_of
from ahpa.adapters.kubernetes.store import Held, Store
from ahpa.ports import ClusterError
from ahpa.transport import cause_of

LIST_SECONDS = 120.0
"""For all pages of a list."""
FIRST_SECONDS = 30.0
"""So long is waited at most for the first list."""
_REFUSED = (403, 404, 405)
_EVENTS = ("ADDED", "MODIFIED", "DELETED", "BOOKMARK")

Say = Callable[[str, str], None]
"""Told of what an operator may want to know, once: an event's name and the problem."""


@dataclass(frozen=True)
class Watching:
    """What is told of a collection."""

    name: str
    """`apps/v1/deployments`, with the namespace where it is of one."""
    objects: int
    silent_seconds: float
    """Since the server last said anything of it; infinity: it never did."""
    lists: int
    """How often it was listed whole."""
    version: str
    """Up to where everything is known; empty: it is not known what came after the last list."""


class Collection:
    """Its objects are in `store`; `ready` says whether they may be believed."""

    def __init__(
        self,
        kube: Origin,
        where: str,
        store: Store,
        pace: Pace,
        rhythm: Rhythm,
        say: Say,
        clock: Callable[[], float] = time.monotonic,
        rand: random.Random | None = None,
    ) -> None:
        """`where` is its path; `pace` lets its lists through."""
        self.store = store
        self._kube, self._where, self._pace, self._rhythm, self._say = kube, where, pace, rhythm, say
        self._clock = clock
        self._random = rand or random.Random()
        self._stopping = threading.Event()
        self._news = threading.Condition()
        self._stream: Stream | None = None
        self._error: ClusterError | None = None
        self._heard_at = -math.inf
        self._lists = 0
        self._pause = rhythm.pauses[0]
        self._unwatched_until = self._rests_until = -math.inf
        self._said = False
        self._thread = threading.Thread(target=self._run, name=f"watch {where}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End soon: a stream is cut, what the server has not answered yet is not waited for."""
        self._stopping.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def join(self, seconds: float) -> None:
        """Wait so long for its end."""
        self._thread.join(max(0.0, seconds))

    def ready(self, deadline: float) -> None:
        """Wait for the first list, to a moment of `time.monotonic`. Raises ClusterError where there is none, or where
        it has not been known for too long what became of it."""
        with self._news:
            left = min(deadline - self._clock(), FIRST_SECONDS)
            self._news.wait_for(lambda: self._lists or self._error is not None, max(0.0, left))
            error = self._error or ClusterError(0, f"LIST {self._where}: no answer within the round's time")
            silent = self._silence()
            if not self._lists:
                raise error
            if silent > self._rhythm.patience:
                raise ClusterError(error.status, f"nothing heard of {self._where} for {silent:.0f} s: {error}")

    def told(self) -> Watching:
        """How it goes."""
        name = self._where.removeprefix("/apis/").removeprefix("/api/")
        return Watching(name, len(self.store), self._silence(), self._lists, self.store.version)

    def _silence(self) -> float:
        return self._clock() - self._heard_at

    def _heard(self) -> None:
        with self._news:
            self._heard_at, self._error = self._clock(), None
            self._news.notify_all()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._keep()
            except ClusterError as error:
                self._failed(error)
            except Exception as error:  # whatever a server may send, it must not end the thread
                self._failed(ClusterError(0, f"{self._where}: {cause_of(error)}"))

    def _failed(self, error: ClusterError) -> None:
        with self._news:
            self._error = error
            self._news.notify_all()
        if error.status == 410:
            self.store.version = ""
        least, most = self._rhythm.pauses
        if error.status in _REFUSED:
            pause = self._rhythm.refused
        else:
            pause = self._pause * self._random.uniform(0.5, 1.0)
            self._pause = min(2 * self._pause, most)
        self._stopping.wait(max(pause, least / 2))

    def _keep(self) -> None:
        """A list, where it is needed, and a watch. Raises ClusterError."""
        self.store.forget(self._clock() - self._rhythm.departed)
        if not self.store.version or self._silence() >= self._rhythm.patience / 2:
            self._list()
        if self._clock() < self._unwatched_until:
            self._stopping.wait(self._rhythm.patience / 2)
            return
        seconds, began = self._random.uniform(*self._rhythm.stream), self._clock()
        if not self._follow(seconds) or self._stopping.is_set():
            return
        if self._clock() - began < seconds / 2:
            raise ClusterError(0, f"watching {self._where}: the stream ended before its time")
        self._heard()
        self._pause = self._rhythm.pauses[0]

    def _list(self) -> None:
        """All of it, page by page, so that a large list is never held whole as it came."""
        self._stopping.wait(max(0.0, self._rests_until - self._clock()))
        kube, held, version, more, pages = self._kube.within(self._clock() + LIST_SECONDS), list[Held](), "", "", 0
        free = False

        def take(item: Object) -> None:
            self.store.check(len(held) + 1)
            held.append(self.store.trimmed(item, anew=self._silence() > self._rhythm.patience))

        try:
            while not pages or more:
                if not free:
                    self._pace.take(self._stopping)
                if self._stopping.is_set():
                    raise ClusterError(0, f"{self._where}: not listed, as the watches have ended")
                pages += 1
                page = page_of(kube, self._where, take, more)
                version, more = version or page.version, page.more
                if not version:
                    raise not_a_list(self._where)
                free = page.count >= SIZE  # a server that turns pages without end is asked at the usual pace
        finally:  # what it has cost is this collection's own: the others do not wait for it
            self._rests_until = self._clock() + pages / self._rhythm.pages_per_second
        self._listed(held, version)

    def _listed(self, held: list[Held], version: str) -> None:
        # After the patience nothing of what was held counts any more: a cluster that was restored from a backup.
        anew = self._silence() > self._rhythm.patience
        self.store.replace(held, version, self._clock(), anew)
        self._lists += 1
        self._heard()

    def _follow(self, seconds: float) -> bool:
        """What happens from here on. False: it may not be watched. Raises ClusterError."""
        try:
            stream = self._stream = self._kube.watch(self._where, self.store.version, seconds)
        except ClusterError as error:
            if error.status not in _REFUSED:
                raise
            self._unwatched_until = self._clock() + self._rhythm.refused
            if not self._said:
                self._said = True
                self._say("watch.refused", f"{error}; it is listed every {self._rhythm.patience / 2:g} s instead")
            return False
        if self._stopping.is_set():
            stream.close()
        for event in stream:
            self._take(event)
        return True

    def _take(self, event: Object) -> None:
        kind, item = event.get("type"), event.get("object")
        if kind == "ERROR":
            said = item if isinstance(item, dict) else {}
            code = said.get("code")
            status = code if isinstance(code, int) else 0
            raise ClusterError(status, f"watching {self._where}: {str(said.get('message'))[:300]}")
        if not isinstance(kind, str) or kind not in _EVENTS:
            raise ClusterError(0, f"watching {self._where}: a line is no event")
        for each in objects_among([item]):
            self.store.happened(kind, each, self._clock())
        self._heard()
