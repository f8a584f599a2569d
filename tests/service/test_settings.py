"""Settings that cannot work are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.service.settings import Settings


@pytest.mark.parametrize(
    "wrong", [("tick_seconds", 0.0), ("step_seconds", 0.4), ("step_seconds", 7200.0), ("history_seconds", 60.0)]
)
def test_settings_that_cannot_work_are_refused(wrong: tuple[str, float]) -> None:
    with pytest.raises(ValueError, match="seconds"):
        replace(Settings(), **{wrong[0]: wrong[1]})
