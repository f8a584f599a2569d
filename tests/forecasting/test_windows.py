"""Windows in steps of the grid."""

from __future__ import annotations

import pytest

from forecasting.windows import Window, tracked, width_of


@pytest.mark.parametrize(
    ("seconds", "step", "width"),
    [(120.0, 60.0, 2), (121.0, 60.0, 3), (0.0, 60.0, 1), (59.0, 60.0, 1), (660.0, 300.0, 3), (0.3, 0.1, 3)],
)
def test_a_window_that_ends_inside_a_step_includes_it(seconds: float, step: float, width: int) -> None:
    assert width_of(seconds, step) == width


@pytest.mark.parametrize(("lead", "every"), [(0, 1), (5, 1), (60, 3), (180, 11), (1440, 90), (2880, 180)])
def test_the_farther_ahead_the_more_seldom_something_is_put_down(lead: int, every: int) -> None:
    """So that at most some twenty predictions of a lead wait, and a day of minutes takes no memory of 1,440."""
    window = Window(lead, 1)
    assert window.every == every
    assert window.end / window.every < 31
    assert Window(0, 30).every == 1


def test_windows_that_are_one_on_a_coarse_grid_are_tracked_once() -> None:
    assert tracked(60.0) == (
        *(Window(0, width) for width in (1, 2, 4, 8, 16, 30)),
        *(Window(lead, 1) for lead in (5, 15, 60, 180, 480, 1440, 2880)),
    )
    assert tracked(600.0) == (
        *(Window(0, width) for width in (1, 2, 3)),
        *(Window(lead, 1) for lead in (1, 2, 6, 18, 48, 144, 288)),
    )
    assert tracked(3600.0) == (Window(0, 1), *(Window(lead, 1) for lead in (1, 3, 8, 24, 48)))
