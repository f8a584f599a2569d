"""What a service's neighbours do to its forecast: newcomers nothing, settled ones little.

The situation: 500 services are annotated at once, each with 12 to 24 minutes of zeros, beside four with a fortnight of
minutes. The 0.99 quantiles of the four went from 13.2 to 17.7 and from 468 to 610.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from forecasting.fleet.learning import settled_rows
from forecasting.fleet.model import FleetModel
from forecasting.fleet.network import Training
from forecasting.fleet.synthetic import services
from forecasting.panel import Floats, Panel

pytestmark = pytest.mark.xdist_group("neighbours")  # one of the workers learns

QUICK = Training(hidden=(24,), members=2, epochs=2)
MODEL = FleetModel(samples=9000, others=2, peaks=QUICK, steps=QUICK)
MINUTES = 14 * 1440


@cache
def settled() -> Floats:
    """Four services with a fortnight of minutes, of 3 to 300 in flight."""
    rng = np.random.default_rng(7)
    day = 1 + 0.8 * np.sin(2 * np.pi * np.arange(MINUTES) / 1440)
    return np.array([rng.poisson(level * day) for level in (3, 10, 60, 300)], dtype=float)


def newcomers(count: int, silent: bool = True) -> Floats:
    rng = np.random.default_rng(8)
    out = np.full((count, MINUTES), np.nan)
    for row in out:
        minutes = int(rng.integers(12, 25))
        row[-minutes:] = 0.0 if silent else rng.poisson(40, minutes)
    return out


@cache
def p99(count: int, silent: bool = True) -> Floats:
    """Of the settled four, in two windows; newcomers stand before, between and after them."""
    rows = np.concatenate([settled(), newcomers(count, silent)])
    keys = [f"m{i}" for i in range(4)] + [f"{'az'[i % 2]}{i}" for i in range(count)]
    order = np.argsort(keys)
    panel = Panel.of(0.0, 60.0, rows[order], [keys[i] for i in order])
    said = MODEL.fit(panel).forecast(1, (60.0, 360.0), (0.99,))
    mine = [said.keys.index(f"m{i}") for i in range(4)]
    return said.peaks[mine, :, 0]


@pytest.mark.parametrize(
    ("count", "silent"), [(500, True), (50, False), pytest.param(50, True, marks=pytest.mark.soak)]
)
def test_newcomers_hardly_move_a_settled_service(count: int, silent: bool) -> None:
    np.testing.assert_allclose(p99(count, silent), p99(0), rtol=0.02)


def test_a_newcomer_is_answered_all_the_same() -> None:
    values = np.concatenate([settled()[:2], newcomers(3, silent=False)])
    values[2:, -40:] = np.random.default_rng(9).poisson(40, (3, 40))
    said = MODEL.fit(Panel.of(0.0, 60.0, values, list("abcde"))).forecast(1, (360.0,), (0.5, 0.99))
    assert said.reasons == (None,) * 5
    assert (said.peaks[2:, 0, 0] > 20).all()


def test_who_is_silent_or_young_has_no_say_and_where_nobody_is_settled_all_have() -> None:
    values = np.ones((5, 3000))
    values[1] = 0.0
    values[2, :-60] = np.nan
    values[3, :-1441] = np.nan
    values[4, :-1000] = np.nan
    assert settled_rows(values, 60.0).tolist() == [0, 3]
    assert settled_rows(values[[2, 4]], 60.0).tolist() == [1]
    assert settled_rows(0 * values, 60.0).tolist() == [0, 1, 2, 3, 4]
    assert settled_rows(values[:0], 60.0).tolist() == []


@cache
def beside(others: int) -> Floats:
    """The 0.99 quantiles of the settled four beside so many of another kind, in two windows."""
    more = services(others, 14, 60.0, np.random.default_rng(3)).astype(float)
    rows = np.concatenate([settled(), more])
    panel = Panel.of(0.0, 60.0, rows, [f"m{i:02}" for i in range(len(rows))])
    return FleetModel(samples=60_000).fit(panel).forecast(1, (60.0, 360.0), (0.99,)).peaks[:4, :, 0]


@pytest.mark.slow
@pytest.mark.parametrize("others", [8, pytest.param(1, marks=pytest.mark.soak)])
def test_settled_neighbours_of_another_kind_move_a_service_by_half_at_most(others: int) -> None:
    """They are learned together, which is what a fleet is for. One bursty stranger beside four calm services moved a
    quantile by up to 18 %, eight by up to 40 %; what that does to lateness, calibration settles within days."""
    np.testing.assert_allclose(beside(others), beside(0), rtol=0.5)
