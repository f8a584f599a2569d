"""A list of single requests: CSV with the header `timestamp,duration`, one row per request, in any order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from ahpa.adapters.files.cells import TIME_COLUMNS, Layout, Rows, joined, no_stamp, read_rows, shown, stamp
from ahpa.adapters.files.dialect import Dialect
from ahpa.adapters.files.text import MOST_ROWS, NOT_ENOUGH, Block, InputError
from ahpa.simulation.requests import Requests
from forecasting.panel import Floats, Ints

LONGEST_SECONDS = 86_400.0
"""A request of more than a day is milliseconds taken for seconds, or no request."""


def is_request_list(header: Sequence[str]) -> bool:
    return len(header) == 2 and header[0].lower() in TIME_COLUMNS and header[1].lower() == "duration"


def parse_requests(source: str, name: str, dialect: Dialect, rest: Iterator[Block]) -> Requests:
    """The rows below the header. Raises InputError with the line."""
    layout = Layout(2, plainly=None if dialect.delimiter == "," else dialect.plainly)
    rows, numbers = joined(_checked(source, read_rows(source, rest, layout, partial(_row, source, dialect))), 2)
    if not len(rows):
        raise InputError(f"{source}: no requests", NOT_ENOUGH)
    moments, seconds = rows[:, 0], rows[:, 1]
    _check_span(source, moments, numbers)
    return Requests.of(name, moments, seconds)


def _row(source: str, dialect: Dialect, at: int, line: str) -> list[float]:
    cells = dialect.cells(line, at)
    if len(cells) != 2:
        raise InputError(f"{source}:{at}: {len(cells)} columns; the header has 2")
    when, seconds = stamp(cells[0]), dialect.number(cells[1], at)
    if when is None:
        raise InputError(f"{source}:{at}: {no_stamp(cells[0])}")
    if seconds is None or np.isnan(seconds):
        raise InputError(f"{source}:{at}: {shown(cells[1])} is not a duration of zero or more seconds")
    _check_duration(source, at, seconds)
    return [when, seconds]


def _checked(source: str, parts: Iterator[Rows]) -> Iterator[Rows]:
    for rows, numbers in parts:
        for i in np.flatnonzero(rows[:, 1] > LONGEST_SECONDS)[:1]:
            _check_duration(source, int(numbers[i]), float(rows[i, 1]))
        yield rows, numbers


def _check_duration(source: str, at: int, seconds: float) -> None:
    if seconds > LONGEST_SECONDS:
        raise InputError(f"{source}:{at}: a duration of {seconds:g} s; at most a day. Are these milliseconds?")


def _check_span(source: str, moments: Floats, numbers: Ints) -> None:
    """A stamp of another decade is a mistake, and would make a history of empty minutes."""
    order = np.argsort(moments, kind="stable")
    if moments[order[-1]] - moments[order[0]] < 60 * MOST_ROWS:
        return
    gaps = np.diff(moments[order])
    at = int(gaps.argmax())
    raise InputError(
        f"{source}:{numbers[order[at + 1]]}: {gaps[at] / 86_400:.0f} days after the request before it; "
        f"a list of requests spans at most {MOST_ROWS:,} minutes"
    )
