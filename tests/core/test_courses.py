"""What a service had, beside what it would have had: counted minute by minute, and never of what nobody saw."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.core.courses import ACTED, ACTUAL, FIXED, MODELLED, OTHER, WATCHED, Came, Courses
from ahpa.core.served import Served

SERVED = Served.of([7.0], [10.0], [0], [100], [0.25], [60.0], [2.0], [1.0])
"""Seven in flight fill a replica of ten slots as far as its scaler wants; a request takes two seconds."""
SETTLED = 1 + 5


def one(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([value], np.float32)


def minute(
    demand: float = 14.0, *, acts: bool = True, late: float = np.nan, floor: float = 3, fixed: float = 4
) -> Came:
    """Three replicas, all ready."""
    there = one(3)
    return Came(one(demand), one(late), there, there, one(floor), one(fixed), np.array([acts]), one(30))


def lived(*minutes: Came, begun: float = 3) -> Courses:
    """After a model has settled on the first of these, and then after all."""
    courses = Courses.begun(np.array([begun]))
    for each in (*[minutes[0]] * SETTLED, *minutes):
        courses = courses.after(SERVED, SERVED, each)
    return courses


@pytest.mark.parametrize(("acts", "kind"), [(True, ACTED), (False, WATCHED)], ids=["in force", "only thought of"])
def test_floors_that_were_in_force_and_such_as_were_not_are_apart(acts: bool, kind: int) -> None:
    ledger = lived(*[minute(acts=acts)] * 60).ledger
    counted = ledger.minutes[0]
    assert counted[kind] > 59
    assert counted[1 - kind] == 0
    assert not ledger.replica_minutes[0, 1 - kind].any()


def test_three_of_ours_two_of_the_scalers_and_four_always() -> None:
    """Fourteen in flight need two."""
    ledger = lived(*[minute()] * 60).ledger
    mean = ledger.replica_minutes[0, ACTED] / ledger.minutes[0, ACTED]
    assert mean[[ACTUAL, MODELLED, OTHER, FIXED]].tolist() == [3, 3, 2, 4]


@pytest.mark.parametrize("acts", [True, False])
def test_what_really_was_is_nobody_elses_estimate(acts: bool) -> None:
    """Where our floors were in force that is the course with them; where they were not, the scaler alone."""
    account = getattr(
        lived(*[minute(acts=acts)] * 60).ledger.saving(0, "a", 0, 1, True), "acted" if acts else "watched"
    )
    assert (account.advised if acts else account.reactive) == account.actual
    assert account.actual.replica_hours.low == account.actual.replica_hours.high == pytest.approx(3 * account.hours)


def test_a_minute_that_nobody_saw_counts_in_no_course() -> None:
    before = lived(minute())
    after = before.after(SERVED, SERVED, minute(np.nan))
    for mine, theirs in zip(vars(before.ledger).values(), vars(after.ledger).values(), strict=True):
        assert np.array_equal(mine, theirs)


def test_a_model_that_has_just_begun_says_nothing_yet() -> None:
    """It begins with forty replicas that the scaler would not have had."""
    courses = Courses.begun(np.array([40.0]))
    for _ in range(SETTLED - 1):
        courses = courses.after(SERVED, SERVED, minute())
    assert not courses.ledger.minutes.any()
    ledger = lived(*[minute()] * 60, begun=40).ledger
    assert ledger.replica_minutes[0, ACTED, OTHER] < 2.1 * ledger.minutes[0, ACTED]


@pytest.mark.parametrize(("late", "share"), [(0.25, 0.25), (np.nan, 0.0)], ids=["measured", "worked out"])
def test_late_requests_are_measured_or_worked_out_from_what_was_ready(late: float, share: float) -> None:
    """Fourteen in flight are 420 requests a minute; on thirty slots none waits."""
    ledger = lived(*[minute(late=late)] * 60).ledger
    requests = ledger.requests[0, ACTED]
    assert requests == pytest.approx(420 * ledger.minutes[0, ACTED])
    assert ledger.late[0, ACTED, ACTUAL] == pytest.approx(share * requests, abs=1)
    assert ledger.measured[0, ACTED] == (requests if np.isfinite(late) else 0)


def test_as_full_as_we_let_replicas_be_is_ours_alone() -> None:
    """Sixteen in flight need two replicas filled to eight, and three filled to seven."""
    filled, courses = replace(SERVED, per_replica=one(8)), Courses.begun(np.array([3.0]))
    for _ in range(60):
        courses = courses.after(SERVED, filled, minute(16, floor=0))
    counted = courses.ledger.minutes[0, ACTED]
    assert (courses.ledger.replica_minutes[0, ACTED, [MODELLED, OTHER]] / counted).tolist() == [2, 3]


def test_begun_anew_a_model_forgets_and_a_ledger_does_not() -> None:
    before = lived(*[minute()] * 10)
    after = before.anew(np.array([True]), np.array([9.0]))
    assert after.alone.minutes.tolist() == [0]
    assert after.ledger.replica_minutes.tolist() == before.ledger.replica_minutes.tolist()
