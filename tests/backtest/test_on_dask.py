"""A backtest on other machines finds and writes what it does here; a worker killed in the middle costs time alone.

`AHPA_SOAK_BACKTESTS` makes the long one shorter.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from ahpa.adapters.dask.executor import Dask
from ahpa.adapters.files.ticks import TickFiles
from ahpa.adapters.processes.executors import Processes
from ahpa.backtest.results import SeriesResult
from ahpa.backtest.run import run
from forecasting.executor import Executor, Serial
from tests.adapters.dask.cluster import DASK, Cluster, running, with_children
from tests.backtest.examples import Spread
from tests.backtest.test_run import OURS, several
from tests.reliability.reached import Reached

pytestmark = DASK
TOPS = (20, 25, 30, 35, 40)
MANY = int(os.environ.get("AHPA_SOAK_BACKTESTS", "1000"))
"""Services of the long one."""


def played(
    executor: Executor, folder: Path, cluster: Cluster | None = None, tops: Sequence[float] = TOPS
) -> dict[str, object]:
    """What was found and written. Where there is a cluster, a worker is killed when the first result is there."""
    folder.mkdir()
    found: list[SeriesResult] = []
    for result in run(several(*tops), Spread(), OURS, executor, lambda name: TickFiles(folder, name, 1.0)):
        if cluster is not None and not found:
            with_children(cluster.workers[0], signal.SIGKILL)
            cluster.hire(1)
        found.append(result)
    outcomes = {result.name: result.contenders["ahpa"].outcome for result in found}
    return {**outcomes, **{file.name: file.read_bytes() for file in folder.iterdir()}}


def test_a_backtest_on_dask_is_the_one_here_to_the_last_byte_though_a_worker_is_killed(
    dask_cluster: Cluster, tmp_path: Path
) -> None:
    """Four of five services are at the workers when one of these is killed."""
    here = played(Serial(), tmp_path / "here")
    with running(dask_cluster.tls, tmp_path, 2) as cluster, Dask(cluster.reached()) as executor:
        assert played(executor, tmp_path / "there", cluster) == here
    assert len(here) == 3 * len(TOPS)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_a_thousand_services_on_dask_are_those_of_a_pool_here_though_a_worker_is_killed(
    dask_cluster: Cluster, tmp_path: Path, reached: Reached
) -> None:
    """Scheduler and two workers as processes, in TLS."""
    tops, took = [round(12 + 48 * at / MANY, 3) for at in range(MANY)], list[float]()
    began = time.monotonic()
    with Processes(2) as pool:
        here = played(pool, tmp_path / "here", tops=tops)
    took.append(time.monotonic() - began)
    with running(dask_cluster.tls, tmp_path, 2) as cluster, Dask(cluster.reached()) as executor:
        began = time.monotonic()
        assert played(executor, tmp_path / "there", cluster, tops) == here
        took.append(time.monotonic() - began)
    assert len(here) == 3 * MANY
    seconds = f"pool {took[0]:.0f} s, Dask {took[1]:.0f} s"
    reached("T20", f"a backtest of {MANY} services, a worker killed", f"results and files byte-equal; {seconds}")
