"""A rollout on the real Knative: at no moment fewer replicas stand behind the traffic than before it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from testbed import Testbed
from testbed.kube import condition
from tests.testbed.live import NEEDED, minimum, service_on

pytestmark = pytest.mark.testbed

ROUND_SECONDS = 2.0
STARTS_IN_SECONDS = 10.0
"""Longer than a few rounds, as a GPU's start is."""
CANARY = [{"revisionName": "chat-00001", "percent": 90}, {"latestRevision": True, "percent": 10}]


def behind_the_traffic(bed: Testbed, namespace: str) -> dict[str, int]:
    """By Revision that has traffic: its ready pods."""
    traffic = bed.get("ksvc", "chat", namespace)["status"].get("traffic") or []
    return {
        entry["revisionName"]: sum(
            condition(pod, "Ready") == "True"
            for pod in bed.find("pods", namespace, f"serving.knative.dev/revision={entry['revisionName']}")
        )
        for entry in traffic
        if entry.get("percent")
    }


@pytest.mark.parametrize(
    ("traffic", "then"),
    [
        (None, {"chat-00002": NEEDED}),
        pytest.param(CANARY, {"chat-00001": NEEDED, "chat-00002": 1}, marks=pytest.mark.soak),
    ],
    ids=["all to the newest", "a tenth to the newest"],
)
def test_a_rollout_at_the_peak_never_stands_on_fewer_replicas(
    bed: Testbed, bed_namespace: str, traffic: list[dict[str, Any]] | None, then: dict[str, int]
) -> None:
    """The new Revision took the traffic with 3 ready where 13 had been; the floor came 9 s later."""
    asked = {"ahpa.dev/mode": "apply"}
    bed.knative_service("chat", bed_namespace, annotations=asked, concurrency=10, ready_seconds=STARTS_IN_SECONDS)
    service = service_on(bed, bed_namespace)
    seen: list[dict[str, int]] = []

    def rounds_until(reached: Callable[[], bool], what: str) -> None:
        """Rounds of the service, and looks in between."""

        def look() -> bool:
            service.tick(time.time())
            ends = time.monotonic() + ROUND_SECONDS
            while time.monotonic() < ends:
                seen.append(behind_the_traffic(bed, bed_namespace))
                time.sleep(0.2)
            return reached()

        bed.wait_for(look, timeout=240, what=what)

    rounds_until(lambda: seen[-1] == {"chat-00001": NEEDED}, "the floor of the first Revision")
    seen.clear()
    template = {"metadata": {"annotations": {"example.com/build": "2"}}}
    spec = {"template": template} if traffic is None else {"template": template, "traffic": traffic}
    bed.patch("ksvc", "chat", {"spec": spec}, bed_namespace)
    rounds_until(lambda: seen[-1] == then, "the traffic at the second Revision, with its replicas")
    assert min(sum(look.values()) for look in seen) >= NEEDED

    assert minimum(bed, "chat-00002", bed_namespace) == str(then["chat-00002"])

    if traffic is None:
        rounds_until(lambda: minimum(bed, "chat-00001", bed_namespace) is None, "what the first one's owner had")
        left = "serving.knative.dev/revision=chat-00001"
        bed.wait_for(lambda: not bed.find("pods", bed_namespace, left), timeout=180, what="its pods gone")
