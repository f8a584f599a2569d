"""What a server said a minute ago, held against what it says now.

A minute that is over does not change. A server that suddenly says less of the same minutes has lost something (half of
its shards, say), or another one answered that never had it: two replicas behind one address are wrong every second
time, and no answer by itself shows it. Saying more is what a server does that has recovered.

What is doubted may say more than was believed, never less: a forecaster that is shown it must not lower on it later.
A reading may be of a few minutes, and of some of the series: what it does not tell of goes on as it was remembered.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.history.contradiction import says_less
from forecasting.panel import Floats, Panel

MOST_SECONDS = 7200.0
"""Of longer readings, histories, nothing is kept: an hour is enough to recognise a server by. And so long after it was
asked about the last time a series is forgotten."""
MOST_STEPS = 3600
"""Of what is remembered, the newest."""
_REMEMBERED_SECONDS = 3600.0
"""What short readings said is put together up to this length."""
_UNSETTLED = 3
"""The newest steps of a reading, which late samples may still change."""


@dataclass(frozen=True, eq=False)
class _Said:
    query: str
    start: float
    step: float
    values: Floats
    """Shape [t]; NaN where nothing was observed."""
    asked: float
    """Unix seconds: the end of the last reading that asked about it."""

    def on(self, panel: Panel) -> Floats:
        """On the grid of a panel, the last value going on; NaN before the first."""
        out = np.full(panel.values.shape[1], np.nan)
        ours, theirs = _common(self.start, len(self.values), panel)
        out[theirs] = self.values[ours]
        observed = self.values[np.isfinite(self.values)]
        if len(observed):
            out[theirs.stop :] = observed[-1]
        return out


@dataclass
class Recollection:
    """By key what was last believed of it; what is doubted replaces nothing."""

    _said: dict[str, _Said] = field(default_factory=dict)
    _weighing: threading.Lock = field(default_factory=threading.Lock)
    """A round and a refit may read at once."""

    def weighed(self, queries: Mapping[str, str], panel: Panel, warned: frozenset[str]) -> tuple[Panel, frozenset[str]]:
        """The panel, doubted rows lifted to what was believed, and the doubted keys: those of `warned`, of which the
        server itself says so, and those of which it says less than before."""
        with self._weighing:
            return self._weighed(queries, panel, warned)

    def _weighed(
        self, queries: Mapping[str, str], panel: Panel, warned: frozenset[str]
    ) -> tuple[Panel, frozenset[str]]:
        said = {key: one for key in panel.keys if (one := self._said.get(key)) and one.query == queries[key]}
        lifted, doubted = {}, {*warned, *_saying_less(said, panel)}
        keeps = panel.end - panel.start <= MOST_SECONDS
        for row, key in enumerate(panel.keys):
            known, values = said.get(key), panel.values[row]
            if known is not None and (key in doubted or not np.isfinite(values).any()):
                if keeps:
                    self._said[key] = replace(known, asked=panel.end)
                if known.step == panel.step:
                    lifted[row] = np.where(np.isfinite(values), np.fmax(values, known.on(panel)), np.nan)
            elif keeps and key not in doubted:
                self._said[key] = _newest(queries[key], panel, values, known)
            elif keeps:
                self._said.pop(key, None)
        if keeps:
            for key in [k for k, said in self._said.items() if abs(panel.end - said.asked) > MOST_SECONDS]:
                del self._said[key]
        if not lifted:
            return panel, frozenset(doubted)
        rows = np.array(panel.values)
        for row, values in lifted.items():
            rows[row] = values
        return Panel.of(panel.start, panel.step, rows, panel.keys), frozenset(doubted)


def _saying_less(said: Mapping[str, _Said], panel: Panel) -> list[str]:
    """Of whom the panel says less than was said. Together those of whom the same minutes are known, nearly all: one by
    one ten thousand took 0.4 s."""
    alike: dict[tuple[float, int], list[int]] = {}
    for row, key in enumerate(panel.keys):
        if (known := said.get(key)) is not None and known.step == panel.step:
            alike.setdefault((known.start, len(known.values)), []).append(row)
    found: list[str] = []
    for (start, count), rows in alike.items():
        then, now = _common(start, max(count - _UNSETTLED, 0), panel)
        before = np.stack([said[panel.keys[row]].values[then] for row in rows])
        found += [panel.keys[rows[i]] for i in np.flatnonzero(says_less(before, panel.values[rows, now]))]
    return found


def _common(start: float, count: int, panel: Panel) -> tuple[slice, slice]:
    """Which of `count` steps from `start` on, of the panel's length, it tells of too; there, and in the panel."""
    first = round((start - panel.start) / panel.step)
    begin = max(first, 0)
    end = max(begin, min(first + count, panel.values.shape[1]))
    return slice(begin - first, end - first), slice(begin, end)


def _newest(query: str, panel: Panel, values: Floats, known: _Said | None) -> _Said:
    """What is kept of one row: what it says now, behind what an hour knew of the time before."""
    start = panel.start
    if known is not None and known.step == panel.step:
        lacking = round((panel.start - known.start) / panel.step)
        most = max(0, round(_REMEMBERED_SECONDS / panel.step) - len(values))
        if 0 < lacking <= len(known.values):
            older = known.values[:lacking][max(0, lacking - most) :]
            start, values = panel.start - len(older) * panel.step, np.concatenate([older, values])
    left_out = max(0, len(values) - MOST_STEPS)
    return _Said(query, start + left_out * panel.step, panel.step, values[left_out:].copy(), panel.end)
