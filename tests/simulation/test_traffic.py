"""Claims about counted requests: what they ask for while nobody waits, and how counts fall on seconds."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from ahpa.simulation.units import GRAIN


def test_concurrency_without_a_queue_is_littles_law() -> None:
    """Mean concurrency is rate times service time: 3 a second for 2.5 s are 7.5 in flight."""
    traffic = Traffic(0.0, np.full(600, 3), SimulatedService(2.5, 4))
    assert traffic.units[60:].mean() / GRAIN == pytest.approx(7.5, abs=0.01)


def test_spreading_keeps_every_request_and_dispersion_is_as_asked() -> None:
    rng = np.random.default_rng(0)
    counts = np.full(2000, 600.0)
    for dispersion in (1.0, 4.0):
        seconds = spread_over_seconds(counts, 60, rng, dispersion)
        assert seconds.sum() == 2000 * 600
        assert seconds.var() / seconds.mean() == pytest.approx(dispersion, rel=0.1)


def test_fractions_of_requests_keep_their_mean() -> None:
    assert spread_over_seconds(np.full(20_000, 0.3), 60, np.random.default_rng(0)).sum() == pytest.approx(
        6000, rel=0.03
    )
