"""When the world changes: a level shift, an outage and its rebound, a minute without demand, newcomers, a launch.

Made-up services, one fit at midnight, then a day minute by minute. The windows are four minutes long.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ahpa.simulation.workloads import CHAT, LAUNCH, MONDAY, MORNING, requests
from forecasting.fleet.model import FleetModel
from forecasting.panel import Floats, Panel
from forecasting.rolling import rolled_peaks

pytestmark = pytest.mark.xdist_group("changes")  # one of the workers learns

DAY, NOON = 1440, 720
WINDOW = 4
PATTERNS = {
    "shifted": CHAT, "out": CHAT, "zero": CHAT, "new": CHAT, "born": CHAT, "launch": LAUNCH, "a": MORNING, "b": MORNING,
}  # fmt: skip


@cache
def the_day() -> tuple[Floats, Floats]:
    """(demand [n, t], quantiles 0.5 and 0.99 of the next window [n, t, 2]) of the tenth day."""
    rng = np.random.default_rng(5)
    values = np.array([requests(pattern, 11 * DAY, rng) for pattern in PATTERNS.values()])
    row, midnight = list(PATTERNS).index, 10 * DAY
    noon = midnight + NOON
    values[row("shifted"), noon:] *= 4
    values[row("out"), noon : noon + 20] = np.nan
    values[row("out"), noon + 20 : noon + 30] *= 2
    values[row("zero"), noon] = 0
    values[row("new"), : midnight - 300] = np.nan
    values[row("born"), : midnight + NOON] = np.nan
    history = Panel.of(MONDAY, 60.0, values[:, :midnight], tuple(PATTERNS))
    ahead = Panel.of(history.end, 60.0, values[:, midnight:], tuple(PATTERNS))
    said = rolled_peaks(FleetModel().fit(history), ahead, [60.0 * WINDOW], [0.5, 0.99])[:, :, 0]
    return ahead.values, said


def of(name: str) -> tuple[Floats, Floats, Floats]:
    """(the largest minute of each window, its median, its 0.99 quantile) by origin; NaN where it was not seen whole."""
    demand, said = (part[list(PATTERNS).index(name)] for part in the_day())
    padded = np.append(demand, np.full(WINDOW - 1, np.nan))
    return np.lib.stride_tricks.sliding_window_view(padded, WINDOW).max(axis=1), said[:, 0], said[:, 1]


def test_after_a_fourfold_rise_the_new_level_is_believed_within_minutes() -> None:
    """From noon on everything is four times as much: five minutes later the 0.99 quantile covers 99 of 100 again, and
    not by saying anything."""
    came, median, high = of("shifted")
    after = slice(NOON + 5, NOON + 120)
    assert (came[after] <= high[after]).mean() >= 0.99
    assert np.median(high[after] / came[after]) < 1.6
    assert np.median(median[after] / came[after]) == pytest.approx(1.0, abs=0.2)


def test_a_rebound_after_an_outage_is_believed_at_once_and_soon_forgotten() -> None:
    """Twenty minutes in which nothing was seen, then ten with twice as much, who tries again. During the outage what is
    said does not sink."""
    came, median, high = of("out")
    before = median[NOON - 30 : NOON].mean()
    assert median[NOON : NOON + 20].min() > 0.8 * before
    rebound = slice(NOON + 23, NOON + 26)
    assert (came[rebound] <= high[rebound]).all()
    assert high[NOON + 90] < 2 * before


def test_a_minute_without_demand_is_no_news() -> None:
    """An exporter that began anew. One service's floor had jumped from 30 to 130 after it."""
    _, median, high = of("zero")
    around = slice(NOON, NOON + 20)
    assert high[around].max() < 1.3 * high[NOON - 20 : NOON].max()
    assert median[around].min() > 0.75 * median[NOON - 20 : NOON].min()


@pytest.mark.parametrize(("name", "hours"), [("new", 0), ("born", 13)])
def test_a_newcomer_is_covered_by_what_others_taught(name: str, hours: int) -> None:
    """Five hours of history at midnight, all of them of the night; and one that begins at noon, an hour later."""
    came, median, high = of(name)
    rest = slice(60 * hours, DAY - WINDOW)
    assert (came[rest] <= high[rest]).mean() >= 0.97
    assert np.median(median[rest] / came[rest]) == pytest.approx(1.0, abs=0.25)


def test_a_launch_is_covered_while_it_grows() -> None:
    came, _, high = of("launch")
    assert np.nanmean(came[: DAY - WINDOW] <= high[: DAY - WINDOW]) >= 0.97
