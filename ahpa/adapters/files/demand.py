"""Demand from files: CSV, JSON of Prometheus and its like, text with timestamps, lists of requests; plain or gzip.

Files are hostile until read (text.py), numbers matched before they are converted (cells.py). Every refusal names the
file and the line. Nothing is guessed silently: no unit, no time zone, no order of rows, no sum of what may be parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path

from ahpa.adapters.files.dialect import opened
from ahpa.adapters.files.exposition import is_exposition, parse_openmetrics
from ahpa.adapters.files.json_answers import parse_json
from ahpa.adapters.files.labels import METRIC
from ahpa.adapters.files.long import is_long, parse_long
from ahpa.adapters.files.parts import AS_THEY_ARE, Joining, panels_of, pods_among
from ahpa.adapters.files.request_list import is_request_list, parse_requests
from ahpa.adapters.files.table import Table
from ahpa.adapters.files.text import NOT_ENOUGH, Block, InputError, Remark, blocks, document, headed, is_json, lines
from ahpa.adapters.files.wide import Header, parse_wide
from ahpa.core.counters import WAY_OUT, Course, course
from ahpa.simulation.requests import Requests
from forecasting.panel import Panel


def _unheard(words: str) -> None:
    """Who asks for the numbers alone."""


def read_panels(path: Path, joining: Joining = AS_THEY_ARE, remark: Remark = _unheard) -> list[Panel]:
    """All series of one file, on regular grids: one panel per grid. Raises InputError.

    A list of requests is its demand in requests in flight, minute by minute.
    """
    found = read_demand(path, joining, remark)
    return [found.demand] if isinstance(found, Requests) else found


def read_demand(path: Path, joining: Joining = AS_THEY_ARE, remark: Remark = _unheard) -> list[Panel] | Requests:
    """As `read_panels`, with a list of requests as it is; `remark` is told what a reader must know of the file."""
    source = str(path)

    def told(words: str) -> None:
        remark(f"{source}: {words}")

    text = blocks(path)
    block = next(text, None)
    if block is None:
        raise InputError(f"{path}: the file is empty", NOT_ENOUGH)
    found = _parsed(source, _stem(path), chain([block], text), block, told)
    if isinstance(found, Requests):
        return found
    panels = panels_of(found, joining)
    if not joining.apart:
        for name, count in pods_among(key for panel in panels for key in panel.keys).items():
            told(
                f"{count} series are called as pods of {name[:80]!r} are, and each is taken for a service of its own: "
                "sum them in the query if they are parts of one"
            )
    metrics = {
        name: labels.get(METRIC, "")
        for table in found
        for name, labels in zip(table.names, table.labels or [{}] * len(table.names), strict=True)
    }
    for panel in panels:
        _check_counters(source, panel, metrics, told)
    return panels


def _parsed(source: str, stem: str, text: Iterator[Block], block: Block, told: Remark) -> list[Table] | Requests:
    first = block.data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").decode("utf-8", "replace")
    if is_json(block.data) and not is_exposition(first):
        return parse_json(source, document(source, text), told)
    first, rest = headed(source, text)
    if is_exposition(first):
        return parse_openmetrics(source, first, lines(source, rest))
    dialect, cells, at, rest = opened(source, first, rest)
    if is_request_list(cells):
        return parse_requests(source, stem, dialect, rest)
    header = Header(source, stem, tuple(cells), at, dialect)
    long, rest = is_long(header, rest)
    return parse_long(header, rest) if long else [parse_wide(header, rest)]


def _check_counters(source: str, panel: Panel, metrics: Mapping[str, str], told: Remark) -> None:
    """A counter is refused; what could be one is told. `metrics`: what each series of the file measures, if known."""
    only = next(iter(metrics.values())) if len(set(metrics.values())) == 1 else ""
    for name, row in zip(panel.keys, panel.values, strict=True):
        found = course(row, metrics.get(name) or only or name)
        if found is Course.COUNTER:
            raise InputError(f"{source}: {name[:80]!r} {WAY_OUT}; then export it anew")
        if found is Course.NEVER_FALLS:
            told(f"{name[:80]!r}: {Course.NEVER_FALLS.value}")


def _stem(path: Path) -> str:
    """The name of a series that has no other."""
    return path.name.removesuffix(".gz").removesuffix(".csv") or "series"
