"""Claims about how many requests are late in a busy minute."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.core.lateness import late_share
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from ahpa.simulation.world import World
from forecasting.panel import Array


def share(demand: float, slots: float, service_seconds: float = 2.0) -> float:
    """Of requests that may wait 1 s."""
    one = (np.full(1, x, np.float32) for x in (demand, slots, 2 / service_seconds))
    return float(late_share(*one)[0])


def played(demand: float, slots: int, service_seconds: float) -> float:
    """The late share of half a day at a steady demand, every request played, nobody scaling."""
    rng = np.random.default_rng(7)
    service = SimulatedService(service_seconds, concurrency=1, late_after_seconds=1.0)
    arrivals = spread_over_seconds(np.full(720, demand * 60 / service_seconds), 60, rng)
    world = World(Traffic(0.0, arrivals, service), Fixed(), rng, slots, slots)
    world.advance(43_200.0)
    return world.run("steady", "fixed", "").outcome.late_ratio


@pytest.mark.parametrize(
    ("demand", "slots"), [(5, 6), (5, 7), (10, 12), (10, 13), (20, 22), (20, 24), (40, 42), (40, 44)]
)
@pytest.mark.parametrize("service", [2.0, 4.0])
def test_the_late_share_of_a_busy_minute_is_what_the_simulation_measures(
    demand: float, slots: int, service: float
) -> None:
    """On one to four slots more than are in flight: within a factor of 2.5, while shares go from a third to a
    thousandth."""
    measured, said = played(demand, slots, service), share(demand, slots, service)
    assert measured / 2.5 < said < 2.5 * measured


def test_a_queue_makes_everybody_late_not_the_excess_alone() -> None:
    """One in flight too many, of 20: it is not one in twenty who waits."""
    assert share(20.0, 19.0) == 1.0
    assert played(20.0, 19, 2.0) > 0.99


def test_nobody_is_late_where_there_is_much_room_and_no_number_is_too_large() -> None:
    room: Array = np.array([4.0, 1e12, 1e30], np.float32)
    late = late_share(np.zeros(3, np.float32), room, np.ones(3, np.float32))
    assert np.isfinite(late).all()
    assert (late < 1e-6).all()
    assert share(1e30, 1.0) == 1.0
