"""Demand from files: CSV, the JSON of Prometheus' query_range, OpenMetrics text, lists of requests; plain or gzip.

Files are hostile until read (text.py), numbers matched before they are converted (cells.py). Every refusal names the
file and the line. Nothing is guessed silently: no unit, no time zone, no order of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from ahpa.adapters.files.cells import TIME_COLUMNS, joined, no_stamp, number, read_rows, shown, stamp
from ahpa.adapters.files.exposition import parse_openmetrics, parse_prometheus
from ahpa.adapters.files.request_list import is_request_list, parse_requests
from ahpa.adapters.files.table import MOST_SERIES, Table, grid
from ahpa.adapters.files.text import NOT_ENOUGH, Block, InputError, blocks, document, headed, is_json, lines
from ahpa.simulation.requests import Requests
from forecasting.panel import Panel


def read_panels(path: Path) -> list[Panel]:
    """All series of one file, on regular grids: one panel per grid. Raises InputError.

    A list of requests is its demand in requests in flight, minute by minute.
    """
    found = read_demand(path)
    return [found.demand] if isinstance(found, Requests) else found


def read_demand(path: Path) -> list[Panel] | Requests:
    """As `read_panels`, with a list of requests as it is."""
    source = str(path)
    text = blocks(path)
    block = next(text, None)
    if block is None:
        raise InputError(f"{path}: the file is empty", NOT_ENOUGH)
    text = chain([block], text)
    if is_json(block.data):
        return [grid(table) for table in parse_prometheus(source, document(source, text))]
    first, rest = headed(source, text)
    if first[:1] == "#" or re.match(r"[a-zA-Z_:][\w:]*(\{| +[0-9+\-N])", first, re.ASCII):
        tables = parse_openmetrics(source, first, lines(source, rest))
    elif is_request_list(first):
        return parse_requests(source, _stem(path), rest)
    else:
        tables = [_parse_csv(path, first, rest)]
    return [grid(table) for table in tables]


def _parse_csv(path: Path, header: str, rest: Iterator[Block]) -> Table:
    source = str(path)
    names = _columns(source, header, path)

    def row(at: int, line: str) -> list[float]:
        cells = line.split(",")
        if len(cells) != len(names) + 1:
            raise InputError(f"{source}:{at}: {len(cells)} columns; the header has {len(names) + 1}")
        when = stamp(cells[0].strip())
        if when is None:
            raise InputError(f"{source}:{at}: {no_stamp(cells[0])}")
        out = [when]
        for name, cell in zip(names, cells[1:], strict=True):
            value = number(cell.strip())
            if value is None:
                raise InputError(f"{source}:{at}: {shown(cell)} of {shown(name)} is not a number of zero or more")
            out.append(value)
        return out

    columns = len(names) + 1
    rows, numbers = joined(read_rows(source, rest, columns, row), columns)
    return Table(rows[:, 0], rows[:, 1:].T, names, numbers, source)


def _columns(source: str, header: str, path: Path) -> tuple[str, ...]:
    cells = [cell.strip().strip('"') for cell in header.split(",")]
    if cells[0].lower() not in TIME_COLUMNS or len(cells) < 2:
        raise InputError(
            f"{source}:1: the header must be timestamp,value, timestamp and one column per service, or "
            f"timestamp,duration; it is {shown(header)}"
        )
    names = tuple(cells[1:])
    if len(names) > MOST_SERIES:
        raise InputError(f"{source}:1: {len(names)} columns; at most {MOST_SERIES} services can be read from one file")
    if names == ("value",):
        return (_stem(path),)
    if not all(names) or len(set(names)) != len(names):
        raise InputError(f"{source}:1: every column needs its own name")
    return names


def _stem(path: Path) -> str:
    """The name of a series that has no other."""
    return path.name.removesuffix(".gz").removesuffix(".csv") or "series"
