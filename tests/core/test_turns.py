"""Nobody waits for ever, however little time a round has."""

from __future__ import annotations

import math

import pytest

from ahpa.core.turns import in_turn

KEYS = [f"k{i}" for i in range(10)]


@pytest.mark.parametrize("most", [1, 3, 4, 7, 10])
def test_each_has_its_turn_at_least_in_every_second_walk_through_all(most: int) -> None:
    left_out: list[str] = []
    last = dict.fromkeys(KEYS, -1)
    for number in range(100):
        order = in_turn(KEYS, left_out)
        last |= dict.fromkeys(order[:most], number)
        left_out = order[most:]
        assert number - min(last.values()) <= 2 * math.ceil(len(KEYS) / most)


def test_who_is_new_waits_for_those_that_were_left_out_and_who_is_gone_takes_no_turn() -> None:
    assert in_turn(["new", "a", "b"], ["b", "gone", "a"]) == ["b", "a", "new"]
