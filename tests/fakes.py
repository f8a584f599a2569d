"""Fakes behind the same ports as the real things: an API server's objects and a Prometheus' answers, in memory."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ahpa.adapters.kubernetes.api import FIELD_MANAGER, KubeError, Object
from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.panel import Panel

Where = tuple[str, str, str]


class FakeKube:
    """Objects with resourceVersion and field ownership, as the API server keeps them; every write is recorded.

    Ownership is kept for annotations and spec.minReplicas, the fields that we ask about. Like the real one, a
    write that changes nothing changes no version and no owner.
    """

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.writes: list[tuple[str, dict[str, Any]]] = []
        self.created: list[tuple[str, dict[str, Any]]] = []
        self.fail: Callable[[str, str], KubeError | None] = lambda method, where: None
        self._versions = itertools.count(1)
        self.install_knative("1.23.0")

    def install_knative(self, version: str) -> None:
        """The Deployment from whose label Knative's version is read."""
        where = "/apis/apps/v1/namespaces/knative-serving/deployments/controller"
        meta = {"namespace": "knative-serving", "name": "controller", "labels": {"app.kubernetes.io/version": version}}
        self.put(where, {"metadata": meta, "spec": {}})

    def put(self, where: str, item: Object, manager: str = "kubectl") -> Object:
        """An object as somebody else created it."""
        item = copy.deepcopy(item)
        meta = item["metadata"]
        meta.update(uid=f"uid-{where}", resourceVersion=str(next(self._versions)), managedFields=[])
        self.objects[where] = item
        fields = [("metadata", "annotations", key) for key in meta.get("annotations") or {}]
        _own(item, manager, [*fields, ("spec", "minReplicas")])
        return item

    def edit(self, where: str, patch: Mapping[str, Any], manager: str = "kubectl") -> None:
        """Somebody else's merge patch."""
        self._patch(where, patch, manager)

    def get(self, where: str, **query: str) -> Object:
        self._maybe_fail("GET", where)
        if where not in self.objects:
            raise KubeError(404, f"GET {where}: not found")
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
        return copy.deepcopy(found)

    def merge_patch(self, where: str, body: Mapping[str, Any]) -> Object:
        self._maybe_fail("PATCH", where)
        if where not in self.objects:
            raise KubeError(404, f"PATCH {where}: not found")
        asked = body["metadata"].get("resourceVersion")
        if asked is not None and asked != self.objects[where]["metadata"]["resourceVersion"]:
            raise KubeError(409, f"PATCH {where}: the object has been modified")
        self.writes.append((where, copy.deepcopy(dict(body))))
        self._patch(where, body, FIELD_MANAGER)
        return copy.deepcopy(self.objects[where])

    def create(self, where: str, body: Mapping[str, Any]) -> Object:
        self._maybe_fail("POST", where)
        self.created.append((where, copy.deepcopy(dict(body))))
        return dict(body)

    def _maybe_fail(self, method: str, where: str) -> None:
        error = self.fail(method, where)
        if error is not None:
            raise error

    def _patch(self, where: str, patch: Mapping[str, Any], manager: str) -> None:
        item = self.objects[where]
        before = copy.deepcopy(item)
        touched: list[tuple[str, ...]] = []
        annotations = item["metadata"].setdefault("annotations", {})
        for key, value in (patch.get("metadata", {}).get("annotations") or {}).items():
            if value is None:
                annotations.pop(key, None)
            elif annotations.get(key) != value:
                annotations[key] = value
                touched.append(("metadata", "annotations", key))
        for key, value in (patch.get("spec") or {}).items():
            if item["spec"].get(key) != value:
                item["spec"][key] = value
                touched.append(("spec", key))
        if before != item:
            item["metadata"]["resourceVersion"] = str(next(self._versions))
            _own(item, manager, touched)


def _own(item: Object, manager: str, fields: list[tuple[str, ...]]) -> None:
    """Move these fields to `manager`, away from everybody else."""
    entries = item["metadata"]["managedFields"]
    for path in fields:
        for entry in entries:
            node = entry["fieldsV1"]
            for name in path[:-1]:
                node = node.get(f"f:{name}", {})
            node.pop(f"f:{path[-1]}", None)
        mine = next((entry for entry in entries if entry["manager"] == manager), None)
        if mine is None:
            mine = {"manager": manager, "fieldsV1": {}}
            entries.append(mine)
        node = mine["fieldsV1"]
        for name in path[:-1]:
            node = node.setdefault(f"f:{name}", {})
        node[f"f:{path[-1]}"] = {}


class FakePrometheus:
    """Answers `panel` from functions of time; a query without one fails, as an unreachable server would."""

    def __init__(self, demands: dict[str, Callable[[float], float]]) -> None:
        self.demands = demands
        """By a text that the filled query contains, say "chat"."""
        self.down = False
        self.warns = False

    def panel(
        self,
        queries: Mapping[str, str],
        start: float,
        end: float,
        step: float,
        progress: Callable[[], None] = lambda: None,
    ) -> tuple[Panel, dict[str, str], frozenset[str]]:
        first, last = math.floor(start / step) * step, math.floor(end / step) * step
        times = np.arange(first, last, step)
        rows, problems = [], {}
        for key, query in queries.items():
            demand = next((f for text, f in self.demands.items() if text in query), None)
            if self.down or demand is None:
                problems[key] = "nobody listens"
                rows.append(np.full(len(times), np.nan))
            else:
                rows.append(np.array([demand(t) for t in times], dtype=float))
        values = np.array(rows).reshape(len(rows), len(times))
        return Panel(first, step, values, tuple(queries)), problems, frozenset(queries if self.warns else ())


@dataclass(frozen=True, eq=False)
class SameAsYesterday:
    """The simplest model there is: the peak of the same window one day before, at every level."""

    name: str = "yesterday"

    def fit(self, history: Panel) -> Yesterday:
        return Yesterday(history)


@dataclass(frozen=True, eq=False)
class Yesterday:
    history: Panel

    @property
    def origin(self) -> float:
        return self.history.end

    def observe(self, panel: Panel) -> Yesterday:
        old, new = self.history, panel.between(self.history.end, panel.end)
        rows = dict(zip(new.keys, new.values, strict=True))
        unknown = np.full(new.values.shape[1], np.nan)
        added = np.array([rows.get(key, unknown) for key in old.keys])
        return Yesterday(Panel.of(old.start, old.step, np.hstack([old.values, added]), old.keys))

    def realised(self) -> Coverage:
        n = len(self.history.keys)
        return Coverage(self.history.keys, np.array([60.0, 300.0]), np.array([0.5, 0.99]), np.full((n, 2, 2), 0.97))

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        past, ends = self.history, np.asarray(windows)
        first = past.values.shape[1] - round(86_400 / past.step)
        widths = np.ceil(ends / past.step).astype(int)
        peaks = np.array([[np.nanmax(row[first : first + width]) for width in widths] for row in past.values])
        levelled = np.repeat(peaks[:, :, None], len(levels), axis=2)
        keys = past.keys
        names, fine = (("yesterday",) * len(keys), (None,) * len(keys))
        return Forecast(past.end, past.step, np.asarray(levels), levelled[:, :1], ends, levelled, keys, names, fine)
