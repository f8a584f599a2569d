"""What is said of tomorrow: honest at each lead, and of the shape that such a day has."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from ahpa.simulation.workloads import BURSTY, CHAT, LAUNCH, MONDAY, MORNING, Pattern, requests
from forecasting.fleet.forecaster import FleetForecaster
from forecasting.fleet.model import FleetModel
from forecasting.panel import DAY_SECONDS, Floats, Panel
from forecasting.rolling import resampled, ticked
from tests.forecasting.promises import kept

pytestmark = pytest.mark.xdist_group("far")  # one of the workers learns

STEP = 900.0
HOUR, DAY = 4, 96
LEVELS = (0.1, 0.5, 0.9, 0.99)
LEADS = {"15 min": 1, "1 h": HOUR, "3 h": 3 * HOUR, "8 h": 8 * HOUR, "24 h": DAY}


def days(patterns: tuple[Pattern, ...], count: int, seed: int) -> Panel:
    """Made-up services from a Monday on, means of a quarter of an hour."""
    rng = np.random.default_rng(seed)
    rows = [requests(pattern, count * 1440, rng) for pattern in patterns]
    return resampled(Panel.of(MONDAY, 60.0, rows, [str(i) for i in range(len(rows))]), STEP)


@cache
def said_and_came() -> tuple[Floats, Floats]:
    """Of ten services in their fourth week: quantiles [n, o, lead, q] at an origin every two hours, and the truth."""
    panel = days((CHAT, BURSTY, LAUNCH, MORNING, CHAT) * 2, 27, 3)
    split = panel.start + 20 * DAY_SECONDS
    ahead = panel.between(split, panel.end)
    leads = [lead - 1 for lead in LEADS.values()]
    said, came = [], []
    for forecaster in ticked(FleetModel().fit(panel.until(split)), ahead, 8):
        now = round((forecaster.origin - panel.start) / STEP)
        if now + DAY <= panel.values.shape[1]:
            said.append(forecaster.forecast(DAY, (), LEVELS).steps[:, leads])
            came.append(panel.values[:, [now + lead for lead in leads]])
    return np.stack(said, axis=1), np.stack(came, axis=1)


@pytest.mark.parametrize("lead", LEADS)
def test_far_ahead_as_many_stay_under_a_quantile_as_promised(lead: str) -> None:
    """Mean over services. Of the steps eight hours ahead 0.61 lay under the 0.99 quantile."""
    said, came = said_and_came()
    which = list(LEADS).index(lead)
    covered = (came[:, :, which, None] <= said[:, :, which]).mean(axis=(0, 1))
    np.testing.assert_allclose(covered, LEVELS, atol=0.07)
    assert covered[-1] >= 0.97


@cache
def monday() -> tuple[FleetForecaster, Floats]:
    """The product's own example on the third Monday at 06:30, and the day that came."""
    panel = days((CHAT,), 16, 20260302)
    split = panel.start + 14 * DAY_SECONDS + 6.5 * 3600
    return FleetModel().fit(panel.until(split)), panel.between(split, split + DAY_SECONDS).values[0]


def test_a_monday_morning_rises_to_a_working_day_and_not_to_the_day_before() -> None:
    """At half past six the weekend is all it has seen for two days: it was said to stay at 116 from 10:30 on."""
    forecaster, came = monday()
    noon = slice(4 * HOUR, 11 * HOUR)
    said = forecaster.forecast(DAY, (), LEVELS).steps[0]
    assert said[noon, 1].mean() == pytest.approx(came[noon].mean(), rel=0.15)
    assert said[noon, 0].mean() < came[noon].mean() < said[noon, 2].mean()


def test_the_curve_of_a_day_looks_like_the_day() -> None:
    forecaster, came = monday()
    said = forecaster.forecast(DAY, (), LEVELS).steps[0, :, 1]
    assert np.corrcoef(said, came)[0, 1] > 0.97
    assert said[-8 * HOUR :].mean() < 0.4 * said.max(), "the night is foreseen too"


def test_two_days_ahead_begin_with_one_and_keep_their_shape() -> None:
    forecaster, _ = monday()
    one, two = (forecaster.forecast(count * DAY, (), LEVELS).steps[0, :, 1] for count in (1, 2))
    np.testing.assert_allclose(two[:DAY], one, rtol=1e-4)
    assert np.corrcoef(two[:DAY], two[DAY:])[0, 1] > 0.95


@pytest.mark.parametrize("hours", [9, 24, 48], ids=lambda hours: f"{hours} h of history")
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "in a fleet"])
def test_who_is_young_is_answered_widely_and_within_reason(hours: int, beside: bool) -> None:
    """The 0.99 quantile of a day ahead lies above what was ever seen, and not at hundreds of it."""
    panel = days((CHAT, MORNING, CHAT), 12, 5)
    values = panel.values.copy()
    values[0, : -hours * HOUR] = np.nan
    panel = Panel.of(panel.start, STEP, values, panel.keys)
    panel = panel if beside else panel.between(panel.end - hours * 3600, panel.end).select(panel.keys[:1])
    said = FleetModel().fit(panel).forecast(DAY, (STEP,), LEVELS)
    kept(said, panel)
    assert said.reasons[0] is None
    seen, tomorrow = np.nanmax(values[0]), said.steps[0, 8 * HOUR :]
    assert 0.5 * seen < tomorrow[:, 3].max() < 8 * seen
    assert (tomorrow[:, 3] > 1.2 * tomorrow[:, 1]).all()


def test_a_large_fleet_is_told_at_fewer_steps_and_by_lines_between_them() -> None:
    """A day of a hundred and twenty at five minutes is more than is told one by one, 20 hours are not."""
    values = np.repeat([requests(CHAT, 5 * 1440, np.random.default_rng(6))], 120, axis=0)
    panel = resampled(Panel.of(MONDAY, 60.0, values, [str(i) for i in range(120)]), 300.0)
    forecaster = FleetModel(samples=4000, others=2).fit(panel)
    whole, part = (forecaster.forecast(steps, (), LEVELS).steps for steps in (288, 250))
    assert (whole[:, :250] != part).any()
    np.testing.assert_allclose(whole[:, :250], part, rtol=0.3)
