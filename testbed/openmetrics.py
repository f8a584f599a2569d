"""Series of samples as OpenMetrics text, the form that Prometheus can back-fill.

Written by our own code because promtool accepts much that it then loses without a word: timestamps in
milliseconds land 56,000 years ahead, out-of-order samples are dropped, and both exit with 0.
Format: https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*\Z")


@dataclass(frozen=True, eq=False)
class Series:
    """One time series: `values[n]` at `times[n]`, in unix seconds and ascending. NaN is not written: a gap."""

    name: str
    labels: Mapping[str, str]
    times: npt.NDArray[np.floating[Any]]
    values: npt.NDArray[np.floating[Any]]

    def __post_init__(self) -> None:
        times, values = np.asarray(self.times), np.asarray(self.values)
        if times.shape != values.shape or times.ndim != 1 or not times.size:
            raise ValueError(f"{self.name}: times and values must be of one length, and not empty")
        if not (np.diff(times) >= 0.001).all():  # Prometheus keeps milliseconds
            raise ValueError(f"{self.name}: times must ascend by at least a millisecond")
        if times[0] <= 0 or times[-1] >= 1e11:
            raise ValueError(f"{self.name}: times must be unix seconds (are these milliseconds?)")

    @property
    def observed(self) -> npt.NDArray[np.bool_]:
        observed: npt.NDArray[np.bool_] = ~np.isnan(self.values)
        return observed


def lines(series: Iterable[Series]) -> Iterator[str]:
    """The text, line by line, end marker included. All of one name must come together, as given here."""
    named = ""
    for one in series:
        if one.name != named:
            named = one.name
            yield f"# TYPE {named} unknown\n"
        head = sample_name(one.name, one.labels)
        seen = one.observed
        for at, value in zip(one.times[seen].tolist(), one.values[seen].tolist(), strict=True):
            yield f"{head} {value!r} {at:.3f}\n"
    yield "# EOF\n"


def sample_name(name: str, labels: Mapping[str, str]) -> str:
    """`name{label="value",…}` with the three characters escaped that the format asks for."""
    for word in (name, *labels):
        if not _NAME.match(word):
            raise ValueError(f"not a metric or label name: {word!r}")
    return name + "{" + ",".join(f'{key}="{_escaped(value)}"' for key, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
