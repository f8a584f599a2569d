"""Values are read as Go reads them (time.ParseDuration)."""

from __future__ import annotations

import pytest

from ahpa.reactive.kpa.reader import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1h30m", 5400), ("1.5m", 90), ("90s", 90), ("0", 0), ("-2s", -2), ("250ms", 0.25), (".5s", 0.5), ("5", None),
     ("", None), ("1d", None), ("1 m", None), ("s", None), ("+3s", 3), ("1us", 1e-6)],
)  # fmt: skip
def test_durations_are_gos(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == seconds
