"""Panels side by side are a fleet."""

from __future__ import annotations

import numpy as np

from forecasting.panel import Panel, fleets


def test_panels_that_end_together_become_one_and_others_stay_apart() -> None:
    """A series that begins later is NaN before; another step, another end or a key that is taken is another fleet."""
    long = Panel.of(0, 60, [[1.0, 2.0, 3.0]], ["a"])
    short = Panel.of(120, 60, [[9.0]], ["b"])
    late = Panel.of(0, 60, [[1.0, 2.0]], ["c"])
    coarse = Panel.of(0, 180, [[4.0]], ["d"])
    again = Panel.of(0, 60, [[5.0, 6.0, 7.0]], ["a"])
    found = fleets([long, short, late, coarse, again])
    assert [panel.keys for panel in found] == [("a", "b"), ("c",), ("d",), ("a",)]
    np.testing.assert_array_equal(found[0].values, [[1, 2, 3], [np.nan, np.nan, 9]])
    assert (found[0].start, found[0].end) == (0, 180)
