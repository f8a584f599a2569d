"""Rows of numbers: what a cell may be, and plain rows many at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from ahpa.adapters.files.text import Block, lines
from forecasting.panel import Floats, Ints

TIME_COLUMNS = ("timestamp", "time")
LATEST_SECONDS = 1e11
"""Stamps beyond the year 5138 are milliseconds."""
LATEST_MILLISECONDS = 1e14
_NUMBER = re.compile(r"[+-]?([0-9]{1,21}(\.[0-9]{0,30})?|\.[0-9]{1,30})([eE][+-]?[0-9]{1,3})?", re.ASCII)
"""As Prometheus writes them too: one request in five minutes is 0.0033333333333333335 a second."""
_ABSENT = frozenset({"", "nan", "null", "none", "na"})
_INFINITE = frozenset({"+Inf", "-Inf", "Inf", "Infinity", "-Infinity"})
_MOST_DIGITS, _EXACT_DIGITS = 18, 15

ParseRow = Callable[[int, str], list[float]]


def number(text: str) -> float | None:
    """A finite, non-negative decimal number; NaN for an absent one; None if it is neither."""
    if text.lower() in _ABSENT:
        return math.nan
    if len(text) > 64 or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) and value >= 0 else None


def sample(text: str) -> float | None:
    """As `number`, of a sample in Prometheus' words, which write an infinite value too: nothing was observed then, as
    where the same is read from a server."""
    found = number(text)
    return math.nan if found is None and text in _INFINITE else found


def stamp(text: str, latest: float = LATEST_SECONDS) -> float | None:
    """What it says in epoch seconds or RFC 3339 with a zone; None if it is neither, or not before `latest`."""
    if len(text) <= 64 and _NUMBER.fullmatch(text):
        value = float(text)
        return value if 0 <= value < latest else None
    try:
        moment = datetime.fromisoformat(text) if 10 < len(text) <= 40 and text.isascii() else None
    except ValueError:
        return None
    return moment.timestamp() if moment is not None and moment.tzinfo is not None else None


def no_stamp(text: str) -> str:
    """Why this cell is no stamp, and what would be one."""
    said = f"{shown(text)} is not epoch seconds or RFC 3339 with a zone"
    if re.fullmatch(r"[0-9]{13}(\.[0-9]+)?", text.strip(), re.ASCII):
        return f"{said}; are these milliseconds? Divide by 1000"
    return f"{said}, as 2026-03-02T00:00:00Z"


def shown(text: str) -> str:
    """A cell in a message: short, on one line, harmless."""
    return repr(text[:40] + ("…" if len(text) > 40 else ""))


def no_number(text: str) -> str:
    """What is wrong with a cell that should hold a number, and what to do."""
    has_unit = re.fullmatch(r"[0-9][0-9.,]*\s*[^\W\d_][^,;]*|[0-9][0-9.,]*\s*%", text.strip())
    way_out = '; it has a unit: export it with Grafana\'s "Formatted data" switched off' if has_unit else ""
    return f"is not a number of zero or more{way_out}"


Rows = tuple[Floats, Ints]
"""Cells [t, columns] and the line [t] of each row."""


@dataclass(frozen=True)
class Layout:
    """How the rows of one file are laid out."""

    columns: int
    stamp_at: int = 0
    """The column of the stamp."""
    latest: float = LATEST_SECONDS
    """Stamps are before it."""
    plainly: Callable[[bytes], bytes | None] | None = None
    """Whole lines as they would be with commas and decimal points, or None; not needed where they are so."""


def read_rows(source: str, text: Iterable[Block], layout: Layout, parse_row: ParseRow) -> Iterator[Rows]:
    """All rows, some at a time. Blank lines are left out.

    Blocks of nothing but plain numbers, which is what exports are, are read at once, some fifteen times as fast; of
    others `parse_row(line number, line)` reads each line, and says what is wrong with it.
    """
    for block in text:
        data = block.data if layout.plainly is None else layout.plainly(block.data)
        read = None if data is None else plain(data, layout.columns, layout.stamp_at, layout.latest)
        if read is not None:
            at = block.first + np.arange(len(read))
        else:
            found = [(n, line) for n, line in enumerate(lines(source, [block]), block.first) if line.strip()]
            read = np.array([parse_row(n, line) for n, line in found], float).reshape(-1, layout.columns)
            at = np.array([n for n, _ in found], np.intp)
        yield read, at


def joined(parts: Iterable[Rows], columns: int) -> Rows:
    """All of them as one."""
    rows, numbers = zip((np.empty((0, columns)), np.empty(0, np.intp)), *parts, strict=True)
    return np.concatenate(rows), np.concatenate(numbers)


def plain(data: bytes, columns: int, stamp_at: int = 0, latest: float = LATEST_SECONDS) -> Floats | None:
    """The rows [t, columns] of some whole lines, if each is so many decimal numbers without sign, exponent or blank
    and none is absent, one of them a stamp; else None."""
    data = data.replace(b"\r\n", b"\n").removesuffix(b"\n") + b"\n"
    if data.translate(None, b"0123456789.,\n"):
        return None
    letters = np.frombuffer(data, np.uint8)
    ends = np.flatnonzero((letters == ord(",")) | (letters == ord("\n")))
    if len(ends) % columns:
        return None
    ends_line = (letters[ends] == ord("\n")).reshape(-1, columns)
    if not ends_line[:, -1].all() or ends_line[:, :-1].any():
        return None
    dots = np.flatnonzero(letters == ord("."))
    dotted = np.searchsorted(ends, dots)
    lengths = np.diff(ends, prepend=-1) - 1
    digits = lengths - np.bincount(dotted, minlength=len(ends))
    if digits.min() < 1 or digits.max() > _MOST_DIGITS or (lengths - digits).max() > 1:
        return None
    if digits.max() > _EXACT_DIGITS:
        values: Floats = np.fromstring(data.replace(b"\n", b","), sep=",")
    else:
        decimals = np.zeros(len(ends), np.intp)
        decimals[dotted] = ends[dotted] - dots - 1
        values = _whole(data.replace(b".", b""), digits) / 10.0**decimals
    rows = values.reshape(-1, columns)
    return rows if rows[:, stamp_at].max() < latest else None


def _whole(data: bytes, digits: Ints) -> Ints:
    """The whole numbers of so many digits in `data`, one byte apart. Divided by a power of ten they are rounded as
    they should be: up to 15 digits both are exact."""
    figures = np.frombuffer(b"0" * _EXACT_DIGITS + data, np.uint8) - np.uint8(ord("0"))
    last = np.cumsum(digits + 1) - 2 + _EXACT_DIGITS
    out = np.zeros(len(digits), np.int64)
    for place in range(int(digits.max())):
        out += (figures[last - place] * (digits > place)) * np.int64(10**place)
    return out
