"""A service of several parts, as in a rollout: each has its share, its capacity and its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.capacity import Part, apportion, mean_capacity
from ahpa.core.controller import step
from ahpa.core.observation import Limits, Observation
from ahpa.core.planner import Supply, plan
from ahpa.core.readiness import Lag, Readiness
from ahpa.core.setting import Setting
from tests.core.conftest import NOW, outlook_of, workload_of

CANARY = (Part("chat-00001", 0.1, 70.0), Part("chat-00002", 0.9, 1.4))
"""A rollout from containerConcurrency 100 to 2, at 10 % and 90 % of the traffic."""


def test_each_part_is_rounded_up_by_itself() -> None:
    """40 in flight: 4 over 70 is one replica, 36 over 1.4 are 26. One Revision's capacity for all would say 1 or 29."""
    supply = Supply(mean_capacity(CANARY), Readiness.single(Lag.of(60, 60)), parts=CANARY)
    assert plan(outlook_of(40.0), supply, Setting.fill(0.99), NOW, 60).floor == 27
    assert apportion(27, CANARY) == (1, 26)


def test_the_sentence_says_what_falls_on_each_part() -> None:
    workload = workload_of(
        baseline=0, floor=0, parts=CANARY, per_replica=mean_capacity(CANARY), unit="requests in flight"
    )
    (decision,) = step(Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(40.0)}, Limits(raise_least=99)))
    assert decision.floor == 27
    assert decision.message == (
        "raise 0 -> 27: peak 40 requests in flight (p99) within 180 s needs 27: "
        "chat-00001 1 (10 % at 70 each), chat-00002 26 (90 % at 1.4 each)"
    )


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (4, ": r0 3 (25 % at 4 each), r1 3 (25 % at 4 each), r2 3 (25 % at 4 each), r3 3 (25 % at 4 each)"),
        (5, ": r0 2 (20 % at 4 each), r1 2 (20 % at 4 each), r2 2 (20 % at 4 each), r3 2 (20 % at 4 each), ..."),
    ],
)
def test_four_parts_are_named_and_more_would_hide_the_sentence(parts: int, said: str) -> None:
    rows = tuple(Part(f"r{i}", 1 / parts, 4.0) for i in range(parts))
    workload = workload_of(parts=rows, unit="cores")
    (decision,) = step(Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(40.0)}, Limits(raise_least=99)))
    assert decision.message.endswith(said)


def test_a_part_at_its_maximum_does_not_starve_the_other() -> None:
    """What the first may not have is not taken from the second, as a split of the sum by traffic would."""
    parts = (Part("a", 0.5, 1.0, most=3), Part("b", 0.5, 2.0))
    supply = Supply(1.0, Readiness.single(Lag.of(60, 60)), parts=parts)
    assert plan(outlook_of(20.0), supply, Setting.fill(0.99), NOW, 60).floor == 3 + 5
    assert apportion(8, parts) == (3, 5)


def test_a_part_at_its_minimum_does_not_pay_for_the_other() -> None:
    parts = (Part("a", 0.1, 70.0, least=3), Part("b", 0.9, 1.4))
    supply = Supply(1.0, Readiness.single(Lag.of(60, 60)), parts=parts)
    assert plan(outlook_of(40.0), supply, Setting.fill(0.99), NOW, 60).floor == 3 + 26
    assert apportion(29, parts) == (3, 26)
    assert apportion(1, parts) == (3, 0)


def parts_of(*rows: tuple[str, float, float, int, int | None]) -> tuple[Part, ...]:
    return tuple(Part(*row) for row in rows)


@pytest.mark.parametrize(
    ("floor", "parts", "split"),
    [
        (3, parts_of(("a", 0.5, 4, 0, None), ("b", 0.5, 4, 0, None)), (2, 1)),
        (3, parts_of(("b", 0.5, 4, 0, None), ("a", 0.5, 4, 0, None)), (1, 2)),
        (5, parts_of(*((name, 1 / 3, 4, 0, None) for name in "abc")), (2, 2, 1)),
        (1, parts_of(("a", 0.4, 1, 0, None), ("b", 0.6, 1, 0, None)), (0, 1)),
        (1, parts_of(("a", 0.6, 70, 0, None), ("b", 0.4, 1, 0, None)), (0, 1)),
        (5, parts_of(("a", 0.0, 4, 0, None), ("b", 1.0, 4, 0, None)), (0, 5)),
        (3, parts_of(("a", 0.0, 4, 0, None), ("b", 0.0, 4, 0, None)), (2, 1)),
        (5, parts_of(("a", 0.0, 4, 2, None), ("b", 1.0, 4, 0, 2)), (3, 2)),
        (10, parts_of(("a", 0.5, 4, 0, 3), ("b", 0.5, 4, 0, 3)), (3, 3)),
        (5, parts_of(("b", 0.5, 1, 0, None), ("a", 0.25, 1, 0, None), ("c", 0.25, 1.5, 0, None)), (2, 2, 1)),
        (0, parts_of(("a", 0.5, 4, 0, None), ("b", 0.5, 4, 0, None)), (0, 0)),
    ],
    ids=[
        "of equals the first by name has one more",
        "whatever their order is",
        "of three two have one more",
        "the larger share",
        "the more loaded, not the larger share",
        "none for who has no share",
        "nobody has a share",
        "what one may not take goes to the other, though it has no share",
        "no more than all may take",
        "of those that are full at the same demand the first by name, not one with room",
        "nothing to split",
    ],
)
def test_what_is_left_goes_to_the_most_loaded(floor: int, parts: tuple[Part, ...], split: tuple[int, ...]) -> None:
    assert apportion(floor, parts) == split


def some_parts() -> st.SearchStrategy[tuple[Part, ...]]:
    one = st.tuples(st.integers(1, 100), st.floats(0.1, 500), st.integers(0, 4), st.none() | st.integers(4, 50))
    return st.lists(one, min_size=1, max_size=5).map(
        lambda rows: tuple(
            Part(f"r{i}", share / sum(row[0] for row in rows), capacity, least, most)
            for i, (share, capacity, least, most) in enumerate(rows)
        )
    )


@given(some_parts(), st.integers(0, 200))
def test_a_split_adds_up_as_far_as_bounds_allow_and_keeps_them(parts: tuple[Part, ...], floor: int) -> None:
    counts = apportion(floor, parts)
    least, most = sum(part.least for part in parts), sum(part.bounded(10**6) for part in parts)
    assert sum(counts) == min(max(floor, least), most)
    assert all(part.bounded(count) == count for part, count in zip(parts, counts, strict=True))


@given(some_parts(), st.floats(0, 2000))
def test_the_split_of_a_plan_is_the_plan(parts: tuple[Part, ...], demand: float) -> None:
    """No part gets less than it needs of the very demand whose need was summed up."""
    needs = tuple(part.needs(demand) for part in parts)
    assert apportion(sum(needs), parts) == needs


def test_a_floor_that_nobody_can_have_is_split_too() -> None:
    """A record or an annotation may say anything; the answer must not take for ever."""
    assert sum(apportion(999_999_999, CANARY)) == 999_999_999


def test_the_mean_capacity_is_that_of_the_demand() -> None:
    assert mean_capacity(CANARY) == pytest.approx(1 / (0.1 / 70 + 0.9 / 1.4))
