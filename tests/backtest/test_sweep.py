"""Claims about the comparison at equal lateness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest.sweep import (
    Counts,
    Play,
    Question,
    cheapest,
    closer,
    counted,
    halfway,
    halfway_tail,
    point_at,
    suggested,
    swept,
)
from ahpa.simulation.outcome import Outcome, Run

NOTHING = Outcome(0.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 1.0)


def trade_off(late_at: dict[float, tuple[float, float]] | None = None) -> Play:
    """A contender whose knob in [0, 1] costs 100 x knob and leaves 1 - knob late; or as `late_at` (hours, late)."""

    def play(knob: float) -> Run:
        hours, late = (100 * knob, 1 - knob) if late_at is None else late_at[knob]
        outcome = replace(NOTHING, replica_hours=hours, late_ratio=late)
        no = np.zeros(0)
        return Run("s", "p", f"knob {knob:g}", outcome, 60.0, no, no, no, no, no, no, no)

    return play


@pytest.mark.parametrize("target", [0.05, 0.37, 0.49, 0.5, 0.93])
def test_the_cost_at_equal_lateness_is_near_the_true_one_however_coarse_the_grid(target: float) -> None:
    """A grid of 0, 0.5 and 1 alone would say 100 where 63 is enough."""
    play = trade_off()
    points = closer([point_at(play, knob) for knob in (0.0, 0.5, 1.0)], play, target)
    found = cheapest(points, target)
    assert found is not None
    assert 0 <= found.outcome.replica_hours - 100 * (1 - target) <= 50 / 8 + 0.1


def test_nothing_is_played_where_no_setting_or_every_setting_meets_the_target() -> None:
    play = trade_off({0.0: (10.0, 0.5), 1.0: (20.0, 0.4)})
    points = [point_at(play, 0.0), point_at(play, 1.0)]
    assert closer(points, play, 0.1) == points
    assert closer(points, play, 0.9) == points


def test_what_the_days_before_suggest_is_played_on_the_tested_ones() -> None:
    """There 0.25 was enough; on the tested days it is not, and half of them would have been."""

    def kind(knob: float) -> Run:
        return trade_off({knob: (100 * knob, max(0.0, 1 - 2 * knob))})(knob)

    found = swept(trade_off(), 1.0, (0.0, 0.25, 0.5), Question(late_target=0.5), earlier=kind)
    assert found.label == "knob 1"
    assert found.before is not None
    assert (found.before.knob, found.before.outcome.late_ratio) == (0.25, 0.75)
    assert found.equal is not None
    assert found.equal.knob == 0.5


def test_where_no_setting_kept_the_target_before_the_least_late_is_suggested() -> None:
    play = trade_off({0.0: (10.0, 0.5), 0.5: (90.0, 0.2), 1.0: (50.0, 0.2)})
    assert suggested([point_at(play, knob) for knob in (0.0, 0.5, 1.0)], 0.1).knob == 1.0


@pytest.mark.parametrize(
    ("before", "own", "sweep", "shown", "judged"),
    [
        (7, None, True, 7, 7),
        (7, 9, True, 9, 7),
        (7, 9, False, 9, 7),
        (None, 9, True, 9, 9),
        (None, None, False, 5, None),
    ],
)
def test_a_count_is_ones_own_or_that_of_the_days_before_or_known_only_afterwards(
    before: int | None, own: int | None, sweep: bool, shown: int, judged: int | None
) -> None:
    """Five replicas keep the target on the tested days."""

    def enough(count: int) -> Counts:
        play = trade_off({float(n): (float(n), 0.0 if n >= count else 0.5) for n in range(21)})
        return Counts(lambda n, most_late: play(n), 20, (0, 20))

    earlier = None if before is None else enough(before)
    found = counted(enough(5), earlier, Question(late_target=0.1, sweep=sweep), own)
    assert found.label == f"knob {shown}"
    assert (found.before and found.before.knob) == judged
    assert found.hindsight == (judged is None)


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.9), (0.99, 0.999), (0.995, 0.999)])
def test_levels_are_halved_in_the_tail(a: float, b: float) -> None:
    between = halfway_tail(a, b)
    assert a < between < b
    assert (1 - a) / (1 - between) == pytest.approx((1 - between) / (1 - b), rel=0.2)
    assert a < halfway(a, b) < b
