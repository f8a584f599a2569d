"""The objects of one collection in memory, never older than they were.

Versions (`metadata.resourceVersion`) are whole numbers that grow over a collection: the etcd revision, which clients
may compare since KEP-5504. What has another form is taken in the order in which it comes.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.selectors import Selector
from ahpa.core.starts import Start
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

    @property
    def place(self) -> Place:
        return place_of(self.item)

    @property
    def labels(self) -> Object:
        return labels_of(self.item)


@dataclass(frozen=True, slots=True)
class Gone:
    """What is still known of a pod that is gone: a sixth of what it was."""

    place: Place
    labels: Object
    start: Start
    at: float
    """When it went, by the clock of the caller."""


class Placed(Protocol):
    """What lies on a shelf."""

    @property
    def place(self) -> Place: ...
    @property
    def labels(self) -> Object: ...


Entry = TypeVar("Entry", bound=Placed)


class Shelf(Generic[Entry]):
    """Entries by place, and by the labels that were asked for."""

    def __init__(self) -> None:
        self._held: dict[Place, Entry] = {}
        self._indices: dict[str, dict[tuple[str, str], dict[Place, None]]] = {}
        """By label, by namespace and value: dicts, as they keep the order in which entries came."""

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Entry]:
        """In the order in which they came."""
        return iter(self._held.values())

    def get(self, place: Place) -> Entry | None:
        """None: it is not there."""
        return self._held.get(place)

    def put(self, entry: Entry) -> None:
        """In place of what was there."""
        place = entry.place
        self._unnoted(self._held.get(place))
        self._held[place] = entry
        for label, index in self._indices.items():
            _note(index, label, entry)

    def drop(self, place: Place) -> None:
        """Nothing where nothing is."""
        self._unnoted(self._held.pop(place, None))

    def _unnoted(self, entry: Entry | None) -> None:
        if entry is not None:
            place, labels = entry.place, entry.labels
            for label, index in self._indices.items():
                value = labels.get(label)
                if isinstance(value, str):
                    places = index[place[0], value]
                    del places[place]
                    if not places:
                        del index[place[0], value]

    def find(self, namespace: str | None, selector: Selector) -> Iterator[Entry]:
        """Those of a namespace (None: of all) that are selected."""
        exact = selector.exact
        if namespace is None or exact is None:
            every: Iterable[Entry] = self._held.values()
        else:
            label, value = exact
            if label not in self._indices:
                self._indices[label] = {}
                for entry in self:
                    _note(self._indices[label], label, entry)
            every = [self._held[place] for place in self._indices[label].get((namespace, value), ())]
        for entry in every:
            if namespace in (None, entry.place[0]) and (not selector.rules or selector.fits(entry.labels)):
                yield entry


class Store:
    """The objects of one collection, as they were listed and as they changed since. Threads may share it.

    What it hands out is shared too, so nobody may change it. (A writer notes the new version on what it has written:
    that is replaced here before, by what the server answered.)
    """

    def __init__(
        self,
        trim: Callable[[Object, Object | None], Object],
        most: int,
        remembered: Callable[[Object], Start | None] = lambda item: None,
    ) -> None:
        """`trim` says what is kept of an object, given what was kept of it before; `most` objects are held at most;
        `remembered` what is still known for a while of one that is gone (`departed`; None: nothing, as of all that are
        no pods)."""
        self._trim, self._most, self._remembered = trim, most, remembered
        self._lock = threading.Lock()
        self._here, self._gone = Shelf[Held](), Shelf[Gone]()
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
            fresh = Shelf[Held]()
            for held in listed:
                fresh.put(held)
            for held in self._here:
                now_there = fresh.get(held.place)
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
            return [held.item for held in self._here.find(namespace, selector)]

    def get(self, place: Place) -> Object | None:
        """None: it is not there."""
        held = self._here.get(place)
        return None if held is None else held.item

    def departed(self, namespace: str | None, selector: Selector) -> list[Start]:
        """Of those that are gone and remembered."""
        with self._lock:
            return [gone.start for gone in self._gone.find(namespace, selector)]

    def forget(self, before: float) -> None:
        """Those that went before then."""
        with self._lock:
            for gone in list(itertools.takewhile(lambda gone: gone.at < before, self._gone)):
                self._gone.drop(gone.place)

    def _depart(self, held: Held, now: float) -> None:
        start = self._remembered(held.item)
        if start is not None:
            self._gone.drop(held.place)  # the newest comes last
            self._gone.put(Gone(held.place, held.labels, start, now))


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


def _note(index: dict[tuple[str, str], dict[Place, None]], label: str, entry: Placed) -> None:
    place, value = entry.place, entry.labels.get(label)
    if isinstance(value, str):
        index.setdefault((place[0], value), {})[place] = None
