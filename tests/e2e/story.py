"""The main job, told once in real time: objects and history, a service that learns, the climb, an outage, the end.

What must be real takes real time, but nothing here counts on how fast the machine is:
- the climb begins when the service has learned and made its first round. The history says at which minute of the day
  the climb comes, so it cannot be put off: on a machine that was too slow the story is told anew, with more time;
- a pod starts within 8 s and an HPA looks every 15 s, while the service assumes a lag of 30 to 45 s and plans with some
  40 s even after it has seen a few starts: what a busy machine adds is small beside the difference;
- all else waits for rounds of the service and states of the cluster.
"""

from __future__ import annotations

import json
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import requests

from testbed import Series, Testbed
from testbed.kube import condition
from testbed.processes import TestbedError
from tests.e2e.controller import Controller, serving
from tests.e2e.trace import DAYS, PER_REPLICA, Trace, load_trace

KNATIVE = ("apply", "observe", "bystander")
MIN_SCALE = "autoscaling.knative.dev/min-scale"
ASKED = {"ahpa.dev/demand": "e2e-demand", "ahpa.dev/quantile": "0.95"}
WATCHED_MINUTES = 2
"""Minutes of the climb that are watched; each needs at least one replica more than the one before."""
HOLE_SECONDS = 180.0
LEAD_IN_SECONDS = (60.0, 300.0)
"""Least time from the end of the history to the minute before the climb, at the first try and at the second."""


@dataclass
class Sample:
    """What the cluster showed, at the latest, at one moment."""

    at: float
    floor: dict[str, int]
    ready: dict[str, int]
    all_ready: bool


@dataclass
class Story:
    """All that happened, for the tests to read."""

    trace: Trace
    namespace: str
    began: float = math.nan
    """Wall time of the start of minute `trace.rise`."""
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)
    during: dict[str, str] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    blind: list[Sample] = field(default_factory=list)
    """The samples while Prometheus was stopped."""
    revisions: dict[str, list[str]] = field(default_factory=dict)
    events: list[Any] = field(default_factory=list)
    metrics: str = ""
    memory_mib: float = 0.0
    log: list[Any] = field(default_factory=list)
    journal: list[Any] = field(default_factory=list)

    def demand(self, now: float) -> float:
        """The trace's demand at wall time `now`."""
        index = self.trace.rise + math.floor((now - self.began) / 60)
        return float(self.trace.values[min(index, len(self.trace.values) - 1)])

    def climb(self) -> list[tuple[float, int]]:
        """(wall time at which it begins, replicas needed) of each minute watched."""
        minutes = range(1, WATCHED_MINUTES + 1)
        starts = [self.began + 60 * m for m in minutes]
        return [(at, math.ceil(self.demand(at + 1) / PER_REPLICA)) for at in starts]

    def at(self, moment: float) -> Sample:
        """The last sample before `moment`."""
        return [sample for sample in self.samples if sample.at <= moment][-1]


def tell(bed: Testbed, folder: Path) -> Story:
    """The story, from the first try in which the service had made its first round before the climb began."""
    for number, lead_in in enumerate(LEAD_IN_SECONDS, 1):
        story = Story(load_trace(), f"e2e-{number}")
        try:
            if _told(bed, story, folder, lead_in):
                return story
        finally:
            for name in KNATIVE:
                bed.load(story.namespace, f"{name}-00001", 0)
            bed.delete("namespaces", story.namespace)
    raise AssertionError(f"no first round within {LEAD_IN_SECONDS[-1]:.0f} s")


def _told(bed: Testbed, story: Story, folder: Path, lead_in: float) -> bool:
    """False, and only half told, if the minute before the climb began before the service had made a round."""
    own = folder / story.namespace
    own.mkdir()
    _create(bed, story)
    _write_history(bed, story, lead_in)
    with serving(bed, story.namespace, own) as controller:
        _watch(bed, story, story.began)
        if not controller.rounds():
            return False
        _watch(bed, story, story.began + 60 * (WATCHED_MINUTES + 1) - 20)
        _read_faces(bed, story, controller)
        bed.stop_prometheus()
        try:
            _blind(bed, story, controller)
            _switch_off(bed, story, controller)
        finally:
            bed.start_prometheus()
        story.memory_mib = controller.memory_mib()
    story.log = controller.log()
    return True


def _create(bed: Testbed, story: Story) -> None:
    """The objects, at rest under the load of the minute before the climb."""
    namespace = story.namespace
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    slow: dict[str, Any] = {"concurrency": 10, "pull_seconds": 2, "ready_seconds": 5, "wait": False}
    bed.knative_service("apply", namespace, annotations={"ahpa.dev/mode": "apply", **ASKED}, **slow)
    bed.knative_service("observe", namespace, annotations={"ahpa.dev/mode": "observe", **ASKED}, **slow)
    bed.knative_service("bystander", namespace, **slow)
    wanted = {"ahpa.dev/mode": "apply", "ahpa.dev/target-per-replica": f"{PER_REPLICA:g}", **ASKED}
    bed.hpa_with_deployment("api", namespace, annotations=wanted, pull_seconds=2, ready_seconds=5)
    bed.hpa_with_deployment("bystander-api", namespace)

    def is_ready(name: str) -> bool:
        return condition(bed.get("ksvc", name, namespace), "Ready") == "True"

    def has_synced(name: str) -> bool:
        return bool(bed.get("hpa", name, namespace).get("status", {}).get("currentReplicas"))

    for name in KNATIVE:
        bed.wait_for(partial(is_ready, name), what=f"{name} is Ready")
        bed.load(namespace, f"{name}-00001", float(story.trace.values[story.trace.rise]))
    for name in ("api", "bystander-api"):
        bed.wait_for(partial(has_synced, name), what=f"the HPA {name} synced")


