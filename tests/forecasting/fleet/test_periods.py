"""Claims about finding periods."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.fleet.periods import find_periods

STEP, DAY = 60.0, 1440


def _noise(seed: int) -> np.ndarray:
    t = np.arange(5 * DAY)
    return np.random.default_rng(seed).poisson(30 + 20 * np.sin(2 * np.pi * t / DAY)).astype(float)


@pytest.mark.parametrize("period", [10, 60, 360])
@pytest.mark.parametrize("damage", ["none", "gaps", "outlier", "shift"])
def test_a_regular_job_is_found_in_noise_and_damage(period: int, damage: str) -> None:
    values = _noise(1)
    values += 80 * (np.arange(len(values)) % period < max(2, period // 6))
    if damage == "gaps":
        values[np.random.default_rng(2).random(len(values)) < 0.1] = np.nan
        values[2000:2300] = np.nan
    if damage == "outlier":
        values[3000] = 1e9
    if damage == "shift":
        values[4000:] *= 3
    assert find_periods(values[None], STEP)[0] == pytest.approx(period, abs=1)


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_only_the_day_repeats(seed: int) -> None:
    assert find_periods(_noise(seed)[None], STEP)[0] == 0


@pytest.mark.parametrize("values", [np.zeros(3000), np.full(3000, np.nan), np.ones(3), np.zeros(0)])
def test_nothing_is_found_in_nothing(values: np.ndarray) -> None:
    assert find_periods(values[None], STEP)[0] == 0
