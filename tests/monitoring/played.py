"""A day and two hours of a small fleet, played in a moment: what a scrape would have found each four minutes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.ports import ClusterError
from testbed import Series
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.monitoring.faults import container
from tests.monitoring.living import Clock, Living, Scrapes, follow
from tests.service.cluster import FOUR_DAYS, wave
from tests.service.stage import Stage, add_knative, staged

MINUTES = 26 * 60
ROUND, SCRAPE = 2, 4
"""Minutes between two rounds, and two scrapes."""
PODS = "/api/v1/namespaces/shop/pods"


def fleet(directory: Path, start: float) -> Stage:
    """`chat` has a peak each hour and all that a service may have; `small` is allowed too little for it; of `lost` no
    demand is found; `new` is only observed."""
    kube, telemetry = FakeKube(), Telemetry(container(directory))
    add_knative(kube, "chat", mode="apply", **{"late-target": "1%", "max": "20"})
    add_knative(kube, "small", mode="apply", max="3")
    add_knative(kube, "lost", mode="apply")
    add_knative(kube, "new", mode="observe")
    put_pods(kube, start)
    prometheus = FakePrometheus(dict.fromkeys(("chat", "small", "new"), wave))
    at = staged(kube, prometheus, replace(FOUR_DAYS, most_foretold=10), telemetry=telemetry)
    telemetry.history(1.0)
    telemetry.led("ahpa-0", True)
    telemetry.skipped("refit")
    telemetry.watch(lambda: [("serving.knative.dev/v1/services", 4, 0.5, 1)])
    return at


def put_pods(kube: FakeKube, start: float) -> None:
    """Some that became ready before, and tell every moment on their way."""

    def at(seconds: float) -> str:
        return datetime.fromtimestamp(start - 3600 + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    moments = {"PodScheduled": 5, "Initialized": 8, "Ready": 150}
    for number in range(3):
        kube.put(f"{PODS}/chat-{number}", {
            "metadata": {"namespace": "shop", "name": f"chat-{number}", "creationTimestamp": at(0)},
            "spec": {"nodeName": "n1"},
            "status": {
                "conditions": [
                    {"type": kind, "status": "True", "lastTransitionTime": at(after)} for kind, after in moments.items()
                ],
                "containerStatuses": [{"restartCount": 0, "state": {"running": {"startedAt": at(60)}}}],
            },
        })  # fmt: skip


def play(at: Stage, clock: Clock) -> list[Series]:
    """Every series that was scraped in `MINUTES` from now; refits each six hours, and one round that fails."""
    living, scrapes, start = Living(at, clock, partial(follow, at)), Scrapes(), clock.now
    for minute in range(0, MINUTES, ROUND):
        clock.now = start + 60.0 * minute
        at.kube.fail = _away if minute == 100 else _there
        if minute % 360 in (0, ROUND):
            living.loop.do("refit")
        living.round()
        if minute % SCRAPE == 0:
            scrapes.scrape(at, clock.now)
    return scrapes.series()


def _away(method: str, where: str) -> ClusterError | None:
    return ClusterError(503, "no")


def _there(method: str, where: str) -> ClusterError | None:
    return None
