"""Claims about the courses that a backtest leaves."""

from __future__ import annotations

import csv
import gzip
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np

from ahpa.adapters.files.ticks import TickFiles
from ahpa.simulation.outcome import Move, Outcome, Run
from tests.adapters.files.examples import T0


def test_ticks_have_the_promised_columns_and_the_inputs_unit(tmp_path: Path) -> None:
    """Demand of 2 requests in flight is 60 requests a minute of 2 s; sent away and written again, the same bytes."""
    column = np.array([1.0, 2.0])
    outcome = Outcome(1.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 10.0)
    times = T0 + 60.0 * np.arange(2)
    run = Run("s", "kpa", "", outcome, 60.0, times, 2 * column, column, column, column, column, column)
    sink = TickFiles(tmp_path, "s", 2 / 60)
    sink.write(sink.packed(run))
    path = tmp_path / "s.kpa.csv.gz"
    first = path.read_bytes()
    sink.write(pickle.loads(pickle.dumps(sink)).packed(run))
    assert path.read_bytes() == first
    lines = gzip.decompress(first).decode().splitlines()
    assert lines[0] == "timestamp,demand,ready,starting,floor,desired,late"
    assert lines[1] == f"{T0},60,1,1,1,1,1"


def test_every_decision_is_beside_the_course_with_its_sentence(tmp_path: Path) -> None:
    """However many the report shows; a sentence has commas, and a spreadsheet reads it as one cell."""
    column = np.array([1.0])
    outcome = Outcome(1.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 10.0)
    moves = tuple(Move(T0 + 60.0 * i, i, i + 1, f"raise {i} -> {i + 1}: peak 4, needs {i + 1}") for i in range(200))
    quiet = Run("s", "kpa", "", outcome, 60.0, column, column, column, column, column, column, column)
    sink = TickFiles(tmp_path, "s", 1.0)
    sink.write(sink.packed(quiet))
    assert not (tmp_path / "s.decisions.csv").exists()
    sink.write(sink.packed(replace(quiet, contender="ahpa", moves=moves)))
    rows = list(csv.DictReader((tmp_path / "s.decisions.csv").read_text().splitlines()))
    assert len(rows) == 200
    last = {"timestamp": str(T0 + 60 * 199), "previous": "199", "floor": "200", "why": moves[-1].why}
    assert rows[-1] == last
