"""A score of targets whose demand rises and falls every few minutes, and what their owners have set."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import partial

import numpy as np

from testbed import Series, Testbed
from testbed.kube import condition
from tests.testbed.reading import MIN_SCALE

NAMESPACE = "chaos"
MOST, PER_REPLICA = 8, 10.0
"""Replicas that an owner allows at most, and what one of them serves."""
HISTORY_SECONDS = 3 * 3600.0
SERVICES, HPAS = 10, 10
QUERY = 'sum(avg_over_time(chaos_demand{exported_namespace="{{namespace}}",service="{{name}}"}[{{step}}]))'
RECORDS = ("ahpa.dev/baseline", "ahpa.dev/baseline-target")


@dataclass(frozen=True)
class Owned:
    """One of them."""

    kind: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.kind}-{self.number}"

    @property
    def key(self) -> str:
        return f"{self.kind}/{NAMESPACE}/{self.name}"

    @property
    def own(self) -> int:
        """The minimum that its owner has set; a Knative Service may have none."""
        return self.number % 3 if self.kind == "knative" else 1 + self.number % 3

    def demand(self, now: float) -> float:
        """Between one replica's and six, in a time of its own: 4 to 9 minutes."""
        period = 240.0 + 30.0 * self.number
        return PER_REPLICA * (3.5 - 2.5 * math.cos(2 * math.pi * now / period + self.number))

    def resource(self) -> tuple[str, str]:
        """What carries its annotations."""
        return ("ksvc" if self.kind == "knative" else "hpa"), self.name

    def given_back(self, bed: Testbed) -> bool:
        """Its minimum is its owner's again, and no record of ours is left."""
        top = bed.get(*self.resource(), NAMESPACE)
        if set(RECORDS) & set(top["metadata"].get("annotations") or {}):
            return False
        if self.kind == "hpa":
            return bool(top["spec"].get("minReplicas") == self.own)
        revision = bed.get("revisions", f"{self.name}-00001", NAMESPACE)
        own = str(self.own) if self.own else None
        return bool((revision["metadata"].get("annotations") or {}).get(MIN_SCALE) == own)


ALL = [Owned("knative", number) for number in range(SERVICES)] + [Owned("hpa", number) for number in range(HPAS)]


def make(bed: Testbed) -> None:
    """The objects, and the demand of the hours before and of all that come."""
    bed.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    asked = {"ahpa.dev/mode": "apply", "ahpa.dev/demand": "chaos-demand", "ahpa.dev/max": str(MOST)}
    asked |= {"ahpa.dev/target-per-replica": f"{PER_REPLICA:g}", "ahpa.dev/quantile": "0.8"}
    for each in ALL:
        if each.kind == "knative":
            own = {MIN_SCALE: str(each.own)} if each.own else {}
            bed.knative_service(
                each.name, NAMESPACE, annotations=asked, template_annotations=own, gpus=0, ready_seconds=1, wait=False
            )
        else:
            least = {"min_replicas": each.own, "max_replicas": MOST, "gpus": 0}
            bed.hpa_with_deployment(each.name, NAMESPACE, annotations=asked, ready_seconds=1, **least)
    bed.wait_for(lambda: all(map(partial(_ready, bed), ALL[:SERVICES])), what="all Services are Ready")
    times = np.arange(time.time() - HISTORY_SECONDS, time.time() - 60, 10.0)
    series = []
    for each in ALL:
        labels = {"exported_namespace": NAMESPACE, "service": each.name}
        bed.live_metric("chaos_demand", labels, each.demand)
        series.append(Series("chaos_demand", labels, times, np.array([each.demand(at) for at in times])))
    bed.backfill(series)


def _ready(bed: Testbed, service: Owned) -> bool:
    return condition(bed.get(*service.resource(), NAMESPACE), "Ready") == "True"


def switch_off(bed: Testbed) -> None:
    """Half of them by `off`, the others by taking the annotation away."""
    for each in ALL:
        mode = "off" if each.number % 2 else None
        resource, name = each.resource()
        bed.patch(resource, name, {"metadata": {"annotations": {"ahpa.dev/mode": mode}}}, NAMESPACE)


def left(bed: Testbed) -> list[str]:
    """Those that are not given back."""
    return [each.key for each in ALL if not each.given_back(bed)]
