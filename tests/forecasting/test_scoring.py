"""Losses are the textbook's."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.scoring import coverage, pinball, scaled_pinball


@pytest.mark.parametrize(
    ("actual", "quantile", "level", "loss"), [(10, 8, 0.9, 1.8), (8, 10, 0.9, 0.2), (5, 5, 0.5, 0.0)]
)
def test_pinball_is_the_textbook_loss(actual: float, quantile: float, level: float, loss: float) -> None:
    assert pinball(actual, quantile, level) == pytest.approx(loss)


def test_scores_leave_out_what_is_not_known() -> None:
    actual = np.array([[10.0, np.nan, 10.0], [np.nan, np.nan, np.nan]])
    said = np.array([[8.0, 0.0, 12.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(scaled_pinball(actual, said, 0.9), [(1.8 + 0.2) / 2 / 10, np.nan])
    np.testing.assert_allclose(coverage(actual, said), [0.5, np.nan])
