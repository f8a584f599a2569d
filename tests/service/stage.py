"""A small cluster on fakes with the service in it, for the tests of its parts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from ahpa.adapters.files.journal import JournalFile
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.paced import Paced
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.prometheus.queries import Query, QueryList
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.decision import Decision
from ahpa.core.readiness import Lag, Readiness
from ahpa.ports import Places, ServerClock
from ahpa.service.act import Gate
from ahpa.service.learn import Learner
from ahpa.service.leases import ALONE, Leases
from ahpa.service.observe import Observer
from ahpa.service.rounds import Ports, Service
from ahpa.service.settings import Settings
from forecasting.model import Model
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsYesterday

DAY = 86_400.0
NOW = 1_700_000_000.0 // DAY * DAY + 9 * 3600.0  # 09:00 UTC
ROOT = "/apis/serving.knative.dev/v1/namespaces/shop"
HPAS = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers"
QUERIES = {
    "knative-concurrency": Query("knative-concurrency", 'up{a="{{name}}"}', answers=frozenset({"knative/concurrency"})),
    "mine": Query("mine", 'x{a="{{name}}"}'),
}
SETTINGS = Settings(readiness=Readiness.single(Lag.of(180, 300)), history_seconds=2 * DAY)


def morning(now: float) -> float:
    """2 in the night, 42 from five past nine to five in the afternoon."""
    return 42.0 if 9 * 3600 + 300 <= now % DAY < 17 * 3600 else 2.0


def always(now: float) -> bool:
    return True


def never(now: float) -> bool:
    return False


@dataclass
class Stage:
    """The fakes, and the service that sees them."""

    kube: FakeKube
    prometheus: FakePrometheus
    telemetry: Telemetry
    service: Service
    ports: Ports
    """Its own, for whoever looks at the same world."""
    observer: Observer
    learner: Learner
    """As in the service, to be asked by themselves."""

    def tick(self, now: float = NOW) -> dict[str, Decision]:
        return {decision.key: decision for decision in self.service.tick(now)}

    def tick_beside_a_refit(self, hangs: threading.Event, let_go: threading.Event) -> None:
        """Five ticks while a refit `hangs`; then it is `let_go`, and over."""
        refit = threading.Thread(target=self.service.refit, args=(NOW,))
        refit.start()
        assert hangs.wait(120)
        for minute in range(5):
            self.tick(NOW + 60 * minute)
        let_go.set()
        refit.join()

    def min_scale(self, name: str) -> str | None:
        annotations: dict[str, str] = self.kube.objects[f"{ROOT}/revisions/{name}-00001"]["metadata"]["annotations"]
        return annotations.get(MIN_SCALE)

    def metrics(self) -> str:
        return self.telemetry.text().decode()


def add_knative(kube: FakeKube, name: str, **annotations: str) -> None:
    noted = {f"ahpa.dev/{key}": value for key, value in annotations.items()}
    meta = {"namespace": "shop", "name": name, "annotations": noted}
    traffic = [{"revisionName": f"{name}-00001", "percent": 100}]
    kube.put(f"{ROOT}/services/{name}", {"metadata": meta, "spec": {}, "status": {"traffic": traffic}})
    kube.put(f"{ROOT}/revisions/{name}-00001", {
        "metadata": {"namespace": "shop", "name": f"{name}-00001", "annotations": {}},
        "spec": {"containerConcurrency": 10}, "status": {"actualReplicas": 1},
    })  # fmt: skip


def add_hpa(kube: FakeKube, name: str, most: int = 20, **annotations: str) -> None:
    noted = {f"ahpa.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    kube.put(f"{HPAS}/{name}", {
        "metadata": {"namespace": "shop", "name": name, "annotations": noted},
        "spec": {"minReplicas": 1, "maxReplicas": most, "scaleTargetRef": {"kind": "Deployment", "name": name}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip


def staged(
    kube: FakeKube,
    prometheus: FakePrometheus,
    settings: Settings = SETTINGS,
    *,
    may_write: Gate = always,
    pace: Callable[[], None] = lambda: None,
    journal: Path | None = None,
    models: Mapping[str, Model] | None = None,
    queries: Mapping[str, Query] = MappingProxyType(QUERIES),
    cluster_clock: ServerClock | None = None,
    stopwatch: Callable[[], float] = time.monotonic,
    places: Places | None = None,
    leases: Leases = ALONE,
    telemetry: Telemetry | None = None,
) -> Stage:
    """A new service in an old world: a start, or a restart."""
    telemetry = telemetry or Telemetry()
    ports = Ports(
        actuators={name: kind.actuator(Paced(kube, pace), "shop") for name, kind in KINDS.items()},
        starts=Pods(kube),
        demand=prometheus,
        late=prometheus,
        queries=QueryList(queries),
        models=models or {"fleet": SameAsYesterday()},
        events=Events(kube, "test"),
        telemetry=telemetry,
        journal=JournalFile(str(journal)) if journal else None,
        cluster_clock=cluster_clock,
        places=places,
    )
    observer = Observer(
        settings, ports.actuators, prometheus, prometheus, ports.starts, ports.queries, tuple(ports.models), telemetry
    )
    learner = Learner(settings, prometheus, ports.models, telemetry)
    service = Service(settings, ports, may_write, stopwatch, leases)
    return Stage(kube, prometheus, telemetry, service, ports, observer, learner)


def stage(
    *names: str,
    mode: str = "apply",
    settings: Settings = SETTINGS,
    may_write: Gate = always,
    pace: Callable[[], None] = lambda: None,
    journal: Path | None = None,
) -> Stage:
    """Services whose load rises every morning, and a service that has learned it."""
    kube, prometheus = FakeKube(), FakePrometheus({"chat": morning, "other": morning})
    for name in names or ("chat",):
        add_knative(kube, name, mode=mode)
    at = staged(kube, prometheus, settings, may_write=may_write, pace=pace, journal=journal)
    at.service.refit(NOW)
    return at
