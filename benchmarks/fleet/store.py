"""What an API server keeps: objects with versions and owners of fields, and the changes that a watch resumes from."""

from __future__ import annotations

import copy
import itertools
import json
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube, written

Object = dict[str, Any]
KEPT = 20_000
"""Changes that a watch can be resumed from; one from before them answers 410."""
Change = tuple[int, str, str, bytes]
"""Version, path, ADDED, MODIFIED or DELETED, and the object as JSON."""


class Store(FakeKube):
    """The write semantics of the tests' FakeKube (versions, 409, managedFields); texts and collections are kept, so
    that a list of ten thousand costs a join."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.changes: deque[Change] = deque(maxlen=KEPT)
        self.version = 0
        self._forgotten = 0
        self._texts: dict[str, bytes] = {}
        self._collections: dict[str, dict[str, None]] = {}
        super().__init__()

    def put(self, where: str, item: Object, manager: str = "kubectl") -> Object:
        kind = "MODIFIED" if where in self.objects else "ADDED"
        made = super().put(where, item, manager)
        self._note(where, kind)
        return made

    def remove(self, where: str) -> None:
        """Deleted, as by its owner."""
        with self.changed:
            gone = self.objects.pop(where)
            self.version += 1
            gone["metadata"]["resourceVersion"] = str(self.version)
            self._collections[_anywhere(where)].pop(where)
            self._texts.pop(where)
            self.changes.append((self.version, where, "DELETED", json.dumps(gone).encode()))
            self.changed.notify_all()

    def merge_patch(self, where: str, body: Object) -> Object:
        self._maybe_fail("PATCH", where)
        with self.changed:
            if where not in self.objects:
                raise ClusterError(404, f"PATCH {where}: not found")
            asked = body.get("metadata", {}).get("resourceVersion")
            if asked is not None and asked != self.objects[where]["metadata"]["resourceVersion"]:
                raise ClusterError(409, f"PATCH {where}: the object has been modified")
            self.writes.append((where, copy.deepcopy(body)))
            self.edit(where, body, "ahpa")
            return self.objects[where]

    def edit(self, where: str, patch: Mapping[str, Any], manager: str = "kubectl") -> None:
        with self.changed:
            meta = self.objects[where]["metadata"]
            before, meta["resourceVersion"] = meta["resourceVersion"], ""
            self._patch(where, patch, manager)
            if meta["resourceVersion"]:
                self._note(where, "MODIFIED")
            else:
                meta["resourceVersion"] = before

    def replace(self, where: str, body: Object) -> Object:
        """PUT, as a Lease is renewed. Raises ClusterError."""
        with self.changed:
            if where not in self.objects:
                raise ClusterError(404, f"PUT {where}: not found")
            asked = body.get("metadata", {}).get("resourceVersion")
            if asked not in (None, self.objects[where]["metadata"]["resourceVersion"]):
                raise ClusterError(409, f"PUT {where}: the object has been modified")
            return self.put(where, body, "ahpa")

    def create(self, where: str, body: Object) -> Object:
        """Events are counted and not kept."""
        self._maybe_fail("POST", where)
        if where.endswith("/events"):
            self.created.append((where, body))
            return body
        name = f"{where}/{body['metadata']['name']}"
        with self.changed:
            if name in self.objects:
                raise ClusterError(409, f"POST {name}: already exists")
            return self.put(name, body, "ahpa")

    def texts(self, collection: str, namespace: str | None) -> list[tuple[str, bytes]]:
        """All of a collection (`/apis/GROUP/VERSION/RESOURCE`), in the order of their paths."""
        with self.changed:
            found = sorted(self._collections.get(collection, ()))
            inside = f"/namespaces/{namespace}/"
            return [(path, self._texts[path]) for path in found if namespace is None or inside in path]

    def since(self, version: int) -> list[Change]:
        """Changes after `version`. Raises ClusterError 410 where they are not kept any more."""
        with self.changed:
            oldest = max(self._forgotten, self.changes[0][0] - 1 if len(self.changes) == KEPT else 0)
            if version < oldest:
                raise ClusterError(410, f"too old resource version: {version} ({oldest})")
            newer = itertools.takewhile(lambda change: change[0] > version, reversed(self.changes))
            return list(newer)[::-1]

    def forget_changes(self) -> None:
        """As a server whose watch cache was filled anew: whoever resumes gets 410."""
        with self.changed:
            self.version += 1
            self._forgotten = self.version
            self.changes.clear()
            self.changed.notify_all()

    def _note(self, where: str, kind: str) -> None:
        with self.changed:
            self.version += 1
            item = self.objects[where]
            item["metadata"]["resourceVersion"] = str(self.version)
            self._texts[where] = text = written(item)
            self._collections.setdefault(_anywhere(where), {})[where] = None
            self.changes.append((self.version, where, kind, text))
            self.changed.notify_all()


def _anywhere(where: str) -> str:
    """The collection of an object's path, whatever its namespace."""
    segments = where.split("/")
    at = segments.index("namespaces") if "namespaces" in segments[:-2] else len(segments)
    return "/".join([*segments[:at], *segments[at + 2 : -1]])
