"""JSON that servers answer with, saved to a file: read, or named with the way out.

Read are Prometheus' query_range, VictoriaMetrics' export (JSON lines), CloudWatch's get-metric-data, InfluxDB 1.x,
Graphite's render and Datadog's query.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from itertools import pairwise

from ahpa.adapters.files import other_answers, query_range, vm_export
from ahpa.adapters.files.samples import DATADOG, GRAPHITE, INFLUX, PROMETHEUS
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import MOST_ROWS, MOST_SAMPLES, InputError, Remark

_READERS: Mapping[str, Callable[[str, Mapping[str, object], Remark], list[Table]]] = {
    "MetricDataResults": other_answers.cloudwatch,
    "Datapoints": other_answers.cloudwatch_statistics,
    "results": other_answers.influx,
    "series": other_answers.datadog,
}
"""By a key that only this tool's answers have."""


def parse_json(source: str, text: str, remark: Remark) -> list[Table]:
    """A table per series. Raises InputError."""
    if vm_export.is_export(text):
        return vm_export.parse(source, text)
    _bounded(source, text)
    try:
        body = json.loads(text, parse_constant=_no_constant, object_hook=_as_arrays)
    except RecursionError as error:
        raise InputError(f"{source}:1: JSON nested too deep") from error
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"{source}:{line}: not JSON: {str(error)[:100]}") from error
    if isinstance(body, list) and any(isinstance(one, dict) and "datapoints" in one for one in body[:1]):
        return other_answers.graphite(source, body)
    for key, read in _READERS.items():
        if isinstance(body, dict) and isinstance(body.get(key), list):
            return read(source, body, remark)
    return query_range.parse(source, body, remark)


def _bounded(source: str, text: str) -> None:
    """Parsed, a byte of JSON can cost thirty; so what is none of metrics is refused before."""
    pairs, objects, commas = (text.count(mark) for mark in "[{,")
    if pairs > MOST_ROWS:
        raise InputError(f"{source}: more than {MOST_ROWS:,} samples; ask for fewer series at a time")
    if objects > 10 * MOST_SERIES or commas > 2 * pairs + MOST_SAMPLES:
        raise InputError(f"{source}: far more objects and values than samples; not the answer of query_range")
    ends = [found.start() for found in re.finditer('"(?:values|datapoints|pointlist)"', text)]
    for first, last in pairwise([*ends, len(text)]):
        if text.count("[", first, last) > MOST_SAMPLES:
            raise InputError(f"{source}: a series of more than {MOST_SAMPLES:,} samples; ask for a shorter time")


def _as_arrays(found: dict[str, object]) -> dict[str, object]:
    """While JSON is being parsed, so that the pairs of one series at a time are in memory."""
    for key, form in (("values", PROMETHEUS), ("datapoints", GRAPHITE), ("pointlist", DATADOG)):
        rows = found.get(key)
        if isinstance(rows, list):
            found[key] = (INFLUX if "columns" in found else form).read(rows)
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")
