"""How a command sees the cluster: by lists, one round; or by watches, for who goes on looking."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ahpa.adapters.kubernetes.api import Kube, KubeApi
    from ahpa.adapters.kubernetes.watched import Watched
    from ahpa.adapters.telemetry.telemetry import Telemetry
    from ahpa.ports import StartSource


@dataclass(frozen=True)
class Sight:
    """Through what objects and starts of replicas are seen."""

    kube: KubeApi
    starts: StartSource


See = Callable[["Kube"], Sight]
"""From the connection to a cluster."""


def by_lists(kube: Kube) -> Sight:
    """Each look asks the server."""
    from ahpa.adapters.kubernetes.pages import InPages
    from ahpa.adapters.kubernetes.pods import Pods

    return Sight(InPages(kube), Pods(kube))


class ByWatches:
    """A look asks the memory, which watches keep right until `close`."""

    def __init__(self, namespace: str | None, telemetry: Telemetry) -> None:
        self._namespace, self._telemetry = namespace, telemetry
        self._watched: Watched | None = None

    def __call__(self, kube: Kube) -> Sight:
        from ahpa.adapters.kubernetes.pods import Pods
        from ahpa.adapters.kubernetes.watched import Watched

        def say(event: str, problem: str) -> None:
            self._telemetry.log(event, logging.WARNING, problem=problem)

        watched = self._watched = Watched(kube, self._namespace, say=say)
        self._telemetry.watch(lambda: [(w.name, w.objects, w.silent_seconds, w.lists) for w in watched.told()])
        return Sight(watched, Pods(watched, watched.departed))

    def close(self) -> None:
        """End the watches."""
        if self._watched is not None:
            self._watched.close()
