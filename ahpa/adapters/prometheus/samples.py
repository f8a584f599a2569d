"""What an answer of Prometheus holds, laid on a grid; what cannot be a demand stays NaN."""

from __future__ import annotations

import math
import re
import reprlib

import numpy as np

from ahpa.adapters.prometheus.plain import LAST_STAMP, Plain
from ahpa.adapters.prometheus.session import MetricsUnavailable
from forecasting.panel import Floats

_NUMBER = re.compile(r"\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_STAMPS = {int, float}


def labels_of(series: object) -> dict[str, object]:
    """Those that the answer gives a series; none where it is malformed."""
    metric = series.get("metric") if isinstance(series, dict) else None
    return metric if isinstance(metric, dict) else {}


def name_of(series: object) -> str:
    """The metric's own, which only a query without any function keeps."""
    return str(labels_of(series).get("__name__", ""))


def samples_of(series: object) -> Plain | list[object]:
    """What one series of a matrix holds. Raises MetricsUnavailable."""
    values = series.get("values") if isinstance(series, dict) else None
    if not isinstance(values, Plain | list):
        kind = (
            "a native histogram, of which histogram_count(rate(...)) counts"
            if isinstance(series, dict) and "histograms" in series
            else "no series of numbers"
        )
        raise MetricsUnavailable(f"the query gave {kind}; it must give one number a step, with sum(rate(...)) say")
    return values


def fill(values: Floats, samples: Plain | list[object], start: float, step: float) -> None:
    """Lay samples on the grid; of two for one step the larger counts, so the order does not matter.

    A sample is `[seconds, "value"]`; one of another shape makes the whole answer one that nobody should believe.
    Raises MetricsUnavailable, `values` then filled in part.
    """
    if not isinstance(samples, Plain):
        samples = _one_by_one(samples)
    columns = (samples.stamps - start) / step - 1
    index = np.rint(columns)
    on_grid = (index >= 0) & (index < len(values)) & (np.abs(columns - index) < 0.01)
    np.fmax.at(values, index[on_grid].astype(np.intp), samples.numbers[on_grid])


def _one_by_one(samples: list[object]) -> Plain:
    pairs = np.array([_pair(sample) for sample in samples], dtype=float).reshape(-1, 2)
    return Plain(pairs[:, 0], pairs[:, 1])


def _pair(sample: object) -> tuple[float, float]:
    if not (isinstance(sample, list) and len(sample) == 2 and type(sample[0]) in _STAMPS):
        raise MetricsUnavailable(f'a sample is not [seconds, "value"]: {reprlib.repr(sample)[:60]}')
    stamp, text = sample
    if not -LAST_STAMP < stamp < LAST_STAMP:  # also NaN, and digits that no float holds
        raise MetricsUnavailable(f"a sample is of no time: {str(stamp)[:40]}")
    return float(stamp), _believable(text)


def _believable(text: object) -> float:
    """A demand as Prometheus writes one, a number in quotes; NaN for anything else: `false` is not 0."""
    if not (isinstance(text, str) and _NUMBER.fullmatch(text)):
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan
