"""Samples inside JSON, made arrays while it is being parsed: the objects of one series at a time are in memory."""

from __future__ import annotations

import math
import reprlib
from array import array
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ahpa.adapters.files.cells import LATEST_SECONDS, number, sample, stamp
from forecasting.panel import Floats

_MICROSECONDS, _NANOSECONDS = 1e14, 1e17
_MOST_WHOLE = 10**19
"""Larger than a time in nanoseconds; JSON may have digits that no float holds."""


@dataclass(frozen=True, eq=False)
class Samples:
    """The samples of one series, or what is wrong with them."""

    stamps: Floats
    """Unix seconds."""
    values: Floats
    problem: str | None
    """With a hole for the series' `{name}`."""


@dataclass(frozen=True)
class Form:
    """How one tool writes a sample in JSON: a short list."""

    words: str
    """As a person reads it."""
    stamp_at: int
    value_at: int
    moment: Callable[[object], float | None]
    """Unix seconds; None for what is no stamp."""
    amount: Callable[[object], float | None]
    """Zero or more, NaN where nothing was observed; None for what is no demand."""

    def read(self, rows: list[object]) -> Samples:
        """All rows, up to the first that is no sample."""
        stamps, values, problem = array("d"), array("d"), None
        stamp_at, value_at, moment, amount = self.stamp_at, self.value_at, self.moment, self.amount
        for i, row in enumerate(rows):
            when = value = None
            if isinstance(row, list) and len(row) == 2:
                when, value = moment(row[stamp_at]), amount(row[value_at])
            if when is None or value is None:
                shown = reprlib.repr(row)[:60].replace("{", "{{").replace("}", "}}")
                problem = f"sample {i + 1} of {{name}} is {shown}, not {self.words}"
                break
            stamps.append(when)
            values.append(value)
        return Samples(np.array(stamps), np.array(values), problem)


def quoted(value: object) -> float | None:
    """A value as Prometheus writes it, in quotes: `false` is not 0."""
    found = number(value) if isinstance(value, str) else None
    return sample(value) if found is None and isinstance(value, str) else found


def plain(value: object) -> float | None:
    """A number, or null."""
    if value is None:
        return math.nan
    found = _float(value)
    return found if found is not None and 0 <= found < math.inf else None


def seconds(value: object) -> float | None:
    """Unix seconds, as a number: not NaN, nor digits that no float holds."""
    if (type(value) is int or type(value) is float) and 0 <= value < LATEST_SECONDS:
        return value
    return None


def milliseconds(value: object) -> float | None:
    found = _float(value)
    return seconds(found / 1000) if found is not None else None


def any_precision(value: object) -> float | None:
    """A moment in text, or in seconds, milli-, micro- or nanoseconds, of which only one is in our times."""
    if isinstance(value, str):
        return stamp(value)
    found = _float(value)
    if found is None:
        return None
    units = ((_NANOSECONDS, 1e9), (_MICROSECONDS, 1e6), (LATEST_SECONDS, 1e3))
    return seconds(found / next((unit for least, unit in units if found >= least), 1.0))


def _float(value: object) -> float | None:
    if type(value) is float:
        return value
    return float(value) if type(value) is int and abs(value) < _MOST_WHOLE else None


PROMETHEUS = Form('[seconds, "value"]', 0, 1, seconds, quoted)
GRAPHITE = Form("[value, seconds]", 1, 0, seconds, plain)
DATADOG = Form("[milliseconds, value]", 0, 1, milliseconds, plain)
INFLUX = Form("[time, value]", 0, 1, any_precision, plain)
