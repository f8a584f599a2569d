"""Watches on the real API server: what people do is seen by the next round, and an outage loses nothing."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.kubernetes.watched import Watched
from ahpa.ports import Actuator
from ahpa.targets import Target
from testbed import Testbed

pytestmark = pytest.mark.testbed


class Relay:
    """A port before the API server's. `down`: connections break and new ones are refused, as when it is killed."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open: list[socket.socket] = []
        self._listening: socket.socket | None = None
        self.port = 0
        self.up()

    def up(self) -> None:
        self._listening = listening = socket.create_server(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(listening,), daemon=True).start()

    def down(self) -> None:
        closing = [*self._open, *([self._listening] if self._listening else [])]
        self._open.clear()
        for each in closing:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                ours, _ = listening.accept()
                theirs = socket.create_connection(("127.0.0.1", self._to))
                self._open += [ours, theirs]
                for one, other in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=_pass_on, args=(one, other), daemon=True).start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65_536):
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)


@contextmanager
def watched(kubeconfig: Path, namespace: str | None) -> Iterator[Watched]:
    made = Watched(Kube.connect(str(kubeconfig)), namespace)
    try:
        yield made
    finally:
        made.close()
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("watch /")], "they end at once"


def only(actuator: Actuator) -> Target:
    (target,) = actuator.targets()
    return target


def test_what_people_do_is_seen_by_the_next_round(bed: Testbed, bed_namespace: str) -> None:
    """An annotation, a floor of ours, a scaled Deployment, a deletion; all from memory."""
    bed.hpa_with_deployment(
        "api", bed_namespace, annotations={"ahpa.dev/mode": "apply"}, min_replicas=2, max_replicas=9
    )
    with watched(bed.kubeconfig, bed_namespace) as kube:
        actuator = KINDS["hpa"].actuator(kube, bed_namespace)
        bed.wait_for(lambda: only(actuator).ready == 2, what="its replicas are seen to be ready")
        noted = {"metadata": {"annotations": {"ahpa.dev/mode": "observe"}}}
        bed.patch("hpa", "api", noted, bed_namespace)
        bed.wait_for(lambda: only(actuator).annotations["ahpa.dev/mode"] == "observe", what="the annotation is seen")

        def write() -> bool:
            target = only(actuator)
            return target.floor == 4 or (actuator.write(target, (4,)) and only(actuator).floor == 4)

        assert bed.wait_for(write, what="our own write is seen at once")
        bed.wait_for(lambda: only(actuator).ready == 4, what="what came of it is seen")
        target = only(actuator)
        assert (target.baseline, target.managed) == (2, True)
        assert only(actuator) is target, "nothing changed, so nothing is read again"
        starts = Pods(kube, kube.departed).starts(target)
        assert len([start for start in starts if start.ready is not None]) == 4
        bed.delete("hpa", "api", bed_namespace)
        bed.wait_for(lambda: not actuator.targets(), what="the deletion is seen")
        assert {told.lists for told in kube.told()} == {1}


def test_of_a_knative_service_all_that_it_consists_of_is_seen(bed: Testbed, bed_namespace: str) -> None:
    bed.knative_service("chat", bed_namespace, annotations={"ahpa.dev/mode": "apply"}, concurrency=10)
    with watched(bed.kubeconfig, None) as kube:  # of all namespaces
        actuator = KINDS["knative"].actuator(kube, bed_namespace)

        def write() -> bool:
            target = only(actuator)
            return target.floor == 3 or (actuator.write(target, (3,)) and only(actuator).floor == 3)

        bed.wait_for(write, what="our own write is seen at once")
        bed.wait_for(lambda: only(actuator).ready == 3, what="what came of it is seen")
        actuator.restore(only(actuator))
        assert not only(actuator).managed


def test_what_happened_while_the_server_was_away_is_seen_when_it_is_back(
    bed: Testbed, bed_namespace: str, tmp_path: Path
) -> None:
    """Without another list: a watch goes on where it was."""
    relay = Relay(int(bed.api_url.rpartition(":")[2]))
    config = json.loads(bed.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{relay.port}"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps(config))
    for name in ("api", "web"):
        bed.hpa_with_deployment(name, bed_namespace, annotations={"ahpa.dev/mode": "apply"})
    with watched(kubeconfig, bed_namespace) as kube:
        actuator = KINDS["hpa"].actuator(kube, bed_namespace)
        assert len(actuator.targets()) == 2
        relay.down()
        bed.delete("hpa", "api", bed_namespace)
        bed.patch("hpa", "web", {"spec": {"minReplicas": 3}}, bed_namespace)
        assert {target.name for target in actuator.targets()} == {"api", "web"}, "for a while what was known counts"
        relay.up()
        bed.wait_for(lambda: [target.floor for target in actuator.targets()] == [3], what="both changes are seen")
        lists = {told.name.rpartition("/")[2]: told.lists for told in kube.told()}
        assert lists["horizontalpodautoscalers"] == 1
    relay.down()
