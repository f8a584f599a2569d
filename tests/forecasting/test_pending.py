"""Predictions wait for their truth: the far ones in turns, and few of them."""

from __future__ import annotations

import numpy as np

from forecasting.history import History
from forecasting.levels import TRACKED_LEVELS
from forecasting.panel import Panel
from forecasting.pending import PendingPredictions

START, STEP = 1_700_000_000.0 // 86_400 * 86_400, 60.0


def after(minutes: int, at_once: int = 1) -> tuple[PendingPredictions, list[int]]:
    """One service of ones after so many minutes, some in each tick, in which nought was always said; and how many were
    due at each."""
    history = History.of(Panel.of(START, STEP, np.ones((1, 100))), 5000)
    pending, counts = PendingPredictions.fresh(1, STEP), []
    said = np.zeros((1, len(TRACKED_LEVELS)), np.float32)
    for _ in range(0, minutes, at_once):
        longer = history.extended(Panel.of(history.end, STEP, np.ones((1, at_once))))
        pending = pending.settled(history, longer)
        due, history = pending.due(longer, history), longer
        pending = pending.said(history.length, dict.fromkeys(due, said))
        counts.append(len(due))
    return pending, counts


def test_after_two_days_no_lead_has_more_than_some_thirty_waiting() -> None:
    pending, _ = after(3000)
    singles = [waiting for window, waiting in zip(pending.windows, pending.waiting, strict=True) if window.lead]
    assert all(1 <= len(waiting) <= 31 for waiting in singles)


def test_what_waits_long_holds_nothing_else_that_was_said() -> None:
    """Of ten thousand services 139 MiB were held an hour after a refit, where 40 are waited for."""
    pending = PendingPredictions.fresh(1, STEP)
    said = np.zeros((len(pending.windows), 1, len(TRACKED_LEVELS)), np.float32)
    waiting = pending.said(100, dict(enumerate(said))).waiting
    assert all(waits.base is None for ((_, waits),) in waiting)


def test_who_takes_two_steps_at_a_time_misses_no_turn() -> None:
    """A tick of two minutes on steps of one: every second turn lies between two ticks, for some leads all of them."""
    pending, _ = after(3000, at_once=2)
    assert all(pending.waiting)
    near = [k for k, window in enumerate(pending.windows) if window.lead <= 1440]
    assert (pending.calibration.settled[0, near] > 0).all()


def test_in_hardly_any_tick_all_leads_are_due() -> None:
    """The tick in which all are is a fifth longer than the others."""
    pending, counts = after(720)
    often = sum(window.every == 1 for window in pending.windows)
    assert np.mean(counts) < often + 0.6
    assert max(counts) <= often + 3


def test_misses_raise_a_lead_only_once_its_time_has_come_and_the_far_ones_more_slowly() -> None:
    day, longer = (after(minutes)[0] for minutes in (1400, 2700))
    tomorrow, hour = (next(k for k, w in enumerate(day.windows) if w.lead == lead) for lead in (1440, 60))
    assert (day.calibration.offsets[0, tomorrow] == 0).all()
    nearly = TRACKED_LEVELS.tolist().index(np.float32(0.99))  # the far tail moves faster (docs/decisions/0053)
    assert 0 < longer.calibration.offsets[0, tomorrow, nearly] < 0.6
    assert day.calibration.offsets[0, hour, nearly] > 1
