"""CSV with a row for each series and time: stamp, labels and value in columns of their own, in any order.

So write data frames of Prometheus clients, VictoriaMetrics, Grafana's "series as rows", InfluxDB (`_time`, `_value`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from ahpa.adapters.files.cells import TIME_COLUMNS, no_number, no_stamp, number, sample, shown, stamp
from ahpa.adapters.files.gathered import Gathered, tables
from ahpa.adapters.files.labels import METRIC, Labels, labels_in
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import NOT_ENOUGH, Block, InputError, lines
from ahpa.adapters.files.wide import Header

_TIMES = frozenset({*TIME_COLUMNS, "_time"})
_VALUES = frozenset({"value", "_value"})
_METRICS = frozenset({"metric", "metric_name"})
_LABELS = frozenset(
    {*_METRICS, METRIC, "series", "name", "service", "pod", "instance", "job", "labels", "_measurement"}
)
_NO_LABELS = frozenset({"", "unnamed: 0", "result", "table", "_start", "_stop"})
"""A data frame's index, and what InfluxDB adds."""


def is_long(header: Header, rest: Iterator[Block]) -> tuple[bool, Iterator[Block]]:
    """Whether each row is one sample of one series, and the same blocks again. A file of one column per service may
    have one that is called `value`: then the others hold numbers."""
    cells = [cell.lower() for cell in header.cells]
    block = next(rest, None)
    blocks = rest if block is None else chain([block], rest)
    labels = [i for i, cell in enumerate(cells) if cell not in _TIMES | _VALUES | _NO_LABELS]
    if not (_TIMES & set(cells) and _VALUES & set(cells) and labels):
        return False, blocks
    if _LABELS & set(cells) or "_value" in cells or block is None:
        return True, blocks
    first = next((line for line in lines(header.source, [block]) if line.strip()), "")
    row = header.dialect.cells(first, block.first)
    return any(i < len(row) and number(row[i]) is None for i in labels), blocks


def parse_long(header: Header, rest: Iterator[Block]) -> list[Table]:
    """A table per series. Raises InputError with the line."""
    source, dialect, columns = header.source, header.dialect, len(header.cells)
    lower = [cell.lower() for cell in header.cells]
    time_at = next(i for i, cell in enumerate(lower) if cell in _TIMES)
    value_at = next(i for i, cell in enumerate(lower) if cell in _VALUES)
    label_at = [i for i, cell in enumerate(lower) if i not in (time_at, value_at) and cell not in _NO_LABELS]
    keys = [METRIC if lower[i] in _METRICS else header.cells[i] for i in label_at]
    found: defaultdict[tuple[str, ...], Gathered] = defaultdict(Gathered)
    for block in rest:
        for at, line in enumerate(lines(source, [block]), block.first):
            if not line.strip():
                continue
            cells = dialect.cells(line, at)
            if len(cells) != columns:
                raise InputError(f"{source}:{at}: {len(cells)} columns; the header has {columns}")
            when, value = stamp(cells[time_at], header.latest), sample(cells[value_at])
            if value is None:
                value = dialect.number(cells[value_at], at)
            if when is None:
                raise InputError(f"{source}:{at}: {no_stamp(cells[time_at])}")
            if value is None:
                raise InputError(f"{source}:{at}: {shown(cells[value_at])} {no_number(cells[value_at])}")
            found[tuple(cells[i] for i in label_at)].sample(when, value, at)
        if len(found) > MOST_SERIES:
            raise InputError(f"{source}: more than {MOST_SERIES} series; is every label of a series the same?")
    if not found:
        raise InputError(f"{source}: no samples", NOT_ENOUGH)
    return tables(source, [_labels(keys, cells) for cells in found], found.values())


def _labels(keys: list[str], cells: tuple[str, ...]) -> Labels:
    """An empty cell is a label that this series has not; a cell may hold all labels as PromQL writes them."""
    out: dict[str, str] = {}
    for key, cell in zip(keys, cells, strict=True):
        whole = labels_in(cell)
        out |= whole if whole is not None else {key: cell} if cell else {}
    return out
