"""Claims about what people do without us, as it is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from ahpa.backtest import alternatives
from ahpa.backtest.ours import Ahpa
from ahpa.backtest.scaling import ByKpa
from ahpa.backtest.scenario import Scenario
from ahpa.simulation.outcome import Run
from tests.backtest.examples import DAY, wave_result, wave_trial

pytestmark = pytest.mark.xdist_group("wave")  # one of the workers plays it


def test_a_floor_never_lies_below_the_owners_minimum() -> None:
    trial = wave_trial()
    scaling = ByKpa(replace(trial.tested.scaling.kpa().config, min_scale=3))
    scenario = replace(trial.tested, scaling=scaling, _inputs={})
    for run in (
        Ahpa(scenario, trial.foresight)(0.5),
        alternatives.seasonal(scenario, 0.7),
        alternatives.static(scenario, 0),
    ):
        assert run.floor.min() >= 3
        assert run.ready.min() >= 3


@pytest.mark.parametrize(("name", "play"), [("static", alternatives.static), ("fixed-max", alternatives.fixed_max)])
def test_bisection_finds_the_smallest_count_that_keeps_the_target(
    name: str, play: Callable[[Scenario, float, float], Run]
) -> None:
    """One replica fewer and more than 0.1 % are late."""
    equal = wave_result().contenders[name].equal
    assert equal is not None
    assert play(wave_trial().tested, equal.knob - 1, 1.0).outcome.late_ratio > 0.001


def test_a_count_that_fails_is_given_up_early() -> None:
    """One replica for up to 30 in flight: by noon it is known; ten keep the target and are played to the end. And who
    cannot be known to be late yet is not counted."""
    tested = wave_trial().tested
    failed, kept = (alternatives.fixed_max(tested, count, 0.001) for count in (1, 30))
    assert failed.outcome.late_ratio > 0.001
    assert len(failed.timestamp) <= 12 * 60
    assert (len(kept.timestamp), kept.outcome) == (DAY, alternatives.fixed_max(tested, 30).outcome)


def test_the_same_seed_gives_the_same_figures() -> None:
    tested = wave_trial().tested
    assert alternatives.kpa(tested, 0.7).outcome == alternatives.kpa(tested, 0.7).outcome
