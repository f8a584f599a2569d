"""Series as exporters write them, in a form that can be read beside their pages: `name{labels} 3/s`.

A gauge's number is its level, `3/s` that of a counter which grows so fast; both are multiplied by a shape that differs
from minute to minute. `3 flat` is a gauge that stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.panel import Floats
from testbed import Series
from testbed.openmetrics import sample_name

STEP = 60.0
SCRAPE = 15.0
START = 1_760_000_040.0
"""Some minute's beginning."""
MINUTES = 20
HOLE = slice(8, 12)
"""Minutes in which nobody was scraped."""
SHAPE: Floats = np.where(np.arange(MINUTES) % 7 == 3, 5.0, 1.0 + np.arange(MINUTES))
"""Another number for nearly every minute. It falls at times: what only rises is taken for a raw counter."""
BAIT = 1000.0
"""So much more has what a query must not count."""
_LINE = re.compile(r"(?P<name>[\w:]+)\{(?P<labels>.*)\} (?P<level>-?[\d.]+)(?P<kind>/s| flat|)")


@dataclass(frozen=True)
class Line:
    """One series of a text."""

    name: str
    labels: Mapping[str, str]
    level: float
    kind: str

    @property
    def head(self) -> str:
        return sample_name(self.name, dict(sorted(self.labels.items())))

    def series(self) -> Series:
        """With its hole."""
        times = START + SCRAPE * np.arange(1, round(MINUTES * STEP / SCRAPE) + 1)
        minute = (np.ceil((times - START) / STEP) - 1).astype(int)
        grown = self.level * SHAPE[minute]
        # A counter that is far from zero: rate() does not reach back behind where it thinks that one began.
        values = {"": grown, "/s": 1e6 + np.cumsum(SCRAPE * grown), " flat": np.full(len(times), self.level)}[self.kind]
        values[np.isin(minute, np.arange(MINUTES)[HOLE])] = np.nan
        return Series(self.name, dict(self.labels), times, values)

    def baits(self, words: Sequence[str]) -> Iterator[Line]:
        """The same of another namespace, service, topic, ..., for each of the words that its labels have."""
        for word in words:
            labels = {label: _of_another(value, word) for label, value in self.labels.items()}
            if labels != self.labels:
                yield replace(self, labels=labels, level=self.level * BAIT)


def _of_another(value: str, word: str) -> str:
    """`chat-7d9` as `chat-v2-7d9`, whose name begins alike."""
    return re.sub(rf"(?<![\w.-]){re.escape(word)}(?![a-z0-9])", f"{word}-v2", value)


def read(text: str) -> list[Line]:
    """The lines of a text; every one must be understood."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        parts = _LINE.fullmatch(line)
        assert parts is not None, line
        labels = dict(re.findall(r'(\w+)="([^"]*)"', parts["labels"]))
        found.append(Line(parts["name"], labels, float(parts["level"]), parts["kind"]))
    return found
