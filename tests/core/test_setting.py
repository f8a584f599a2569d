"""Claims about how the record of a service chooses what its floor follows."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from ahpa.core.setting import CHOICE_LEVELS, DEFAULT_SETTING, Rule, Setting, score, scores
from forecasting.panel import Array
from tests.core.conftest import candidates

LADDER = np.array([0, 4, 7, 10, 12, 14, 16, 18, 20, 23, 26], np.float32)
SETTINGS = candidates(LADDER)
LOW, HIGH = SETTINGS.index(Setting.fill(0.9)), SETTINGS.index(Setting.fill(0.999))
NONE = len(SETTINGS) - len(LADDER)


def best(late: dict[int, float], hours: dict[int, float], target: float = 0.001) -> int:
    """Which is chosen of those that are named; all others are late for everybody and dear."""
    shares: Array = np.full((1, len(SETTINGS)), 1.0, np.float32)
    costs: Array = np.full((1, len(SETTINGS)), 1e4, np.float32)
    for index in late:
        shares[0, index], costs[0, index] = late[index], hours[index]
    return int(np.argmin(scores(shares, costs, np.array([target]))))


@pytest.mark.parametrize(
    ("late", "hours", "chosen"),
    [
        ([0.0, 0.0, 0.0], [100, 101, 103], NONE),  # the scaler alone is enough
        ([0.02, 0.0, 0.0], [100, 105, 130], LOW),  # the cheapest that keeps it
        ([0.02, 0.002, 0.0], [100, 105, 120], HIGH),  # a seventh more spares them all
        ([0.4, 0.03, 0.025], [100, 150, 900], LOW),  # six times as much helps hardly anybody: the best that can
        ([0.4, 0.3, 0.25], [100, 150, 900], NONE),  # nor does half as much again
    ],
)
def test_few_late_requests_are_worth_replicas_and_hopeless_ones_are_not_paid_for(
    late: list[float], hours: list[float], chosen: int
) -> None:
    names = (NONE, LOW, HIGH)
    assert best(dict(zip(names, late, strict=True)), dict(zip(names, hours, strict=True))) == chosen


def test_a_looser_target_takes_the_cheaper_setting() -> None:
    """This is the knob that owners have: `late-target`."""
    late, hours = {NONE: 0.02, LOW: 0.004, HIGH: 0.0}, {NONE: 100.0, LOW: 105.0, HIGH: 140.0}
    assert best(late, hours, 0.001) == HIGH
    assert best(late, hours, 0.02) == LOW


def test_a_constant_floor_is_judged_by_a_smaller_one() -> None:
    """Its own record is spotless until the day on which a larger peak comes: 16 replicas had nobody late, 12 had."""
    sixteen, fourteen, twelve = (NONE + LADDER.tolist().index(count) for count in (16, 14, 12))
    late = {HIGH: 0.0, sixteen: 0.0, fourteen: 0.002, twelve: 0.05}
    hours = {HIGH: 150.0, sixteen: 100.0, fourteen: 95.0, twelve: 90.0}
    assert best(late, hours) == HIGH
    assert best({**late, twelve: 0.0}, hours) == sixteen


def test_what_is_offered_is_every_rule_at_every_level_and_no_floor_at_all() -> None:
    assert len({str(setting) for setting in SETTINGS}) == len(SETTINGS) == 2 * len(CHOICE_LEVELS) + len(LADDER)
    assert SETTINGS[NONE] == Setting(Rule.CONSTANT, 0.99, 0)
    assert DEFAULT_SETTING in SETTINGS


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (Setting.fill(0.99), "quantile 0.99"),
        (Setting(Rule.SLOTS, 0.999), "quantile 0.999 in slots"),
        (Setting(Rule.CONSTANT, 0.99, 4), "floor 4"),
        (Setting(Rule.CONSTANT, 0.99, 0), "no floor"),
    ],
)
def test_a_setting_is_said_in_words(setting: Setting, words: str) -> None:
    assert str(setting) == words


def test_slots_are_filled_and_leave_room_for_the_square_root() -> None:
    """16 in flight want 20 slots, 5 replicas of 4: as many as 14 in flight want at 70 %."""
    assert Setting(Rule.SLOTS, 0.99).padded(16.0, 0.7) == pytest.approx(14.0)
    assert Setting.fill(0.99).padded(16.0, 0.7) == 16.0


@pytest.mark.parametrize(
    ("late", "cost", "said"),
    [
        (0.0, 1.0, 0.0),
        (0.0, math.e, 1.0),
        (0.0, 0.0, math.log(1e-9)),
        (0.0003, 1.0, 0.4 * math.log(2)),  # late by the 0.3 of its target that count as one
        (0.0021, math.e**2, 2.0 + 0.4 * math.log(8)),
    ],
)
def test_one_is_scored_as_many_are(late: float, cost: float, said: float) -> None:
    assert score(late, cost, 0.001) == pytest.approx(said)
    many = scores(np.full((1, len(SETTINGS)), late), np.full((1, len(SETTINGS)), cost), np.array([0.001]))
    assert many.dtype == np.float32
    assert many[0, NONE] == pytest.approx(said, rel=1e-6)


def test_a_setting_says_how_full_and_pads_by_it() -> None:
    filled = replace(DEFAULT_SETTING, utilization=0.9)
    assert str(filled) == f"{DEFAULT_SETTING}, filled to 90 %"
    assert filled.padded(45.0, 0.7, own=0.7) == pytest.approx(35.0)
    assert DEFAULT_SETTING.padded(45.0, 0.7, own=0.7) == filled.padded(45.0, 0.7) == 45.0
