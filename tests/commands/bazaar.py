"""A cluster of mixed objects that nobody has annotated, for the survey: its demand is made up, its starts are seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import numpy as np

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.prometheus.queries import QueryList, load_queries
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.commands.looking import NoEvents
from ahpa.service.rounds import Ports
from forecasting.model import Model
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube

DAY = 86_400.0
NOW = 1_700_000_000.0 // DAY * DAY + DAY
HPAS = "/apis/autoscaling/v2/namespaces/{}/horizontalpodautoscalers"


def office(top: float, shift: float = 0.0, noise: float = 0.05) -> Callable[[float], float]:
    """Up within ten minutes each morning, down over two hours each evening; a little noise, the same each time."""

    def demand(at: float) -> float:
        hour = (at + shift) % DAY / 3600
        level = min(max((hour - 9) * 6, 0.05), 1.0) * min(max((19 - hour) / 2, 0.05), 1.0)
        wobble = 1 + noise * math.sin(at * 12.9898) * math.cos(at * 78.233)
        return top * level * wobble

    return demand


def flat(level: float) -> Callable[[float], float]:
    return lambda at: level * (1 + 0.03 * math.sin(at * 12.9898))


def knative(kube: FakeKube, namespace: str, name: str, least: int = 0, metric: str = "concurrency") -> None:
    """A Service with one Revision of ten slots."""
    root = f"/apis/serving.knative.dev/v1/namespaces/{namespace}"
    noted = {"autoscaling.knative.dev/metric": metric}
    noted |= {"autoscaling.knative.dev/target": "10"} if metric == "rps" else {}
    noted |= {"autoscaling.knative.dev/min-scale": str(least)} if least else {}
    kube.put(f"{root}/services/{name}", {
        "metadata": {"namespace": namespace, "name": name, "annotations": {}}, "spec": {},
        "status": {"traffic": [{"revisionName": f"{name}-00001", "percent": 100}]},
    })  # fmt: skip
    kube.put(f"{root}/revisions/{name}-00001", {
        "metadata": {"namespace": namespace, "name": f"{name}-00001", "annotations": noted},
        "spec": {"containerConcurrency": 10}, "status": {"actualReplicas": 3},
    })  # fmt: skip


def hpa(
    kube: FakeKube,
    namespace: str,
    name: str,
    least: int = 1,
    metric: str = "cpu",
    owner: Mapping[str, str] | None = None,
) -> None:
    """Above a Deployment whose pods request half a core."""
    target: Object = {"type": "Utilization", "averageUtilization": 70}
    said: Object = {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    if metric != "cpu":
        value = {"type": "AverageValue", "averageValue": "10"}
        said = {"type": "Pods", "pods": {"metric": {"name": metric}, "target": value}}
    meta: Object = {"namespace": namespace, "name": name, "annotations": {}}
    if owner is not None:
        meta["ownerReferences"] = [{**owner, "controller": True}]
    kube.put(f"{HPAS.format(namespace)}/{name}", {
        "metadata": meta,
        "spec": {"minReplicas": least, "maxReplicas": 50, "metrics": [said],
                 "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}},
        "status": {"currentReplicas": 2},
    })  # fmt: skip
    kube.put(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}", {
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": name}},
                 "template": {"spec": {"containers": [{"name": "it", "resources": {"requests": {"cpu": "500m"}}}]}}},
        "status": {"readyReplicas": 2},
    })  # fmt: skip


def pod(kube: FakeKube, namespace: str, name: str, took: float) -> None:
    """That was asked for an hour ago. The fake gives every selector all pods of the namespace."""

    def stamp(at: float) -> str:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    ready = {"type": "Ready", "status": "True", "lastTransitionTime": stamp(NOW - 3600 + took)}
    kube.put(f"/api/v1/namespaces/{namespace}/pods/{name}", {
        "metadata": {"namespace": namespace, "name": name, "creationTimestamp": stamp(NOW - 3600)},
        "spec": {"nodeName": "n1", "containers": [{"name": "it", "resources": {"requests": {"cpu": "500m"}}}]},
        "status": {"conditions": [ready]},
    })  # fmt: skip


def ports_of(kube: FakeKube, demands: dict[str, Callable[[float], float]], models: Mapping[str, Model]) -> Ports:
    """As the command puts them together, on fakes; queries and kinds are the real ones."""
    prometheus = FakePrometheus(demands)
    return Ports(
        actuators={name: kind.actuator(kube, None, lambda item: True) for name, kind in KINDS.items()},
        starts=Pods(kube),
        demand=prometheus,
        late=prometheus,
        queries=QueryList(load_queries(None)),
        models=models,
        events=NoEvents(),
        telemetry=Telemetry(),
    )


def market(services: int, seed: int = 0) -> tuple[FakeKube, dict[str, Callable[[float], float]]]:
    """So many objects of all kinds and sizes, and their demands."""
    kube, rng = FakeKube(), np.random.default_rng(seed)
    demands: dict[str, Callable[[float], float]] = {}
    for i in range(services):
        name, top, shift = f"s{i:02d}x", float(rng.uniform(5, 150)), float(rng.uniform(0, 8)) * 3600
        if i % 4 == 3:
            hpa(kube, "shop", name, least=1 + 2 * (i % 3))
            demands[name] = office(top / 20, shift)
        else:
            knative(kube, "shop", name, least=4 if i % 5 == 0 else 0, metric="rps" if i % 4 == 2 else "concurrency")
            demands[name] = flat(top / 3) if i % 7 == 0 else office(top, shift)
    for i in range(25):
        pod(kube, "shop", f"p{i}", 90.0 + 3 * i)
    return kube, demands
