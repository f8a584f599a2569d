"""A watched API server on a loopback socket, at a rhythm that tests can wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kubernetes import client

from ahpa.adapters.kubernetes.api import Kube, Object
from ahpa.adapters.kubernetes.pace import Rhythm
from ahpa.adapters.kubernetes.watched import MOST_OBJECTS, Watched
from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube
from tests.service.api_server import ApiServer

QUICK = Rhythm(
    patience=2.0,
    stream=(1.0, 1.0),
    pauses=(0.05, 0.4),
    refused=0.5,
    lists_per_second=50.0,
    lists_at_once=10,
    departed=60.0,
)
STARTED = "2023-11-14T08:00:05Z"
ROOT = "/apis/serving.knative.dev/v1"
SERVICES, REVISIONS, PODS = f"{ROOT}/services", f"{ROOT}/revisions", "/api/v1/namespaces/shop/pods"


@dataclass
class Watch:
    """A fake cluster, its server, and what watches it."""

    kube: FakeKube
    server: ApiServer
    watched: Watched
    said: list[tuple[str, str]] = field(default_factory=list)

    def names(self, where: str = SERVICES) -> list[str]:
        return sorted(item["metadata"]["name"] for item in self.watched.items(where))

    def blind(self, status: int = 503) -> None:
        """No watch is answered from here on, and those that are open end."""
        self.kube.fail = lambda method, where: ClusterError(status, "no") if method == "WATCH" else None
        self.server.cut()

    def sees(self) -> None:
        """All is answered again."""
        self.kube.fail = lambda method, where: None
        self.server.fault = lambda *_: None

    def asked(self, method: str, where: str = SERVICES) -> int:
        return self.server.asked.count((method, where))


@contextmanager
def watching(
    kube: FakeKube | None = None, rhythm: Rhythm = QUICK, most: int = MOST_OBJECTS, namespace: str | None = None
) -> Iterator[Watch]:
    """Two Knative Services in it, if nothing else is."""
    if kube is None:
        kube = FakeKube()
        for name in ("a", "b"):
            put(kube, name)
    server = ApiServer(kube)
    said: list[tuple[str, str]] = []
    watched = Watched(kube_at(server.url), namespace, rhythm, lambda *words: said.append(words), most)
    try:
        yield Watch(kube, server, watched, said)
    finally:
        watched.close()
        server.close()


def kube_at(url: str, seconds: float = 2.0) -> Kube:
    settings = client.Configuration(host=url)
    settings.retries = False
    return Kube(client.ApiClient(settings), (seconds, seconds))


def put(kube: FakeKube, name: str, namespace: str = "shop", **annotations: str) -> str:
    where = f"{ROOT}/namespaces/{namespace}/services/{name}"
    kube.put(where, {"metadata": {"namespace": namespace, "name": name, "annotations": annotations}, "spec": {}})
    return where


def put_pod(kube: FakeKube, name: str, *, ready: str = "", restarts: int = 0, **labels: str) -> str:
    """In the namespace shop; `ready` is when it became so."""
    ready_condition: list[Object] = [{"type": "Ready", "status": "True", "lastTransitionTime": ready}] if ready else []
    where = f"{PODS}/{name}"
    kube.put(where, {
        "metadata": {"namespace": "shop", "name": name, "labels": labels, "creationTimestamp": "2023-11-14T08:00:00Z"},
        "spec": {"nodeName": "n1", "containers": [{"name": "app", "image": "x" * 1000, "env": [{"name": "A"}]}]},
        "status": {
            "conditions": [{"type": "Initialized", "status": "True"}, *ready_condition],
            "containerStatuses": [{"restartCount": restarts, "state": {"running": {"startedAt": STARTED}}}],
        },
    })  # fmt: skip
    return where
