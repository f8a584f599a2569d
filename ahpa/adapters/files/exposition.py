"""Text with timestamps: OpenMetrics, Prometheus' own exposition, and what `promtool tsdb dump` writes.

https://prometheus.io/docs/specs/om/open_metrics_spec/
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain

from ahpa.adapters.files.cells import LATEST_MILLISECONDS, number, sample
from ahpa.adapters.files.gathered import Gathered, tables
from ahpa.adapters.files.labels import METRIC, labels_in
from ahpa.adapters.files.table import MOST_SERIES, Table
from ahpa.adapters.files.text import NOT_ENOUGH, InputError

_BEGINS = re.compile(
    r'#(?!group|datatype|default)|[a-zA-Z_:][\w:]*(\{| +[0-9+\-N])|\{ *"?[a-zA-Z_][\w.]*"? *=', re.ASCII
)
_SAMPLE = re.compile(
    r"(?P<series>[a-zA-Z_:][a-zA-Z0-9_:]{0,200}(?:\{[^}]{0,2000}\})?|\{[^}]{0,2000}\}) (?P<value>\S{1,64})"
    r"(?: (?P<stamp>[0-9.eE+]{1,40}))?(?: #.{0,2000})?",
    re.ASCII,
)


def is_exposition(first: str) -> bool:
    """Whether a text that begins with this line is one; JSON and CSV are none."""
    return _BEGINS.match(first) is not None


def parse_openmetrics(source: str, first: str, rest: Iterator[str]) -> list[Table]:
    """A table per series of OpenMetrics text; every sample needs its timestamp. Raises InputError."""
    samples: defaultdict[str, Gathered] = defaultdict(Gathered)
    ended = False
    for at, line in enumerate(chain([first], rest), start=1):
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
        value, seconds = sample(found["value"]), number(found["stamp"])
        if value is None or seconds is None or not seconds < LATEST_MILLISECONDS:
            raise InputError(f"{source}:{at}: {found['value'][:40]!r} at {found['stamp'][:40]!r} is not a sample")
        samples[found["series"]].sample(seconds, value, at)
        if len(samples) > MOST_SERIES:
            raise InputError(f"{source}:{at}: more than {MOST_SERIES} series")
    if not samples:
        raise InputError(f"{source}: no samples", NOT_ENOUGH)
    series = [labels_in(written) or {METRIC: written} for written in samples]
    return tables(source, series, samples.values(), closing=True)
