"""A list of single requests: CSV with the header `timestamp,duration`, one row per request, in any order."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator

import numpy as np

from ahpa.adapters.files import MOST_ROWS, NOT_ENOUGH, TIME_COLUMNS, InputError, number, shown, stamp
from ahpa.simulation.requests import Requests

LONGEST_SECONDS = 86_400.0
"""A request of more than a day is milliseconds taken for seconds, or no request."""
_PLAIN_ROW = re.compile(r"([0-9]{1,11}(?:\.[0-9]{1,9})?),([0-9]{1,5}(?:\.[0-9]{1,18})?)", re.ASCII)


def is_request_list(header: str) -> bool:
    cells = [cell.strip().strip('"').lower() for cell in header.split(",")]
    return len(cells) == 2 and cells[0] in TIME_COLUMNS and cells[1] == "duration"


def parse_requests(source: str, name: str, lines: Iterator[str]) -> Requests:
    """The rows below the header. Raises InputError with the line."""
    came, held, numbers = array("d"), array("d"), array("q")
    for at, line in enumerate(lines, start=2):
        plain = _PLAIN_ROW.fullmatch(line)
        if plain:
            when, seconds = float(plain[1]), float(plain[2])
        elif line.strip():
            when, seconds = _row(source, at, line)
        else:
            continue
        if seconds > LONGEST_SECONDS:
            raise InputError(f"{source}:{at}: a duration of {seconds:g} s; at most a day. Are these milliseconds?")
        came.append(when)
        held.append(seconds)
        numbers.append(at)
    if not came:
        raise InputError(f"{source}: no requests", NOT_ENOUGH)
    moments = np.frombuffer(came)
    _check_span(source, moments, numbers)
    return Requests.of(name, moments, np.frombuffer(held))


def _row(source: str, at: int, line: str) -> tuple[float, float]:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) != 2:
        raise InputError(f"{source}:{at}: {len(cells)} columns; the header has 2")
    when, seconds = stamp(cells[0]), number(cells[1])
    if when is None:
        raise InputError(f"{source}:{at}: {shown(cells[0])} is not epoch seconds or RFC 3339 with a zone")
    if seconds is None or np.isnan(seconds):
        raise InputError(f"{source}:{at}: {shown(cells[1])} is not a duration of zero or more seconds")
    return when, seconds


def _check_span(source: str, moments: np.ndarray, numbers: array[int]) -> None:
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
