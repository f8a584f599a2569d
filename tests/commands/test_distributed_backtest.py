"""A thousand services backtested on other machines: what is written is what is written here, byte for byte; a worker
that is killed in the middle costs time. The quick sister is tests/backtest/test_on_dask.py."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ahpa.cli import main
from tests.adapters.dask.cluster import DASK, Cluster, running, with_children
from tests.reliability.reached import Reached

pytestmark = DASK
T0 = 1_790_000_000 // 86_400 * 86_400
SERVICES = 1000


def written(file: Path, services: int, days: float) -> Path:
    """Services with a day's rhythm, each its own, a value a minute."""
    rng = np.random.default_rng(5)
    minutes = np.arange(round(days * 1440))
    tops, shifts = rng.uniform(200, 2000, services), rng.uniform(0, 1440, services)
    mean = tops[:, None] * (0.6 + 0.5 * np.sin(2 * np.pi * (minutes - shifts[:, None]) / 1440))
    demand = rng.poisson(np.maximum(mean, 0))
    names = ",".join(f"service-{number}" for number in range(services))
    lines = [f"{T0 + 60 * m}," + ",".join(map(str, column)) for m, column in zip(minutes, demand.T, strict=True)]
    file.write_text("\n".join([f"timestamp,{names}", *lines, ""]))
    return file


def backtest(file: Path, out: Path, *words: str) -> float:
    """Seconds that it took."""
    began = time.monotonic()
    asked = [str(file), "--out", str(out), "--test-days", "0.5", "--policies", "ahpa,kpa", "--no-sweep", "-o", "csv"]
    done = CliRunner().invoke(main, ["backtest", *asked, *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return time.monotonic() - began


def workers(cluster: Cluster) -> list[str]:
    reached = cluster.reached()
    files = {"ca": reached.ca_file, "cert": reached.cert_file, "key": reached.key_file}
    return [f"--executor={cluster.url}", *(f"--executor-{name}={file}" for name, file in files.items())]


def content(out: Path) -> dict[str, bytes]:
    return {str(file.relative_to(out)): file.read_bytes() for file in sorted(out.rglob("*")) if file.is_file()}


def killing_one(cluster: Cluster, ticks: Path, play: Callable[[], float]) -> tuple[float, int]:
    """(seconds, services that were done when a worker was killed, which another replaced)."""
    done: list[int] = []

    def kill() -> None:
        until = time.monotonic() + 3000
        while not list(ticks.glob("*.csv.gz")) and time.monotonic() < until:
            time.sleep(0.01)
        with_children(cluster.workers[0], signal.SIGKILL)
        done.append(len(list(ticks.glob("*.kpa.csv.gz"))))
        cluster.hire(1)

    killer = threading.Thread(target=kill)
    killer.start()
    seconds = play()
    killer.join()
    return seconds, done[0]


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_services_on_processes_and_on_dask(dask_cluster: Cluster, tmp_path: Path, reached: Reached) -> None:
    """T20's neighbour: once undisturbed, once with a worker killed in the middle."""
    file = written(tmp_path / "many.csv", SERVICES, 3)
    seconds = {"processes": backtest(file, tmp_path / "here", "--jobs", "2")}
    here = content(tmp_path / "here")
    with running(dask_cluster.tls, tmp_path, 2) as cluster:
        there = tmp_path / "there"
        seconds["Dask"] = backtest(file, there, *workers(cluster))
        assert content(there) == here
        hurt = tmp_path / "hurt"
        seconds["Dask, one killed"], done = killing_one(
            cluster, hurt / "ticks", lambda: backtest(file, hurt, *workers(cluster))
        )
    assert done < SERVICES
    assert content(hurt) == here
    times = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items())
    reached("T20", size=f"{SERVICES:,} services backtested", figure=f"{len(here)} files byte-equal; {times}")
