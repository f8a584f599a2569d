"""The service as a process of its own, which may be killed at any moment. Its API server has a real socket; demand and
model are simple, so that it knows within a moment what it wants.
"""

from __future__ import annotations

import math
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from kubernetes import client

from ahpa.adapters.kubernetes.api import Kube
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.prometheus.queries import QueryList
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.service.rounds import Ports, Service
from tests.fakes.demand import FakePrometheus
from tests.fakes.models import SameAsNow
from tests.service.stage import NOW, QUERIES, SETTINGS, always

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__])


@dataclass(frozen=True)
class Life:
    """One process."""

    process: BaseProcess
    wire: Connection

    def tick(self, now: float) -> bool:
        """One round; False if it did not live to see the end of it."""
        try:
            self.wire.send(now)
            return bool(self.wire.recv())
        except (EOFError, OSError):
            return False

    def end(self) -> None:
        """As by `kill -9`, if it is not dead yet; again, nothing happens."""
        self.process.kill()
        self.process.join()
        self.wire.close()


@contextmanager
def living(url: str, demand: float) -> Iterator[Life]:
    """A new process, for services at this API server which all have this demand; nan: there is none to be read."""
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_live, args=(url, demand, theirs), daemon=True)
    process.start()
    theirs.close()
    life = Life(process, ours)
    try:
        yield life
    finally:
        life.end()


def _live(url: str, demand: float, wire: Connection) -> None:
    settings = client.Configuration(host=url)
    settings.retries = False
    kube = Kube(client.ApiClient(settings), (5.0, 5.0))
    prometheus = FakePrometheus({} if math.isnan(demand) else {"": lambda t: demand})
    ports = Ports(
        actuators={name: KINDS[name].actuator(kube, "shop") for name in ("knative", "hpa")},
        starts=Pods(kube),
        demand=prometheus,
        late=prometheus,
        queries=QueryList(QUERIES),
        models={"fleet": SameAsNow()},
        events=Events(kube, "test"),
        telemetry=Telemetry(),
    )
    service = Service(replace(SETTINGS, history_seconds=7200.0), ports, always)
    service.refit(NOW)
    while True:
        try:
            now = wire.recv()
        except EOFError:
            return
        service.tick(now)
        wire.send(True)
