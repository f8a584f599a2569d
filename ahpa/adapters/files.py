"""Demand from files: CSV, the JSON of Prometheus' query_range, OpenMetrics text, lists of requests; plain or gzip.

Files are hostile until read: a regular file of bounded size, text of bounded lines, numbers matched before they
are converted. Every refusal names the file and the line. Nothing is guessed silently: no unit, no time zone, no
order of rows.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import re
import stat
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import numpy as np

from ahpa.simulation.requests import Requests
from forecasting.panel import Floats, Panel

MOST_BYTES = 256 * 2**20
MOST_ROWS = 2_000_000
MOST_LINE = 2**20
MOST_SERIES = 2_000
MOST_RATIO = 200
"""A text that is so many times larger than its gzip is a bomb, not metrics (minute counts reach 20)."""
SHORTEST_STEP_SECONDS, LONGEST_STEP_SECONDS = 1, 86_400


class InputError(ValueError):
    """What is wrong, with file and line, and the exit code that says so."""

    def __init__(self, message: str, exit_code: int = 2) -> None:
        super().__init__(message)
        self.exit_code = exit_code


NOT_ENOUGH = 4


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of samples as they were read: stamps increasing, NaN where a cell was empty."""

    stamps: Floats
    """Unix seconds, shape [t]."""
    values: Floats
    """Shape [n, t]."""
    names: tuple[str, ...]
    lines: tuple[int, ...] | None
    """The line of each stamp, for messages; None where the file has no lines to speak of."""
    source: str

    def where(self, index: int) -> str:
        return f"{self.source}:{self.lines[index]}" if self.lines else f"{self.source}: sample {index + 1}"


def read(path: Path) -> list[Panel]:
    """All series of one file, on regular grids: one panel per grid. Raises InputError.

    A list of requests is its demand in requests in flight, minute by minute.
    """
    found = inputs(path)
    return [found.demand] if isinstance(found, Requests) else found


def inputs(path: Path) -> list[Panel] | Requests:
    """As `read`, with a list of requests as it is."""
    from ahpa.adapters.exposition import parse_openmetrics, parse_prometheus
    from ahpa.adapters.request_list import is_request_list, parse_requests

    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        raise InputError(f"{path}: the file is empty", NOT_ENOUGH)
    source = str(path)
    head = first.lstrip("\ufeff").lstrip()
    if head[:1] in ("{", "["):
        tables = parse_prometheus(source, _whole(source, first, lines))
    elif head[:1] == "#" or re.match(r"[a-zA-Z_:][\w:]*(\{| +[0-9+\-N])", head, re.ASCII):
        tables = parse_openmetrics(source, first, lines)
    elif is_request_list(first.lstrip("\ufeff")):
        return parse_requests(source, _stem(path), lines)
    else:
        tables = [_parse_csv(path, first.lstrip("\ufeff"), lines)]
    return [grid(table) for table in tables]


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
        raise InputError(f"{table.where(int(bad[0]) + 1)}: the stamp is {kind} the one before; sort and deduplicate")
    distances, counts = np.unique(np.round(gaps, 3), return_counts=True)
    step = float(distances[counts.argmax()])
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
    values = np.full((len(table.names), int(index[-1]) + 1), np.nan)
    values[:, index] = table.values
    if not np.isfinite(values).any():
        raise InputError(f"{table.source}: no value in any of {len(stamps)} rows", NOT_ENOUGH)
    return Panel.of(float(stamps[0]), step, values, table.names)


# Bytes and lines


def _lines(path: Path) -> Iterator[str]:
    """Decoded lines without their end. Raises InputError; nothing is read beyond the bounds."""
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"{str(path)[:200]}: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(info.st_mode):
        raise InputError(f"{path}: not a regular file")
    if info.st_size > MOST_BYTES:
        raise InputError(f"{path}: {info.st_size / 2**20:.0f} MiB; at most {MOST_BYTES // 2**20} can be read")
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with contextlib.nullcontext(raw) if not packed else gzip.open(raw) as stream:
                _measure(path, stream, MOST_RATIO * info.st_size if packed else MOST_BYTES)
                stream.seek(0)
                yield from _decoded(path, stream)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path}: the gzip is damaged: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...


