"""T20: the same input gives the same decisions, to the last byte, in a hundred fresh processes each: working here, in a
pool, on a Dask cluster in TLS. `AHPA_SOAK_PROCESSES` makes it fewer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.dask.cluster import DASK, Cluster
from tests.reliability.reached import Reached

PROCESSES = int(os.environ.get("AHPA_SOAK_PROCESSES", "100"))


def said(*words: str) -> str:
    """What one fresh process decides."""
    program = [sys.executable, "-m", "tests.reliability.decide", *words]
    root = Path(__file__).parents[2]
    done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=600, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


@DASK
@pytest.mark.soak
@pytest.mark.timeout(14_400)
def test_three_times_a_hundred_processes_decide_the_same(dask_cluster: Cluster, reached: Reached) -> None:
    there = dask_cluster.reached()
    where = {
        "serial": ("serial",),
        "pool": ("pool",),
        "Dask": (dask_cluster.url, str(there.ca_file), str(there.cert_file), str(there.key_file)),
    }
    digests = {name: {said(*words) for _ in range(PROCESSES)} for name, words in where.items()}
    assert len(set.union(*digests.values())) == 1, digests
    reached("T20", size=f"{PROCESSES} fresh processes x 3", figure="1 digest: serial, pool and Dask are byte-equal")
