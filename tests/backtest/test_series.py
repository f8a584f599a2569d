"""Claims about what becomes of the input: series with names of their own, in fleets."""

from __future__ import annotations

import numpy as np

from ahpa.backtest.series import fleets, joined, prepared
from forecasting.panel import Panel

T0 = 1_700_006_400


def test_services_of_one_name_become_three_and_none_is_lost() -> None:
    panels = [Panel.of(T0, 60.0, np.ones(4 * 1440), (name,)) for name in ("a", "a", "a (2)")]
    series, failed = prepared(panels, 1.0, 1.0)
    assert [one.name for one in series] == ["a", "a (2)", "a (2) (2)"]
    assert not failed


def test_a_fleet_ends_together_and_begins_with_its_longest_history() -> None:
    """Which file came first does not matter; another end is another fleet."""
    ends = T0 + 4 * 86_400
    short, long = (Panel.of(ends - 60 * n, 60.0, np.ones(n), (f"{n} minutes",)) for n in (3000, 4 * 1440))
    other = Panel.of(T0, 60.0, np.ones(3 * 1440), ("another end",))
    series, _ = prepared([short, other, long], 1.0, 1.0)
    found = list(fleets(series))
    assert sorted([one.name for one in fleet] for fleet in found) == [["3000 minutes", "5760 minutes"], ["another end"]]
    fleet = max(found, key=len)
    panel, span = joined(fleet)
    assert (panel.start, panel.end, span.start) == (T0, ends, ends - 86_400)
    assert span.first == min(one.span.first for one in fleet)
    assert np.isnan(panel.values[panel.keys.index("3000 minutes"), 0])


def test_what_cannot_be_simulated_is_left_out_with_a_reason() -> None:
    values = np.ones((3, 3 * 1440))
    values[1, -10] = 1e7
    values[2, -1440:] = np.nan
    series, failed = prepared([Panel.of(T0, 60.0, values, ("fine", "huge", "silent"))], 1.0, 1.0)
    assert [one.name for one in series] == ["fine"]
    assert "at most 100,000 can be simulated" in failed["huge"]
    assert failed["silent"] == "nothing was observed in the tested days"
