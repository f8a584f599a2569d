"""VictoriaMetrics' `/api/v1/export`: JSON lines, a series (or a part of one) on each.

https://docs.victoriametrics.com/#how-to-export-data-in-json-line-format
"""

from __future__ import annotations

import json
import re
from array import array
from collections import defaultdict

from ahpa.adapters.files.cells import sample
from ahpa.adapters.files.gathered import Gathered, tables
from ahpa.adapters.files.query_range import labels_of
from ahpa.adapters.files.samples import milliseconds, plain
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import MOST_ROWS, MOST_SAMPLES, InputError

_MARK = re.compile(r'\ufeff?\s*\{\s*"(?:metric|values|timestamps)"\s*:')
_WORDS = 'a line is {"metric": {...}, "values": [...], "timestamps": [milliseconds, ...]}'


def is_export(text: str) -> bool:
    found = _MARK.match(text)
    end = text.find("\n", found.end()) if found else 0
    return found is not None and text.find('"timestamps"', 0, end if end >= 0 else len(text)) >= 0


def parse(source: str, text: str) -> list[Table]:
    """A table per series; parts of one are put together. Raises InputError with the line."""
    found: defaultdict[tuple[tuple[str, str], ...], Gathered] = defaultdict(Gathered)
    if text.count(",") > 2 * MOST_ROWS + 100 * MOST_SERIES:
        raise InputError(f"{source}: more than {MOST_ROWS:,} samples; export fewer series at a time")
    for at, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        if not line.strip():
            continue
        if line.count(",") > 2 * MOST_SAMPLES or line.count("{") > 100:
            raise InputError(f"{source}:{at}: far more than {MOST_SAMPLES:,} samples of one series")
        labels, stamps, values = _series(source, at, line)
        into = found[labels]
        into.stamps.extend(stamps)
        into.values.extend(values)
        into.lines.extend([at] * len(stamps))
        if len(found) > MOST_SERIES:
            raise InputError(f"{source}:{at}: more than {MOST_SERIES} series")
    return tables(source, [dict(labels) for labels in found], found.values(), closing=True, in_order=False)


def _series(source: str, at: int, line: str) -> tuple[tuple[tuple[str, str], ...], array[float], array[float]]:
    try:
        body = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}:{at}: not JSON: {str(error)[:100]}; {_WORDS}") from error
    rows = [body.get(key) if isinstance(body, dict) else None for key in ("timestamps", "values")]
    moments, amounts = rows
    if not isinstance(moments, list) or not isinstance(amounts, list) or len(moments) != len(amounts):
        raise InputError(f"{source}:{at}: not a series with as many timestamps as values; {_WORDS}")
    stamps, values = array("d"), array("d")
    for i, (moment, amount) in enumerate(zip(moments, amounts, strict=True)):
        when = milliseconds(moment)
        value = sample(amount) if isinstance(amount, str) else plain(amount)
        if when is None or value is None:
            shown = f"{str(amount)[:40]!r} at {str(moment)[:40]!r}"
            raise InputError(f"{source}:{at}: sample {i + 1} is {shown}, not a number of zero or more; {_WORDS}")
        stamps.append(when)
        values.append(value)
    return tuple(sorted(labels_of(body.get("metric")).items())), stamps, values
