"""Claims about the level that keeps a promise of lateness."""

from __future__ import annotations

import pytest

from ahpa.core.level import least


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
