"""A KubeApi that answers lists from memory: what is asked for once is watched from then on.

A write goes to the server, and what it answers is known here at once, so that who writes and then looks sees what was
written. Single objects are asked for at the server, as before; `member` is the way to one of a collection.
"""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Mapping
from typing import Self
from urllib.parse import unquote

from ahpa.adapters.kubernetes.api import KubeApi, Object, Origin, objects_among
from ahpa.adapters.kubernetes.collection import Collection, Say, Watching
from ahpa.adapters.kubernetes.pace import USUAL, Pace, Rhythm
from ahpa.adapters.kubernetes.pods import start_of_departed
from ahpa.adapters.kubernetes.selectors import Selector, selector_of
from ahpa.adapters.kubernetes.store import Store
from ahpa.adapters.kubernetes.trimmed import Keeping
from ahpa.core.starts import Start
from ahpa.ports import ClusterError
from ahpa.transport import NEVER

MOST_OBJECTS = 200_000
"""Of one collection; trimmed they are some 1 GiB."""
_COLLECTION = re.compile(r"(/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/([^/]+))?/([^/]+)")


def _nothing(event: str, problem: str) -> None:
    """To be told of nothing."""


class Watched:
    """The objects of an API server, in memory. Threads may share it; `close` ends its own."""

    def __init__(
        self,
        kube: Origin,
        namespace: str | None = None,
        rhythm: Rhythm = USUAL,
        say: Say = _nothing,
        most: int = MOST_OBJECTS,
    ) -> None:
        """All collections are watched in `namespace` (None: in all); what is asked of another one is asked of `kube`.
        `say` is told the name of an event and the problem; `most` objects of a collection are held."""
        self._kube: KubeApi = kube
        self._origin, self._namespace, self._rhythm, self._say, self._most = kube, namespace, rhythm, say, most
        self._deadline = NEVER
        self._pace = Pace(rhythm.lists_per_second, rhythm.lists_at_once)
        self._collections: dict[str, Collection] = {}
        self._starting = threading.Lock()
        self._closed = threading.Event()

    def within(self, deadline: float) -> Self:
        bound = copy.copy(self)
        bound._kube, bound._deadline = self._origin.within(deadline), deadline
        return bound

    def get(self, where: str, **query: str) -> Object:
        return self._kube.get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        """From memory. The objects are shared: nobody may change them."""
        found = self._asked_for(where, query)
        if found is None:
            return self._kube.items(where, **query)
        collection, namespace, selector = found
        collection.ready(self._deadline)
        return collection.store.find(namespace, selector)

    def first(self, where: str, **query: str) -> Object | None:
        return next(iter(self.items(where, **query)), None)

    def member(self, where: str, name: str) -> Object:
        found = self._asked_for(where, {})
        if found is None or found[1] is None:
            return self._kube.member(where, name)
        collection, namespace, _ = found
        try:
            collection.ready(self._deadline)
        except ClusterError as error:
            if error.status == 403:  # one may be had where all may not
                return self._kube.member(where, name)
            raise
        item = collection.store.get((str(namespace), name))
        if item is None:
            raise ClusterError(404, f"{where}: there is no {name}")
        return item

    def merge_patch(self, where: str, body: Object) -> Object:
        answer = self._kube.merge_patch(where, body)
        found = self._asked_for(where.rpartition("/")[0], {}, start=False)
        if found is not None:
            for item in objects_among([answer]):
                found[0].store.written(item)
        return answer

    def create(self, where: str, body: Object) -> Object:
        return self._kube.create(where, body)

    def departed(self, where: str, label_selector: str) -> list[Start]:
        """Of pods of a namespace that became ready and are gone, of the last minutes."""
        found = self._asked_for(where, {"labelSelector": label_selector})
        if found is None or found[1] is None:
            return []
        collection, namespace, selector = found
        return collection.store.departed(namespace, selector)

    def told(self) -> list[Watching]:
        """How each collection goes."""
        return [each.told() for each in list(self._collections.values())]

    def close(self, seconds: float = 2.0) -> None:
        """End all threads, and wait so long for that. One whose server does not answer ends when its time is over."""
        with self._starting:
            self._closed.set()
            every = list(self._collections.values())
        for each in every:
            each.stop()
        end = time.monotonic() + seconds
        for each in every:
            each.join(end - time.monotonic())

    def _asked_for(
        self, where: str, query: Mapping[str, str], start: bool = True
    ) -> tuple[Collection, str | None, Selector] | None:
        """The collection, the namespace in it (None: all), and what is selected; None: it is not watched."""
        parts = _COLLECTION.fullmatch(where)
        if parts is None or query.keys() - {"labelSelector"}:
            return None
        root, within, resource = parts.groups()
        namespace = None if within is None else unquote(within)
        if self._namespace is not None and namespace != self._namespace:
            return None
        scope = f"{root}/namespaces/{within}/{resource}" if self._namespace is not None else f"{root}/{resource}"
        collection = self._collections.get(scope)
        if collection is None and start:
            collection = self._started(scope, resource)
        try:
            selector = selector_of(query.get("labelSelector", ""))
        except ValueError as error:
            raise ClusterError(400, f"{where}: {error}") from error
        return None if collection is None else (collection, namespace, selector)

    def _started(self, where: str, resource: str) -> Collection:
        with self._starting:
            if self._closed.is_set():
                raise ClusterError(0, f"{where}: not watched, as the watches have ended")
            if where not in self._collections:
                remembered = start_of_departed if resource == "pods" else (lambda item: None)
                store = Store(Keeping(resource), self._most, remembered)
                made = Collection(self._origin, where, store, self._pace, self._rhythm, self._say)
                self._collections[where] = made
                made.start()
            return self._collections[where]
