"""RollingSettings forecasts know only what was complete, and what they say hangs together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.panel import Panel
from forecasting.rolling import RollingSettings, resampled, rolling, stepwise
from tests.fakes.models import SameAsYesterday, Yesterday

START = 1_700_000_000.0 // 86_400 * 86_400


def panel_of(days: float = 3.0, step: float = 60.0) -> Panel:
    values = np.random.default_rng(1).uniform(1, 9, (2, round(days * 86_400 / step)))
    return Panel.of(START, step, values, ("a", "b"))


def test_a_coarser_grid_holds_means_and_unknown_where_less_than_half_was_seen() -> None:
    values = np.array([[1.0, 3.0, np.nan, np.nan, 5.0, np.nan, np.nan, 7.0]])
    coarse = resampled(Panel.of(START, 60.0, values), 240.0)
    assert coarse.values[0, 0] == 2.0
    assert coarse.values[0, 1] == 6.0
    assert np.isnan(resampled(Panel.of(START, 60.0, values[:, 2:]), 120.0).values[0, 0])


def test_a_coarser_step_says_when_it_really_begins() -> None:
    """Stamps 17 s after the minute: a step that holds five of them begins with the first of them."""
    fine = Panel.of(START + 17, 60.0, np.arange(30.0))
    coarse = resampled(fine, 300.0)
    assert coarse.start == START + 317
    assert coarse.values[0, 0] == fine.between(START + 317, START + 617).values.mean()


def test_a_grid_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="whole multiple"):
        resampled(panel_of(), 90.0)


def test_the_future_changes_nothing_that_was_said_before_it() -> None:
    asked = RollingSettings(every=6 * 3600.0, horizon=600.0, step=300.0, levels=(0.5, 0.9), windows=(180.0,))
    panel = panel_of()
    cut = panel.end - 12 * 3600.0
    other = replace(panel, values=np.where(panel.times() >= cut, 1e6, panel.values))
    early = [
        [rows for origin, rows in rolling(p, SameAsYesterday(), 1.0, asked) if origin <= cut] for p in (panel, other)
    ]
    assert early[0] == early[1]
    assert early[0]


def test_rows_say_when_they_are_meant_for() -> None:
    asked = RollingSettings(every=3600.0, horizon=600.0, step=300.0, levels=(0.9,), windows=(180.0,))
    origin, rows = next(iter(rolling(panel_of(), SameAsYesterday(), 1.0, asked)))
    of_a = {(row.kind, row.timestamp - origin) for row in rows if row.series == "a"}
    assert of_a == {("window-max", 180.0), ("step", 0.0), ("step", 300.0)}


class Shy(Yesterday):
    """Says ten thousand of every single step."""

    def forecast(self, horizon, windows, levels=(0.5,)):
        said = super().forecast(horizon, windows, levels)
        return replace(said, steps=np.full((len(said.keys), horizon, len(levels)), 10_000.0))


def test_no_step_exceeds_the_peak_of_the_window_that_holds_it() -> None:
    said = stepwise(Shy(panel_of(step=300.0)), 4, 300.0, (0.5, 0.9))
    assert (said.steps == said.peaks).all()
    assert (said.steps < 10).all()
