"""Claims about what really happened beside what the coarse world had expected."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.core.experience import Experience
from ahpa.core.tryouts import Minute
from forecasting.panel import Array
from tests.core.test_tryouts import DAY, begun, bursty, flat, served

TARGET = np.array([0.001])
NO_FADE = np.float32(1)
COUNTS = np.ones(1, bool)


def one(value: float) -> Array:
    return np.array([value], np.float32)


def after(
    demand: float, ready: float, measured: float, expected: float, before: Experience | None = None
) -> Experience:
    """One minute of a service with 4 slots a replica."""
    came, there, late, said = (one(value) for value in (demand, ready, measured, expected))
    return (before or Experience.none(1)).after(served(), came, there, late, said, COUNTS, NO_FADE)


@pytest.mark.parametrize(
    ("late", "expected", "trust"),
    [
        (0.0, 0.0, 1.0),  # nothing was late, and nothing was expected to be
        (1.0, 1.0, 1.0),
        (0.0, 1.0, 0.5),  # half of a thousandth was said, none came
        (3.0, 1.0, 2.0),
        (900.0, 1.0, 10.0),  # no further, whatever happens
        (0.0, 900.0, 0.1),
    ],
)
def test_it_is_believed_as_far_as_it_was_right(late: float, expected: float, trust: float) -> None:
    """Of a demand of 1,000, of which the owner accepts that one is late."""
    known = Experience(one(0), one(late), one(expected), one(1000))
    assert known.trust(TARGET).tolist() == pytest.approx([trust])


def test_who_has_no_experience_believes_it() -> None:
    assert Experience.none(2).trust(np.full(2, 0.001)).tolist() == [1, 1]
    assert np.isnan(Experience.none(2).shares()).all()


def test_what_was_measured_counts_and_else_what_was_ready() -> None:
    """40 in flight on 5 replicas of 4 slots: all of it is late, unless somebody measured a tenth."""
    assert after(40, 5, np.nan, 0.0).shares().tolist() == [1.0]
    assert after(40, 5, 0.1, 0.0).shares().tolist() == pytest.approx([0.1])
    assert after(40, 50, np.nan, 0.0).shares().tolist() == pytest.approx([0.0], abs=1e-6)


def test_who_waited_is_late_in_the_next_minute_too() -> None:
    queued = after(40, 5, np.nan, 0.0)
    assert queued.backlog.tolist() == [20.0]
    assert after(10, 5, np.nan, 0.0, queued).late.tolist() == pytest.approx([50.0])


@pytest.mark.parametrize(
    ("demand", "ready", "measured", "expected"),
    [(np.nan, 5, 0.1, 0.0), (40, np.nan, np.nan, 0.0), (40, 5, 0.1, np.nan)],
    ids=["no demand", "neither replicas nor lateness", "no setting of ours in force"],
)
def test_what_is_not_known_teaches_nothing(demand: float, ready: float, measured: float, expected: float) -> None:
    known = after(40, 5, 0.1, 0.5)
    then = after(demand, ready, measured, expected, known)
    assert (then.late, then.expected, then.demand) == (known.late, known.expected, known.demand)


@pytest.mark.parametrize(("late", "floor"), [(5.0, 24), (50.0, 24), (500.0, 28)])
def test_who_was_later_than_expected_has_a_dearer_setting(late: float, floor: int) -> None:
    """Bursts that no rule foresees; of a demand of 1,000 a twentieth was expected to be late, as its owner accepts."""
    tryouts = begun(needed=6.0, largest=24.0)
    for load in bursty(DAY + 60):
        tryouts = tryouts.seen(served(), Minute.untold(flat(0.0), flat(0.0), one(load)))
    experienced = replace(tryouts, experience=Experience(one(0), one(late), one(50), one(1000)))
    assert experienced.choose(served(), np.array([0.05]), {})["s0"].replicas == floor


def test_what_was_only_thought_of_is_no_experience() -> None:
    tryouts = begun()
    for load in bursty(300):
        minute = Minute.untold(flat(6.0), flat(6.0), one(load))
        tryouts = tryouts.seen(served(), replace(minute, ready=one(1), late=one(1)))
    assert tryouts.experience.demand.tolist() == [0]
