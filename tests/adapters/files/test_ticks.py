"""Claims about the courses that a backtest leaves."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path

import numpy as np

from ahpa.adapters.files.ticks import TickFiles
from ahpa.simulation.outcome import Outcome, Run
from tests.adapters.files.examples import T0


def test_ticks_have_the_promised_columns_and_the_inputs_unit(tmp_path: Path) -> None:
    """Demand of 2 requests in flight is 60 requests a minute of 2 s; sent away and written again, the same bytes."""
    column = np.array([1.0, 2.0])
    outcome = Outcome(1.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 10.0)
    times = T0 + 60.0 * np.arange(2)
    run = Run("s", "kpa", "", outcome, 60.0, times, 2 * column, column, column, column, column, column)
    sink = TickFiles(tmp_path, "s", 2 / 60)
    sink(run)
    path = tmp_path / "s.kpa.csv.gz"
    first = path.read_bytes()
    pickle.loads(pickle.dumps(sink))(run)
    assert path.read_bytes() == first
    lines = gzip.decompress(first).decode().splitlines()
    assert lines[0] == "timestamp,demand,ready,starting,floor,desired,late"
    assert lines[1] == f"{T0},60,1,1,1,1,1"
