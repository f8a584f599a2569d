"""The floors of the coming hours, for people: what a plan of that moment would ask for, if the forecast holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from ahpa.core.ahead import Ahead, ahead
from ahpa.core.observation import Limits, Workload
from forecasting.forecast import Forecast
from forecasting.levels import LEVELS
from tests.core.conftest import NOW, outlook_of, workload_of

MINUTE = 60.0


def foreseen(means: Sequence[float], reason: str | None = None) -> Forecast:
    """These demands, minute by minute, at every level."""
    steps = np.repeat(np.array(means)[None, :, None], len(LEVELS), axis=2)
    nothing = np.zeros((1, 0, len(LEVELS)))
    return Forecast(NOW, MINUTE, np.array(LEVELS), steps, np.zeros(0), nothing, ("it",), ("toy",), (reason,))


def seen(workload: Workload, means: Sequence[float], peak: float | None = None, floor: int = 1) -> Ahead:
    outlook = outlook_of(max(means[:5]) if peak is None else peak)
    found = ahead(workload, outlook, foreseen(means), 0, floor, NOW, Limits(cap=20), MINUTE)
    assert found is not None
    return found


def minutes(found: Ahead) -> tuple[float, int] | None:
    change = found.change()
    return None if change is None else ((change[0] - NOW) / MINUTE, change[1])


def test_a_rise_is_asked_for_so_long_before_it_as_a_start_and_a_round_take() -> None:
    """Four in flight each; from the sixtieth minute on five replicas are needed, and a start takes two minutes."""
    assert minutes(seen(workload_of(), [4.0] * 60 + [20.0] * 60)) == (58, 5)


def test_a_release_begins_when_no_peak_is_within_the_lead() -> None:
    assert minutes(seen(workload_of(), [20.0] * 60 + [4.0] * 60, floor=5)) == (60, 1)


def test_a_need_that_wavers_is_no_change() -> None:
    """A minute more of load now and then moves the floor, and people would look for what happened."""
    wavering = [5.0 if minute % 11 == 5 else 4.0 for minute in range(120)]
    assert minutes(seen(workload_of(), wavering)) is None


@pytest.mark.parametrize(
    ("annotations", "floor"), [({}, 20), ({"ahpa.dev/max": "7"}, 7)], ids=["the operator's cap", "its owner's maximum"]
)
def test_no_floor_beyond_the_bounds(annotations: dict[str, str], floor: int) -> None:
    assert minutes(seen(workload_of(annotations), [4.0] * 60 + [400.0] * 60)) == (58, floor)


def test_a_later_peak_lies_above_its_minutes_as_the_next_one_does() -> None:
    """Four of a median of four, with two above it for noise, become twenty-five with five above."""
    assert minutes(seen(workload_of(), [4.0] * 60 + [25.0] * 60, peak=6.0, floor=2)) == (58, 8)


def test_what_errs_is_not_believed_without_end() -> None:
    """Of a peak of a hundred times its own minutes, twice is believed."""
    assert minutes(seen(workload_of(), [4.0] * 60 + [16.0] * 60, peak=400.0, floor=2)) == (58, 6)


@pytest.mark.parametrize("means", [[0.0] * 60, [math.nan] * 60], ids=["nothing comes", "nothing is known"])
def test_nothing_is_foreseen_of_nothing(means: list[float]) -> None:
    reason = "too little was observed" if math.isnan(means[0]) else None
    found = ahead(workload_of(), outlook_of(0.0), foreseen(means, reason), 0, 1, NOW, Limits(), MINUTE)
    assert (found is None) is (reason is not None)
    assert found is None or found.change() is None


def test_who_cannot_be_planned_for_has_no_future() -> None:
    unknown = workload_of(per_replica=None)
    assert ahead(unknown, outlook_of(4.0), foreseen([4.0] * 60), 0, 1, NOW, Limits(), MINUTE) is None