def _write_history(bed: Testbed, story: Story, lead_in: float) -> None:
    """The days up to a hole before now, and the live end of the trace; the climb is `lead_in` away or a bit more."""
    now = time.time()
    story.began = math.ceil((now + lead_in) / 60) * 60.0
    minutes = story.began + 60.0 * np.arange(-DAYS * 1440, 0)
    values = story.trace.values[story.trace.rise - DAYS * 1440 : story.trace.rise]
    kept = minutes + 30 < now - HOLE_SECONDS
    written = []
    for name in ("apply", "observe", "api", "bystander"):
        labels = {"exported_namespace": story.namespace, "service": name}
        bed.live_metric("e2e_demand", labels, story.demand)
        written.append(Series("e2e_demand", labels, minutes[kept] + 30, values[kept]))
    bed.backfill(written)
    story.before = _objects(bed, story.namespace)


def _sample(bed: Testbed, namespace: str) -> Sample:
    floor = {
        name: int(bed.get("revisions", f"{name}-00001", namespace)["metadata"]["annotations"].get(MIN_SCALE, 0))
        for name in KNATIVE
    }
    floor["api"] = int(bed.get("hpa", "api", namespace)["spec"]["minReplicas"])
    pods = bed.find("pods", namespace)
    ready = {
        name: sum(
            condition(pod, "Ready") == "True"
            for pod in pods
            if (pod["metadata"]["labels"].get("serving.knative.dev/service") or pod["metadata"]["labels"].get("app"))
            == name
        )
        for name in floor
    }
    all_ready = all(condition(bed.get("ksvc", name, namespace), "Ready") == "True" for name in KNATIVE)
    return Sample(time.time(), floor, ready, all_ready)


def _watch(bed: Testbed, story: Story, end: float) -> None:
    """Until `end`; the real KPA hears of the load as it comes."""
    while time.time() < end:
        for name in KNATIVE:
            bed.load(story.namespace, f"{name}-00001", story.demand(time.time()))
        story.samples.append(_sample(bed, story.namespace))
        time.sleep(0.5)


def _read_faces(bed: Testbed, story: Story, controller: Controller) -> None:
    namespace = story.namespace
    story.events = bed.find("events.events.k8s.io", namespace)
    metrics_port, health_port = controller.ports()
    story.metrics = requests.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=30).text
    for page in ("healthz", "livez", "readyz"):
        assert requests.get(f"http://127.0.0.1:{health_port}/{page}", timeout=30).status_code == 200
    story.journal = controller.journal()
    story.during = _objects(bed, namespace)
    story.revisions = {
        name: [r["metadata"]["name"] for r in bed.find("revisions", namespace, f"serving.knative.dev/service={name}")]
        for name in KNATIVE
    }


def _blind(bed: Testbed, story: Story, controller: Controller) -> None:
    """Five rounds without Prometheus; the first of two before them may have read before it stopped."""
    controller.wait_for_rounds(2)
    end = controller.rounds() + 5

    def over() -> bool:
        story.blind.append(_sample(bed, story.namespace))
        return controller.rounds() >= end

    bed.wait_for(over, what="five rounds without Prometheus")


def _switch_off(bed: Testbed, story: Story, controller: Controller) -> None:
    """One by `off`, the other by taking the annotation away, with Prometheus still stopped."""
    namespace = story.namespace
    bed.patch("ksvc", "apply", {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}}, namespace)
    bed.patch("hpa", "api", {"metadata": {"annotations": {"ahpa.dev/mode": None}}}, namespace)
    controller.wait_for_rounds(3)
    with suppress(TestbedError):  # then a test says what is not as it was
        bed.wait_for(lambda: _objects(bed, namespace) == story.before, 30, "Knative copies what was given back")
    story.after = _objects(bed, namespace)


def _objects(bed: Testbed, namespace: str) -> dict[str, str]:
    """Annotations, labels and spec of every object that anybody could have been tempted to write.

    The mode is left out: that one the test itself changes.
    """
    out = {}
    for kind in ("ksvc", "configurations", "revisions", "hpa"):
        for item in bed.find(kind, namespace):
            meta = item["metadata"]
            annotations = {k: v for k, v in (meta.get("annotations") or {}).items() if k != "ahpa.dev/mode"}
            face = {"annotations": annotations, "labels": meta.get("labels"), "spec": item["spec"]}
            out[f"{kind}/{meta['name']}"] = json.dumps(face, sort_keys=True)
    return out
