"""Made-up services are what they say."""

from __future__ import annotations

import numpy as np

from forecasting.fleet.synthetic import services


def test_made_up_services_are_the_same_for_the_same_seed_and_never_negative() -> None:
    first, second = (services(5, 2, 300.0, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert (first >= 0).all()
    assert np.isfinite(first).all()
