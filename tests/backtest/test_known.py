"""What is known beforehand, in a backtest: the same decisions as in the service, on a past that shows nothing of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ahpa.backtest.results import SeriesResult
from ahpa.backtest.run import Job, run
from ahpa.backtest.series import prepared
from ahpa.backtest.sweep import Question
from ahpa.core.known.knowledge import Known
from ahpa.core.known.reading import events_in, windows_in
from forecasting.executor import Serial
from forecasting.panel import Panel
from tests.backtest.examples import DAY, SETTING, Spread, waves

START = 1_795_046_400.0
"""2026-11-19 00:00 UTC."""
SALE = "2026-11-22T09:00..2026-11-22T15:00"


def sale() -> Panel:
    """Four days alike, but of the last one the hours from nine to three have three times the usual demand."""
    values = waves().values.copy()
    values[0, 3 * DAY + 9 * 60 : 3 * DAY + 15 * 60] *= 3
    return Panel.of(START, 60.0, values, ("shop",))


def played(panel: Panel, known: Known, contenders: tuple[str, ...] = ("ahpa",), **question: Any) -> SeriesResult:
    """The last day."""
    series, failed = prepared([panel], 1.0, 1.0)
    assert not failed
    asked = Question(**{"sweep": False, **question})
    (result,) = run(series, Spread(), Job(replace(SETTING, known=known), asked, contenders), Serial())
    return result


def late(result: SeriesResult) -> float:
    return result.contenders["ahpa"].outcome.late_ratio


@pytest.mark.parametrize("question", [{}, {"quantile": 0.99}], ids=["by late target", "by quantile"])
@pytest.mark.parametrize("said", ["x3", "min=30"])
def test_a_sale_that_was_planned_keeps_nobody_waiting(said: str, question: dict[str, Any]) -> None:
    """Untold, six in a thousand wait: no day before had such a rise."""
    untold = late(played(sale(), Known(), **question))
    told = late(played(sale(), Known(events=events_in(f"{SALE} {said}")), **question))
    assert untold > 0.004
    assert told < untold / 5


def test_the_day_after_a_sale_is_expected_as_ever() -> None:
    """Told, the model learns nothing of it: else yesterday's three times would be today's, and cost as much."""
    values = np.concatenate([sale().values, waves(1).values], axis=1)
    panel = Panel.of(START, 60.0, values, ("shop",))
    hours = [
        played(panel, known, quantile=0.99).contenders["ahpa"].outcome.replica_hours
        for known in (Known(), Known(events=events_in(f"{SALE} x3")))
    ]
    assert hours[1] < 0.8 * hours[0]


def test_a_window_holds_in_a_backtest_by_its_own_clock() -> None:
    window = "0 17 * * * .. 30 18 * * * min=22 zone=Asia/Tokyo"  # 08:00 to 09:30 UTC
    played_day = played(waves_at(START), Known(windows=windows_in(window))).contenders["ahpa"].run
    assert played_day is not None
    assert (played_day.floor[8 * 60 : 9 * 60 + 25] >= 22).all()
    assert played_day.floor[8 * 60 - 30] < 22
    assert played_day.floor[-1] < 22


def waves_at(start: float) -> Panel:
    return replace(waves(), start=start)


def test_nobody_else_is_told() -> None:
    """Windows and events are ours: what the others do alone is compared with."""
    others = "kpa", "hpa", "static", "seasonal"
    told = Known(windows_in("* * * * * min=9"), events_in(f"{SALE} x3"))
    with_it, without = (played(sale(), known, others).contenders for known in (told, Known()))
    assert {name: found.outcome for name, found in with_it.items()} == {n: f.outcome for n, f in without.items()}


def test_what_was_told_is_among_the_annotations_to_try() -> None:
    here = "2026-11-22T10:00..2026-11-22T16:00 x3"
    told = Known(windows_in("0 8 * * 1-5 .. 0 20 * * 1-5 min=2"), events_in(here), "Europe/Berlin")
    asked = {"late_target": 0.05}  # which others keep, too
    annotations = played(sale(), told, ("ahpa", "static"), **asked).annotations
    assert annotations["ahpa.dev/windows"] == "0 8 * * 1-5 .. 0 20 * * 1-5 min=2"
    assert annotations["ahpa.dev/events"] == here
    assert annotations["ahpa.dev/time-zone"] == "Europe/Berlin"


def test_predicted_peaks_are_held_against_what_came_with_the_event() -> None:
    coverage = [
        played(sale(), known, quantile=0.99).contenders["ahpa"].outcome.coverage["0.99"]
        for known in (Known(), Known(events=events_in(f"{SALE} x3")))
    ]
    assert coverage[0] < 0.8
    assert coverage[1] > 0.95
