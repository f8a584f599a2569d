"""Claims about jobs that begin at one minute of the hour."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.fleet.calendar import Seasons
from forecasting.fleet.clock import find_clock, rise
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.panel import Floats, Panel
from forecasting.rolling import rolled_peaks
from forecasting.windows import Window

DAY = 1440


def _noise(days: int = 8, seed: int = 0) -> Floats:
    t = np.arange(days * DAY)
    return np.random.default_rng(seed).poisson(100 + 50 * np.sin(2 * np.pi * t / DAY)).astype(float)


def _with_jobs(minute: int, share: float = 1.0) -> Floats:
    """Noise, and three minutes at four times as much that begin at `minute` of some of the hours."""
    values = _noise()
    runs = np.random.default_rng(1).random(len(values) // 60) < share
    values[np.repeat(runs, 60) & ((np.arange(len(values)) - minute) % 60 < 3)] *= 4
    return values


@pytest.mark.parametrize("share", [1.0, 0.3])
@pytest.mark.parametrize("damage", ["none", "gaps", "giant", "shift"])
def test_the_minutes_of_a_job_stand_out_and_no_others(share: float, damage: str) -> None:
    values = _with_jobs(minute=30, share=share)
    if damage == "gaps":
        values[np.random.default_rng(2).random(len(values)) < 0.1] = np.nan
    if damage == "giant":
        values[7000] = 1e6
    if damage == "shift":
        values[6000:] *= 4
    clock = find_clock(values[None], Seasons(0.0, 60.0))[0]
    assert clock[30:33].min() > 0.3
    assert np.delete(clock, [30, 31, 32]).max() < 0.1


@pytest.mark.parametrize("seed", range(5))
def test_noise_has_no_minute(seed: int) -> None:
    assert np.abs(find_clock(_noise(seed=seed)[None], Seasons(0.0, 60.0))).max() < 0.02


def test_minutes_are_those_of_the_clock_wherever_the_history_begins() -> None:
    values = _with_jobs(minute=10)
    whole, later = (find_clock(values[None, first:], Seasons(60.0 * first, 60.0)) for first in (0, 37))
    np.testing.assert_allclose(whole, later, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (np.full((1, 3000), np.nan), 60.0),
        (np.zeros((1, 3000)), 60.0),
        (np.ones((1, 23 * 60)), 60.0),
        (np.ones((2, 3000)), 420.0),
        (np.zeros((0, 3000)), 60.0),
        (np.zeros((1, 0)), 3600.0),
    ],
)
def test_nothing_is_found_in_nothing(values: Floats, step: float) -> None:
    clock = find_clock(values, Seasons(0.0, step))
    assert len(clock) == len(values)
    assert not clock.any()


@pytest.mark.parametrize(
    ("origin", "window", "lifted"),
    [
        (28, Window(0, 2), False),
        (28, Window(0, 3), True),
        (29, Window(0, 2), True),
        (20, Window(9, 1), False),
        (20, Window(10, 1), True),
        (33, Window(0, 11), False),
        (33, Window(0, 58), True),
    ],
)
def test_a_window_is_lifted_if_it_covers_the_job(origin: int, window: Window, lifted: bool) -> None:
    clock = np.zeros((1, 60), dtype=np.float32)
    clock[0, 30] = 1
    by_tick = rise(clock, Seasons(0.0, 60.0), 600 + origin, window)
    at_once = rise(clock, Seasons(0.0, 60.0), np.array([600 + origin, 5]), window)
    assert (by_tick[0, 0] > 0.5) == lifted
    assert at_once[0, 0] == by_tick[0, 0]


def test_a_job_at_the_full_hour_is_foreseen_and_not_all_hour() -> None:
    """It runs at three of ten hours, so that yesterday does not tell: 0.9 is high before the hour and low after it."""
    panel = Panel.of(0, 60, _with_jobs(minute=0, share=0.3)[None])
    split = 7 * DAY * 60
    fitted = FleetModel(samples=20_000, others=8, peaks=Training(members=3)).fit(panel.until(split))
    said = rolled_peaks(fitted, panel.between(split, panel.end), (240.0,), (0.9,))[0, :, 0, 0]
    usual = 100 + 50 * np.sin(2 * np.pi * np.arange(DAY) / DAY)
    minute = np.arange(DAY) % 60
    before, between = (np.mean((said / usual)[chosen]) for chosen in (minute >= 57, (minute >= 10) & (minute <= 55)))
    assert before > 3.2
    assert between < 1.5