def _measure(path: Path, stream: _Stream, most_bytes: int) -> None:
    """Bytes and rows are counted before any row is parsed; a gzip's own word on its length is not trusted."""
    total = rows = 0
    while block := stream.read(2**20):
        total += len(block)
        rows += block.count(b"\n")
        if rows > MOST_ROWS + 1:
            raise InputError(f"{path}:{MOST_ROWS + 2}: more than {MOST_ROWS:,} rows")
        if total > MOST_BYTES or total > max(most_bytes, 16 * 2**20):
            raise InputError(f"{path}:{rows + 1}: unpacks to far more than a file of metrics holds")


def _decoded(path: Path, stream: _Stream) -> Iterator[str]:
    number = 0
    while line := stream.readline(MOST_LINE + 1):
        number += 1
        if len(line) > MOST_LINE:
            raise InputError(f"{path}:{number}: a line of more than {MOST_LINE:,} bytes")
        if b"\0" in line:
            raise InputError(f"{path}:{number}: a NUL byte; is this UTF-16? UTF-8 text is needed")
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(f"{path}:{number}: not UTF-8 text (byte {error.start + 1} of the line)") from error


def _whole(source: str, first: str, rest: Iterator[str]) -> str:
    """A JSON document; its bound is that of the file, and less."""
    parts, total = [first], len(first)
    for line in rest:
        parts.append(line)
        total += len(line)
        if total > 64 * 2**20:
            raise InputError(f"{source}: JSON of more than 64 MiB; ask Prometheus for fewer series at a time")
    return "\n".join(parts)


# CSV

_NUMBER = re.compile(r"[+-]?([0-9]{1,18}(\.[0-9]{0,18})?|\.[0-9]{1,18})([eE][+-]?[0-9]{1,3})?", re.ASCII)
_PLAIN_ROW = re.compile(r"[0-9.,]+", re.ASCII)
_ABSENT = frozenset({"", "nan", "null", "none", "na"})
TIME_COLUMNS = ("timestamp", "time")


def number(text: str) -> float | None:
    """A finite, non-negative decimal number; NaN for an absent one; None if it is neither."""
    if text.lower() in _ABSENT:
        return math.nan
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) and value >= 0 else None


def stamp(text: str) -> float | None:
    """Unix seconds of epoch seconds or RFC 3339 with a zone; None if it is neither."""
    if len(text) <= 64 and _NUMBER.fullmatch(text):
        value = float(text)
        return value if 0 <= value < 1e11 else None
    try:
        moment = datetime.fromisoformat(text) if 10 < len(text) <= 40 and text.isascii() else None
    except ValueError:
        return None
    return moment.timestamp() if moment is not None and moment.tzinfo is not None else None


def _parse_csv(path: Path, header: str, lines: Iterator[str]) -> Table:
    source = str(path)
    names = _columns(source, header, path)
    stamps: list[float] = []
    rows: list[list[float]] = []
    numbers: list[int] = []
    for at, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        cells = line.split(",")
        if len(cells) != len(names) + 1:
            raise InputError(f"{source}:{at}: {len(cells)} columns; the header has {len(names) + 1}")
        when = stamp(cells[0].strip())
        if when is None:
            raise InputError(f"{source}:{at}: {shown(cells[0])} is not epoch seconds or RFC 3339 with a zone")
        stamps.append(when)
        numbers.append(at)
        rows.append(_row(source, at, line, cells, names))
    values = np.array(rows, dtype=float).T if rows else np.empty((len(names), 0))
    return Table(np.array(stamps), values, names, tuple(numbers), source)


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


def _row(source: str, at: int, line: str, cells: list[str], names: tuple[str, ...]) -> list[float]:
    if len(names) > 8 and _PLAIN_ROW.fullmatch(line):
        try:
            return [float(cell) if cell else math.nan for cell in cells[1:]]
        except ValueError:
            pass  # the slow way finds the cell
    out = []
    for name, cell in zip(names, cells[1:], strict=True):
        value = number(cell.strip())
        if value is None:
            raise InputError(f"{source}:{at}: {shown(cell)} of {shown(name)} is not a number of zero or more")
        out.append(value)
    return out


def shown(text: str) -> str:
    """A cell in a message: short, on one line, harmless."""
    return repr(text[:40] + ("…" if len(text) > 40 else ""))
