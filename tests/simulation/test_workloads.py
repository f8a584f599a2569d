"""The made-up pattern has the shapes it names, and a seed names a course for good."""

from __future__ import annotations

import gzip
import runpy
from pathlib import Path

import numpy as np
import pytest

from ahpa.simulation.workloads import (
    BATCH,
    BURSTY,
    CHAT,
    DAY_MINUTES,
    EXAMPLES,
    LAUNCH,
    MONDAY,
    MORNING,
    Pattern,
    fleet,
    rates,
    requests,
)

DATA = Path(__file__).parents[2] / "data"
WEEK = 7 * DAY_MINUTES


def _rates(pattern: Pattern, minutes: int = WEEK) -> np.ndarray:
    return rates(pattern, minutes, np.random.default_rng(5))


@pytest.mark.parametrize("pattern", EXAMPLES, ids=lambda t: t.name)
def test_a_seed_names_a_course(pattern: Pattern) -> None:
    first, again = (requests(pattern, 3000, np.random.default_rng(9)) for _ in range(2))
    other = requests(pattern, 3000, np.random.default_rng(10))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("pattern", EXAMPLES, ids=lambda t: t.name)
def test_rates_are_finite_and_never_negative(pattern: Pattern) -> None:
    course = _rates(pattern)
    assert course.shape == (WEEK,)
    assert np.isfinite(course).all()
    assert (course >= 0).all()


def test_chat_follows_people() -> None:
    days = _rates(CHAT).reshape(7, 24, 60).mean(axis=2)
    assert (days[:5, 12] > 4 * days[:5, 3]).all(), "noon of a working day against its night"
    assert days[5:, 12].mean() < 0.75 * days[:5, 12].mean(), "weekends are smaller"


def test_batch_is_silent_for_hours() -> None:
    course = _rates(BATCH)
    assert (course == 0).mean() > 0.7
    edges = np.flatnonzero(np.diff((course == 0).astype(int)))
    assert np.diff(edges).max() > 3 * 60, "at least once more than three hours without a request"
    assert (course[5 * DAY_MINUTES : 7 * DAY_MINUTES] == 0).all(), "no jobs at weekends"


def test_bursts_rise_within_minutes() -> None:
    course = _rates(BURSTY)
    assert (course[5:] - course[:-5]).max() > 60
    assert np.quantile(course, 0.999) > 3 * np.median(course)


def test_a_steep_morning_is_steep() -> None:
    day = _rates(MORNING)[:DAY_MINUTES]
    assert day[9 * 60 + 20] > 5 * day[8 * 60 + 30]


def test_a_launch_stays() -> None:
    course = _rates(LAUNCH, 15 * DAY_MINUTES).reshape(15, -1).mean(axis=1)
    assert course[14] / course[7] == pytest.approx(2.2, rel=0.15), "both are Mondays"


def test_services_have_streams_of_their_own() -> None:
    alone = fleet([CHAT], 500, np.random.default_rng(1))
    beside = fleet([CHAT, BATCH], 500, np.random.default_rng(1))
    assert np.array_equal(alone.values[0], beside.values[0])
    assert beside.keys == ("chat", "batch")
    assert beside.start == MONDAY


def test_the_shipped_files_are_what_the_generator_makes() -> None:
    made = runpy.run_path(str(DATA / "generate.py"))["texts"]()
    shipped = {p.name.removesuffix(".gz"): gzip.decompress(p.read_bytes()).decode() for p in DATA.glob("*.csv.gz")}
    assert shipped == made
    assert sum(p.stat().st_size for p in DATA.glob("*.csv.gz")) < 1.5e6


def test_packing_leaves_no_time_in_the_file() -> None:
    packed = runpy.run_path(str(DATA / "generate.py"))["packed"]
    assert packed("a,b\n")[4:8] == bytes(4)
