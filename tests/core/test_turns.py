"""Nobody waits for ever, however little time a round has, and no tenant costs another one his turn."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.turns import admitted, in_turn

KEYS = [f"k{i}" for i in range(10)]


def waits(keys: Sequence[str], most: int, rounds: int) -> dict[str, int]:
    """The longest that each waited, in rounds that come to so many."""
    left_out: list[str] = []
    last, longest = dict.fromkeys(keys, -1), dict.fromkeys(keys, 0)
    for number in range(rounds):
        order = in_turn(keys, left_out)
        assert sorted(order) == sorted(keys)
        last |= dict.fromkeys(order[:most], number)
        left_out = order[most:]
        for key in keys:
            longest[key] = max(longest[key], number - last[key])
    return longest


@pytest.mark.parametrize("most", [1, 3, 4, 7, 10])
def test_each_has_its_turn_at_least_in_every_second_walk_through_all(most: int) -> None:
    assert max(waits(KEYS, most, 100).values()) <= 2 * math.ceil(len(KEYS) / most)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(1, 20))
def test_what_one_waits_hangs_on_how_many_its_tenant_has_and_how_many_tenants_there_are(
    sizes: list[int], most: int
) -> None:
    """Not on how many the others have: each tenant has its turn in each walk through the tenants."""
    keys = [f"knative/team-{team}/{number}" for team, size in enumerate(sizes) for number in range(size)]
    longest = waits(keys, most, 60)
    for key in keys:
        own = sizes[int(key.split("/")[1].removeprefix("team-"))]
        assert longest[key] <= 2 * math.ceil(own * len(sizes) / most) + 1


def test_a_tenant_of_three_thousand_costs_a_tenant_of_five_nothing() -> None:
    small = [f"knative/small/{number}" for number in range(5)]
    keys = [f"knative/large/{number}" for number in range(3000)] + small
    longest = waits(keys, 20, 20)
    assert max(longest[key] for key in small) == 0


def test_who_is_new_waits_for_those_that_were_left_out_and_who_is_gone_takes_no_turn() -> None:
    assert in_turn(["new", "a", "b"], ["b", "gone", "a"]) == ["b", "a", "new"]


def test_a_tenant_has_so_many_and_whoever_was_in_stays_in() -> None:
    """Whatever a newcomer is called, and wherever the list begins."""
    keys = [f"knative/{team}/{name}" for team in ("large", "small") for name in "bcd"]
    first = admitted(keys, (), 2)
    assert first == {"knative/large/b", "knative/large/c", "knative/small/b", "knative/small/c"}
    assert admitted(["knative/large/a", *keys], first, 2) == first
    without = [key for key in keys if key != "knative/large/b"]
    assert "knative/large/d" in admitted(without, first, 2), "who leaves makes room"
