"""Bounds hold on every way: whatever a record, an annotation or a forecast says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.journal import entries, entry_from_json
from ahpa.core.observation import Limits, Observation, Workload
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

WIDE = Limits(raise_least=10_000)
HIGH: dict[str, Any] = {"floor": 20, "present": 20, "ready": 20}


def decided(workload: Workload, outlook: Outlook | None, limits: Limits = WIDE, **more: Any) -> Decision:
    outlooks = {} if outlook is None else {workload.key: outlook}
    observation = Observation(NOW, 60.0, (workload,), outlooks, limits, **more)
    (decision,) = step(observation)
    (row,) = entries(observation, [decision])
    assert entry_from_json(row).replay() == decision, "and a journal has all that it depends on"
    return decision


@pytest.mark.parametrize("outlook", [outlook_of(28.0), None, outlook_of(0, reason="none"), outlook_of(0.0)])
def test_an_annotation_raises_no_faster_than_a_forecast(outlook: Outlook | None) -> None:
    """`ahpa.dev/min: 999999` went from 7 to 100 in one round."""
    workload = workload_of({"ahpa.dev/min": "999999"}, floor=7, present=7, ready=7)
    floors: list[int] = []
    while not floors or floors[-1] != workload.floor:
        floors.append(workload.floor)
        decision = decided(workload, outlook, Limits())
        workload = replace(workload, floor=decision.floor, present=decision.floor, ready=decision.floor)
    assert floors == [7, 14, 28, 56, 100]


@pytest.mark.parametrize("outlook", [outlook_of(28.0), None, outlook_of(4e6)])
@pytest.mark.parametrize("floor", [0, 7, 10])
def test_no_record_raises_above_the_cap(outlook: Outlook | None, floor: int) -> None:
    workload = workload_of(baseline=5000, floor=floor, present=floor, ready=floor)
    assert decided(workload, outlook, Limits(cap=10, raise_least=10_000)).floor == 10


def test_a_minimum_in_force_above_the_cap_stays_and_nothing_is_raised_there() -> None:
    workload = workload_of(baseline=30, floor=30, present=30, ready=30)
    for outlook in (outlook_of(4e6), outlook_of(1.0), None):
        assert decided(workload, outlook, Limits(cap=10)).floor == 30


def test_a_peak_far_beyond_everything_seen_is_believed_only_so_far() -> None:
    """A series whose numbers change their meaning, under the same name, reads like a demand tenfold."""
    seen = replace(outlook_of(400.0), largest=40.0)
    decision = decided(workload_of(), seen)
    assert (decision.floor, decision.reason) == (30, Reason.UNSEEN_PEAK)
    assert "needs 100, believed up to 30, as no more than 40 was ever seen" in decision.message
    assert decided(workload_of(), replace(seen, largest=134.0)).floor == 100
    assert decided(workload_of(), replace(seen, largest=math.inf)).floor == 100


def test_nothing_is_lowered_on_a_peak_that_is_not_believed() -> None:
    decision = decided(workload_of(floor=50, present=50, ready=50), replace(outlook_of(400.0), largest=40.0))
    assert (decision.floor, decision.reason) == (50, Reason.UNSEEN_PEAK)


def test_who_may_go_to_zero_and_is_asked_for_nothing_goes_there() -> None:
    assert decided(workload_of(baseline=0), outlook_of(0.0)).floor == 0


def test_a_lead_in_the_annotations_is_how_far_ahead_is_looked() -> None:
    assert "within 660 s" in decided(workload_of({"ahpa.dev/lead": "10m"}), outlook_of(40.0)).message


def test_who_was_never_asked_for_anything_may_have_one_replica() -> None:
    assert decided(workload_of(baseline=0, floor=0), replace(outlook_of(9.0), largest=0.0)).floor == 1


def test_a_launch_goes_up_round_by_round() -> None:
    """Eighty times the usual demand: what is seen in one round is what the next is measured by."""
    workload, largest, floors = workload_of(), 4.0, []
    for _ in range(8):
        decision = decided(workload, replace(outlook_of(320.0), largest=largest), Limits())
        workload = replace(workload, floor=decision.floor, present=decision.floor, ready=decision.floor)
        largest = min(320.0, max(largest, 4.0 * decision.floor))  # as much as could be served
        floors.append(decision.floor)
    assert floors[-1] == 80
    assert floors == sorted(floors)


@pytest.mark.parametrize("seconds", [31.0, -31.0, math.inf, math.nan])
@pytest.mark.parametrize("outlook", [outlook_of(4.0), None, outlook_of(0, reason="why not")])
def test_clocks_that_differ_keep_the_floor_from_falling_and_not_from_rising(
    seconds: float, outlook: Outlook | None
) -> None:
    held = decided(workload_of(observed_until=NOW - 5000, **HIGH), outlook, skew=seconds)
    assert (held.floor, held.reason) == (20, Reason.CLOCK_SKEW)
    assert decided(workload_of(), outlook_of(40.0), skew=seconds).floor == 10


def test_a_doubt_about_fresh_data_is_said_in_its_own_words() -> None:
    decision = decided(workload_of(doubt="its demand vanished", **HIGH), outlook_of(4.0))
    assert (decision.floor, decision.reason) == (20, Reason.DOUBTFUL_DATA)
    assert decision.message.endswith("but its demand vanished")
    assert decided(workload_of(doubt="its demand vanished"), outlook_of(40.0)).floor == 10


@pytest.mark.parametrize(
    ("changes", "outlook"),
    [
        ({"observed_until": NOW - 9000}, outlook_of(4.0)),
        ({"observed_until": NOW - 9000}, None),
        ({"unread": "nobody listens"}, None),
        ({}, outlook_of(0, reason="only 9 steps were observed")),
    ],
    ids=["stale", "stale and no forecast", "unread and no forecast", "too little history"],
)
def test_a_hold_counts_from_when_there_was_nothing_to_go_by(changes: dict[str, Any], outlook: Outlook | None) -> None:
    for age, floor in ((0.0, 20), (899.0, 20), (900.0, 20), (901.0, 18)):
        assert decided(workload_of(doubted_since=NOW - age, **changes, **HIGH), outlook).floor == floor


def test_a_model_that_failed_lowers_nothing_however_long() -> None:
    failed = replace(outlook_of(0, reason="ets failed: MemoryError"), failed=True)
    lost: list[dict[str, Any]] = [{"doubted_since": NOW - 9000}, {"observed_until": NOW - 9000}, {}]
    for changes in lost:
        decision = decided(workload_of(**changes, **HIGH), failed)
        assert decision.floor == 20


@pytest.mark.parametrize(("present", "ready", "floor"), [(20, 3, 40), (3, 3, 7), (20, 20, 40), (0, 0, 5)])
def test_a_raise_is_limited_by_what_is_present_and_not_by_what_is_ready(present: int, ready: int, floor: int) -> None:
    """Seventeen that are still starting have been paid for; a limit by the three that are ready would stop a launch."""
    assert decided(workload_of(present=present, ready=ready), outlook_of(4000.0), Limits(cap=1000)).floor == floor


@pytest.mark.parametrize(("current", "floor"), [(21, 15), (5, 3), (4, 3), (3, 2), (1, 1), (100, 75), (99, 74)])
def test_a_release_is_rounded_up_so_that_it_ends(current: int, floor: int) -> None:
    workload = workload_of(floor=current, present=current, ready=current)
    assert decided(workload, outlook_of(1.0)).floor == floor


@pytest.mark.parametrize(("current", "floor"), [(21, 15), (5, 3), (3, 2), (2, 1), (1, 1)])
def test_a_way_down_to_a_lowered_cap_is_rounded_as_a_release_is(current: int, floor: int) -> None:
    workload = workload_of(floor=current, present=current, ready=current)
    assert decided(workload, outlook_of(400.0), Limits(cap=1)).floor == floor


@pytest.mark.parametrize(("current", "floor"), [(21, 18), (20, 18), (11, 9), (10, 9), (2, 1)])
def test_a_decay_is_rounded_up_so_that_it_ends(current: int, floor: int) -> None:
    workload = workload_of(floor=current, present=current, ready=current, observed_until=NOW - 1000)
    assert decided(workload, None).floor == floor
