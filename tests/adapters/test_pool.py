"""Claims about the worker pool: whatever one fit does, the others are fitted and the caller lives."""

from __future__ import annotations

import time

import numpy as np
import pytest

from ahpa.adapters.pool import FitPool
from tests.forecasting.poison import Poison

GOOD, BAD = np.array([1.0, 2.0]), np.array([-1.0, 2.0])


@pytest.mark.parametrize(
    ("deed", "says"), [("spin", "TimeoutError"), ("deaf", "broke"), ("bomb", "MemoryError"), ("die", "broke")]
)
def test_a_poisonous_fit_is_left_out_with_a_reason_and_its_neighbours_are_fitted(deed: str, says: str) -> None:
    began = time.monotonic()
    results = FitPool(deadline_seconds=1.0)(Poison(deed=deed), [GOOD, BAD, GOOD], 60.0)
    assert isinstance(results[1], str)
    assert says in results[1]
    assert not isinstance(results[0], str)
    assert not isinstance(results[2], str)
    assert time.monotonic() - began < 60
