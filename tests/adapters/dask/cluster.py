"""A real Dask cluster on this machine: a scheduler and workers as processes, in TLS, each killed by its own id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ahpa.adapters.dask.scheduler import Scheduler

DASK = pytest.mark.xdist_group("dask")
"""One worker of pytest-xdist has the cluster."""

QUIET = {
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
    "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
    "OPENBLAS_NUM_THREADS": "1",
}
"""As config/components/dask sets it, but for a health page that nobody asks here."""


@dataclass
class Cluster:
    """The processes; `tls` has the certificates `pool` and `client`."""

    tls: Path
    folder: Path
    port: int = 0
    scheduler: subprocess.Popen[bytes] | None = None
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"dask://127.0.0.1:{self.port}"

    def reached(self, name: str = "client") -> Scheduler:
        """As a client with that certificate would."""
        ca, certificate, key = (str(self.tls / file) for file in ("ca.pem", f"{name}.pem", f"{name}.key"))
        return Scheduler.at(self.url, ca, certificate, key)

    def begin(self) -> None:
        """A scheduler, on the port that it had if it had one."""
        self.port = self.port or _free_port()
        self.scheduler = self._run("scheduler", f"--port={self.port}", "--host=127.0.0.1", "--protocol=tls",
                                   "--dashboard-address=127.0.0.1:0", "--no-dashboard", "--no-show")  # fmt: skip

    def hire(self, count: int, but: Mapping[str, str] | None = None) -> None:
        """So many workers, one thread each; `but`: in another environment."""
        for _ in range(count):
            here = f"--local-directory={self.folder}"
            worker = self._run("worker", f"tls://127.0.0.1:{self.port}", "--host=127.0.0.1", "--nthreads=1",
                               "--no-nanny", "--memory-limit=0", "--dashboard-address=127.0.0.1:0", "--no-dashboard",
                               here, but=but)  # fmt: skip
            self.workers.append(worker)

    def end(self) -> None:
        for process in (*self.workers, *([self.scheduler] if self.scheduler else [])):
            with_children(process, signal.SIGCONT)
            with_children(process, signal.SIGKILL)
            process.wait()
        self.workers.clear()

    def _run(self, *words: str, but: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        files = [f"--tls-ca-file={self.tls / 'ca.pem'}", f"--tls-cert={self.tls / 'pool.pem'}",
                 f"--tls-key={self.tls / 'pool.key'}"]  # fmt: skip
        with (self.folder / f"{words[0]}-{len(self.workers)}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *words, *files],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **QUIET, **(but or {})},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip


def with_children(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """A signal to a process of ours and what it has started."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        process.poll()


@contextmanager
def running(tls: Path, folder: Path, workers: int) -> Iterator[Cluster]:
    """With a scheduler and so many workers, until the block is left."""
    cluster = Cluster(tls, folder)
    try:
        cluster.begin()
        cluster.hire(workers)
        yield cluster
    finally:
        cluster.end()


def wait_for(*marks: Path) -> None:
    """Until all of these files are there."""
    until = time.monotonic() + 240
    while not all(mark.exists() for mark in marks):
        assert time.monotonic() < until, marks
        time.sleep(0.02)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
