"""The service itself on the testbed, with a demand that is told to it."""

from __future__ import annotations

import time

from ahpa.adapters.kubernetes.api import Kube, KubeApi
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.prometheus.queries import QueryList
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.service.rounds import Ports, Service
from testbed import Testbed
from tests.fakes.demand import FakePrometheus
from tests.fakes.models import SameAsYesterday
from tests.service.stage import QUERIES, SETTINGS, always

DEMAND, NEEDED = 35.0, 5
"""35 in flight at 7 each (containerConcurrency 10, 70 %)."""


def service_on(bed: Testbed, namespace: str, kube: KubeApi | None = None) -> Service:
    """A new process of ours on a real cluster, with a demand that never changes."""
    kube = kube or Kube.connect(str(bed.kubeconfig))
    ports = Ports(
        actuators={"knative": KINDS["knative"].actuator(kube, namespace)},
        starts=Pods(kube),
        demand=FakePrometheus({"chat": lambda t: DEMAND}),
        late=FakePrometheus({}),
        queries=QueryList(QUERIES),
        models={"fleet": SameAsYesterday()},
        events=Events(kube, "test"),
        telemetry=Telemetry(),
        journal=None,
    )
    service = Service(SETTINGS, ports, always)
    service.refit(time.time())
    return service


def minimum(bed: Testbed, revision: str, namespace: str) -> str | None:
    annotations: dict[str, str] = bed.get("revisions", revision, namespace)["metadata"].get("annotations") or {}
    return annotations.get(MIN_SCALE)
