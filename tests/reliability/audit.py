"""An independent reader of what was asked of the two servers: it knows nothing of ahpa, and holds it to the invariants
of the reliability list.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.fleet.api import ApiServer, Fault
from benchmarks.fleet.prometheus import Prometheus
from benchmarks.fleet.store import Store

MIN_SCALE, TARGET = "autoscaling.knative.dev/min-scale", "autoscaling.knative.dev/target-utilization-percentage"
OURS = ("ahpa.dev/baseline", "ahpa.dev/baseline-target")
OWNERS_MAXIMUM, CAP = 50, 100
API_FAULTS: tuple[Fault, ...] = (
    401, 403, 404, 409, 410, 422, 429, 500, 503, "reset", "lost reply", "html", "empty", "truncated",
)  # fmt: skip
PROMETHEUS_FAULTS: tuple[Fault, ...] = (
    401, 403, 404, 422, 429, 500, 503, "reset", "html", "empty", "truncated", "warnings",
)  # fmt: skip


@dataclass(frozen=True)
class Write:
    """A patch that the API server took."""

    at: float
    path: str
    body: Mapping[str, Any]
    manager: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    """The object's annotations."""
    readable: bool
    """The newest query for the demand of its service had a whole answer."""

    def floors(self) -> tuple[int, int]:
        return int(self.before.get(MIN_SCALE, 0)), int(self.after.get(MIN_SCALE, 0))


class Faulty(Prometheus):
    """Spoils a share of its answers, and remembers whose demand it told last."""

    def __init__(self, count: int, share: float, seed: int) -> None:
        super().__init__(count, days=3.0, largest=60.0)
        self.share, self._random = share, random.Random(seed)
        self.told: dict[tuple[str, str], bool] = {}

    def fault(self, query: str, seconds: float) -> Fault:
        found = self._random.choice(PROMETHEUS_FAULTS) if self._random.random() < self.share else None
        if seconds <= 7200:  # a round's, not a refit's
            self.told |= {(namespace, name): found is None for namespace, name, _ in self.selected(query)}
        return found


class Audited(ApiServer):
    """Spoils a share of its answers, and writes down every patch that it took."""

    def __init__(self, store: Store, prometheus: Faulty, share: float, seed: int) -> None:
        self.share, self._random, self._prometheus = share, random.Random(seed), prometheus
        self.taken: list[Write] = []
        self._taking = threading.Lock()
        super().__init__(store)

    def fault(self, verb: str, path: str) -> Fault:
        return self._random.choice(API_FAULTS) if self._random.random() < self.share else None

    def good(self, verb: str, path: str, asked: dict[str, str], body: dict[str, Any]) -> tuple[int, bytes]:
        if verb != "PATCH":
            return super().good(verb, path, asked, body)
        with self._taking:
            before = dict(self.store.objects[path]["metadata"].get("annotations") or {})
            answer = super().good(verb, path, asked, body)
            after = dict(self.store.objects[path]["metadata"].get("annotations") or {})
        readable = self._prometheus.told.get(service_of(path), False)
        manager = asked.get("fieldManager", "")
        self.taken.append(Write(time.time(), path, body, manager, before, after, readable))
        return answer


def service_of(path: str) -> tuple[str, str]:
    """Namespace and name of the Service at this path, or of the Service whose Revision is there."""
    segments = path.split("/")
    return segments[5], segments[7].removesuffix("-00001") if segments[6] == "revisions" else segments[7]


def broken(write: Write, own: int, restarted: float) -> list[str]:
    """The invariants that a write breaks, whose owner's own minimum is `own`; the process began at `restarted`."""
    old, new = write.floors()
    touched = {key for key in {*write.before, *write.after} if write.before.get(key) != write.after.get(key)}
    allowed = {MIN_SCALE, TARGET} if "/revisions/" in write.path else set(OURS)
    said = {
        "I1 below its owner's minimum": "/revisions/" in write.path and new < own,
        "I2 above a maximum": new > min(CAP, OWNERS_MAXIMUM) and new > old,
        "I3 lowered on data that were not told": new < old and not write.readable,
        "I4 raised too far at once": new > 2 * max(old, 1) + 4,
        "I6 not by our manager": write.manager != "ahpa",
        "I6 without resourceVersion": not write.body.get("metadata", {}).get("resourceVersion"),
        "I6 touches what is not ours": bool(touched - allowed) or set(write.body) != {"metadata"},
        "I7 changes nothing": not touched,
        "the first round lowers": new < old and write.at < restarted,
    }
    return [f"{what}: {write.path} {old} -> {new}" for what, so in said.items() if so]
