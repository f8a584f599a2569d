"""`ticks/<series>.<contender>.csv.gz`: the course of each run, a row a minute; `ticks/<series>.decisions.csv`: what
ours decided and why, a row for each decision that moved the floor.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ahpa.adapters.files.writing import safe_name, write_whole
from ahpa.simulation.outcome import Move, Run

TICK_COLUMNS = ("timestamp", "demand", "ready", "starting", "floor", "desired", "late")
DECISION_COLUMNS = ("timestamp", "previous", "floor", "why")


def decisions_of(series: str) -> str:
    """The name of the file with the decisions on a series, which `series` names as a file."""
    return f"{series}.decisions.csv"


@dataclass(frozen=True)
class TickFiles:
    """A `backtest.run.Sink`: one file for each course of a series, packed wherever it was played."""

    folder: Path
    series: str
    """The series as a file name."""
    per_unit: float
    """Requests in flight that one unit of the input makes; demand is written in that unit."""

    def packed(self, run: Run) -> dict[str, bytes]:
        """Byte for byte the same for the same run (no time stamp in the gzip header)."""
        columns = (run.timestamp, run.demand / self.per_unit, run.ready, run.starting, run.floor, run.desired, run.late)
        digits = (15, *[10] * (len(columns) - 1))
        cells = [
            [f"{x:.{n}g}" for x in np.asarray(c, dtype=float).tolist()] for c, n in zip(columns, digits, strict=True)
        ]
        rows = [",".join(TICK_COLUMNS), *map(",".join, zip(*cells, strict=True)), ""]
        course = gzip.compress("\n".join(rows).encode(), compresslevel=6, mtime=0)
        files = {f"{self.series}.{safe_name(run.contender)}.csv.gz": course}
        return files | ({decisions_of(self.series): _decisions(run.moves)} if run.moves else {})

    def write(self, files: Mapping[str, bytes]) -> None:
        """Into the folder. Raises InputError."""
        for name, content in files.items():
            write_whole(self.folder / name, content)


def _decisions(moves: Sequence[Move]) -> bytes:
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(DECISION_COLUMNS)
    out.writerows((f"{move.at:.0f}", move.previous, move.floor, move.why) for move in moves)
    return text.getvalue().encode()
