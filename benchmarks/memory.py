"""`python -m benchmarks.memory [--targets 50,500,2000]`: what the controller needs at its largest, while it refits.

Each case is a process of its own: the parts that `ahpa serve` puts together, before a Prometheus on this machine that
answers over HTTP, and made-up services. It refits, ticks, and refits once more beside what it had learned, which is
when most is held. Peak and present are resident memory (Linux).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.processes.fits import FitPool
from ahpa.adapters.processes.memory import give_freed_arrays_back
from ahpa.adapters.prometheus.queries import QueryList, load_queries
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.decision import Decision
from ahpa.core.starts import Start
from ahpa.core.units import Capacity
from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.service.rounds import Ports, Service
from ahpa.service.settings import Settings
from ahpa.targets import Measure, Target
from forecasting.choice.models import models
from forecasting.fleet.synthetic import services

DAYS = 14.0
SHORT_DAYS = 24 / 1440
"""Of the nearly empty histories."""
STEP = 60.0
NOW = 1_700_000_040.0
_SHAPES = 40
"""So many services differ; the others are like one of them."""


@dataclass(frozen=True)
class Annotated:
    """An actuator of so many Knative Services that ask for a plan; what is written to them is thrown away."""

    count: int

    def targets(self, deadline: float = np.inf) -> list[Target]:
        return [
            Target(
                kind="knative",
                namespace="inference",
                name=f"service-{i}",
                annotations={"ahpa.dev/mode": "observe"},
                reference={},
                baseline=1,
                floor=1,
                ready=1,
                present=1,
                maximum=50,
                measures=(Measure("knative/concurrency", (Capacity(10.0, None, "its target"),)),),
                managed=False,
                selector="",
            )
            for i in range(self.count)
        ]

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        return True

    def fill(self, target: Target, share: float | None) -> bool:
        return False

    def restore(self, target: Target) -> None: ...


class Silent:
    """Neither pods nor Events."""

    def starts(self, target: Target, deadline: float = np.inf) -> list[Start]:
        return []

    def tell(self, target: Target, decision: Decision, now: float) -> bool:
        return False

    def say(self, target: Target, reason: str, message: str, now: float, value: int = 0, warning: bool = False) -> bool:
        return False


@contextmanager
def prometheus(days: float) -> Iterator[str]:
    """The address of a server that has so many days of every service."""
    made = services(_SHAPES, DAYS, STEP, np.random.default_rng(3))
    began = NOW - days * 86_400

    @cache
    def values(shape: int, start: float, end: float) -> str:
        stamps = np.arange(max(start, began), end + 1, STEP)
        columns = np.round((stamps - NOW) / STEP).astype(int) % made.shape[1]
        rows = zip(stamps.tolist(), made[shape, columns].tolist(), strict=True)
        return json.dumps([[stamp, repr(value)] for stamp, value in rows])

    def answer(asked: dict[str, list[str]]) -> bytes:
        """Of one service, or of the many of a lifted query, which are told apart by their name."""
        several = re.search(r'kn_service_name=~"([^"]*)"', asked["query"][0])
        names = several[1].split("|") if several else re.findall(r"service-\d+", asked["query"][0])[:1] or ["service-0"]
        span = float(asked["start"][0]), float(asked["end"][0])
        rows = [(name, values(int(name.rpartition("-")[2]) % _SHAPES, *span)) for name in names]
        result = ",".join(
            f'{{"metric":{{"kn_service_name":"{name}"}},"values":{row}}}' for name, row in rows if row != "[]"
        )
        return f'{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}}}'.encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._say(answer(parse_qs(urlsplit(self.path).query)))

        def do_POST(self) -> None:
            self._say(answer(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())))

        def _say(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()


def measure(url: str, count: int) -> dict[str, float]:
    """One case, in this process: MiB and seconds."""
    give_freed_arrays_back()
    silent = Silent()
    prometheus = Prometheus(url, executor=Threads(4))
    ports = Ports(
        actuators={"knative": Annotated(count)},
        starts=silent,
        demand=Kept(prometheus, prometheus.apart(), Keeping(DAYS * 86_400, STEP, patience=np.inf)),
        late=prometheus.apart(),
        queries=QueryList(load_queries()),
        models=models(FitPool(), None, Threads(2)),
        events=silent,
        telemetry=Telemetry(),
    )
    service = Service(Settings(refit_seconds=7200), ports, lambda now: False)
    idle = resident("RSS")
    began = time.perf_counter()
    service.refit(NOW)
    seconds = time.perf_counter() - began
    first = resident("HWM")
    service.tick(NOW)
    between = resident("RSS")
    service.refit(NOW + 60)
    service.tick(NOW + 60)
    found = {"idle": idle, "first": first, "between": between, "peak": resident("HWM"), "after": resident("RSS")}
    return {**found, "refit_seconds": seconds}


def resident(what: str) -> float:
    """MiB of this process: now (`RSS`), or at its largest (`HWM`)."""
    found = re.search(rf"Vm{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found.group(1)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", default="50,500,2000")
    parser.add_argument("--one", nargs=2, metavar=("URL", "TARGETS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one[0], int(given.one[1]))))
        return
    print("targets  history   first refit  between  peak  after (MiB)   refit (s)")
    for count in given.targets.split(","):
        for words, days in (("14 days", DAYS), ("24 min", SHORT_DAYS)):
            with prometheus(days) as url:
                command = [sys.executable, "-m", "benchmarks.memory", "--one", url, count]
                said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
            figures = " ".join(f"{said[name]:8.0f}" for name in ("first", "between", "peak", "after", "refit_seconds"))
            print(f"{count:>7}  {words:8} {figures}", flush=True)


if __name__ == "__main__":
    main()
