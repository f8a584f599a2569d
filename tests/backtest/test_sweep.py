"""Claims about the comparison at equal lateness."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest.sweep import Play, cheapest, closer, halfway, halfway_tail, point_at
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


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.9), (0.99, 0.999), (0.995, 0.999)])
def test_levels_are_halved_in_the_tail(a: float, b: float) -> None:
    between = halfway_tail(a, b)
    assert a < between < b
    assert (1 - a) / (1 - between) == pytest.approx((1 - between) / (1 - b), rel=0.2)
    assert a < halfway(a, b) < b
