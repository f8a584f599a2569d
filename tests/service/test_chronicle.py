"""What became of each target is remembered, within bounds, and looking at it never disturbs a round."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from ahpa.core.decision import Decision, Reason
from ahpa.core.planner import Plan
from ahpa.core.setting import DEFAULT_SETTING
from ahpa.ports import TargetRound
from ahpa.service.chronicle import BUCKET_SECONDS, BUCKETS, EACH, Chronicle, Chronicled
from tests.core.conftest import workload_of
from tests.fakes.targets import hpa
from tests.service.stage import NOW, stage


def seen(
    name: str = "chat",
    floor: int = 3,
    ready: int = 2,
    peak: float | None = 10.0,
    previous: int | None = None,
    reason: Reason = Reason.DESIRED_WITHIN_RANGE,
) -> TargetRound:
    key = f"hpa/shop/{name}"
    made = None if peak is None else Plan(floor, floor, peak, DEFAULT_SETTING, 300.0)
    decision = Decision(key, floor, floor if previous is None else previous, 1, True, reason, f"keep {floor}", made)
    return TargetRound(hpa(name), workload_of(key=key, ready=ready), None, decision)


def last(values: np.ndarray, count: int) -> list[float]:
    return [float(value) for value in values[-count:]]


def test_a_bucket_has_the_last_floor_the_fewest_ready_and_the_largest_peak() -> None:
    chronicle = Chronicle()
    for minute, (floor, ready, peak) in enumerate([(3, 3, 10.0), (5, 2, 40.0), (4, 4, None)]):
        chronicle.note(NOW + 60 * minute, [seen(floor=floor, ready=ready, peak=peak)])
    course = chronicle.course("hpa/shop/chat")
    assert course is not None
    assert (last(course.floor, 1), last(course.ready, 1)) == ([4.0], [2.0])
    assert course.peak[-1] == pytest.approx(40.0, rel=0.002)
    assert course.start + BUCKETS * BUCKET_SECONDS == NOW + BUCKET_SECONDS


@pytest.mark.parametrize("peak", [0.0, 0.003, 1.0, 4.2e6, 3e12])
def test_a_peak_of_any_size_is_kept_to_two_in_a_thousand(peak: float) -> None:
    """Bytes a second as well as requests in flight."""
    chronicle = Chronicle()
    chronicle.note(NOW, [seen(peak=peak)])
    course = chronicle.course("hpa/shop/chat")
    assert course is not None
    assert course.peak[-1] == pytest.approx(peak, rel=0.002)


def test_what_no_round_saw_is_not_known_and_what_is_eight_days_old_is_gone() -> None:
    chronicle = Chronicle()
    for bucket in (0, 3, BUCKETS + 1):
        chronicle.note(NOW + bucket * BUCKET_SECONDS, [seen(floor=bucket % 100)])
    course = chronicle.course("hpa/shop/chat")
    assert course is not None
    known = np.flatnonzero(np.isfinite(course.floor))
    assert [round((course.start - NOW) / BUCKET_SECONDS) + int(at) for at in known] == [3, BUCKETS + 1]


@pytest.mark.parametrize(("seconds_back", "left"), [(600.0, 2), (7200.0, 1)])
def test_a_clock_that_is_set_back_a_little_goes_on_and_one_set_back_far_begins_anew(
    seconds_back: float, left: int
) -> None:
    chronicle = Chronicle()
    chronicle.note(NOW, [seen()])
    chronicle.note(NOW - seconds_back, [seen()])
    course = chronicle.course("hpa/shop/chat")
    assert course is not None
    assert np.isfinite(course.floor).sum() == left


def test_only_what_moves_or_has_another_reason_is_told_the_newest_first() -> None:
    chronicle = Chronicle()
    rounds = [seen(), seen(), seen(floor=4, previous=3), seen(floor=4, reason=Reason.PARTIAL_DATA), seen(floor=4)]
    for minute, each in enumerate(rounds):
        chronicle.note(NOW + 60 * minute, [each])
    told = [(round(change.at - NOW) // 60, change.floor, str(change.reason)) for change in chronicle.changes()]
    assert told == [(4, 4, "DesiredWithinRange"), (3, 4, "PartialData"), (2, 4, "DesiredWithinRange"),
                    (0, 3, "DesiredWithinRange")]  # fmt: skip
    assert chronicle.changes("hpa/shop/chat") == chronicle.changes()
    assert chronicle.changes("hpa/shop/other") == []


def test_who_flaps_takes_no_room_from_the_others() -> None:
    chronicle = Chronicle()
    for minute in range(EACH[1] + 50):
        chronicle.note(NOW + 60 * minute, [seen("wild", floor=minute + 1, previous=minute), seen("calm")])
    assert len(chronicle.changes("hpa/shop/wild")) == EACH[1]
    assert len(chronicle.changes("hpa/shop/calm")) == 1


def test_of_many_targets_each_keeps_fewer_changes() -> None:
    """25,000 together: of 5,000 targets the last five."""
    chronicle = Chronicle()
    for minute in range(20):
        chronicle.note(NOW + 60 * minute, [seen(floor=minute + 1, previous=minute)])
    many = [seen(f"s{number}") for number in range(2500)]
    chronicle.note(NOW + 1200, [seen(floor=20), *many])
    assert len(chronicle.changes("hpa/shop/chat")) == 9


def test_ten_thousand_targets_take_what_is_stated() -> None:
    chronicle = Chronicle()
    chronicle.note(NOW, [seen(f"s{number}") for number in range(100)])
    tables = chronicle._tables.values()
    assert sum(table.nbytes for table in tables) / 100 * 10_000 / 2**20 < 133


@pytest.mark.parametrize(
    ("here", "unlisted", "left"), [([], [], False), ([], ["hpa"], True), (["hpa/shop/chat"], [], True)]
)
def test_who_is_gone_is_forgotten_and_who_could_not_be_listed_is_not(
    here: list[str], unlisted: list[str], left: bool
) -> None:
    chronicle = Chronicle()
    chronicle.note(NOW, [seen()])
    chronicle.forget_all_but(here, unlisted)
    assert (chronicle.course("hpa/shop/chat") is not None) is left
    assert bool(chronicle.changes()) is left


def test_who_reads_while_rounds_are_noted_sees_whole_lists() -> None:
    """Another thread, as the page's: it neither fails nor sees a bucket that is not over."""
    chronicle, over, faults = Chronicle(), threading.Event(), list[Exception]()
    chronicle.note(NOW, [seen(f"s{number}") for number in range(20)])

    def read() -> None:
        try:
            while not over.is_set():
                assert len({change.key for change in chronicle.changes()}) >= 20
                course = chronicle.course("hpa/shop/s1")
                assert course is not None
                assert len(course.floor) == BUCKETS
        except Exception as error:
            faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for minute in range(100):
        chronicle.note(NOW + 60 * minute, [seen(f"s{number}", floor=minute) for number in range(30)])
    over.set()
    reader.join()
    assert not faults


class Told:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, event: str, **fields: object) -> None:
        self.faults.append(event)


def test_after_each_tick_the_chronicle_has_what_was_decided() -> None:
    at, chronicle, told = stage("chat"), Chronicle(), Told()
    jobs = Chronicled(at.service, lambda: at.service.shown, chronicle, told)
    assert math.isnan(chronicle.since)
    jobs.tick(NOW)
    course = chronicle.course("knative/shop/chat")
    assert course is not None
    assert course.floor[-1] == at.service.shown.rounds[0].decision.floor
    assert chronicle.since == NOW
    assert told.faults == []


def test_a_fault_of_the_chronicle_fails_no_tick() -> None:
    class Broken(Chronicle):
        def note(self, now: float, rounds: Sequence[TargetRound]) -> None:
            raise ZeroDivisionError("a bug")

    at, told = stage("chat"), Told()
    Chronicled(at.service, lambda: at.service.shown, Broken(), told).tick(NOW)
    assert told.faults == ["chronicle.failed"]
    assert at.service.shown.rounds
