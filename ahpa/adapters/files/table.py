"""Samples as they were read, and the regular grid that they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ahpa.adapters.files.labels import Labels
from ahpa.adapters.files.text import MOST_ROWS, NOT_ENOUGH, InputError
from forecasting.panel import Floats, Ints, Panel

MOST_SERIES = 2_000
LONG_STRETCH = 100
"""Gaps of one length in a row that are no accident."""
SHORTEST_STEP_SECONDS, LONGEST_STEP_SECONDS = 1, 86_400


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of samples as they were read: stamps increasing, NaN where a cell was empty."""

    stamps: Floats
    """Unix seconds, shape [t]."""
    values: Floats
    """Shape [n, t]."""
    names: tuple[str, ...]
    lines: Ints | None
    """The line of each stamp, for messages; None where the file has no lines to speak of."""
    source: str
    labels: tuple[Labels, ...] = ()
    """Of each name; empty where the file knows no labels."""
    closing: bool = False
    """A stamp is where its step ends, as in all that Prometheus says; else where it begins."""

    def where(self, index: int) -> str:
        return f"{self.source}:{self.lines[index]}" if self.lines is not None else f"{self.source}: sample {index + 1}"


def grid(table: Table) -> Panel:
    """The samples on a regular grid: its step is the most common distance; absent stamps become NaN.

    Raises InputError for unsorted, double or irregular stamps and where there is too little to see a step.
    """
    stamps = table.stamps
    if len(stamps) < 2:
        what = "one sample" if len(stamps) else "no samples"
        raise InputError(f"{table.source}: {what}; at least two are needed", NOT_ENOUGH)
    gaps = np.diff(stamps)
    bad = np.flatnonzero(gaps <= 0)
    if len(bad):
        kind = "the same as" if gaps[bad[0]] == 0 else "older than"
        hint = "; if each row is a request, the header must be timestamp,duration" if len(table.names) == 1 else ""
        raise InputError(
            f"{table.where(int(bad[0]) + 1)}: the stamp is {kind} the one before; sort and deduplicate{hint}"
        )
    step = _step(gaps)
    if not SHORTEST_STEP_SECONDS <= step <= LONGEST_STEP_SECONDS:
        hint = "; are these milliseconds?" if step > LONGEST_STEP_SECONDS else ""
        raise InputError(f"{table.where(1)}: samples are {step:g} s apart; 1 s to 1 day can be read{hint}")
    places = (stamps - stamps[0]) / step
    index = np.round(places).astype(np.int64)
    if index[-1] + 1 > MOST_ROWS:
        at = int(gaps.argmax()) + 1
        raise InputError(f"{table.where(at)}: a gap of {gaps.max() / 86_400:.0f} days; at most {MOST_ROWS:,} steps")
    off = np.flatnonzero(np.abs(places - index) > 0.05)
    if len(off):
        at = int(off[0])
        raise InputError(
            f"{table.where(at)}: mixed steps: {gaps[max(0, at - 1)]:g} s after samples that are {step:g} s apart"
        )
    _check_one_step(table, gaps, step)
    values = np.full((len(table.names), int(index[-1]) + 1), np.nan)
    values[:, index] = table.values
    if not np.isfinite(values).any():
        raise InputError(f"{table.source}: no value in any of {len(stamps)} rows", NOT_ENOUGH)
    return Panel.of(float(stamps[0]) - (step if table.closing else 0.0), step, values, table.names)


def _step(gaps: Floats) -> float:
    """The most common distance; where scrapes come a few milliseconds early or late, the most common tenth."""
    found = []
    for digits in (3, 1):
        distances, counts = np.unique(np.round(gaps, digits), return_counts=True)
        found.append(float(distances[counts.argmax()]))
        if 2 * counts.max() >= len(gaps):
            return found[-1]
    return found[0]


def _check_one_step(table: Table, gaps: Floats, step: float) -> None:
    """Gaps are missing samples, but a whole stretch of the same longer distance is another step: a storage that has
    thinned out its older half, or two exports in one file."""
    begins = np.flatnonzero(np.diff(np.round(gaps, 3), prepend=np.nan, append=np.nan))
    long = np.flatnonzero((np.diff(begins) >= LONG_STRETCH) & (gaps[begins[:-1]] > 1.5 * step))
    if len(long):
        at = int(begins[long[0]])
        raise InputError(
            f"{table.where(at)}: from here on samples are {gaps[at]:g} s apart, most are {step:g} s: mixed steps; "
            "export the parts one by one, or all with the longer step"
        )
