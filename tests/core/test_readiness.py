"""Lags are learned from starts, finished or not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.readiness import Lag, Readiness, Tier, learn

PRIOR = Lag.of(180, 300)


def test_a_lag_has_the_quantiles_it_was_made_from() -> None:
    assert PRIOR.quantile(0.5) == pytest.approx(180)
    assert PRIOR.quantile(0.95) == pytest.approx(300)


def test_a_lag_may_be_the_same_each_time() -> None:
    assert Lag.of(20, 20).quantile(0.99) == pytest.approx(20)


@pytest.mark.parametrize(("p50", "p95"), [(0, 10), (10, 5), (-1, 1), (float("inf"), float("inf"))])
def test_an_impossible_lag_is_refused(p50: float, p95: float) -> None:
    with pytest.raises(ValueError, match="p50"):
        Lag.of(p50, p95)


def test_without_starts_the_prior_speaks() -> None:
    assert learn(PRIOR, []) == PRIOR


@pytest.mark.parametrize("truth", [1.0, 2.0, 20.0, 90.0, 900.0])
@pytest.mark.parametrize("withdrawn", [0, 20])
def test_after_thirty_starts_the_lag_is_within_a_tenth_of_the_truth(truth: float, withdrawn: int) -> None:
    """A service whose starts take 90 s exactly was said to need 206 s (p95) after many of them: the guess of 180 to 300
    s stayed in the spread for ever. A reactive scaler has withdrawn some meanwhile, before they were ready."""
    found = learn(PRIOR, [truth] * 30, [truth / 3] * withdrawn)
    for level in (0.5, 0.9, 0.95):
        assert found.quantile(level) == pytest.approx(truth, rel=0.1)
    assert found.samples == 30


def test_a_guess_counts_for_less_with_each_start_and_never_for_nothing_while_there_are_few() -> None:
    said = [learn(PRIOR, [90.0] * count).quantile(0.95) for count in range(0, 31, 3)]
    assert said == sorted(said, reverse=True)
    assert said[1] > 1.5 * 90
    assert learn(PRIOR, [90.0] * 20).quantile(0.95) == pytest.approx(90, rel=0.1), "twenty speak for themselves"


def test_a_few_odd_starts_do_not_teach_that_anything_may_be() -> None:
    """A second or three hours: the 95th percentile is twelve times the median at most."""
    found = learn(PRIOR, [1.0, 10_800.0] * 15)
    assert found.quantile(0.95) / found.quantile(0.5) == pytest.approx(11.8, rel=0.01)


@pytest.mark.parametrize("seed", range(5))
def test_two_hundred_starts_outweigh_the_prior(seed: int) -> None:
    truth = Lag.of(40, 90)
    draws = np.exp(np.random.default_rng(seed).normal(truth.mu, truth.sigma, 200))
    found = learn(PRIOR, draws.tolist())
    assert found.quantile(0.5) == pytest.approx(40, rel=0.15)
    assert found.quantile(0.9) == pytest.approx(truth.quantile(0.9), rel=0.25)


@pytest.mark.parametrize("seed", range(5))
def test_censored_starts_are_not_left_out(seed: int) -> None:
    """Every start longer than 250 s is withdrawn before it is ready: only the fast ones finish.

    Looking at the finished ones alone would say that the median is about 190 s; it is 240 s.
    """
    truth = Lag.of(240, 480)
    draws = np.exp(np.random.default_rng(seed).normal(truth.mu, truth.sigma, 300))
    done, cut = draws[draws < 250], np.full((draws >= 250).sum(), 250.0)
    naive = learn(PRIOR, done.tolist()).quantile(0.5)
    found = learn(PRIOR, done.tolist(), cut.tolist())
    assert naive < 205
    assert found.quantile(0.5) == pytest.approx(240, rel=0.12)
    assert found.quantile(0.95) == pytest.approx(480, rel=0.2)
    assert found.samples == len(done)


@given(st.lists(st.floats(0, 1e5), max_size=30), st.lists(st.floats(0, 1e5), max_size=30))
def test_no_set_of_starts_gives_a_lag_that_is_not_a_number(done: list[float], pending: list[float]) -> None:
    found = learn(PRIOR, done, pending)
    assert 0 < found.quantile(0.5) <= found.quantile(0.95) < 1e9


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=20), st.randoms())
def test_the_order_of_starts_does_not_matter(done: list[float], shuffler: random.Random) -> None:
    other = list(done)
    shuffler.shuffle(other)
    assert learn(PRIOR, done).quantile(0.9) == pytest.approx(learn(PRIOR, other).quantile(0.9))


@pytest.mark.parametrize("bound", [20.0, 90.0, 180.0, 400.0, 2000.0])
def test_a_start_that_waits_still_counts_as_what_is_usual_of_those_that_wait_so_long(bound: float) -> None:
    """It enters with the mean and the variance of all lags that are longer, here by numerical integration; the prior
    with five starts' worth. What is learned is where these and the learned lag agree."""
    found = learn(PRIOR, [], [bound])
    places = np.linspace(found.mu - 9 * found.sigma, found.mu + 12 * found.sigma, 200_001)
    weights = np.exp(-(((places - found.mu) / found.sigma) ** 2) / 2) * (places > np.log(bound))
    mean = float(np.average(places, weights=weights))
    variance = float(np.average((places - mean) ** 2, weights=weights))
    assert found.mu == pytest.approx((5 * PRIOR.mu + mean) / 6, abs=1e-3)
    spread = 5 * (PRIOR.sigma**2 + (PRIOR.mu - found.mu) ** 2) + variance + (mean - found.mu) ** 2
    assert found.sigma == pytest.approx((spread / 6) ** 0.5, rel=1e-2)


def test_tiers_fill_in_order_and_only_the_last_has_no_end() -> None:
    lag = Lag.of(10, 10)
    tiers = Readiness((Tier("warm", lag, 2), Tier("spot", lag, 3), Tier("new", lag)))
    assert [last for last, _ in tiers.leads(0.9)] == [2, 5, None]
    with pytest.raises(ValueError, match="tiers"):
        Readiness((Tier("warm", lag), Tier("new", lag)))
    with pytest.raises(ValueError, match="tiers"):
        Readiness((Tier("warm", lag, 2),))
