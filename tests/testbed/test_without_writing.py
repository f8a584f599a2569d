"""In observe mode KEDA does the raising, by a trigger that reads our metric (docs/without-writing.md)."""

from __future__ import annotations

import pytest

from testbed import Testbed
from testbed.manifests import deployment, scaled_object
from tests.testbed.lives import Life
from tests.testbed.story import Story, begun

pytestmark = pytest.mark.testbed


def test_keda_reads_the_floor_that_would_be(keda_bed: Testbed, bed_namespace: str) -> None:
    """Its own trigger asks for one replica; the floor that would be is 5, and KEDA goes there."""
    bed, stories = keda_bed, list[Story]()

    def foreseen(now: float) -> float | None:
        """As /metrics shows it."""
        lines = stories[0].telemetry.text().decode().splitlines() if stories else []
        return next((float(line.split()[-1]) for line in lines if line.startswith("ahpa_floor_replicas{")), None)

    labels = {"kind": "keda", "namespace": bed_namespace, "name": "chat"}
    bed.live_metric("ahpa_floor_replicas", labels, foreseen)
    asked = scaled_object(
        "chat",
        bed_namespace,
        {"ahpa.dev/mode": "observe"},
        prometheus_url=bed.prometheus_url,
        query="vector(4)",
        threshold=4,
    )
    reads = {
        "serverAddress": bed.prometheus_url,
        "query": f'max(ahpa_floor_replicas{{kind="keda",namespace="{bed_namespace}",name="chat"}})',
        "threshold": "1",
    }
    asked["spec"]["triggers"].append({"type": "prometheus", "metadata": reads})
    pods = deployment("chat", bed_namespace, gpus=0, pull_seconds=0, ready_seconds=0)
    bearer, where = ("so", "chat"), ("spec", "minReplicaCount")
    life = Life(bed, bed_namespace, "so", "chat", (pods, asked), 4.0, bearer, where, "chat")
    stories.append(begun(life, demand=18.0))
    stories[0].until(lambda: life.replicas() == 5, "KEDA follows the metric")
    assert life.minimum() == 1, "and its minimum is its owner's"
    written = {each.resource for each in bed.audit.writes(manager="ahpa") if each.namespace == bed_namespace}
    assert written <= {"events"}
