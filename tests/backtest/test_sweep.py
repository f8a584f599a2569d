"""Claims about the comparison at equal lateness and the words that follow from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest.results import Point, PolicyResult
from ahpa.backtest.sweep import Play, cheapest, closer, halfway, halfway_tail, least, point_at
from ahpa.backtest.verdict import worth_of
from ahpa.simulation.outcome import Outcome, Run

NOTHING = Outcome(0.0, 0.0, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, 1.0)


def trade_off(late_at: dict[float, tuple[float, float]] | None = None) -> Play:
    """A policy whose knob in [0, 1] costs 100 x knob and leaves 1 - knob late; or as `late_at` (hours, late) says."""

    def play(knob: float) -> Run:
        hours, late = (100 * knob, 1 - knob) if late_at is None else late_at[knob]
        outcome = replace(NOTHING, replica_hours=hours, late_ratio=late)
        nothing = np.zeros(0)
        return Run("s", "p", f"knob {knob:g}", outcome, 60.0, *[nothing] * 7)

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


def _result(name: str, hours: float, scale_ups: int) -> PolicyResult:
    outcome = replace(NOTHING, replica_hours=hours, scale_ups=scale_ups)
    return PolicyResult(name, outcome, "at 1", (), Point(1.0, "at 1", outcome))


@pytest.mark.parametrize(
    ("ours", "kpa", "scale_ups", "worth", "words"),
    [
        (50.0, 100.0, 9, True, "50% fewer replica-hours than kpa"),
        (100.0, 100.0, 9, False, "keeps the target for no more"),
        (100.0, 100.0, 0, False, "never has to start a replica"),
    ],
)
def test_whether_prediction_pays_is_said_with_its_reason(
    ours: float, kpa: float, scale_ups: int, worth: bool, words: str
) -> None:
    found = {"ahpa": _result("ahpa", ours, 1), "kpa": _result("kpa", kpa, scale_ups)}
    pays, why, saving = worth_of(found, 0.001)
    assert (pays, saving) == (worth, kpa - ours)
    assert words in why


@pytest.mark.parametrize(
    ("late", "aim", "index"),
    [
        ([0.5, 0.2, 0.1, 0.0], 0.1, 2),
        ([0.0, 0.0, 0.0, 0.0], 0.1, 0),
        ([0.5, 0.4, 0.00055, 0.00045], 0.0005, 3),  # only the last keeps it: nearly is not enough
        ([0.5, 0.2, 0.11, 0.10], 0.01, 2),  # none keeps it: the least that is nearly as good as the last
        ([0.1, 0.1, 0.1, 0.1], 0.01, 0),
        ([0.02], 0.01, 0),
    ],
)
def test_the_least_setting_that_keeps_the_aim_is_found_and_none_is_played_twice(
    late: list[float], aim: float, index: int
) -> None:
    played: list[int] = []

    def play(k: int) -> float:
        played.append(k)
        return late[k]

    assert least(play, len(late), aim) == index
    assert len(played) == len(set(played))
