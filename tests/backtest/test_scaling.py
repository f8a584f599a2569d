"""Claims about floors above either autoscaler: the KPA or the HPA, whichever the service has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest import alternatives
from ahpa.backtest.contenders import NAMES
from ahpa.backtest.ours import Ahpa, ours
from ahpa.backtest.scaling import ByHpa, ByKpa, Scaling
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Trial
from ahpa.backtest.verdict import verdict_on
from ahpa.reactive.kpa.config import NO_LIMIT, KpaConfig
from ahpa.simulation.scalers.hpa import on_concurrency
from tests.backtest.examples import wave_trial

HPA = ByHpa(on_concurrency(2.8), 4.0)


def above(scaling: Scaling) -> Trial:
    """The steep daily wave of a service that has this scaler."""
    trial = wave_trial()
    return replace(trial, tested=replace(trial.tested, scaling=scaling, _inputs={}))


@pytest.mark.parametrize("scaling", [ByKpa(KpaConfig(target_value=2.8, total_value=4.0)), HPA], ids=["kpa", "hpa"])
def test_without_a_forecast_ours_is_the_services_own_scaler_alone(scaling: Scaling) -> None:
    trial = above(scaling)
    nothing = replace(trial.foresight, peaks=np.full_like(trial.foresight.peaks, np.nan))
    dumb = Ahpa(trial.tested, nothing)(0.99)
    alone = {"kpa": alternatives.kpa, "hpa": alternatives.hpa}[scaling.name](trial.tested, 0.7)
    np.testing.assert_array_equal(dumb.ready, alone.ready)
    assert alone.contender == scaling.name


def test_above_the_hpa_ours_and_the_constant_floor_keep_what_it_misses() -> None:
    """The wave rises within five minutes and a start takes three: the HPA is late, who stands above it is not."""
    trial = above(HPA)
    assert alternatives.hpa(trial.tested, 0.7).outcome.late_ratio > 0.003
    for run in (ours(trial)(0.99), alternatives.static(trial.tested, 11)):
        assert run.outcome.late_ratio < 0.001
    assert ours(trial)(0.99).outcome.replica_hours < alternatives.static(trial.tested, 11).outcome.replica_hours


def test_what_the_hpa_has_it_lets_go_only_after_its_window() -> None:
    """Above either the floor falls alike; the HPA then holds what it wanted within five minutes."""
    kpa, hpa = (
        alternatives.seasonal(above(scaling).tested, 1.0)
        for scaling in (ByKpa(KpaConfig(target_value=2.8, total_value=4.0)), HPA)
    )
    np.testing.assert_array_equal(kpa.floor, np.where(hpa.floor == 1, np.minimum(kpa.floor, 1), hpa.floor))
    falling = slice(1200, 1300)
    assert hpa.ready[falling].sum() > kpa.ready[falling].sum()


def test_the_second_lever_moves_the_hpas_target_too() -> None:
    trial = above(HPA)
    plain, filled = ours(trial)(0.99), ours(trial, 0.9)(0.99)
    assert filled.outcome.replica_hours < 0.95 * plain.outcome.replica_hours


@pytest.mark.parametrize(
    ("scaling", "seconds", "per_replica", "bounds"),
    [
        (ByKpa(KpaConfig(target_value=2.8, total_value=4.0, min_scale=2, max_scale=9)), 2.0, 2.8, (2, 9)),
        (ByKpa(KpaConfig(target_value=2.8, total_value=4.0)), 2.0, 2.8, (1, NO_LIMIT)),
        (ByKpa(KpaConfig(metric="rps", target_value=7.0, total_value=10.0)), 0.5, 3.5, (1, NO_LIMIT)),
        (ByHpa(on_concurrency(2.8, 3, 12), 4.0), 2.0, 2.8, (3, 12)),
    ],
)
def test_each_is_also_the_other_with_the_same_target_and_bounds(
    scaling: Scaling, seconds: float, per_replica: float, bounds: tuple[int, int]
) -> None:
    """An HPA keeps one replica at least; requests per second become requests in flight."""
    hpa, kpa = scaling.hpa(seconds), scaling.kpa()
    assert hpa.per_replica(seconds) == pytest.approx(per_replica)
    assert kpa.per_replica(seconds) == pytest.approx(per_replica)
    assert hpa.bounds == bounds
    assert (max(1, kpa.bounds[0]), kpa.bounds[1]) == bounds
    assert hpa.utilization == kpa.utilization == pytest.approx(0.7)
    assert hpa.at(0.5).per_replica() == pytest.approx(per_replica / 1.4)


def test_the_services_own_scaler_comes_first_of_the_reactive_ones() -> None:
    """The pictures and the headline put ours beside the first: it has to be the one that the service has."""
    for scaling, first in ((HPA, "hpa"), (ByKpa(KpaConfig(target_value=2.8, total_value=4.0)), "kpa")):
        found = verdict_on(above(scaling), Question(sweep=False), ("ahpa", "kpa", "hpa", "oracle")).contenders
        assert list(found)[:2] == ["ahpa", first]
        assert set(found) < set(NAMES)
