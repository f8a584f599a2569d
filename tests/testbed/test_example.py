"""The example that people look at is one that can be foreseen, and goes on where its history ends."""

from __future__ import annotations

import numpy as np

from testbed import example

NOW = 1_790_000_000.0


def test_people_come_by_day_and_fewer_at_the_weekend() -> None:
    monday = 4 * 86_400 + 3600.0 * np.array([3, 14])  # 5 January 1970
    night, day = example.demand(monday)
    assert 3 * night < day
    assert example.demand(monday - 86_400)[1] < day


def test_its_history_ends_where_the_live_series_begins() -> None:
    past = example.history(NOW)
    assert past.labels == example.LABELS
    assert NOW - 30 <= past.times[-1] < NOW
    assert np.array_equal(past.values, example.demand(past.times))
    assert past.times[0] == NOW - 14 * 86_400
