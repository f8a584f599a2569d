"""What was foreseen of the next hours, read off hours later."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.core.foreseen import Foreseen
from forecasting.forecast import Forecast
from forecasting.levels import LEVELS
from tests.core.conftest import NOW

MINUTES = 60


def said(step: float = 60.0, minutes: int = MINUTES, reason: str | None = None) -> Forecast:
    """A demand of as many as minutes have passed; and a silent series beside it."""
    levels = np.array(LEVELS)
    rises = np.repeat(np.arange(0, minutes, step / 60.0)[:, None], len(levels), axis=1)
    steps = np.stack([rises, np.full_like(rises, np.nan)])
    peaks = np.full((2, 1, len(levels)), 1.0)
    reasons = (reason, "nothing was observed")
    return Forecast(
        NOW, step, levels, steps, np.array([60.0]), peaks, ("chat", "dark"), ("toy",) * 2, reasons, np.array([7.0, 0.0])
    )


@pytest.mark.parametrize(
    ("passed", "reach", "peak"),
    [
        (0, 60, 4.0),
        (0, 300, 4.0),
        (0, 301, 9.0),
        (1200, 60, 24.0),
        (1499, 60, 29.0),
        (1500, 60, 29.0),
        (3599, 60, 59.0),
        (3599, 7200, 59.0),
    ],
)
def test_the_peak_is_that_of_the_time_to_come_and_not_of_what_has_passed(
    passed: float, reach: float, peak: float
) -> None:
    """As a plan asks: from the origin to the end of its lead. Stretches are five minutes, and count whole."""
    plan = Foreseen.of(said(), {"chat"})["chat"]
    outlook = plan.from_now(NOW + passed)
    assert outlook is not None
    assert outlook.origin == NOW
    assert outlook.peak(passed + reach, 0.9) == peak
    assert (outlook.model, outlook.reason, outlook.largest) == ("toy", None, 7.0)


def test_a_peak_that_is_over_is_not_held() -> None:
    forecast = said()
    forecast.steps[0] = forecast.steps[0][::-1]
    plan = Foreseen.of(forecast, {"chat"})["chat"]
    peaks = [outlook.peak(passed + 60, 0.5) for passed in (0, 1800, 3300) if (outlook := plan.from_now(NOW + passed))]
    assert peaks == [59.0, 29.0, 4.0]


def test_of_a_peak_that_is_still_to_come_each_level_stays_itself_until_the_end() -> None:
    """It comes in the second quarter, so a longer window holds it; at 0.5 as that says, at 0.9 as this."""
    forecast = said()
    hump = np.where((np.arange(MINUTES) >= 15) & (np.arange(MINUTES) < 30), 40.0, 8.0)
    forecast.steps[0] = hump[:, None] * np.array(LEVELS)
    outlook = Foreseen.of(forecast, {"chat"})["chat"].from_now(NOW + 300)
    assert outlook is not None
    assert outlook.windows.tolist() == [300.0 * stretch for stretch in range(2, 13)]
    assert [outlook.peak(reach, 0.5) for reach in (600, 900, 901, 1800, 3600)] == pytest.approx([4, 4, 20, 20, 20])
    assert [outlook.peak(reach, 0.9) for reach in (600, 1800, 3600)] == pytest.approx([7.2, 36, 36])


@pytest.mark.parametrize("passed", [3600, 90_000])
def test_beyond_its_end_it_says_nothing(passed: float) -> None:
    assert Foreseen.of(said(), {"chat"})["chat"].from_now(NOW + passed) is None


def test_steps_longer_than_a_stretch_stay_as_they_are() -> None:
    plan = Foreseen.of(said(step=900.0), {"chat"})["chat"]
    assert (plan.width, len(plan.stretches)) == (900.0, 4)


def test_those_of_whom_nothing_is_said_or_asked_are_left_out() -> None:
    assert Foreseen.of(said(), {"chat", "dark", "unknown"}).keys() == {"chat"}
    assert Foreseen.of(said(), {"dark"}) == {}
    assert Foreseen.of(said(reason="it failed"), {"chat"}) == {}
