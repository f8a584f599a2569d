"""Services that live while a real Prometheus scrapes them, in a time that goes faster than its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.telemetry.http import serve_http
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.service.loop import Loop
from testbed.build import find_parts
from testbed.processes import Processes
from testbed.prometheus import PrometheusServer
from tests.service.stage import DAY, ROOT, Stage

FASTER = 180.0
"""So much faster than ours goes the time of these services, and so much shorter are the times of the alerts
(tests/manifests/rules.py): a quarter of an hour is five seconds."""
TICK_SECONDS = 1.0
"""A round comes each of our seconds, which are three minutes there: fifteen such services share a processor."""

Close = Callable[[], None]


def tomorrow(hour: float) -> float:
    """Unix seconds: then a service that goes faster is ahead of Prometheus' clock all the time, as far as that knows
    ticks without a break."""
    return (time.time() // DAY + 1) * DAY + hour * 3600


@dataclass
class Fast:
    """A clock that goes faster from now on."""

    start: float
    began: float = field(default_factory=time.monotonic)

    def __call__(self) -> float:
        return self.start + FASTER * (time.monotonic() - self.began)


@dataclass
class Living:
    """One service that ticks."""

    at: Stage
    clock: Callable[[], float]
    each_round: Callable[[], object] = lambda: None
    """What happens in its world before each round."""
    refits: int = 0
    """One after so many rounds; 0: none but the first."""
    loop: Loop = field(init=False)

    def __post_init__(self) -> None:
        self.loop = Loop(self.at.service, self.at.telemetry, clock=self.clock)

    def run(self, stop: threading.Event) -> None:
        number = 0
        while not stop.wait(TICK_SECONDS):
            self.each_round()
            self.loop.do("tick")
            number += 1
            if self.refits and number % self.refits == 0:
                self.loop.do("refit")


def follow(at: Stage) -> None:
    """What an autoscaler does: each Revision has as many replicas as its floor says."""
    for where, item in at.kube.objects.items():
        if where.startswith(f"{ROOT}/revisions/"):
            floor = int(item["metadata"]["annotations"].get(MIN_SCALE, 1))
            item["status"] = {"actualReplicas": floor, "desiredReplicas": floor}


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
    """It lives, and can be scraped at this address."""
    stop = threading.Event()
    thread = threading.Thread(target=living.run, args=(stop,), daemon=True)
    with served(living.at.telemetry) as address:
        living.loop.do("tick")
        thread.start()
        try:
            yield address
        finally:
            stop.set()
            thread.join(60)


@contextmanager
def scraping(
    directory: Path, addresses: Sequence[str], rules: Mapping[str, object] | None = None
) -> Iterator[PrometheusServer]:
    """A Prometheus of the testbed that scrapes these each second."""
    with ExitStack() as stack:
        processes = Processes(directory, keep=False)
        stack.callback(processes.close)
        server = PrometheusServer(processes, find_parts().binaries)
        stack.callback(server.close)
        jobs = [(f"ahpa-{number}", address) for number, address in enumerate(addresses)]
        server.start(jobs, {"groups": []} if rules is None else rules)
        yield server
