"""Readiness lags from pods: creation to the first Ready, per service; the unfinished ones count as censored.

`lastTransitionTime` is the *latest* flip, so a pod that restarted or blinked would teach a lag of hours:
only pods without a restart count, and each uid is learned once, at the first sight of it being ready.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ahpa.adapters.kubernetes.api import Object
from ahpa.core.readiness import Lag, Readiness, learn

REMEMBERED = 200
"""Starts remembered per service; a start of last month says little about today's image."""
LONGEST_SECONDS = 4 * 3600.0
"""A longer start is not believed; a pod that waits longer, for a quota say, does not teach a lead of days."""


@dataclass
class Starts:
    """What one service's pods have shown so far."""

    done: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    withdrawn: deque[float] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    known: set[str] = field(default_factory=set)
    waiting: dict[str, float] = field(default_factory=dict)
    """uid -> seconds waited at the last sight."""

    def see(self, pods: Iterable[Object], now: float) -> None:
        """Take in the pods as listed at `now`."""
        alive: set[str] = set()
        before, self.waiting = self.waiting, {}
        for pod in pods:
            uid = str(pod["metadata"].get("uid"))
            alive.add(uid)
            if uid in self.known:
                continue
            created = _stamp(pod["metadata"].get("creationTimestamp"))
            if created is None:
                continue
            ready = _ready_at(pod)
            if ready is not None or _restarted(pod):
                self.known.add(uid)
                if ready is not None and 0 <= ready - created <= LONGEST_SECONDS:
                    self.done.append(ready - created)
            elif now > created and not pod["metadata"].get("deletionTimestamp"):
                self.waiting[uid] = min(now - created, LONGEST_SECONDS)
        self.withdrawn.extend(waited for uid, waited in before.items() if uid not in alive)
        self.known &= alive

    def readiness(self, prior: Lag) -> Readiness:
        """The lag that these starts teach, beside what the operator assumed."""
        return Readiness.single(learn(prior, list(self.done), [*self.withdrawn, *self.waiting.values()]))


def _ready_at(pod: Object) -> float | None:
    if _restarted(pod):
        return None
    condition = _condition(pod, "Ready")
    return _stamp(condition.get("lastTransitionTime")) if condition else None


def _condition(pod: Object, kind: str) -> dict[str, Any] | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition.get("type") == kind and condition.get("status") == "True":
            return dict(condition)
    return None


def _restarted(pod: Object) -> bool:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return any(int(status.get("restartCount") or 0) > 0 for status in statuses)


def _stamp(text: Any) -> float | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
