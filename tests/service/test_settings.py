"""Settings that cannot work are refused."""

from __future__ import annotations

import pytest

from ahpa.service.settings import Settings


@pytest.mark.parametrize(
    "wrong", [{"tick_seconds": 0}, {"step_seconds": 0.4}, {"step_seconds": 7200}, {"history_seconds": 60}]
)
def test_settings_that_cannot_work_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="seconds"):
        Settings(**wrong)
