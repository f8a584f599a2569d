"""Samples in Prometheus' own words: the JSON of query_range, and OpenMetrics text with timestamps."""

from __future__ import annotations

import json
import re
import reprlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from ahpa.adapters.files.cells import LATEST_SECONDS, number
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import MOST_ROWS, NOT_ENOUGH, InputError
from forecasting.panel import Floats

MOST_SAMPLES = 600_000
"""Of one series: over a year of minutes."""


def parse_prometheus(source: str, text: str) -> list[Table]:
    """A table per series of a range query's answer. Raises InputError."""
    _bounded(source, text)
    try:
        body = json.loads(text, parse_constant=_no_constant, object_hook=_as_arrays)
    except RecursionError as error:
        raise InputError(f"{source}:1: JSON nested too deep") from error
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise InputError(f"{source}:{line}: not JSON: {str(error)[:100]}") from error
    if isinstance(body, dict) and body.get("status") == "error":
        raise InputError(f"{source}:1: Prometheus answered with an error: {str(body.get('error'))[:200]!r}")
    data = body.get("data", body) if isinstance(body, dict) else body
    result = data.get("result") if isinstance(data, dict) else data
    if not isinstance(result, list) or (isinstance(data, dict) and data.get("resultType", "matrix") != "matrix"):
        raise InputError(f"{source}:1: not the answer of query_range (a matrix)")
    if not result:
        raise InputError(f"{source}: the answer holds no series", NOT_ENOUGH)
    if len(result) > MOST_SERIES:
        raise InputError(f"{source}: {len(result)} series; at most {MOST_SERIES}")
    tables, names = [], set()
    for i, series in enumerate(result):
        found = series.get("values") if isinstance(series, dict) else None
        if not isinstance(found, _Samples):
            raise InputError(f"{source}: series {i + 1} has no values")
        name = _name(series.get("metric"))
        if name in names:
            raise InputError(f"{source}: series {i + 1}: {name[:80]!r} comes twice")
        names.add(name)
        if found.problem is not None:
            raise InputError(f"{source}: {found.problem.format(name=repr(name[:80]))}")
        tables.append(Table(found.stamps, found.values[None], (name,), None, source))
    return tables


def _bounded(source: str, text: str) -> None:
    """Parsed, a byte of JSON can cost thirty; so what is none of metrics is refused before."""
    pairs, objects, commas = (text.count(mark) for mark in "[{,")
    if pairs > MOST_ROWS:
        raise InputError(f"{source}: more than {MOST_ROWS:,} samples; ask Prometheus for fewer series at a time")
    if objects > 10 * MOST_SERIES or commas > 2 * pairs + 100_000:
        raise InputError(f"{source}: far more objects and values than samples; not the answer of query_range")
    ends = [found.start() for found in re.finditer('"values"', text)]
    for first, last in pairwise([*ends, len(text)]):
        if text.count("[", first, last) > MOST_SAMPLES:
            raise InputError(f"{source}: a series of more than {MOST_SAMPLES:,} samples; ask for a shorter time")


@dataclass(frozen=True, eq=False)
class _Samples:
    """The samples of one series, or what is wrong with them."""

    stamps: Floats
    values: Floats
    problem: str | None
    """With a hole for the series' `{name}`."""


def _as_arrays(found: dict[str, Any]) -> dict[str, Any]:
    """While JSON is being parsed, so that the pairs of one series at a time are in memory."""
    if isinstance(found.get("values"), list):
        found["values"] = _samples(found["values"])
    return found


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


def _samples(pairs: list[Any]) -> _Samples:
    stamps, values, problem = array("d"), array("d"), None
    for i, pair in enumerate(pairs):
        good = isinstance(pair, list) and len(pair) == 2 and type(pair[0]) in (int, float)
        value = number(pair[1]) if good and isinstance(pair[1], str) else None
        if value is None or not 0 <= pair[0] < LATEST_SECONDS:  # also NaN, and digits that no float holds
            shown = reprlib.repr(pair)[:60].replace("{", "{{").replace("}", "}}")
            problem = f'sample {i + 1} of {{name}} is {shown}, not [seconds, "value"]'
            break
        stamps.append(pair[0])
        values.append(value)
    return _Samples(np.array(stamps), np.array(values), problem)


def _name(labels: object) -> str:
    """The labels that tell series apart, for people."""
    if not isinstance(labels, Mapping) or not labels:
        return "series"
    texts = {str(k): str(v) for k, v in labels.items() if k != "__name__"}
    for keys in (("namespace", "service"), ("namespace", "name"), ("namespace_name", "configuration_name")):
        if all(key in texts for key in keys):
            return "/".join(texts[key] for key in keys)
    return ",".join(f"{k}={v}" for k, v in sorted(texts.items())) or str(labels.get("__name__", "series"))


_SAMPLE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]{0,200})(?P<labels>\{[^}]{0,2000}\})? (?P<value>\S{1,64})"
    r"(?: (?P<stamp>[0-9.eE+]{1,40}))?(?: #.{0,2000})?",
    re.ASCII,
)


def parse_openmetrics(source: str, first: str, rest: Iterator[str]) -> list[Table]:
    """A table per series of OpenMetrics text; every sample needs its timestamp. Raises InputError."""
    samples: dict[str, tuple[array[float], array[float], array[int]]] = {}
    ended = False
    for at, line in enumerate(_chain(first, rest), start=1):
        if ended and line.strip():
            raise InputError(f"{source}:{at}: text after # EOF")
        ended = ended or line.strip() == "# EOF"
        if not line.strip() or line.startswith("#"):
            continue
        found = _SAMPLE.fullmatch(line.strip())
        if not found:
            raise InputError(f"{source}:{at}: not an OpenMetrics sample")
        if found["stamp"] is None:
            raise InputError(f"{source}:{at}: the sample has no timestamp; export a range, not one scrape")
        value, seconds = number(found["value"]), number(found["stamp"])
        if value is None or seconds is None or not seconds < LATEST_SECONDS:
            raise InputError(f"{source}:{at}: {found['value'][:40]!r} at {found['stamp'][:40]!r} is not a sample")
        name = found["name"] + (found["labels"] or "")
        stamps, values, lines = samples.setdefault(name, (array("d"), array("d"), array("q")))
        stamps.append(seconds)
        values.append(value)
        lines.append(at)
        if len(samples) > MOST_SERIES:
            raise InputError(f"{source}:{at}: more than {MOST_SERIES} series")
    if not samples:
        raise InputError(f"{source}: no samples", NOT_ENOUGH)
    return [
        Table(np.array(stamps), np.array([values]), (name,), np.array(lines), source)
        for name, (stamps, values, lines) in samples.items()
    ]


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest
