"""docs/reliability.md: an introduction, and the table that the runs write."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from tests.reliability.listed import LIST
from tests.reliability.reached import Row

INTRODUCTION = Path(__file__).with_name("introduction.md").read_text(encoding="utf-8")
NOT_RUN = "not run"
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ROW = re.compile(r"^\| (T\d+) \| .*? \| (.*?) \| .*? \| (.*?) \| `(.*?)` \|$", re.MULTILINE)


def rows_of(page: str) -> list[Row]:
    """What a page has of earlier runs."""
    return [Row(*(_plain(cell) for cell in found)) for found in _ROW.findall(page)]


def page_of(earlier: Iterable[Row], newer: Iterable[Row]) -> str:
    """The page, with what came out `newer` in place of what an `earlier` run of the same command had for a test."""
    rows = {(row.test, row.command): row for row in (*earlier, *together(newer))}
    return INTRODUCTION + "".join(_lines(rows.values()))


def together(rows: Iterable[Row]) -> list[Row]:
    """The cases of each test as one row: how many they were, and the largest of each number that they say."""
    cases: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        cases.setdefault((row.test, row.command), []).append(row)
    return [_one(each) if len(each) > 1 else each[0] for each in cases.values()]


def _one(cases: Sequence[Row]) -> Row:
    sizes = list(dict.fromkeys(row.size for row in cases))
    figures: dict[str, list[str]] = {}
    for row in cases:
        same = _NUMBER.sub("#", row.figure)
        figures[same] = _largest(figures.get(same), _NUMBER.findall(row.figure))
    said = [_filled(same, numbers) for same, numbers in figures.items()]
    return replace(cases[0], size=f"{len(cases)} cases: {', '.join(sizes)}", figure="; ".join(said))


def _largest(before: Sequence[str] | None, numbers: Sequence[str]) -> list[str]:
    return list(numbers) if before is None else [max(pair, key=float) for pair in zip(before, numbers, strict=True)]


def _filled(text: str, numbers: Iterable[str]) -> str:
    left = iter(numbers)
    return re.sub("#", lambda _: next(left), text)


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
