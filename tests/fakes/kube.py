"""An API server's objects, in memory."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Mapping
from typing import Any, Self

from ahpa.adapters.kubernetes.api import FIELD_MANAGER, Object, objects_among
from ahpa.ports import ClusterError


def written(body: object) -> bytes:
    """As the API server's encoder writes it, without blanks."""
    return json.dumps(body, separators=(",", ":")).encode()


class FakeKube:
    """Objects with resourceVersion and field ownership, as the API server keeps them; every write is recorded.

    Ownership is kept for each annotation and each field right under spec, which is what we ask about. Like the real
    one, a write that changes nothing changes no version and no owner.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.created: list[tuple[str, dict[str, Any]]] = []
        self.fail: Callable[[str, str], ClusterError | None] = lambda method, where: None
        self.version = 0
        """Of the newest change; a deletion is one (`bump`)."""
        self.install_knative("1.23.0")

    def install_knative(self, version: str) -> None:
        """The Deployment from whose label Knative's version is read."""
        where = "/apis/apps/v1/namespaces/knative-serving/deployments/controller"
        meta = {"namespace": "knative-serving", "name": "controller", "labels": {"app.kubernetes.io/version": version}}
        self.put(where, {"metadata": meta, "spec": {}})

    def bump(self) -> str:
        """A new version."""
        self.version += 1
        return str(self.version)

    def put(self, where: str, item: Object, manager: str = "kubectl") -> Object:
        """An object as somebody else created it."""
        item = copy.deepcopy(item)
        meta = item["metadata"]
        meta.update(uid=f"uid-{where}", resourceVersion=self.bump(), managedFields=[])
        self.objects[where] = item
        fields = [("metadata", "annotations", key) for key in meta.get("annotations") or {}]
        _own(item, manager, [*fields, *(("spec", key) for key in item.get("spec") or {})])
        return item

    def edit(self, where: str, patch: Mapping[str, Any], manager: str = "kubectl") -> None:
        """Somebody else's merge patch."""
        self._patch(where, patch, manager)

    def within(self, deadline: float) -> Self:
        return self

    def get(self, where: str, **query: str) -> Object:
        self._maybe_fail("GET", where)
        if where not in self.objects:
            raise ClusterError(404, f"GET {where}: not found")
        return copy.deepcopy(self.objects[where])

    def items(self, where: str, **query: str) -> list[Object]:
        self._maybe_fail("LIST", where)
        everywhere = where.count("/namespaces/") == 0
        resource = where.rpartition("/")[2]
        found = [
            item
            for path, item in self.objects.items()
            if path.rpartition("/")[0] == where
            or (everywhere and path.split("/")[-2] == resource and path.startswith(where.rpartition("/")[0]))
        ]
        return objects_among(copy.deepcopy(found))

    def first(self, where: str, **query: str) -> Object | None:
        return next(iter(self.items(where, **query)), None)

    def member(self, where: str, name: str) -> Object:
        return self.get(f"{where}/{name}")

    def merge_patch(self, where: str, body: Object) -> Object:
        self._maybe_fail("PATCH", where)
        if where not in self.objects:
            raise ClusterError(404, f"PATCH {where}: not found")
        asked = body.get("metadata", {}).get("resourceVersion")
        if asked is not None and asked != self.objects[where]["metadata"]["resourceVersion"]:
            raise ClusterError(409, f"PATCH {where}: the object has been modified")
        self.writes.append((where, copy.deepcopy(body)))
        self._patch(where, body, FIELD_MANAGER)
        return copy.deepcopy(self.objects[where])

    def create(self, where: str, body: Object) -> Object:
        self._maybe_fail("POST", where)
        self.created.append((where, copy.deepcopy(body)))
        return body

    def _maybe_fail(self, method: str, where: str) -> None:
        error = self.fail(method, where)
        if error is not None:
            raise error

    def _patch(self, where: str, patch: Mapping[str, Any], manager: str) -> None:
        item = self.objects[where]
        before = copy.deepcopy(item)
        touched: list[tuple[str, ...]] = []
        item["metadata"].setdefault("annotations", {})
        moved = {key: value for key, value in patch.items() if key != "metadata"}
        meta = {
            k: v for k, v in (patch.get("metadata") or {}).items() if k in ("annotations", "ownerReferences", "labels")
        }
        gone: list[tuple[str, ...]] = []
        _merge(item, {**moved, "metadata": meta}, (), touched, gone)
        for path in gone:
            _disown(item, path)
        if before != item:
            item["metadata"]["resourceVersion"] = self.bump()
            _own(item, manager, touched)


def _merge(
    node: dict[str, Any],
    patch: Mapping[str, Any],
    at: tuple[str, ...],
    touched: list[tuple[str, ...]],
    gone: list[tuple[str, ...]],
) -> None:
    """RFC 7386; which leaves it sets is added to `touched`, what it takes away to `gone`."""
    for key, value in patch.items():
        if value is None:
            node.pop(key, None)
            gone.append((*at, key))
        elif isinstance(value, dict):
            if not isinstance(node.get(key), dict):
                node[key] = {}
            _merge(node[key], value, (*at, key), touched, gone)
        elif node.get(key) != value:
            node[key] = value
            touched.append((*at, key))


def _own(item: Object, manager: str, fields: list[tuple[str, ...]]) -> None:
    """Move these fields to `manager`, away from everybody else."""
    entries = item["metadata"]["managedFields"]
    for path in fields:
        _disown(item, path)
        mine = next((entry for entry in entries if entry["manager"] == manager), None)
        if mine is None:
            mine = {"manager": manager, "fieldsV1": {}}
            entries.append(mine)
        node = mine["fieldsV1"]
        for name in path[:-1]:
            node = node.setdefault(f"f:{name}", {})
        node[f"f:{path[-1]}"] = {}


def _disown(item: Object, path: tuple[str, ...]) -> None:
    """Nobody holds a field that is not there."""
    for entry in item["metadata"]["managedFields"]:
        node = entry["fieldsV1"]
        for name in path[:-1]:
            node = node.get(f"f:{name}", {})
        node.pop(f"f:{path[-1]}", None)


class SlowKube(FakeKube):
    """Each read of one object, and each list of pods, takes a second of its own clock; none begins after a deadline."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.asked: list[str] = []
        self._deadline = math.inf

    def now(self) -> float:
        return self.seconds

    def within(self, deadline: float) -> Self:
        self._deadline = deadline
        return self

    def get(self, where: str, **query: str) -> Object:
        self._take(where)
        return super().get(where, **query)

    def items(self, where: str, **query: str) -> list[Object]:
        if where.endswith("/pods"):
            self._take(query["labelSelector"])
        return super().items(where, **query)

    def _take(self, what: str) -> None:
        if self.seconds >= self._deadline:
            raise ClusterError(0, f"{what}: not asked, the round's time was over")
        self.seconds += 1
        self.asked.append(what)
