"""The starts of replicas, from the pods of a target: every moment that the API server noted on the way to ready.

A pod whose text is damaged says less, or nothing; it never harms its neighbours. `lastTransitionTime` is the *latest*
flip: what may be learned from it, and how often, is said in `ahpa.core.starts`. Pods that are watched are kept as they
were when first ready (trimmed.py), so there it is the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.objects import seconds
from ahpa.core.starts import Start
from ahpa.ports import ClusterError
from ahpa.targets import Target
from ahpa.transport import NEVER

Departed = Callable[[str, str], Sequence[Start]]
"""Of the pods of a namespace (the path of its pods) under a label selector that became ready and are gone since."""


def _nobody(where: str, label_selector: str) -> Sequence[Start]:
    """Where pods are not watched."""
    return ()


class Pods:
    """The StartSource of a cluster."""

    def __init__(self, kube: KubeApi, departed: Departed = _nobody) -> None:
        self._kube = kube
        self._departed = departed
        self._bound: tuple[float, KubeApi] | None = None
        """The deadline of the last who asked, and who keeps it: a round asks for all of its targets by one."""

    def starts(self, target: Target, deadline: float = NEVER) -> list[Start]:
        """As `StartSource` says. Raises ClusterError, also where its pods are unknown."""
        if not target.selector:  # would select every pod of the namespace
            raise ClusterError(0, f"{target.key}: nobody says which pods are its own")
        where = _pods_of(target.namespace)
        pods = self._within(deadline).items(where, labelSelector=target.selector)
        here = [start for pod in pods if (start := start_of(pod)) is not None]
        return [*here, *self._departed(where, target.selector)]

    def _within(self, deadline: float) -> KubeApi:
        bound = self._bound
        if bound is None or bound[0] != deadline:
            bound = self._bound = deadline, self._kube.within(deadline)
        return bound[1]


@lru_cache(maxsize=1024)
def _pods_of(namespace: str) -> str:
    return path(*collection("v1", "pods", namespace))


def start_of(pod: Object) -> Start | None:
    """What one pod tells of its start; None if not even when it was asked for."""
    meta = pod["metadata"]
    asked = seconds(meta.get("creationTimestamp"))
    if asked is None:
        return None
    status, spec = pod.get("status"), pod.get("spec")
    status = status if isinstance(status, dict) else {}
    node = spec.get("nodeName") if isinstance(spec, dict) else None
    since = {
        str(condition.get("type")): seconds(condition.get("lastTransitionTime"))
        for condition in _rows(status.get("conditions"))
        if condition.get("status") == "True"
    }
    containers = _rows(status.get("containerStatuses"))
    return Start(
        uid=str(meta.get("uid")),
        asked=asked,
        scheduled=since.get("PodScheduled"),
        initialised=since.get("Initialized"),
        started=_all_started(containers),
        ready=since.get("Ready"),
        where=node if isinstance(node, str) else "",
        restarted=any(_restarts(container) > 0 for container in containers),
        leaving=bool(meta.get("deletionTimestamp")),
    )


def start_of_departed(pod: Object) -> Start | None:
    """Of a pod that is gone; None if it never became ready, so that it teaches nothing any more."""
    start = start_of(pod)
    return None if start is None or start.ready is None else start


def _all_started(containers: list[Object]) -> float | None:
    """When the last container began to run; None while one does not."""
    began = []
    for container in containers:
        state = container.get("state")
        running = state.get("running") if isinstance(state, dict) else None
        at = seconds(running.get("startedAt")) if isinstance(running, dict) else None
        if at is None:
            return None
        began.append(at)
    return max(began, default=None)


def _restarts(container: Object) -> int:
    count = container.get("restartCount")
    return count if isinstance(count, int) else 0


def _rows(value: object) -> list[Object]:
    """The objects in a list; nothing where it is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
