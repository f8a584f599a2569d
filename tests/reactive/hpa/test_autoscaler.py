"""The HPA sets what upstream's own tests say (horizontal_test.go): bounds, stabilisation, behavior, zero."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.reactive.hpa.autoscaler import Hpa, ScaleEvent
from ahpa.reactive.hpa.config import (
    DEFAULT_DOWN,
    DEFAULT_UP,
    HpaConfig,
    Metric,
    ScalingPolicy,
    ScalingRules,
)

T = 1_700_000_000.0
QUEUE = Metric("External", "queue", "AverageValue", 1000)


def hpa(minimum: int = 1, maximum: int = 1000, **changes: Any) -> Hpa:
    return Hpa(HpaConfig(maximum, (QUEUE,), minimum, **changes))


def rules(
    pods: int = 0, pods_seconds: int = 0, percent: int = 0, percent_seconds: int = 0, select: str = "Max"
) -> ScalingRules:
    policies = [ScalingPolicy("Percent", percent, percent_seconds)] if percent else []
    policies += [ScalingPolicy("Pods", pods, pods_seconds)] if pods else []
    return ScalingRules(tuple(policies), 0, select)


@pytest.mark.parametrize(
    ("rule", "current", "wanted", "maximum", "expected"),
    [
        (DEFAULT_UP, 5, 7, 8, 7),
        (DEFAULT_UP, 10, 50, 1000, 20),
        (DEFAULT_UP, 1, 50, 1000, 5),
        (DEFAULT_UP, 100, 1000, 150, 150),
        (rules(0, 0, 1, 60), 3, 1000, 2000, 4),  # 1 % of 3, rounded up
        (rules(100, 60, 100, 60), 10, 500, 1000, 110),
        (rules(100, 60, 100, 60, "Min"), 10, 500, 1000, 20),
        (rules(2, 60, 100, 60), 10, 500, 1000, 20),
        (rules(30, 60), 10, 50, 1000, 40),
        (rules(0, 0, 200, 60), 10, 50, 1000, 30),
        (rules(1, 60, 0, 0, "Disabled"), 10, 50, 1000, 10),
    ],
)
def test_up_rules(rule: ScalingRules, current: int, wanted: int, maximum: int, expected: int) -> None:
    assert hpa(maximum=maximum, up=rule, down=rules(0, 0, 100, 15)).sync(T, current, [wanted]) == expected


@pytest.mark.parametrize(
    ("rule", "current", "wanted", "minimum", "expected"),
    [
        (rules(20, 60), 1000, 3, 3, 980),
        (rules(20, 60, 1, 60), 100, 2, 1, 80),
        (rules(2, 60, 1, 60), 100, 2, 1, 98),
        (rules(2, 60, 1, 60, "Min"), 100, 2, 1, 99),
        (rules(100, 60), 10, 0, 1, 1),
        (rules(0, 0, 100, 60), 10, 2, 5, 5),
        (rules(5, 60), 10, 2, 1, 5),
        (rules(0, 0, 50, 60), 10, 5, 1, 5),
        (rules(1, 60, 0, 0, "Disabled"), 10, 2, 1, 10),
    ],
)
def test_down_rules(rule: ScalingRules, current: int, wanted: int, minimum: int, expected: int) -> None:
    settled = hpa(minimum, up=DEFAULT_UP, down=rule)
    settled.sync(T - 3000, current, [current])
    assert settled.sync(T, current, [wanted]) == expected


@pytest.mark.parametrize(
    ("rule", "added", "removed", "current", "wanted", "expected"),
    [
        (rules(5, 120), [1, 5, 9], [], 100, 500, 100),  # 15 came in the period, 5 may: none now
        (rules(150, 120), [1, 5, 9], [], 100, 500, 235),  # 100 - 15 + 150
        (rules(0, 0, 200, 120), [1, 5, 9], [], 100, 500, 255),  # (100 - 15) + 200 %
        (rules(0, 0, 300, 300), [4], [2], 6, 24, 16),
    ],
)
def test_what_was_changed_in_the_period_counts(
    rule: ScalingRules, added: list[int], removed: list[int], current: int, wanted: int, expected: int
) -> None:
    busy = hpa(up=rule, down=DEFAULT_DOWN)
    busy._added = [ScaleEvent(change, T - 60) for change in added]
    busy._removed = [ScaleEvent(change, T - 60) for change in removed]
    assert busy.sync(T, current, [wanted]) == expected


def test_without_behavior_it_doubles_at_most_and_falls_after_five_minutes() -> None:
    plain = hpa()
    assert [plain.sync(T, 10, [50]), plain.sync(T + 15, 1, [50])] == [20, 4]
    falling = hpa()
    assert falling.sync(T, 10, [10]) == 10
    assert falling.sync(T + 300, 10, [3]) == 10  # the recommendation of five minutes ago still counts
    assert falling.sync(T + 301, 10, [3]) == 3


def test_behavior_waits_in_both_directions_for_all_recommendations_of_the_window() -> None:
    steady = ScalingRules(DEFAULT_UP.policies, 60)
    waiting = hpa(up=steady, down=ScalingRules(DEFAULT_DOWN.policies, 60))
    loads = [(0, 10), (30, 14), (59, 14), (60, 14), (75, 9), (90, 4), (134, 4)]
    says = [waiting.sync(T + seconds, 10, [load]) for seconds, load in loads]
    assert says == [10, 10, 10, 14, 10, 10, 9]


@pytest.mark.parametrize(("current", "expected"), [(1, 9), (30, 20), (9, 9), (20, 20), (0, 0)])
def test_bounds_need_no_metrics_and_know_no_rates(current: int, expected: int) -> None:
    """1 to 9 in one sync, against one replica a minute and without a metrics API."""
    bounded = hpa(9, 20, up=rules(1, 60), down=rules(1, 60))
    assert bounded.sync(T, current, [None]) == expected


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [([4, 7], 7), ([None, 7], 7), ([None, 4], 5), ([None, 5], 5), ([None, None], 5), ([0, 0], 1), ([-3], 1)],
)
def test_the_largest_proposal_wins_and_invalid_ones_forbid_to_shrink(
    proposals: list[int | None], expected: int
) -> None:
    several = hpa(up=DEFAULT_UP, down=rules(0, 0, 100, 15))
    assert several.sync(T, 5, proposals) == expected


def test_zero_is_off_unless_the_hpa_itself_went_there() -> None:
    """With the gate it comes back by an external metric; set to zero by hand, or without the gate, it is off."""
    gated = hpa(0, up=DEFAULT_UP, down=rules(0, 0, 100, 15), scale_to_zero=True)
    assert gated.sync(T, 2, [0]) == 0
    assert gated.scaled_to_zero
    assert gated.sync(T + 15, 0, [3]) == 3
    assert gated.sync(T + 30, 0, [3]) == 0  # somebody else did this
    assert hpa(0).sync(T, 0, [3]) == 0


def test_a_raised_minimum_wakes_what_the_hpa_put_to_sleep() -> None:
    gated = hpa(0, up=DEFAULT_UP, down=rules(0, 0, 100, 15), scale_to_zero=True)
    gated.sync(T, 2, [0])
    gated.config = HpaConfig(10, (QUEUE,), 2, DEFAULT_UP, rules(0, 0, 100, 15), scale_to_zero=True)
    assert gated.sync(T + 15, 0, [0]) == 2


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), min_size=1, max_size=40),
    st.integers(1, 5),
    st.integers(0, 20),
    st.booleans(),
)
def test_the_bounds_always_hold(steps: list[tuple[int, int]], minimum: int, above: int, behavior: bool) -> None:
    style = {"up": DEFAULT_UP, "down": DEFAULT_DOWN} if behavior else {}
    one, now = hpa(minimum, minimum + above, **style), T
    for wanted, seconds in steps:
        now += seconds
        assert minimum <= one.sync(now, one.sync(now, minimum, [wanted]), [wanted]) <= minimum + above


def test_a_change_once_forgotten_is_replaced_even_if_the_period_has_grown() -> None:
    """Upstream marks what no policy needs any more and reuses the place; a longer period does not revive it."""
    busy = hpa(up=rules(4, 300), down=DEFAULT_DOWN)
    busy._added = [ScaleEvent(9, T - 100, outdated=True), ScaleEvent(3, T - 50)]
    assert busy.sync(T, 20, [50]) == 20  # 12 came in the period, 4 may
    busy.config = HpaConfig(1000, (QUEUE,), 1, up=rules(14, 300), down=DEFAULT_DOWN)
    assert busy.sync(T, 20, [50]) == 22  # 20 - 12 + 14, and the 2 take the place of the 9
    assert [event.change for event in busy._added] == [2, 3]
