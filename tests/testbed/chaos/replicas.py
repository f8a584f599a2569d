"""Replicas of `ahpa serve`, each in the name of a pod: one process after the other, and what each has said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from testbed import Testbed
from testbed.control_plane import write_kubeconfig
from tests.manifests.account import HOME, token_of_ours
from tests.manifests.overlays import render
from tests.testbed.chaos.targets import NAMESPACE, QUERY

TICK_SECONDS, STEP_SECONDS = 2.0, 10.0
LEASE_SECONDS = 4.0
WORDS = (
    "--kinds", "knative,hpa", "--namespace", NAMESPACE, "--tick", f"{TICK_SECONDS:g}s", "--step", f"{STEP_SECONDS:g}s",
    "--history", "2h", "--refit", "10m", "--lag-p50", "10s", "--lag-p95", "15s", "--journal-size", "2000",
    "--leader-elect", "--lease-duration", f"{LEASE_SECONDS:g}s", "--renew-deadline", "3s", "--retry-period", "0.5s",
    "--metrics-port", "-1", "--health-port", "-1", "--page-port", "-1",
)  # fmt: skip
TOKEN_SECONDS = 6 * 3600
_TOLD = ("lease.gained", "lease.lost", "tick.done", "tick.failed")


@dataclass
class Life:
    """One process, and the lines of its log that say when it led and when it decided."""

    process: subprocess.Popen[bytes]
    folder: Path
    told: list[tuple[float, str]] = field(default_factory=list)
    _read: int = 0

    def look(self) -> None:
        """Read on; a process that was killed leaves half a line."""
        with (self.folder / "log").open("rb") as log:
            log.seek(self._read)
            whole = log.read().rpartition(b"\n")[0]
        self._read += len(whole) + bool(whole)
        for row in _rows(whole.decode().splitlines()):
            if row["event"] in _TOLD:
                self.told.append((datetime.fromisoformat(row["ts"]).timestamp(), row["event"]))

    @property
    def leads(self) -> bool:
        """By what it says itself: no server need be asked."""
        self.look()
        last = next((event for _, event in reversed(self.told) if event.startswith("lease.")), "")
        return self.process.poll() is None and last == "lease.gained"

    @property
    def ticks(self) -> int:
        return sum(event.startswith("tick.") for _, event in self.told)

    def journal(self) -> Iterator[Any]:
        file = self.folder / "journal.jsonl"
        if file.exists():
            with file.open(encoding="utf-8") as lines:
                yield from _rows(lines)


@dataclass
class Replica:
    """A pod of ours, whose container is started anew each time that it ends."""

    name: str
    words: list[str]
    folder: Path
    lives: list[Life] = field(default_factory=list)

    def start(self) -> None:
        folder = self.folder / f"{self.name}-{len(self.lives)}"
        folder.mkdir()
        words = [sys.executable, "-m", "ahpa", "serve", *self.words, "--journal", str(folder / "journal.jsonl")]
        with (folder / "log").open("wb") as log:
            self.lives.append(Life(subprocess.Popen(words, stderr=log), folder))

    @property
    def life(self) -> Life:
        return self.lives[-1]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.life.process.pid, number)

    def kill(self) -> None:
        self.life.process.kill()
        self.life.process.wait()
        self.life.look()


def install(bed: Testbed, folder: Path, names: list[str]) -> list[Replica]:
    """As the production overlay has it, rights and fences and all; the pods are ours to play."""
    objects = render("production")
    bed.apply(*objects)
    (template,) = (each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment")
    queries = folder / "queries.yaml"
    queries.write_text(f"chaos-demand: {QUERY}\n")
    replicas = []
    for name in names:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template}
        made = bed.api.request("POST", bed.api.resource("pods").path(HOME), pod)["metadata"]
        token = token_of_ours(bed, made, TOKEN_SECONDS)
        config = write_kubeconfig(folder / f"kubeconfig.{name}", bed.api_url, bed.ca_file, name, token)
        words = ["--prometheus", bed.prometheus_url, "--kubeconfig", str(config), "--queries", str(queries)]
        replicas.append(Replica(name, [*words, *WORDS, "--identity", f"{name}_{made['uid']}"], folder))
    return replicas


def _rows(lines: Any) -> Iterator[Any]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue
