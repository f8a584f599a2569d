"""Services that live, in our time or in their own, and what a scrape finds of them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from prometheus_client.parser import text_string_to_metric_families

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.telemetry.http import serve_http
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.service.loop import Loop
from testbed import Series
from tests.service.stage import ROOT, Stage

ROUND_MINUTES = 3


@dataclass
class Clock:
    """What it is told."""

    now: float

    def __call__(self) -> float:
        return self.now


@dataclass
class Living:
    """One service that ticks."""

    at: Stage
    clock: Callable[[], float]
    each_round: Callable[[], object] = lambda: None
    """What happens in its world before each round."""
    loop: Loop = field(init=False)

    def __post_init__(self) -> None:
        self.loop = Loop(self.at.service, self.at.telemetry, clock=self.clock)

    def round(self) -> None:
        self.each_round()
        self.loop.do("tick")


def follow(at: Stage) -> None:
    """What an autoscaler does: each Revision has as many replicas as its floor says."""
    for where, item in at.kube.objects.items():
        if where.startswith(f"{ROOT}/revisions/"):
            floor = int(item["metadata"]["annotations"].get(MIN_SCALE, 1))
            item["status"] = {"actualReplicas": floor, "desiredReplicas": floor}


class Scrapes:
    """What a Prometheus holds that asked for /metrics now and then."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, tuple[tuple[str, str], ...]], list[tuple[float, float]]] = {}

    def scrape(self, at: Stage, now: float, **labels: str) -> None:
        """`labels`: those of the target that is scraped; no metric has them itself."""
        for family in text_string_to_metric_families(at.metrics()):
            for sample in family.samples:
                named = tuple(sorted({**sample.labels, **labels}.items()))
                self._found.setdefault((sample.name, named), []).append((now, sample.value))

    def series(self) -> list[Series]:
        return [
            Series(name, dict(labels), np.array([t for t, _ in seen]), np.array([v for _, v in seen]))
            for (name, labels), seen in self._found.items()
        ]


def played(lives: Sequence[Living], clock: Clock, hours: int) -> list[Series]:
    """These copies go on from now, by a clock that waits for nothing; a round and a scrape each three minutes, as data
    of five minutes are still fresh to both, and a refit each hour."""
    scrapes, start = Scrapes(), clock.now
    for minute in range(0, 60 * hours + 1, ROUND_MINUTES):
        clock.now = start + 60.0 * minute
        for number, living in enumerate(lives):
            if minute and minute % 60 == 0:
                living.loop.do("refit")
            living.round()
            scrapes.scrape(living.at, clock.now, instance=f"ahpa-{number}")
    return scrapes.series()


@contextmanager
def served(telemetry: Telemetry) -> Iterator[str]:
    """The address at which its metrics are."""
    page = {"/metrics": lambda: (200, "text/plain; version=0.0.4; charset=utf-8", telemetry.text())}
    server = serve_http(0, page, "127.0.0.1")
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(living: Living) -> Iterator[str]:
    """It lives, a round each second, and can be scraped at this address."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(1.0):
            living.round()

    thread = threading.Thread(target=run, daemon=True)
    with served(living.at.telemetry) as address:
        living.loop.do("tick")
        thread.start()
        try:
            yield address
        finally:
            stop.set()
            thread.join(60)
