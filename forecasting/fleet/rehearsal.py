"""A fitted fleet's last days once more: what its quantiles missed there is what they are calibrated by.

Each origin is answered by the member that never saw it, so that what is learned here is how the networks err on days
they do not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from forecasting.calibration import Calibration, pace_of, walk
from forecasting.executor import Executor, run_all
from forecasting.fleet.calendar import Calendar, Calendars
from forecasting.fleet.features import Features
from forecasting.fleet.learning import fold_of
from forecasting.fleet.network import Networks
from forecasting.fleet.window_stats import PrefixSums, WindowStats
from forecasting.guards import NEEDED_STEPS
from forecasting.history import History
from forecasting.levels import TRACKED_LEVELS
from forecasting.panel import DAY_SECONDS, Array, Ints
from forecasting.pending import PendingPredictions
from forecasting.tail import calibrated_logs, near
from forecasting.windows import Window

_ROWS, _SHARE = 8, 0.01
"""Rows that are described together: the running sums and maxima of a fortnight take 2 MiB each. Of ten thousand a
hundred: a description costs some hundred calls, however many rows it has. The last bit of what a network says depends
on how many rows it is asked about at once, so another size is another forecast."""
_PIECES, _PARTS = 16, 4
"""In which a rehearsal goes to the executor, at most: enough for so many workers, and each holds what the networks said
of its rows in all windows. And of how many parts each is at least: a walk of 32 rows costs hardly more than one of 8,
and in a small fleet walks are what a rehearsal is."""
_WINDOWS = 266_667
"""About so many windows of services are rehearsed, where each service has enough origins then: of a thousand and more
they are more."""
_FEWEST = 16
"""Origins of each service, however short its days are."""
_FEW = 48
"""The same, where its days are all known."""
_MANY = 2016
"""Origins of each service at most."""
_SELDOM = 2
"""Single steps are rehearsed at one origin of so many: floors follow the windows."""
_LEARNED = ("offsets", "settled", "covered")
"""What a calibration learns."""

Part = tuple[Ints, Calendar | None]
"""Rows that go by one calendar."""


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """A fitted fleet and its last days. (`ahpa/service/rehearse.py` rehearses settings; this, quantiles.)"""

    history: History
    networks: Networks
    pending: PendingPredictions
    calendars: Calendars
    describe: Callable[[Ints, Calendar | None, WindowStats], Features]
    """Some rows of the history as they look from the origins of their statistics."""
    executor: Executor

    def calibrated(self, settled: Ints) -> Calibration:
        """What the last days taught.

        Origins are every step for a few services and an hour and a half apart for ten thousand, so that the cost of a
        rehearsal grows with the fleet as a line, and stays within that of learning. Rows that are not `settled` have
        theirs by themselves: however many they are, they cost the settled none.
        """
        fresh = self.pending.calibration
        found = {name: getattr(fresh, name).copy() for name in _LEARNED}
        for group in (settled, np.setdiff1d(np.arange(len(self.history.keys)), settled)):
            for rows, learned in self._pieces(group):
                for name, values in found.items():
                    values[rows] = getattr(learned, name)
        # One member out of its fold errs more than the whole ensemble does: half of its offset is about right. The far
        # tail has seen too few misses to give any away.
        found["offsets"][..., : near(TRACKED_LEVELS)] *= np.float32(0.5)
        return replace(fresh, **found)

    def _pieces(self, group: Ints) -> Iterator[tuple[Ints, Calibration]]:
        """What some rows of the group taught, piece by piece."""
        n, t, step = len(group), self.history.length, self.history.step
        days = 7 if n <= 200 else 3
        peaks = sum(not window.lead for window in self.pending.windows)
        whole = round(days * DAY_SECONDS / step)
        earliest = max(NEEDED_STEPS, t - whole)
        if t - earliest < 2 or not n:
            return
        every = spacing(n * peaks, t - earliest, whole)
        origins = np.arange(t - 1, earliest, -every)[::-1]
        parts = list(self.calendars.alike(group, max(_ROWS, round(_SHARE * n))))
        size = max(_PARTS, -(-len(parts) // _PIECES))
        pieces = [parts[first : first + size] for first in range(0, len(parts), size)]
        done = run_all(self.executor, partial(self._walked, origins, every), pieces)
        for piece, learned in zip(pieces, done, strict=True):
            yield np.concatenate([rows for rows, _ in piece]), learned

    def _walked(self, origins: Ints, every: int, piece: Sequence[Part]) -> Calibration:
        """What one piece taught: described part by part, as running sums are large, and walked together, as a step of
        a walk costs a few calls, however many rows it has."""
        said = [self._said(origins, part) for part in piece]
        c = self.pending.calibration
        fresh = Calibration.fresh(sum(len(rows) for rows, _ in piece), 1, c.levels, c.rate, c.memory)
        learned = []
        for k, window in enumerate(self.pending.windows):
            logs, truth = (np.concatenate([part[k][which] for part in said]) for which in (0, 1))
            apart = every * _SELDOM if window.lead else every
            delay, pace = -(-window.end // apart), pace_of(window, self.history.step, apart)
            learned.append(walk(fresh, 0, logs, truth, delay, pace, calibrated_logs)[1])
        return Calibration.joined(learned)

    def _said(self, origins: Ints, part: Part) -> list[tuple[Array, Array]]:
        """Of each window what the member out of its fold says of these rows at their origins, in logarithms [n, o, q],
        and what came [n, o]."""
        rows, calendar = part
        sums, fewer = PrefixSums(self.history.values[rows], origins), origins[::-_SELDOM][::-1]
        often, seldom = (self.describe(rows, calendar, stats) for stats in (sums, sums.around(fewer)))
        return [
            self._answered(window, *((seldom, fewer) if window.lead else (often, origins)))
            for window in self.pending.windows
        ]

    def _answered(self, window: Window, features: Features, origins: Ints) -> tuple[Array, Array]:
        """`_said` of one window."""
        ensemble, history = self.networks.of(window), self.history
        folds = fold_of(origins + window.lead, history.length, history.step, len(ensemble.members))
        design = features.design(window)
        flat = design.reshape(-1, design.shape[2])
        logs = ensemble.out_of_fold(flat, np.broadcast_to(folds, design.shape[:2]).ravel())
        return logs.reshape(*design.shape[:2], -1), features.truth(window)


def spacing(asked: int, there: int, whole: int) -> int:
    """Steps between origins in the `there` that are known of the `whole` days of a rehearsal, where `asked` windows of
    all services are to be answered at each: of 10,000 services 90 minutes in three days, and in their only day too.
    With three times as many origins a first fit of 5,000 took a sixth longer, and its forecasts of the next hours were
    the same to a thousandth."""
    wanted = max(_FEWEST, min(_WINDOWS // asked, _MANY))
    return min(-(-there // wanted), -(-whole // _FEW))
