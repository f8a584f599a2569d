"""`python -m benchmarks.fleet [--services 100,1000,10000] [--minutes 8]`: what `ahpa serve` costs by size.

Each size is one run of the real command beside the two stand-ins of this room, each a process of its own on loopback,
so that their CPU is not ours. The real clock: a tick a minute, the fortnight read at the start. At the end the owners
of a thousand services ask for five replicas at least, which none has, and the writes are timed; then one asks for six.
With `--dry-run` nothing is written, and the ticks are those of a fleet at rest.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import Request, urlopen

from benchmarks.fleet.objects import place
from benchmarks.fleet.processes import cpu_seconds, resident_mib, serving, stand_in, together_mib

CHANGED = 1000
"""Floors that are to be written at once."""
COLUMNS = (
    ("services", "services", ".0f"),
    ("tick", "tick s", ".2f"),
    ("cpu", "our CPU s", ".2f"),
    ("api", "API requests", ".0f"),
    ("queries", "queries", ".0f"),
    ("prometheus_cpu", "its CPU s", ".2f"),
    ("first", "first forecasts s", ".0f"),
    ("complete", "all forecasts s", ".0f"),
    ("filled", "history whole s", ".0f"),
    ("refit", "refit s", ".1f"),
    ("together", "MiB at most", ".0f"),
    ("controller", "controller's own", ".0f"),
    ("written", "1,000 floors s", ".1f"),
    ("one", "one floor s", ".2f"),
)


@dataclass
class Run:
    """One size, as it goes."""

    pid: int
    folder: Path
    api: str
    prometheus: tuple[str, int]
    metrics: str
    began: float
    ticks: list[dict[str, float]] = field(default_factory=list)
    """Of each: its own seconds, when it ended and, since the one before, CPU and requests."""
    first: float = float("nan")
    complete: float = float("nan")
    together: float = 0.0
    """MiB at most, with the process that learns."""

    def log(self) -> list[dict[str, Any]]:
        whole, _, _ = (self.folder / "log").read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def counted(self) -> dict[str, float]:
        api, queries = _asked(self.api), _asked(self.prometheus[0])
        requests = sum(n for verb, n in api["counts"].items() if verb not in ("LEASE", "EVENT"))
        return {
            "cpu": cpu_seconds(self.pid),
            "api": requests,
            "queries": queries.get("query_range", 0) + queries.get("other", 0),
            "prometheus_cpu": cpu_seconds(self.prometheus[1]),
        }

    def watch(self, count: int, until: Callable[[], bool]) -> None:
        """Follow the ticks until it is so."""
        seen, before = len(self._done()), self.counted()
        while not until():
            time.sleep(0.5)
            self.together = max(self.together, together_mib(self.pid))
            done = self._done()
            if len(done) > seen:
                now = self.counted()
                spent = {name: (now[name] - before[name]) / (len(done) - seen) for name in now}
                self.ticks.append({"tick": done[-1]["seconds"], "at": _moment(done[-1]), **spent})
                self._look_for_forecasts(count)
                seen, before = len(done), self.counted()  # what the look cost is nobody's

    def _look_for_forecasts(self, count: int) -> None:
        if self.complete == self.complete:
            return
        forecasts = self._forecasts()
        if forecasts and self.first != self.first:
            self.first = time.time() - self.began
        if forecasts >= count:
            self.complete = time.time() - self.began

    def _done(self) -> list[dict[str, Any]]:
        return [row for row in self.log() if row["event"] == "tick.done"]

    def _forecasts(self) -> int:
        with urlopen(self.metrics, timeout=60) as answer:
            return sum(line.startswith(b"ahpa_forecast_timestamp_seconds{") for line in answer)

    def written(self, services: int, least: int) -> float:
        """Seconds from the decision to the last of the floors that follow when so many owners ask for a minimum."""
        before = len(_asked(self.api)["writes"])
        body = {"services": services, "annotations": {"ahpa.dev/min": str(least)}}
        _asked(self.api, "edit", body)
        deadline = time.time() + 400
        while time.time() < deadline:
            time.sleep(0.5)
            writes = [
                row for row in _asked(self.api)["writes"][before:] if row[1] == "PATCH" and "/revisions/" in row[2]
            ]
            if len({row[2] for row in writes}) >= services:
                return float(writes[-1][0]) - self._decided(services)
        return float("nan")

    def _decided(self, services: int) -> float:
        """When the last round that moved any of the first so many floors decided on the first of them."""
        keys = {"knative/" + "/".join(place(number)) for number in range(services)}
        moved = [row for row in self.log() if row["event"] == "decision" and row["target"] in keys]
        last = {row["target"]: _moment(row) for row in moved if row["floor"] != row["previous"]}
        return min(last.values())


def _moment(row: dict[str, Any]) -> float:
    """Of a line of the log, unix seconds."""
    return datetime.fromisoformat(row["ts"]).timestamp()


def _asked(url: str, what: str = "counts", body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{url}/stand-in/{what}", data), timeout=120) as answer:
        return json.loads(answer.read())


def measure(count: int, minutes: float, words: Sequence[str] = (), ticks: int = 0) -> dict[str, float]:
    """One size, for so many minutes and ticks at least, and until all have a forecast."""
    with (
        tempfile.TemporaryDirectory() as name,
        stand_in("api", "--services", str(count)) as (api, _),
        stand_in("prometheus", "--services", str(count)) as prometheus,
    ):
        folder = Path(name)
        own = ["--metrics-port", "0", "--health-port", "-1", "--page-port", "0", "--raise-budget", "100000", *words]
        process = serving(folder, api, prometheus[0], own)
        try:
            run = Run(process.pid, folder, api, prometheus, "", time.time())
            ports = next(_started(run))
            run.metrics = f"http://127.0.0.1:{ports[0]}/metrics"
            ends = run.began + 60 * minutes
            run.watch(count, lambda: time.time() > ends and len(run.ticks) >= ticks and run.complete == run.complete)
            changed, found = min(CHANGED, count), _figures(run, count)
            if "--dry-run" not in words:
                found["written"], found["one"] = run.written(changed, 5), run.written(1, 6)
            return found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _started(run: Run) -> Iterator[list[int]]:
    while True:
        yield from (row["ports"] for row in run.log() if row["event"] == "service.started")
        time.sleep(0.2)


def _figures(run: Run, count: int) -> dict[str, float]:
    """Of ticks: the medians of those beside which nothing was learned, and nothing read of the past, if there are any;
    else of all."""
    log = run.log()
    refits = [row for row in log if row["event"] == "refit.done"]
    filled = min((_moment(row) for row in log if row["event"] == "history.complete"), default=math.inf)
    beside = [(_moment(row) - row["seconds"], _moment(row)) for row in refits]
    pairs = zip(run.ticks, run.ticks[1:], strict=False)
    alone = [(a, b) for a, b in pairs if not any(a["at"] < end and began < b["at"] for began, end in beside)]
    calm = [b for a, b in alone if a["at"] >= filled] or [b for _, b in alone] or run.ticks
    return {
        "services": count,
        **{name: median(tick[name] for tick in calm) for name in ("tick", "cpu", "api", "queries", "prometheus_cpu")},
        "longest": max(tick["tick"] for tick in run.ticks),
        "first": run.first,
        "complete": run.complete,
        "filled": filled - run.began,
        "refit": max((row["seconds"] for row in refits), default=float("nan")),
        "controller": resident_mib(run.pid, "HWM"),
        "together": run.together,
        "written": float("nan"),
        "one": float("nan"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", default="100,1000,10000")
    parser.add_argument("--minutes", type=float, default=8.0, help="at least so long, and until all have a forecast")
    given, words = parser.parse_known_args()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    print("| " + " | ".join(head for _, head, _ in COLUMNS) + " |")
    print("|" + "---:|" * len(COLUMNS), flush=True)
    for count in given.services.split(","):
        found = measure(int(count), given.minutes, words)
        cells = (re.sub("nan|inf", "–", f"{found[name]:{form}}") for name, _, form in COLUMNS)
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
