"""Claims about the level that keeps a promise of lateness."""

from __future__ import annotations

import pytest

from ahpa.core.level import find_level, least


@pytest.mark.parametrize(
    ("late", "aim", "index"),
    [
        ([0.5, 0.2, 0.1, 0.0], 0.1, 2),
        ([0.0, 0.0, 0.0, 0.0], 0.1, 0),
        ([0.5, 0.4, 0.00055, 0.00045], 0.0005, 3),  # only the last keeps it: nearly is not enough
        ([0.5, 0.2, 0.11, 0.10], 0.01, 2),  # none keeps it: the least that is nearly as good as the last
        ([0.1, 0.1, 0.1, 0.1], 0.01, 0),
        ([0.02], 0.01, 0),
        ([0.0115, 0.01], 0.01, 1),  # the last keeps it to a hair
        ([0.5, 0.125, 0.1], 0.01, 1),  # a quarter more is nearly as good
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


@pytest.mark.parametrize(
    ("late_target", "late_from", "level"),
    [
        (0.001, {}, 0.9),
        (0.01, {}, 0.5),
        (1e-6, {}, 0.999),
        (0.001, {0.9: 0.0006, 0.95: 0.0005}, 0.95),
        (0.001, {0.9: 0.3, 0.95: 0.2, 0.975: 0.1}, 0.99),
        (0.001, {0.9: 0.3, 0.95: 0.2, 0.975: 0.011, 0.99: 0.01, 0.995: 0.01, 0.999: 0.01}, 0.975),
    ],
    ids=[
        "no less than what the target needs",
        "a target that the median may keep",
        "a target that no level can promise",
        "half of the target",
        "the least that keeps it",
        "nothing keeps it, so the least that is nearly as good",
    ],
)
def test_the_least_believable_level_that_keeps_half_of_the_target_is_found(
    late_target: float, late_from: dict[float, float], level: float
) -> None:
    """Days without a burst say that any level does; in a hundredth of its misses requests are late all the same."""
    assert find_level(lambda tried: late_from.get(tried, 0.0), late_target) == level
