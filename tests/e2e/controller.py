"""`ahpa serve` as a process on the testbed, and what it has said so far."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from testbed import Testbed
from testbed.processes import PATIENCE_SECONDS

_DEMAND = 'avg_over_time(e2e_demand{exported_namespace="{{namespace}}",service="{{name}}"}[{{step}}])'


class Controller:
    """A running `ahpa serve`; its log and its journal are read as it writes them."""

    def __init__(self, bed: Testbed, process: subprocess.Popen[bytes], folder: Path) -> None:
        self._bed = bed
        self._process = process
        self._folder = folder

    def log(self) -> list[Any]:
        return _rows(self._folder / "log")

    def journal(self) -> list[Any]:
        return _rows(self._folder / "journal.jsonl")

    def rounds(self) -> int:
        """How many it has ended. AssertionError if it ended itself."""
        assert self._process.poll() is None, "the service ended by itself"
        return sum(row["event"] == "tick.done" for row in self.log())

    def wait_for_rounds(self, count: int) -> None:
        """Until so many more have ended; all but the first of them began after this call."""
        enough = self.rounds() + count
        self._bed.wait_for(lambda: self.rounds() >= enough, what=f"{count} rounds of the service")

    def ports(self) -> tuple[int, int]:
        """(metrics, health)."""
        metrics, health = next(row["ports"] for row in self.log() if row["event"] == "service.started")
        return metrics, health

    def memory_mib(self) -> float:
        """Its resident memory."""
        found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{self._process.pid}/status").read_text())
        assert found is not None
        return int(found.group(1)) / 1024


@contextmanager
def serving(bed: Testbed, namespace: str, folder: Path) -> Iterator[Controller]:
    """Serve `namespace` in rounds of 3 s; at the end SIGTERM, on which it must end well."""
    queries = folder / "queries.yaml"
    queries.write_text(f"e2e-demand: sum({_DEMAND})\n")
    words = [
        sys.executable, "-m", "ahpa", "serve", "--prometheus", bed.prometheus_url, "--queries", str(queries),
        "--kubeconfig", str(bed.kubeconfig), "--namespace", namespace, "--tick", "3s", "--lag-p50", "30s",
        "--lag-p95", "45s", "--stale-after", "4m", "--metrics-port", "0", "--health-port", "0",
        "--page-port", "-1",
        "--journal", str(folder / "journal.jsonl"),
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stderr=log)
    controller = Controller(bed, process, folder)
    try:
        yield controller
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            assert process.wait(PATIENCE_SECONDS) == 0
        finally:
            process.kill()
            for line in controller.log():
                if line["event"] != "decision" or "keep" not in line["message"]:
                    print(json.dumps(line), file=sys.stderr)


def _rows(file: Path) -> list[Any]:
    """The lines that are whole: it may be writing the next one."""
    whole, _, _ = file.read_text().rpartition("\n") if file.exists() else ("", "", "")
    return [json.loads(line) for line in whole.splitlines()]
