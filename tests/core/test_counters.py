"""Claims about telling a raw counter from a load that grows."""

from __future__ import annotations

import numpy as np
import pytest

from ahpa.core.counters import Course, course
from forecasting.panel import Floats

T = np.arange(14 * 96)
RNG = np.random.default_rng(0)
RATE = 300 + 250 * np.sin(2 * np.pi * T / 96)
COUNTED = np.cumsum(RNG.poisson(RATE)).astype(float)
NOISE = RNG.normal(0, 0.02, len(T))


def counter(*resets: int, silent: slice | None = None) -> Floats:
    """Requests since the start, begun anew at each reset."""
    out = COUNTED.copy()
    for at in resets:
        out[at:] -= out[at] - 50
    if silent is not None:
        out[silent] = np.nan
    return out


@pytest.mark.parametrize(
    ("values", "name"),
    [
        (counter(300), ""),
        (counter(300, 700, 1100), ""),
        (counter(*range(24, len(T), 24)), ""),
        (counter(300, 700, silent=slice(400, 450)), ""),
        (counter(), "http_requests_total"),
        (counter(), 'http_request_duration_seconds_count{job="a"}'),
        (COUNTED + 5 * counter(500), "http_requests_total"),
    ],
    ids=[
        "a reset",
        "three",
        "one a day in hours",
        "a gap",
        "none, named",
        "none, a legend",
        "a sum",
    ],
)
def test_a_raw_counter_is_known(values: Floats, name: str) -> None:
    assert course(values, name) is Course.COUNTER


@pytest.mark.parametrize(
    "values",
    [
        RATE,
        RNG.poisson(RATE).astype(float),
        (T + 100) * (1 + NOISE),
        100 * 1.002**T * (1 + NOISE),
        np.where((T > 500) & (T < 520), 0.0, 50.0 + T),
        np.where(T % 96 < 40, T % 96 / 4, 0.0),
        np.full(len(T), 7.0),
        np.arange(50.0),
        np.full(len(T), np.nan),
    ],
    ids=["a day's wave", "counts", "a rise", "growth", "smooth growth, an outage", "a ramp each day", "flat", "short",
         "nothing"],
)  # fmt: skip
def test_a_load_is_no_counter(values: Floats) -> None:
    """Also one that grows for a fortnight, and one that comes back after an outage to where it was."""
    assert course(values) is Course.LOAD


def test_a_smooth_growth_is_named_and_not_refused() -> None:
    """Without a name nothing tells it from a counter that never began anew."""
    assert course(T + 100.0) is course(counter()) is Course.NEVER_FALLS


def test_a_load_with_a_counters_name_is_a_load() -> None:
    """A recording rule may be called so."""
    assert course(RATE, "requests_total") is Course.LOAD
