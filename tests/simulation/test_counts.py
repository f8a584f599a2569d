"""Claims about where requests come from: what was counted in a step arrives in that step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.backtest import alternatives
from ahpa.backtest.scaling import ByKpa
from ahpa.backtest.scenario import Scenario
from ahpa.backtest.series import prepared
from ahpa.backtest.trial import Setting
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.counts import aligned, minutes
from ahpa.simulation.stream import SimulatedService
from forecasting.panel import Floats, Panel

HOUR = 3600
KPA = ByKpa(KpaConfig(target_value=2.8, total_value=4.0))


def scenario_of(
    counts: Floats, step: float, service_seconds: float = 2.0, hours: float = 1.0, start: float = 0.0
) -> Scenario:
    """The last hours of a day and more of counts per step, as the command prepares them."""
    service = SimulatedService(service_seconds, readiness=Readiness.single(Lag.of(180, 270)))
    ((series,), _) = prepared([Panel.of(start, step, counts, ("a",))], service_seconds / step, hours / 24)
    return Setting(service, KPA).scenario(series.panel, series.span.start, series.span.end, source=series.source)


@given(
    st.sampled_from([1, 2, 5, 10, 15, 20, 30, 60]),
    st.sampled_from([0.3, 1.0, 2.0, 7.3, 60.0]),
    st.sampled_from([0, 1, 67, 1500]),
    st.integers(0, 1000),
)
@settings(max_examples=40, deadline=None)
def test_every_count_arrives_in_its_own_step(step: int, service_seconds: float, most: int, seed: int) -> None:
    """Whatever the service time, which the counts are multiplied and divided by on the way."""
    counts = np.random.default_rng(seed).integers(0, most + 1, 25 * HOUR // step).astype(float)
    scenario = scenario_of(counts, step, service_seconds)
    per_step = scenario.traffic.arrivals.reshape(-1, step).sum(axis=1)
    np.testing.assert_array_equal(per_step, counts[-HOUR // step :])


def test_a_burst_within_a_second_is_met_as_one_and_contenders_see_minutes() -> None:
    """120 requests in the first second of each minute: sixty wait, where the minute's mean asks for one replica."""
    counts = np.zeros(25 * HOUR)
    counts[::60] = 120
    sharp, blunt = scenario_of(counts, 1), scenario_of(counts.reshape(-1, 60).sum(axis=1), 60)
    assert (sharp.demand.step, sharp.demand.values.max()) == (60.0, 4.0)
    np.testing.assert_allclose(sharp.demand.values, blunt.demand.values)
    assert alternatives.fixed_max(sharp, 2).outcome.late_ratio > 0.8
    assert alternatives.fixed_max(blunt, 2).outcome.late_ratio < 0.1


def test_seconds_that_nobody_counted_get_their_minutes_mean() -> None:
    """Half of each minute is missing and for twenty minutes all of it: twice as many requests as were counted."""
    counts = np.full(25 * HOUR, 3.0)
    counts.reshape(-1, 60)[:, 30:] = np.nan
    counts[-30 * 60 : -10 * 60] = np.nan
    arrivals = scenario_of(counts, 1).traffic.arrivals
    assert arrivals.mean() == pytest.approx(3.0, abs=0.1)
    assert (arrivals.reshape(-1, 60)[:30, :30] == 3).all()
    gap = arrivals[-30 * 60 : -10 * 60]
    assert gap.var() == pytest.approx(3.0, rel=0.2)


def test_an_offset_within_the_minute_moves_no_count_to_another_minute() -> None:
    """Counts that begin at second 23 of a minute: the first whole minute is what was counted in it."""
    counts = np.arange(25.0 * HOUR) % 7
    scenario = scenario_of(counts, 1, start=23.0)
    skipped = round(scenario.start - 23)
    np.testing.assert_array_equal(scenario.traffic.arrivals, counts[skipped : skipped + HOUR])
    assert minutes(Panel.of(23.0, 1.0, counts)).values[0, 1] == pytest.approx(counts[37:97].mean())


@pytest.mark.parametrize(("step", "whole"), [(7.5, 15.0), (2.5, 5.0), (0.5, 1.0), (1.0, 1.0), (3600.0, 3600.0)])
def test_steps_of_no_whole_second_are_joined(step: float, whole: float) -> None:
    fine = aligned(Panel.of(0.0, step, np.arange(round(120 * max(1, step / 60) / step))))
    assert fine.step == whole
    assert fine.end == (120.0 if step < 60 else 2 * step)
