"""Rehearse: what each setting would have done in the days before we were there, so that after a start, or for a
newcomer with a past, the choice does not wait for a day of our own.

The fleet's model learns from what lay before those days and goes through them minute by minute, as a service that
ticks would have. So nothing is judged with hindsight, and the backtest tries its settings in the same way.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from ahpa.core.by_service import places
from ahpa.core.served import MOST, largest_lately, newest_observed, wishes
from ahpa.core.tryouts import LEAST_DAYS, Minute, Tryouts
from ahpa.service.choose import STEP_SECONDS, Tried
from ahpa.service.settings import FURTHEST_SECONDS
from forecasting.choice.elsewhere import Elsewhere
from forecasting.levels import TRACKED_LEVELS
from forecasting.model import Model
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints, Panel, Room
from forecasting.rolling import rolled_peaks
from forecasting.windows import windows_up_to

DAYS = 3.0
"""So many are rehearsed. More of them chose no better (docs/decisions/0052-settings.md)."""
LEAST_SECONDS = LEAST_DAYS * DAY_SECONDS + 3600.0
"""And no fewer: a day, and an hour for what is missing in it."""
MOST_MINUTES = 1_000_000
"""Of all services together in one refit, half a minute of work: three days of 230, or a day of 660."""
FLEET = 200
"""With so many services together, where there are, the model learns: one alone would be foreseen worse than it will be.
They are asked about too, so there must not be many."""


def has_past(history: Panel) -> frozenset[str]:
    """Series of which enough is known to try settings on: a day to learn from, and a whole one after it."""
    if history.step != STEP_SECONDS:
        return frozenset()
    lately, day = (round(seconds / history.step) for seconds in (LEAST_SECONDS, LEAST_DAYS * DAY_SECONDS))

    def enough(row: Floats) -> bool:
        seen = np.isfinite(row)
        return bool(seen[-lately:].sum() >= day and seen.sum() >= day + lately)

    return frozenset(key for key, row in zip(history.keys, history.values, strict=True) if enough(row))


@dataclass(frozen=True, eq=False)
class Rehearsal:
    """All that one needs, so that nobody has to keep the whole history for it."""

    mine: Tried
    fleet: Panel
    windows: Floats
    """[n]: seconds that each of `mine` looks ahead."""
    start: float
    """Unix seconds at which the days begin that are rehearsed."""

    def lived(self, model: Model) -> Tried:
        """With what each setting would have done on record."""
        if isinstance(model, Elsewhere):  # all at once: what it foresees of each minute is larger than what it knows
            task = model.executor.submit(_lived, self.mine, model.model, self.fleet, self.windows, self.start)
            return task.result()
        return _lived(self.mine, model, self.fleet, self.windows, self.start)


def rehearsal(tried: Tried, history: Panel, past: Collection[str], room: Room | None = None) -> Rehearsal | None:
    """Of those of `tried` that have too little on record, but a `past` in this history; as many of them as there is
    time for. None: there is no such. Where there is a `room`, what is needed of a history is copied there, so that
    nobody keeps the whole for it.
    """
    young = tried.young()
    rows = np.array([row for row, key in enumerate(tried.keys) if young.get(key) in past], int)
    windows = _windows(tried.reach[rows])
    taken = affordable(windows)
    if not len(taken):
        return None
    mine, windows = tried.rows(rows[taken]), windows[taken]
    budget = 60 * MOST_MINUTES / len(set(windows.tolist()))  # seconds of services: all are asked about each window
    keys = set(mine.series)
    others = [key for key in history.keys if key not in keys]
    companions = others[: max(0, min(FLEET, int(budget // LEAST_SECONDS)) - len(keys))]
    chosen = keys.union(companions)
    some = [key for key in history.keys if key in chosen]
    fewer = len(some) < len(history.keys)
    fleet = history.copied(some, room) if room is not None and fewer else history.select(some)
    known = history.end - history.start - LEAST_DAYS * DAY_SECONDS
    seconds = min(DAYS * DAY_SECONDS, budget / len(chosen), known)
    start = history.end - STEP_SECONDS * (seconds // STEP_SECONDS)
    return Rehearsal(mine, fleet, windows, start)


def affordable(windows: Floats) -> Ints:
    """Which rows there is time for, by the `windows` [n] that each looks ahead: all are asked about each window, so
    of many windows the commonest."""
    _, which, many = np.unique(windows, return_inverse=True, return_counts=True)
    taken = np.zeros(len(windows), bool)
    for count, kind in enumerate(np.argsort(-many, kind="stable").tolist(), 1):
        with_it = taken | (which == kind)
        if count > 1 and with_it.sum() * count * LEAST_SECONDS > 60 * MOST_MINUTES:
            break
        taken = with_it
    return np.flatnonzero(taken)[: int(60 * MOST_MINUTES // LEAST_SECONDS)]


def _windows(reach: Floats) -> Floats:
    """Seconds of the windows that reach so far, of those that the service asks for."""
    if not len(reach):
        return reach
    able = np.array(windows_up_to(min(float(reach.max()), FURTHEST_SECONDS), STEP_SECONDS))
    return np.asarray(able[np.minimum(np.searchsorted(able, reach - 1e-6), len(able) - 1)])


def _lived(mine: Tried, model: Model, fleet: Panel, windows: Floats, start: float) -> Tried:
    """With all from `start` to the fleet's end on record."""
    scale = mine.scale[:, None]
    known = fleet.select(list(dict.fromkeys(mine.series)))
    at = places(mine.series, known.keys)  # a series at several fills is read once
    came = known.between(start, fleet.end).values[at]
    peaks = _foreseen(mine, model, fleet, windows, start)
    newest = newest_observed(known.until(start))[at] * mine.scale / mine.served.per_replica
    # Which constants are worth trying only the newest days say; how each did is as true as of a rule.
    largest = largest_lately(known)[at] * mine.scale / mine.served.per_replica
    # A round looks at data that are some steps old: what it wants then meets the demand of so many steps later.
    age = np.minimum(mine.age // STEP_SECONDS, came.shape[1] - 1).astype(int)
    columns = np.maximum(np.arange(came.shape[1])[None] - age[:, None], 0)
    each = np.arange(len(at))[:, None]
    foreseen = np.asarray(np.isfinite(peaks).all(axis=2))
    demand = np.where(foreseen[each, columns], np.minimum(came * scale, MOST), np.nan).astype(np.float32)
    minutes = (
        Minute.untold(*_wishes(mine, peaks[each[:, 0], columns[:, t]]), demand[:, t]) for t in range(demand.shape[1])
    )
    tryouts = Tryouts.fresh(mine.keys, np.ceil(newest), largest)
    return replace(mine, tryouts=tryouts.through(mine.served, minutes))


def _foreseen(mine: Tried, model: Model, fleet: Panel, windows: Floats, start: float) -> Array:
    """The peak that would have been foreseen as each step begins [n, t, q], at TRACKED_LEVELS; NaN where none would.
    What the rules make of it takes several times as much memory, so that is worked out minute by minute."""
    learned = model.fit(fleet.until(start))
    rows = places(mine.series, fleet.keys)
    peaks = None
    for window in np.unique(windows).tolist():  # one at a time: all windows of all services would take gigabytes
        said = rolled_peaks(learned, fleet.between(start, fleet.end), [window], TRACKED_LEVELS.tolist())
        if (windows == window).all() and np.array_equal(rows, np.arange(len(said))):
            return said[:, :, 0]  # as it is: a copy of a thousand days would be 50 MiB
        peaks = np.empty((len(rows), *said.shape[1:2], said.shape[3]), np.float32) if peaks is None else peaks
        here = windows == window
        peaks[here] = said[rows[here], :, 0]
    assert peaks is not None
    return peaks


def _wishes(mine: Tried, peaks: Array) -> tuple[Array, Array]:
    """What the rules would have wanted of a minute's peaks [n, q], and what of it was worth keeping: [n, RULES]."""
    replicas = np.minimum(peaks * mine.scale[:, None].astype(np.float32), np.float32(1e30))
    return wishes(np.asarray(TRACKED_LEVELS, float), replicas, mine.served)
