"""CSV with a row for each time: `timestamp,value`, or one column per service, as Grafana exports a panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ahpa.adapters.files.cells import (
    LATEST_MILLISECONDS,
    LATEST_SECONDS,
    TIME_COLUMNS,
    Layout,
    joined,
    no_number,
    no_stamp,
    number,
    read_rows,
    shown,
    stamp,
)
from ahpa.adapters.files.dialect import Dialect
from ahpa.adapters.files.labels import labels_in, names_of
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import Block, InputError
from forecasting.panel import Floats

GRAFANA_TIME = "Time"
"""Grafana's own header; its stamps are milliseconds where the panel's table shows them so."""


@dataclass(frozen=True)
class Header:
    """The first row of a file, and where it stands."""

    source: str
    stem: str
    """The name of a series that has no other."""
    cells: tuple[str, ...]
    line: int
    dialect: Dialect

    @property
    def index(self) -> int:
        """How many columns come before the time: one without a name, as a data frame's own index."""
        named = self.cells[0] not in ("", "Unnamed: 0")
        return 0 if named or len(self.cells) < 3 or self.cells[1].lower() not in TIME_COLUMNS else 1

    @property
    def latest(self) -> float:
        """A stamp is before it."""
        return LATEST_MILLISECONDS if self.cells[self.index] == GRAFANA_TIME else LATEST_SECONDS


def parse_wide(header: Header, rest: Iterator[Block]) -> Table:
    """The columns below the header. Raises InputError with the line."""
    source, dialect, index = header.source, header.dialect, header.index
    names, columns, latest = _names(header), len(header.cells), header.latest
    commas = dialect.delimiter == ","

    def row(at: int, line: str) -> list[float]:
        cells = line.split(",") if commas and '"' not in line else dialect.cells(line, at)
        if len(cells) != columns:
            raise InputError(f"{source}:{at}: {len(cells)} columns; the header has {columns}")
        when = stamp(cells[index].strip(), latest)
        if when is None:
            raise InputError(f"{source}:{at}: {no_stamp(cells[index])}")
        out = [0.0, when] if index else [when]
        for name, cell in zip(names, cells[index + 1 :], strict=True):
            value = number(cell.strip()) if commas else None
            if value is None:
                value = dialect.number(cell.strip(), at)
            if value is None:
                raise InputError(f"{source}:{at}: {shown(cell)} of {shown(name)} {no_number(cell)}")
            out.append(value)
        return out

    layout = Layout(columns, index, latest, None if commas else dialect.plainly)
    rows, numbers = joined(read_rows(source, rest, layout, row), columns)
    stamps = rows[:, index]
    labels = [labels_in(cell) or {"": cell} for cell in header.cells[index + 1 :]]
    told = tuple(labels) if any("" not in label for label in labels) else ()
    table = Table(stamps, rows[:, index + 1 :].T, names, numbers, source, told)
    if len(stamps) and stamps.max() >= LATEST_SECONDS:
        return _in_seconds(table, stamps)
    return table


def _in_seconds(table: Table, stamps: Floats) -> Table:
    few = np.flatnonzero(stamps < LATEST_SECONDS)
    if len(few):
        raise InputError(f"{table.where(int(few[0]))}: seconds, and milliseconds elsewhere in this file")
    return Table(stamps / 1000, table.values, table.names, table.lines, table.source, table.labels)


def _names(header: Header) -> tuple[str, ...]:
    at = f"{header.source}:{header.line}"
    cells, index = header.cells, header.index
    if cells[index].lower() not in TIME_COLUMNS or len(cells) < 2:
        raise InputError(f"{at}: {_unknown(cells)}")
    legends = cells[index + 1 :]
    if len(legends) > MOST_SERIES:
        raise InputError(f"{at}: {len(legends)} columns; at most {MOST_SERIES} services can be read from one file")
    if [legend.lower() for legend in legends] == ["value"]:
        return (header.stem,)
    names = names_with_labels(legends)
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if not all(names) or twice is not None:
        found = f"; {shown(twice)} comes twice" if twice else "; one has none"
        raise InputError(f"{at}: every column needs its own name{found}")
    return tuple(names)


def names_with_labels(legends: Sequence[str]) -> list[str]:
    """The names in a header; a legend of labels, `{service="cart"}`, gets the name that it has elsewhere."""
    labels = [labels_in(legend) for legend in legends]
    told = iter(names_of([label for label in labels if label is not None]))
    return [legend if label is None else next(told) for legend, label in zip(legends, labels, strict=True)]


def _unknown(cells: Sequence[str]) -> str:
    said = shown(",".join(cells))
    if cells[0].lstrip().startswith("<"):
        return f"a web page, as a login gives one, and no metrics; it begins with {said}"
    return (
        "the header must be timestamp,value, timestamp and one column per service, a row per series and time "
        f"(timestamp,LABELS...,value), or timestamp,duration; it is {said}"
    )
