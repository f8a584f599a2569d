"""The traces: where they are, which we use, and how they are laid out for scoring."""

from __future__ import annotations

import gzip
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forecasting.panel import Floats, Panel

FOLDERS = ("burstgpt_week1", "crane_dsp", "ms_cloud_monitoring", "nab", "nasa_http", "servegen_llm", "wc98")
MEMORY_DAYS = 28
TEST_DAYS = 4
REHEARSAL_DAYS = 3
DAY_SECONDS = 86_400


@dataclass(frozen=True, eq=False)
class Group:
    """All series of one step, side by side; rows are shifted by whole days so that they end together.

    A row's own time of day is kept, its date and weekday are not. NaN before its beginning and in its holes.
    """

    names: tuple[str, ...]
    step: int
    values: Floats
    """[n, t]; the last `TEST_DAYS` whole days, and what is left of the last day, are the test."""

    @property
    def test(self) -> int:
        """The column at which the test begins."""
        return int(self.values.shape[1] - (TEST_DAYS + 1) * DAY_SECONDS // self.step)

    @property
    def rehearsal(self) -> int:
        """The column from which a peer may calibrate itself on what it predicted."""
        return self.test - REHEARSAL_DAYS * DAY_SECONDS // self.step

    def panel(self, first: int, last: int) -> Panel:
        """Columns `first` to `last` as a panel."""
        return Panel.of(first * self.step, self.step, self.values[:, first:last], self.names)

    def tuned(self) -> np.ndarray:
        """[n]: whether settings were chosen on this row (every other name); the rest is reported."""
        order = np.argsort(np.argsort(np.array(self.names)))
        return np.asarray(order % 2 == 0)


def directory() -> Path:
    """Where the traces lie: AHPA_TRACES, or beside the repository."""
    return Path(os.environ.get("AHPA_TRACES", Path(__file__).parents[2] / "../shared/traces"))


def read(path: Path) -> tuple[Floats, Floats]:
    """Times and values of one `timestamp,value` file; an empty value is NaN."""
    with gzip.open(path, "rt") as file:
        next(file)
        rows = [line.rstrip("\n").split(",") for line in file]
    return np.array([float(t) for t, _ in rows]), np.array([float(v) if v else np.nan for _, v in rows])


def groups(root: Path) -> list[Group]:
    """Series of at least five days at ten minutes or finer with demand in at least 1 % of their steps."""
    found: dict[int, list[tuple[str, float, Floats]]] = {}
    for folder in FOLDERS:
        for path in sorted((root / folder / "series").glob("*.csv.gz")):
            times, values = read(path)
            step = round(float(np.median(np.diff(times))))
            if step <= 600 and len(values) * step >= 5 * DAY_SECONDS and np.mean(values > 0) >= 0.01:
                found.setdefault(step, []).append((path.name[:-7], times[0], values))
    return [_laid_out(step, rows) for step, rows in sorted(found.items())]


def _laid_out(step: int, rows: list[tuple[str, float, Floats]]) -> Group:
    day = DAY_SECONDS // step
    length = (MEMORY_DAYS + 1) * day
    values = np.full((len(rows), length), np.nan)
    for i, (_, start, own) in enumerate(rows):
        after_midnight = round((start % DAY_SECONDS) / step)
        end = length - (-(after_midnight + len(own))) % day
        kept = min(len(own), end)
        values[i, end - kept : end] = own[-kept:]
    return Group(tuple(name for name, _, _ in rows), step, values)
