"""What was said and what was realised reach whoever asks, by service, window and level."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forecasting.forecast import Coverage


def test_the_nearest_window_and_level_speak() -> None:
    ratios = np.arange(8.0).reshape(2, 2, 2) / 10
    coverage = Coverage(("a", "b"), np.array([60.0, 600.0]), np.array([0.9, 0.99]), ratios)
    assert coverage.of("a", 100.0, 0.9) == 0.0
    assert coverage.of("b", 500.0, 0.999) == pytest.approx(0.7)
    assert math.isnan(coverage.of("c", 60.0, 0.9))
