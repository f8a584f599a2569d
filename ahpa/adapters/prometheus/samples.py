"""What an answer of Prometheus holds, laid on a grid; what cannot be a demand stays NaN."""

from __future__ import annotations

import math
import re
import reprlib
from typing import Any

import numpy as np

from ahpa.adapters.prometheus.session import MetricsUnavailable
from forecasting.panel import Floats

LAST_STAMP = 253_402_300_800
"""Seconds: the year 10,000."""
_DIGITS = r"\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_NUMBER = re.compile(_DIGITS, re.ASCII)
_NUMBERS = re.compile(rf"(?>{_DIGITS} )*+", re.ASCII)
_STAMPS = {int, float}


def labels_of(series: object) -> dict[str, object]:
    """Those that the answer gives a series; none where it is malformed."""
    metric = series.get("metric") if isinstance(series, dict) else None
    return metric if isinstance(metric, dict) else {}


def name_of(series: object) -> str:
    """The metric's own, which only a query without any function keeps."""
    return str(labels_of(series).get("__name__", ""))


def samples_of(series: object) -> list[object]:
    """What one series of a matrix holds. Raises MetricsUnavailable."""
    values = series.get("values") if isinstance(series, dict) else None
    if not isinstance(values, list):
        kind = (
            "a native histogram, of which histogram_count(rate(...)) counts"
            if isinstance(series, dict) and "histograms" in series
            else "no series of numbers"
        )
        raise MetricsUnavailable(f"the query gave {kind}; it must give one number a step, with sum(rate(...)) say")
    return values


def fill(values: Floats, samples: list[object], start: float, step: float) -> None:
    """Lay samples on the grid; of two for one step the larger counts, so the order does not matter.

    A sample is `[seconds, "value"]`; one of another shape makes the whole answer one that nobody should believe.
    Raises MetricsUnavailable, `values` then filled in part.
    """
    try:
        at_once = _all_plain(samples)
    except (TypeError, ValueError, OverflowError):
        at_once = None
    if at_once is None:
        _fill_one_by_one(values, samples, start, step)
        return
    stamps, numbers = at_once
    columns = (stamps - start) / step - 1
    index = np.rint(columns)
    on_grid = (index >= 0) & (index < len(values)) & (np.abs(columns - index) < 0.01)
    np.fmax.at(values, index[on_grid].astype(np.intp), numbers[on_grid])


def _all_plain(samples: list[Any]) -> tuple[Floats, Floats] | None:
    """Stamps and numbers, where every sample is as samples mostly are; None, or an error, where one is not."""
    if not samples:
        return None
    stamps, texts = zip(*samples, strict=True)
    if not (set(map(type, samples)) == {list} and set(map(type, stamps)) <= _STAMPS and set(map(type, texts)) == {str}):
        return None
    if not _NUMBERS.fullmatch(" ".join((*texts, ""))):
        return None
    at = np.array(stamps, dtype=float)
    if not (np.abs(at) < LAST_STAMP).all():
        return None
    numbers = np.array([*map(float, texts)])
    return at, np.where(np.isfinite(numbers), numbers, np.nan)


def _fill_one_by_one(values: Floats, samples: list[Any], start: float, step: float) -> None:
    for sample in samples:
        if not (isinstance(sample, list) and len(sample) == 2 and type(sample[0]) in _STAMPS):
            raise MetricsUnavailable(f'a sample is not [seconds, "value"]: {reprlib.repr(sample)[:60]}')
        stamp, text = sample
        if not -LAST_STAMP < stamp < LAST_STAMP:  # also NaN, and digits that no float holds
            raise MetricsUnavailable(f"a sample is of no time: {str(stamp)[:40]}")
        column = (stamp - start) / step - 1
        index = round(column)
        if 0 <= index < len(values) and abs(column - index) < 0.01:
            values[index] = np.fmax(values[index], _believable(text))


def _believable(text: object) -> float:
    """A demand as Prometheus writes one, a number in quotes; NaN for anything else: `false` is not 0."""
    if not (isinstance(text, str) and _NUMBER.fullmatch(text)):
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan
