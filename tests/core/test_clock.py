"""How far our clock is from a server's."""

from __future__ import annotations

import pytest

from ahpa.core.clock import ahead_by


@pytest.mark.parametrize("date", [None, "", "tomorrow", "Tue, 99 Foo 2026 25:61:61 GMT", "0" * 400])
def test_a_date_that_cannot_be_read_says_nothing(date: str | None) -> None:
    assert ahead_by(date, 1e9) == 0.0


@pytest.mark.parametrize("ahead", [31.0, -31.0])
def test_the_date_is_that_of_the_http_standard(ahead: float) -> None:
    assert ahead_by("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777.0 + ahead) == ahead
