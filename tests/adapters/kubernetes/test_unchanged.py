"""What did not change is not read again, and what did is: by whatever a target hangs on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.selectors import selector_of
from ahpa.adapters.kubernetes.store import labels_of
from ahpa.ports import Actuator
from tests.adapters.kubernetes.watching import ROOT
from tests.fakes.kube import FakeKube
from tests.service.stage import add_hpa, add_knative

APPS = "/apis/apps/v1/namespaces/shop/deployments"
PODS = "/api/v1/namespaces/shop/pods"
SHOP = f"{ROOT}/namespaces/shop"
CONFIG = "/api/v1/namespaces/knative-serving/configmaps"


class SameObjects(FakeKube):
    """Hands out the same object until it changes, as memory that is watched does."""

    def __init__(self) -> None:
        super().__init__()
        self._handed: dict[str, Object] = {}

    def items(self, where: str, **query: str) -> list[Object]:
        selector = selector_of(query.get("labelSelector", ""))
        return [self._same(item) for item in super().items(where) if selector.fits(labels_of(item))]

    def member(self, where: str, name: str) -> Object:
        return self._same(super().member(where, name))

    def _same(self, item: Object) -> Object:
        return self._handed.setdefault(f"{item['metadata']['uid']} {item['metadata']['resourceVersion']}", item)


def knative() -> SameObjects:
    kube = SameObjects()
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
    return kube


def hpas() -> SameObjects:
    kube = SameObjects()
    for name in ("chat", "other"):
        add_hpa(kube, name, mode="apply")
        kube.edit(f"/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/{name}", {"spec": {"metrics": [CPU]}})
        spec = {"replicas": 3, "selector": {"matchLabels": {"app": name}}}
        kube.put(f"{APPS}/{name}", {"metadata": {"namespace": "shop", "name": name}, "spec": spec})
    kube.put(f"{PODS}/chat-1", pod("chat", "100m"))
    return kube


def pod(app: str, cpu: str) -> Object:
    meta = {"namespace": "shop", "name": f"{app}-1", "labels": {"app": app}}
    return {"metadata": meta, "spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": cpu}}}]}}


CPU: Object = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}},
}


def ask(actuator: Actuator) -> dict[str, object]:
    return {target.name: target for target in actuator.targets()}


@pytest.mark.parametrize(("kind", "cluster"), [("knative", knative), ("hpa", hpas)])
def test_what_did_not_change_is_the_same_target(kind: str, cluster: Callable[[], SameObjects]) -> None:
    actuator = KINDS[kind].actuator(cluster(), "shop")
    before, after = ask(actuator), ask(actuator)
    assert before.keys() == {"chat", "other"}
    assert all(after[name] is before[name] for name in before)


CHANGES: dict[str, tuple[str, Callable[[], SameObjects], Callable[[SameObjects], object]]] = {
    "the Service": (
        "knative",
        knative,
        lambda kube: kube.edit(f"{SHOP}/services/chat", {"metadata": {"annotations": {"ahpa.dev/mode": "observe"}}}),
    ),
    "its Revision": (
        "knative",
        knative,
        lambda kube: kube.edit(f"{SHOP}/revisions/chat-00001", {"spec": {"containerConcurrency": 3}}),
    ),
    "that its Revision is gone": ("knative", knative, lambda kube: kube.objects.pop(f"{SHOP}/revisions/chat-00001")),
    "that it was made anew": (
        "knative",
        knative,
        lambda kube: kube.put(f"{SHOP}/services/chat", kube.objects[f"{SHOP}/services/chat"]),
    ),
    "what the HPA scales": ("hpa", hpas, lambda kube: kube.edit(f"{APPS}/chat", {"spec": {"replicas": 7}})),
    "that nothing is there to scale": ("hpa", hpas, lambda kube: kube.objects.pop(f"{APPS}/chat")),
    "what a pod requests": ("hpa", hpas, lambda kube: kube.put(f"{PODS}/chat-1", pod("chat", "500m"))),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_is_read_again_and_its_neighbour_is_not(what: str) -> None:
    kind, cluster, change = CHANGES[what]
    kube = cluster()
    actuator = KINDS[kind].actuator(kube, "shop")
    before = ask(actuator)
    change(kube)
    after = ask(actuator)
    assert after["chat"] is not before["chat"]
    assert after["other"] is before["other"]


def test_new_defaults_of_the_cluster_are_read_for_all() -> None:
    kube = knative()
    actuator = KINDS["knative"].actuator(kube, "shop")
    before = {target.name: target.measures[0].capacities[0].value for target in actuator.targets()}
    data = {"container-concurrency-target-percentage": "50"}
    meta = {"namespace": "knative-serving", "name": "config-autoscaler"}
    kube.put(f"{CONFIG}/config-autoscaler", {"metadata": meta, "data": data})
    after = {target.name: target.measures[0].capacities[0].value for target in actuator.targets()}
    assert before == {"chat": 7.0, "other": 7.0}
    assert after == {"chat": 5.0, "other": 5.0}


def test_what_is_gone_is_forgotten() -> None:
    kube = knative()
    actuator = KINDS["knative"].actuator(kube, "shop")
    first = ask(actuator)
    service = kube.objects.pop(f"{SHOP}/services/chat")
    assert ask(actuator).keys() == {"other"}
    kube.objects[f"{SHOP}/services/chat"] = service
    assert ask(actuator)["chat"] is not first["chat"]
