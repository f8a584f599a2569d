"""Fourteen days of demand before a steep rise, and what comes after: real where the traces are, else generated."""

from __future__ import annotations

import csv
import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.panel import Floats

DAYS = 14
PEAK = 53.0
"""The trace is scaled to this concurrency; at 7 per replica its peak needs 8."""
PER_REPLICA = 7.0
_REAL = Path("crane_dsp/series/input02.csv.gz")
"""Its load rises tenfold within ten minutes, every day at the same time."""
_GENERATED = Path(__file__).parents[2] / "data" / "morning.csv.gz"


@dataclass(frozen=True, eq=False)
class Trace:
    """Minutes of demand; `rise` is the index of the minute before the climb."""

    source: str
    values: Floats
    rise: int


def traces_directory() -> Path:
    return Path(os.environ.get("AHPA_TRACES", Path(__file__).parents[3] / "shared" / "traces"))


def load_trace() -> Trace:
    """The minute after fourteen days whose next five minutes climb most, from at most two replicas."""
    file = traces_directory() / _REAL
    source = file if file.exists() else _GENERATED
    with gzip.open(source, "rt", newline="") as lines:
        values = np.array([float(row["value"] or "nan") for row in csv.DictReader(lines)])
    values = values * PEAK / np.nanquantile(values, 0.999)
    first = DAYS * 1440
    climbs = {
        i: values[i + 5] - values[i]
        for i in range(first, len(values) - 10)
        if values[i - 2 : i + 1].max() <= 2 * PER_REPLICA
    }
    return Trace(source.name, values, max(climbs, key=lambda i: climbs[i]))
