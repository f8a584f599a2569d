"""The dialect of one CSV file: what stands between its cells, quotes around them, the decimal mark.

RFC 4180 for quotes; a spreadsheet whose country writes a decimal comma puts semicolons between the cells.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain

from ahpa.adapters.files.cells import number, shown
from ahpa.adapters.files.text import NOT_ENOUGH, Block, InputError, headed

DELIMITERS = ",;\t"
_SAID = re.compile(r"sep=([,;\t])", re.IGNORECASE)
_FIRST = re.compile(r'\s*(?:"(?:[^"]|"")*"|[^",;\t]*)\s*([,;\t])')
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", re.ASCII)
_PLAIN = b"0123456789.,;\r\n"
_TO_COMMAS = bytes.maketrans(b",;", b".,"), bytes.maketrans(b"\t", b",")


class Dialect:
    """How one file writes its rows; it learns the decimal mark while it reads."""

    def __init__(self, source: str, delimiter: str) -> None:
        self.delimiter = delimiter
        self._source = source
        self._mark: str | None = None
        """The decimal mark that was seen, where a comma could be one."""

    def cells(self, line: str, at: int) -> list[str]:
        """The cells of one line, without quotes and outer blanks. Raises InputError."""
        if '"' not in line:
            return [cell.strip() for cell in line.split(self.delimiter)]
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=self.delimiter, strict=True))]
        except csv.Error as error:
            raise InputError(f"{self._source}:{at}: a quoted cell that does not end on its line ({error})") from error

    def number(self, cell: str, at: int) -> float | None:
        """As `cells.number`, where a comma may be the decimal mark. Raises InputError for a file that has both marks,
        and for a cell that could be thousands."""
        if "," not in cell and (self.delimiter == "," or "." not in cell):
            return number(cell)
        if self.delimiter == "," and _THOUSANDS.fullmatch(cell):
            raise InputError(f"{self._source}:{at}: {shown(cell)}: write it without commas; thousands, or a fraction?")
        if cell.count(",") + cell.count(".") > 1:
            return None
        found = number(cell.replace(",", "."))
        if found is not None:
            self._marked("," if "," in cell else ".", at)
        return found

    def plainly(self, data: bytes) -> bytes | None:
        """Whole lines with commas between the cells and decimal points, if that is easily seen; else None."""
        if self.delimiter == "\t":
            return None if b"," in data else data.translate(_TO_COMMAS[1])
        comma, point = b"," in data, b"." in data
        if comma or point:
            mark = "," if comma else "."
            if (comma and point) or self._mark not in (None, mark) or data.translate(None, _PLAIN):
                return None
            self._mark = mark
        return data.translate(_TO_COMMAS[0])

    def _marked(self, mark: str, at: int) -> None:
        if self.delimiter != "," and self._mark not in (None, mark):
            raise InputError(f"{self._source}:{at}: both 1.5 and 1,5 are written in this file; export it with one mark")
        self._mark = mark


def opened(source: str, header: str, rest: Iterator[Block]) -> tuple[Dialect, list[str], int, Iterator[Block]]:
    """(dialect, cells of the header, its line, the blocks after it). A line `sep=;`, which spreadsheets ask for, and
    InfluxDB's annotations are passed over. Raises InputError."""
    at, said = 1, _SAID.fullmatch(header)
    while header.startswith("#") or _SAID.fullmatch(header):
        block = next(rest, None)
        if block is None:
            raise InputError(f"{source}: no samples", NOT_ENOUGH)
        at = block.first
        header, rest = headed(source, chain([block], rest))
    first = _FIRST.match(header)
    dialect = Dialect(source, said[1] if said else first[1] if first else ",")
    return dialect, dialect.cells(header, at), at, rest
