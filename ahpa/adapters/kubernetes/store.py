"""The objects of one collection in memory, never older than they were.

Versions (`metadata.resourceVersion`) are whole numbers that grow over a collection: the etcd revision, which clients
may compare since KEP-5504. What has another form is taken in the order in which it comes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.selectors import Selector
from ahpa.ports import ClusterError

Place = tuple[str, str]
"""Namespace and name of an object."""


class Stale(ClusterError):
    """An API server that is behind what was seen already."""

    def __init__(self, message: str) -> None:
        super().__init__(0, message)


@dataclass(frozen=True)
class Held:
    """An object as it is kept; its version by itself, as whoever was handed the object may note a newer one on it."""

    version: int | None
    item: Object


class Shelf:
    """Objects by place, and by the labels that were asked for."""

    def __init__(self) -> None:
        self._held: dict[Place, Held] = {}
        self._indices: dict[str, dict[tuple[str, str], dict[Place, None]]] = {}
        """By label, by namespace and value: dicts, as they keep the order in which objects came."""

    def __len__(self) -> int:
        return len(self._held)

    def get(self, place: Place) -> Held | None:
        """None: it is not there."""
        return self._held.get(place)

    def put(self, held: Held) -> None:
        """In place of what was there."""
        place = place_of(held.item)
        self.drop(place, keep_turn=True)
        self._held[place] = held
        for label, index in self._indices.items():
            _note(index, label, place, held.item)

    def drop(self, place: Place, keep_turn: bool = False) -> Held | None:
        """Returns what was there."""
        held = self._held.get(place) if keep_turn else self._held.pop(place, None)
        if held is not None:
            labels = labels_of(held.item)
            for label, index in self._indices.items():
                value = labels.get(label)
                if isinstance(value, str):
                    places = index[place[0], value]
                    del places[place]
                    if not places:
                        del index[place[0], value]
        return held

    def all(self) -> list[Held]:
        """In the order in which they came."""
        return list(self._held.values())

    def find(self, namespace: str | None, selector: Selector) -> Iterator[Object]:
        """Those of a namespace (None: of all) that are selected."""
        exact = selector.exact
        if namespace is None or exact is None:
            every: Iterable[Held] = self._held.values()
        else:
            label, value = exact
            if label not in self._indices:
                self._indices[label] = {}
                for place, held in self._held.items():
                    _note(self._indices[label], label, place, held.item)
            every = [self._held[place] for place in self._indices[label].get((namespace, value), ())]
        for held in every:
            if namespace in (None, place_of(held.item)[0]) and (
                not selector.rules or selector.fits(labels_of(held.item))
            ):
                yield held.item


class Store:
    """The objects of one collection, as they were listed and as they changed since. Threads may share it.

    What it hands out is shared too, so nobody may change it. (A writer notes the new version on what it has written:
    that is replaced here before, by what the server answered.)
    """

    def __init__(
        self,
        trim: Callable[[Object, Object | None], Object],
        most: int,
        remembers: Callable[[Object], bool] = lambda item: False,
    ) -> None:
        """`trim` says what is kept of an object, given what was kept of it before; `most` objects are held at most;
        `remembers` whether one that is gone is still known for a while (`departed`)."""
        self._trim, self._most, self._remembers = trim, most, remembers
        self._lock = threading.Lock()
        self._here, self._gone = Shelf(), Shelf()
        self._gone_at: dict[Place, float] = {}
        """By the clock of the caller, the oldest first."""
        self._seen: int | None = None
        """The newest version that any list or event had."""
        self.version = ""
        """From where a watch goes on; empty: nothing was listed yet, or what came after it is lost."""

    def __len__(self) -> int:
        return len(self._here)

    def check(self, count: int) -> None:
        """Raises ClusterError where so many objects are too many."""
        if count > self._most:
            raise ClusterError(0, f"more than {self._most:,} objects: they are not held")

    def trimmed(self, item: Object, anew: bool = False) -> Held:
        """A listed object, as it is to be kept. One that has not changed stays the very same, so that to list all again
        takes no second memory, and nobody reads it again; unless all begins `anew`."""
        before, version = self._here.get(place_of(item)), version_of(item)
        if before is None:
            return Held(version, self._trim(item, None))
        same = version is not None and version == before.version and _uid(item) == _uid(before.item)
        return before if same and not anew else Held(version, self._trim(item, before.item))

    def replace(self, listed: Sequence[Held], version: str, now: float, anew: bool = False) -> None:
        """A whole list, of this version. What was written after it stays. Raises Stale where more was known before,
        unless all begins `anew`; ClusterError where there are too many."""
        at = _number(version)
        self.check(len(listed))
        with self._lock:
            if not anew and _older(at, self._seen):
                raise Stale(f"the API server is behind: it lists version {version} after {self._seen} was seen")
            fresh = Shelf()
            for held in listed:
                fresh.put(held)
            for held in self._here.all():
                now_there = fresh.get(place_of(held.item))
                if not anew and _older(at, held.version):
                    fresh.put(held)
                elif now_there is None or _uid(now_there.item) != _uid(held.item):
                    self._depart(held, now)
            self._here, self.version, self._seen = fresh, version, at

    def happened(self, kind: str, item: Object, now: float) -> None:
        """An event of a watch: ADDED, MODIFIED, DELETED or BOOKMARK. One that is older than what is known is nothing
        new. Raises ClusterError where there are too many."""
        version, place = version_of(item), place_of(item)
        with self._lock:
            if _older(version, self._seen):
                return
            known = self._here.get(place)
            if kind != "BOOKMARK" and (known is None or not _older(version, known.version)):
                self._change(kind, place, known, item, now)
            # Only now: what could not be kept must come again.
            self._seen = self._seen if version is None else version
            self.version = str(item["metadata"].get("resourceVersion") or self.version)

    def _change(self, kind: str, place: Place, known: Held | None, item: Object, now: float) -> None:
        held = self.trimmed(item)
        if kind == "DELETED":
            self._here.drop(place)
            self._depart(held, now)
        else:
            self.check(len(self._here) + (known is None))
            self._here.put(held)

    def written(self, item: Object) -> None:
        """What the server answered to a write: it is known before the watch tells of it."""
        version = version_of(item)
        with self._lock:
            known = self._here.get(place_of(item))
            # What the watch has passed is here already, or gone since.
            if known is not None and _older(self._seen, version) and _older(known.version, version):
                self._here.put(self.trimmed(item))

    def find(self, namespace: str | None, selector: Selector) -> list[Object]:
        """Those of a namespace (None: of all) that are selected."""
        with self._lock:
            return list(self._here.find(namespace, selector))

    def get(self, place: Place) -> Object | None:
        """None: it is not there."""
        held = self._here.get(place)
        return None if held is None else held.item

    def departed(self, namespace: str | None, selector: Selector) -> list[Object]:
        """Those that are gone and remembered."""
        with self._lock:
            return list(self._gone.find(namespace, selector))

    def forget(self, before: float) -> None:
        """Those that went before then."""
        with self._lock:
            for place in list(itertools.takewhile(lambda place: self._gone_at[place] < before, self._gone_at)):
                del self._gone_at[place]
                self._gone.drop(place)

    def _depart(self, held: Held, now: float) -> None:
        if self._remembers(held.item):
            place = place_of(held.item)
            self._gone_at.pop(place, None)  # the newest comes last
            self._gone_at[place] = now
            self._gone.put(held)


def place_of(item: Object) -> Place:
    """Of whatever it is, as one object with no name must not hide another's."""
    meta = item["metadata"]
    return str(meta.get("namespace")), str(meta.get("name"))


def version_of(item: Object) -> int | None:
    """None: it says none that can be compared."""
    return _number(item["metadata"].get("resourceVersion"))


def labels_of(item: Object) -> Object:
    """None written counts as empty."""
    labels = item["metadata"].get("labels")
    return labels if isinstance(labels, dict) else {}


def _uid(item: Object) -> object:
    return item["metadata"].get("uid")


def _number(version: object) -> int | None:
    text = version if isinstance(version, str) and len(version) <= 20 else ""
    return int(text) if text.isascii() and text.isdecimal() else None


def _older(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and one < other


def _note(index: dict[tuple[str, str], dict[Place, None]], label: str, place: Place, item: Object) -> None:
    value = labels_of(item).get(label)
    if isinstance(value, str):
        index.setdefault((place[0], value), {})[place] = None
