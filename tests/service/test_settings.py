"""Settings that cannot work are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ahpa.service.settings import Settings


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Settings(tick_seconds=0),
        lambda: Settings(step_seconds=0.4),
        lambda: Settings(step_seconds=7200),
        lambda: Settings(history_seconds=60),
    ],
    ids=["no time between ticks", "steps below a second", "steps longer than a tick reads", "no history"],
)
def test_settings_that_cannot_work_are_refused(wrong: Callable[[], Settings]) -> None:
    with pytest.raises(ValueError, match="seconds"):
        wrong()
