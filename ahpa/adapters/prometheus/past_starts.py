"""Starts of the last days, from kube-state-metrics where Prometheus has it: a restart of ours need not forget how long
replicas take.

Names and labels are those of kube-state-metrics v2 (docs/metrics/workload/pod-metrics.md): `kube_pod_created`,
`kube_pod_status_scheduled_time`, `kube_pod_status_initialized_time`, `kube_pod_status_ready_time` and the node in
`kube_pod_info`, all with `namespace`, `pod` and `uid`. Of each moment the earliest counts that was ever scraped: a
readiness that flips later is no start. Pods that were withdrawn before they were ready are left out: nobody tells when.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.holes import RFC_1123, pods_of
from ahpa.adapters.prometheus.session import BoundedSession
from ahpa.core.starts import REMEMBERED, Start
from ahpa.ports import StartSource
from ahpa.targets import Target
from ahpa.transport import NEVER

DAYS = 3
ROUND_SECONDS, ROUND_SHARE = 60.0, 1 / 30
"""Of a minute, that may be spent on this: two seconds."""
LONGEST_PAUSE_SECONDS = 3600.0
"""Of a target whose past cannot be read; each is twice as long as the one before."""
ABSENT_SECONDS = 600.0
"""Who was not asked about for so long is new."""
_PROBE = f"count(last_over_time(kube_pod_status_ready_time[{DAYS}d]))"
_MOMENTS = {
    "asked": "kube_pod_created",
    "scheduled": "kube_pod_status_scheduled_time",
    "initialised": "kube_pod_status_initialized_time",
    "ready": "kube_pod_status_ready_time",
}

Sample = tuple[Mapping[str, str], float]
"""Labels and the value."""


class Asking(Protocol):
    """An instant query."""

    def __call__(self, query: str, deadline: float) -> list[Sample]:
        """Raises any error; the message says what was wrong."""
        ...


class InstantQueries:
    """The queries of one server, within the bounds of every other."""

    def __init__(
        self, url: str, connection: Connection | None = None, timeout_seconds: tuple[float, float] = (1.0, 2.0)
    ) -> None:
        """`timeout_seconds`: to connect, and for a whole answer."""
        from prometheus_api_client import PrometheusConnect

        self._connect, self._answer = timeout_seconds
        self._client = PrometheusConnect(
            url.rstrip("/"), session=BoundedSession(connection or Connection(), self._answer)
        )

    def __call__(self, query: str, deadline: float = NEVER) -> list[Sample]:
        """As `Asking` says; what is no sample of a finite number is left out."""
        left = max(0.1, min(self._answer, deadline - time.monotonic()))
        rows = self._client.custom_query(query, timeout=(self._connect, left))
        return [sample for row in rows if (sample := _sample(row)) is not None]


def _sample(row: object) -> Sample | None:
    match row:
        case {"metric": dict(labels), "value": [_, str(text)]}:
            try:
                value = float(text)
            except ValueError:
                return None
            named = {k: v for k, v in labels.items() if isinstance(k, str) and isinstance(v, str)}
            return (named, value) if math.isfinite(value) else None
    return None


class PastStarts:
    """A StartSource around another, which adds to the replicas of each target once those of the last days."""

    def __init__(
        self,
        there: StartSource,
        ask: Asking,
        clock: Callable[[], float],
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` tells unix seconds."""
        self._there = there
        self._ask = ask
        self._clock = clock
        self._stopwatch = stopwatch
        self._known: bool | None = None
        """Whether kube-state-metrics is there; None: it was not asked yet."""
        self._told: dict[str, float] = {}
        """By the keys of those who were: when they were last asked about."""
        self._failed: dict[str, tuple[float, float]] = {}
        """By key: before when it is not tried again, and after what pause."""
        self._minute = -math.inf
        self._spent = 0.0

    def starts(self, target: Target, deadline: float = math.inf) -> list[Start]:
        """As `StartSource` says, the earlier ones first; a Prometheus that fails leaves those that are there."""
        there, now = self._there.starts(target, deadline), self._stopwatch()
        if self._known is False or self._was_told(target.key, now) or not self._may(target.key, now, deadline):
            return there
        began = self._stopwatch()
        try:
            past = self._past(target, deadline)
        except Exception:  # no answer, or one of another form: somebody is asked again in a minute
            self._spent = math.inf
            if self._known:  # so that it is somebody else, where it is this one's pods that cannot be asked about
                _, before = self._failed.get(target.key, (0.0, ROUND_SECONDS / 2))
                pause = min(2 * before, LONGEST_PAUSE_SECONDS)
                self._failed[target.key] = now + pause, pause
            return there
        self._spent += self._stopwatch() - began
        self._told[target.key] = now
        self._failed.pop(target.key, None)
        return [*past, *there]

    def _was_told(self, key: str, now: float) -> bool:
        """Of one that was away for a while what it was told is forgotten, here and there."""
        if now - self._told.get(key, -math.inf) > ABSENT_SECONDS:
            return False
        self._told[key] = now
        return True

    def _may(self, key: str, now: float, deadline: float) -> bool:
        """Whether there is time for it in this minute."""
        if now - self._minute >= ROUND_SECONDS:
            self._minute, self._spent = now, 0.0
            self._told = {key: at for key, at in self._told.items() if now - at <= ABSENT_SECONDS}
            long_ago = now - LONGEST_PAUSE_SECONDS
            self._failed = {key: said for key, said in self._failed.items() if said[0] >= long_ago}
        until, _ = self._failed.get(key, (now, 0.0))
        return until <= now < deadline and self._spent < ROUND_SHARE * ROUND_SECONDS

    def _past(self, target: Target, deadline: float) -> list[Start]:
        if self._known is None:
            self._known = bool(self._ask(_PROBE, deadline))
        workload, kind = target.names.get("workload", ""), target.names.get("workload-kind", "")
        named = RFC_1123.fullmatch(workload) and RFC_1123.fullmatch(target.namespace)
        found = self._ask(_query(target.namespace, pods_of(workload, kind)), deadline) if self._known and named else []
        return past_starts(found, self._clock() - DAYS * 86_400.0)


def _query(namespace: str, pods: str) -> str:
    """All moments of a workload's pods, one number for each and pod; its kind in the label `of`."""
    these = f'{{namespace="{namespace}",pod=~"{pods}"}}[{DAYS}d]'  # neither has a quote or a backslash
    parts = [
        f'label_replace(min by (uid) (min_over_time({metric}{these})), "of", "{moment}", "", "")'
        for moment, metric in _MOMENTS.items()
    ]
    node = f'label_replace(max by (uid, node) (last_over_time(kube_pod_info{these})), "of", "where", "", "")'
    return " or ".join([*parts, node])


def past_starts(samples: Iterable[Sample], since: float) -> list[Start]:
    """The starts that began after `since` and came to their end, the oldest first, the newest `REMEMBERED`."""
    moments: dict[str, dict[str, float]] = {}
    where: dict[str, str] = {}
    for labels, value in samples:
        uid, of = labels.get("uid", ""), labels.get("of", "")
        if uid and of == "where":
            where[uid] = labels.get("node", "")
        elif uid and of in _MOMENTS:
            moments.setdefault(uid, {})[of] = value
    done = [
        Start(uid, m["asked"], m.get("scheduled"), m.get("initialised"), None, m["ready"], where.get(uid, ""))
        for uid, m in moments.items()
        if {"asked", "ready"} <= m.keys() and since <= m["asked"] <= m["ready"]
    ]
    return sorted(done, key=lambda start: (start.asked, start.uid))[-REMEMBERED:]
