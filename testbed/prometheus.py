"""Prometheus with a history written in advance and a live end."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from math import ceil
from pathlib import Path

import requests

from testbed.openmetrics import Series, lines, sample_name
from testbed.processes import Processes, TestbedError, free_ports, wait_until

SCRAPE_SECONDS = 1


class LiveMetrics:
    """A small HTTP endpoint on loopback; each metric's value is asked for at the moment of the scrape."""

    def __init__(self) -> None:
        self._values: dict[str, Callable[[float], float | None]] = {}
        metrics = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = metrics.text(time.time()).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._handler = Handler

    def start(self) -> str:
        """Serve on a free port of loopback; its address."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return f"127.0.0.1:{self._server.server_port}"

    def set(self, name: str, labels: Mapping[str, str], value: Callable[[float], float | None]) -> None:
        """Offer `value(unix seconds)` from now on; None means the metric is not there at that moment."""
        self._values[sample_name(name, labels)] = value

    def text(self, now: float) -> str:
        read = {head: value(now) for head, value in list(self._values.items())}
        return "".join(f"{head} {value!r}\n" for head, value in read.items() if value is not None)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class PrometheusServer:
    """One Prometheus with its own data directory, which may be stopped, back-filled and started again."""

    def __init__(self, processes: Processes, binaries: Mapping[str, Path]) -> None:
        self._processes = processes
        self._binaries = binaries
        self._directory = processes.directory / "prometheus"
        (port,) = free_ports(1)
        self._address = f"127.0.0.1:{port}"
        self._http = requests.Session()
        self._http.trust_env = False  # no proxy between us and loopback

    @property
    def url(self) -> str:
        return f"http://{self._address}"

    def backfill(self, series: Sequence[Series]) -> None:
        """Write blocks of samples into the data directory of the stopped server."""
        self._directory.mkdir(exist_ok=True)
        text = self._directory.with_name("history.om")
        with text.open("w") as file:
            file.writelines(lines(sorted(series, key=lambda one: one.name)))
        # The whole file is read once per block, so few large blocks are much faster than many of 2 h.
        command = [str(self._binaries["promtool"]), "tsdb", "create-blocks-from", "openmetrics", "-q"]
        done = subprocess.run(
            [*command, "--max-block-duration=162h", str(text), str(self._directory)],
            capture_output=True,
            text=True,
            check=False,
        )
        text.unlink()
        if done.returncode:
            raise TestbedError(f"promtool: {done.stderr or done.stdout}")

    def start(self, targets: Iterable[tuple[str, str]]) -> None:
        """Start and wait until it answers; scrapes each (job, address) every second from then on."""
        self._directory.mkdir(exist_ok=True)
        config = self._directory.with_name("prometheus.yml")
        config.write_text(json.dumps(_config(targets)))
        self._processes.start(
            "prometheus",
            [
                self._binaries["prometheus"],
                f"--config.file={config}",
                f"--storage.tsdb.path={self._directory}",
                "--storage.tsdb.retention.time=10y",  # the default of 15 days deletes older history at the start
                f"--web.listen-address={self._address}",
            ],
        )
        wait_until(self._ready, "Prometheus is ready", check=self._processes.check)

    def stop(self) -> None:
        self._processes.stop("prometheus")

    def close(self) -> None:
        """Close the connections; the process ends with the testbed."""
        self._http.close()

    def check(self, series: Iterable[Series]) -> None:
        """Raise `TestbedError` if the server does not hold as many samples as were written."""
        for one in series:
            span = ceil(one.times[-1] - one.times[0]) + 1
            query = f"count_over_time({sample_name(one.name, one.labels)}[{span}s])"
            result = self.query(query, float(one.times[-1]))
            found = int(result[0]["value"][1]) if result else 0
            if found != (expected := int(one.observed.sum())):
                raise TestbedError(f"Prometheus holds {found} samples of {one.name}, {expected} were written")

    def query(self, query: str, at: float) -> list[dict[str, list[str]]]:
        """The result vector of an instant query at `at` (unix seconds)."""
        answer = self._http.get(f"{self.url}/api/v1/query", params={"query": query, "time": f"{at:.3f}"}, timeout=30)
        answer.raise_for_status()
        result: list[dict[str, list[str]]] = answer.json()["data"]["result"]
        return result

    def _ready(self) -> bool:
        try:
            return self._http.get(f"{self.url}/-/ready", timeout=2).ok
        except (requests.ConnectionError, requests.Timeout):
            return False


def _config(targets: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Scraped labels win and job and instance are dropped, so that live samples continue the written series."""
    every = f"{SCRAPE_SECONDS}s"
    return {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "scrape_configs": [
            {
                "job_name": job,
                "honor_labels": True,
                "static_configs": [{"targets": [address]}],
                "metric_relabel_configs": [{"action": "labeldrop", "regex": "job|instance"}],
            }
            for job, address in targets
        ],
    }
