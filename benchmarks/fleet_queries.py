"""`python -m benchmarks.fleet_queries`: what reading the demand of a fleet costs us and a real Prometheus.

A Prometheus of the testbed (built on first use) holds the autoscaler's series of 10,000 Knative Services in 500
namespaces, scraped every 30 s for some hours. The preset knative-concurrency is asked one by one, as for a single
service (of 500 services, and multiplied), and all in one reading; and a preset that goes by names of pods, which
cannot be lifted, of whom there are no series. CPU and memory of Prometheus, and requests, are what it says of itself.
"""

from __future__ import annotations

import argparse
import re
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import requests

from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.prometheus.queries import load_queries
from ahpa.adapters.prometheus.source import Prometheus
from forecasting.executor import run_all
from testbed import Series
from testbed.build import find_parts
from testbed.processes import Processes
from testbed.prometheus import PrometheusServer

STEP, SCRAPE = 60.0, 30.0
START = 1_760_000_400.0
PER_NAMESPACE = 20
ALONE = 500
"""So many services are asked one by one."""
_FORTNIGHT_HOURS = 14 * 24


def series(namespace: str, name: str, times: np.ndarray, phase: float) -> Series:
    labels = {
        "k8s_namespace_name": namespace,
        "kn_service_name": name,
        "kn_configuration_name": name,
        "kn_revision_name": f"{name}-00001",
        "namespace": "knative-serving",
        "pod": "autoscaler-7d9f8b6c54-x2vkq",
    }
    values = np.round(20 + 15 * np.sin(times / 3000 + phase) + 3 * np.sin(times / 77 + 5 * phase), 3)
    return Series("kn_revision_concurrency_stable", labels, times, values)


class Meter:
    """What a piece of work took, here and there."""

    def __init__(self, url: str) -> None:
        self._url = url

    def _metric(self, name: str) -> float:
        text = requests.get(f"{self._url}/metrics", timeout=30).text
        found = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*query_range[^}}]*\}})? (\S+)$", text, re.MULTILINE)
        return sum(map(float, found))

    def of(self, work: Callable[[], object]) -> dict[str, float]:
        names = {"requests": "prometheus_http_requests_total", "their CPU s": "process_cpu_seconds_total"}
        before = {word: self._metric(name) for word, name in names.items()}
        wall, ours = time.perf_counter(), time.process_time()
        work()
        taken = {"wall s": time.perf_counter() - wall, "our CPU s": time.process_time() - ours}
        taken |= {word: self._metric(name) - before[word] for word, name in names.items()}
        taken["their MiB"] = self._metric("process_resident_memory_bytes") / 2**20
        taken["our peak MiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return taken


def show(what: str, taken: Mapping[str, float], times: float = 1.0) -> None:
    scaled = {word: value * (times if "MiB" not in word else 1) for word, value in taken.items()}
    print(f"{what:44} " + " ".join(f"{word} {value:9,.1f}" for word, value in scaled.items()), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=10_000)
    parser.add_argument("--hours", type=float, default=4.0)
    given = parser.parse_args()
    fleet = [(f"team-{i // PER_NAMESPACE}", f"service-{i}") for i in range(given.services)]
    times = START + SCRAPE * np.arange(1, round(given.hours * 3600 / SCRAPE) + 1)
    processes = Processes(Path(tempfile.mkdtemp()), keep=False)
    try:
        server = PrometheusServer(processes, find_parts().binaries)
        server.backfill([series(*one, times, float(i)) for i, one in enumerate(fleet)])
        server.start([])
        with Threads(4) as threads:
            _measure(server.url, threads, fleet, float(times[-1]), given.hours)
    finally:
        processes.close()


def _measure(url: str, threads: Threads, fleet: list[tuple[str, str]], end: float, hours: float) -> None:
    reader, meter, presets = Prometheus(url, executor=threads), Meter(url), load_queries()
    lifted = {f"{n}/{m}": presets["knative-concurrency"].fill(n, m, STEP) for n, m in fleet}
    few = [*lifted.values()][:: max(1, len(lifted) // ALONE)][:ALONE]

    def alone(seconds: float) -> None:
        run_all(threads, lambda query: reader.demand(query, end - seconds, end, STEP), few)

    def together(queries: Mapping[str, str], seconds: float) -> None:
        reading = reader.read(queries, end - seconds, end, STEP)
        assert not reading.problems, next(iter(reading.problems.values()))
        if queries is lifted:
            assert np.isfinite(reading.panel.values).all()

    for words, seconds in (("10 minutes", 600.0), ("1 hour", 3600.0)):
        taken = meter.of(partial(alone, seconds))
        show(f"{words}, one by one (by {len(few)})", taken, len(lifted) / len(few))
        show(f"{words}, together, first", meter.of(partial(together, lifted, seconds)))
        show(f"{words}, together, again", meter.of(partial(together, lifted, seconds)))
    seconds = hours * 3600
    taken = meter.of(partial(together, lifted, seconds))
    show(f"{hours:g} hours, together", taken)
    show("a fortnight in such parts, multiplied", taken, _FORTNIGHT_HOURS / hours)
    pods = {
        f"{n}/{m}": presets["pod-cpu"].fill(n, m, STEP, {"workload": m, "workload-kind": "Deployment"})
        for n, m in fleet
    }
    show("1 hour of pod-cpu, side by side, no series", meter.of(partial(together, pods, 3600.0)))


if __name__ == "__main__":
    main()
