"""docs/reliability.md: an introduction, and the table that the runs write."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.reliability.listed import LIST
from tests.reliability.reached import Row

INTRODUCTION = Path(__file__).with_name("introduction.md").read_text(encoding="utf-8")
NOT_RUN = "not run"
_ROW = re.compile(r"^\| (T\d+) \| .*? \| (.*?) \| .*? \| (.*?) \| `(.*?)` \|$", re.MULTILINE)


def rows_of(page: str) -> list[Row]:
    """What a page has of earlier runs."""
    return [Row(*(_plain(cell) for cell in found)) for found in _ROW.findall(page)]


def page_of(earlier: Iterable[Row], newer: Iterable[Row]) -> str:
    """The page, with what came out `newer` in place of what an `earlier` run of the same command had for a test."""
    rows = {(row.test, row.command): row for row in (*earlier, *newer)}
    return INTRODUCTION + "".join(_lines(rows.values()))


def _lines(rows: Iterable[Row]) -> Iterable[str]:
    found = sorted(rows, key=lambda row: row.command)
    for listed in LIST:
        runs = [row for row in found if row.test == listed.test]
        for row in runs:
            cells = row.test, listed.what, _cell(row.size), listed.bar, _cell(row.figure), f"`{_cell(row.command)}`"
            yield f"| {' | '.join(cells)} |\n"
        if not runs:
            yield f"| {listed.test} | {listed.what} | | {listed.bar} | {NOT_RUN} | |\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _plain(text: str) -> str:
    return text.replace("\\|", "|")
