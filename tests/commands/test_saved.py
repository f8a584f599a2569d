"""`ahpa status --saved`: what the counters of the last days come to."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from ahpa.adapters.prometheus.session import MetricsUnavailable
from ahpa.commands.saved import shown_saved

HOURS = {"actual": 12.0, "reactive": 10.0, "fixed": 30.0, "advised": 12.0, "modelled": 12.5}
LATE = {"actual": 5.0, "reactive": 900.0, "fixed": 4.0, "advised": 5.0, "modelled": 9.0}
SAVED = """\
SERVICE         HOURS HAD   ALONE   CONSTANT   ADVISED   LATE HAD   ALONE   CONSTANT   ADVISED
──────────────────────────────────────────────────────────────────────────────────────────────
hpa/shop/api         12.0    10.0       30.0      12.0          5     900          4         5
hpa/shop/jobs        12.0    10.0       30.0      12.0          –       –          –         –
all                  24.0    20.0       60.0      24.0          5     900          4         5
"""


def prometheus(query: str, deadline: float) -> list[tuple[Mapping[str, str], float]]:
    """Two services, of which one is scaled by what counts no requests."""
    hours = "replica_seconds" in query
    names, figures = (("api", "jobs"), HOURS) if hours else (("api",), LATE)
    return [
        ({"kind": "hpa", "namespace": "shop", "name": name, "by": by}, value * (3600 if hours else 1))
        for name in names
        for by, value in figures.items()
    ]


def test_a_line_for_each_and_what_it_comes_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_saved(prometheus, 7 * 86_400.0, "table", 0.0) == 0
    said = capsys.readouterr().out
    assert said.startswith(SAVED)
    assert "895 fewer late requests and 4 more replica-hours than the scalers alone." in said
    assert "1 more late requests and 36.0 fewer replica-hours than constant floors." in said
    assert "of what really was it says 25.0 replica-hours instead of 24.0, and 9 late instead of 5." in said


def test_programs_get_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_saved(prometheus, 3600.0, "json", 0.0) == 0
    *_, whole = json.loads(capsys.readouterr().out)
    assert whole == {"service": "", "replica_hours": {by: 2 * v for by, v in HOURS.items()}, "late_requests": LATE}


def test_where_nobody_scrapes_us_it_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_saved(lambda query, deadline: [], 7 * 86_400.0, "table", 0.0) == 0
    assert "of the last 168 h: let it scrape the metrics of `ahpa serve`" in capsys.readouterr().out


def test_a_prometheus_that_does_not_answer_is_an_error_in_words() -> None:
    def away(query: str, deadline: float) -> list[tuple[Mapping[str, str], float]]:
        raise MetricsUnavailable("connection refused")

    with pytest.raises(OSError, match="counters could not be read: connection refused"):
        shown_saved(away, 3600.0, "table", 0.0)
