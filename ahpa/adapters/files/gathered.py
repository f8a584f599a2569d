"""Samples of many series as they come line by line, and the table of each in the end."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ahpa.adapters.files.cells import LATEST_SECONDS
from ahpa.adapters.files.labels import Labels, names_of
from ahpa.adapters.files.table import Table


@dataclass(frozen=True, eq=False)
class Gathered:
    """One series as far as it was read."""

    stamps: array[float] = field(default_factory=lambda: array("d"))
    """Unix seconds."""
    values: array[float] = field(default_factory=lambda: array("d"))
    lines: array[int] = field(default_factory=lambda: array("q"))

    def sample(self, moment: float, value: float, line: int) -> None:
        """One more; a moment too large for seconds is in milliseconds, as Prometheus' own text and data frames have."""
        self.stamps.append(moment if moment < LATEST_SECONDS else moment / 1000)
        self.values.append(value)
        self.lines.append(line)


def tables(
    source: str, series: Sequence[Labels], found: Iterable[Gathered], *, closing: bool = False, in_order: bool = True
) -> list[Table]:
    """A table per series; `in_order` False: its samples may come in any order, and are sorted by their stamps."""
    out = []
    for name, labels, one in zip(names_of(series), series, found, strict=True):
        stamps, values, lines = np.array(one.stamps), np.array([one.values]), np.array(one.lines)
        if not in_order:
            order = np.argsort(stamps, kind="stable")
            stamps, values, lines = stamps[order], values[:, order], lines[order]
        out.append(Table(stamps, values, (name,), lines, source, (labels,), closing))
    return out
