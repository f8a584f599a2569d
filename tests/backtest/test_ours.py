"""Claims about ours in the backtest: the service's own decisions, the second lever, the level found beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest import alternatives
from ahpa.backtest.ours import Ahpa, level_for, ours
from ahpa.core.controller import step
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.policy.rules import parse_policy
from forecasting.levels import LEVELS
from tests.backtest.examples import DAY, wave_trial


def test_ours_is_the_services_own_decision_function() -> None:
    """Every floor of the run is what `controller.step` says of the recorded state: nothing is re-implemented."""
    seen: list[tuple[int, int]] = []

    def recorded(observation: Observation) -> tuple[Decision, ...]:
        (workload,), (decision,) = observation.workloads, step(observation)
        assert workload.policy.policy == replace(parse_policy({}).policy, mode="apply", quantile=0.99)
        seen.append((decision.previous, decision.floor))
        return (decision,)

    run = replace(ours(wave_trial()), step=recorded)(0.99)
    assert len(seen) == DAY
    np.testing.assert_array_equal([floor for _, floor in seen], run.floor)


def test_it_rises_before_the_wave_and_nobody_waits() -> None:
    """The wave begins at minute 480; the floor has risen by then, the KPA alone is late for more than 0.3 %."""
    trial = wave_trial()
    run = ours(trial)(0.99)
    assert run.floor[478] > run.floor[400]
    assert run.outcome.late_ratio < 0.001
    assert alternatives.kpa(trial.tested, 0.7).outcome.late_ratio > 0.003


def test_the_second_lever_saves_and_falls_back_without_a_forecast() -> None:
    """At 90 % fewer replicas stand; where the model has nothing to say the KPA's own target holds."""
    trial = wave_trial()
    plain, filled = ours(trial)(0.99), ours(trial, 0.9)(0.99)
    assert filled.outcome.replica_hours < 0.9 * plain.outcome.replica_hours
    nothing = replace(trial.foresight, peaks=np.full_like(trial.foresight.peaks, np.nan))
    dumb = Ahpa(trial.tested, nothing, utilization=0.9)(0.99)
    alone = alternatives.kpa(trial.tested, 0.7)
    np.testing.assert_array_equal(dumb.ready, alone.ready)


@pytest.mark.parametrize(("target", "level"), [(0.01, LEVELS[0]), (0.001, 0.9), (1e-6, LEVELS[-1])])
def test_where_no_level_helps_it_is_the_least_that_can_be_believed(target: float, level: float) -> None:
    """0.1 % late is not kept by a level that one window in five exceeds, whatever three days say."""
    trial = wave_trial()
    unlucky = replace(trial.foresight, peaks=0 * trial.foresight.peaks)
    assert level_for(replace(trial, foresight=unlucky), target) == level


def test_the_level_is_found_on_the_earlier_days() -> None:
    """A target that everything keeps takes the least level; where only the highest helps, it is that."""
    trial = wave_trial()
    assert level_for(trial, 0.9) == LEVELS[0]
    steep = trial.foresight.peaks * np.where(trial.foresight.levels < 0.9989, 0.0, 1.0)
    late = replace(trial, foresight=replace(trial.foresight, peaks=steep))
    assert level_for(late, 1e-6) == LEVELS[-1]
    assert level_for(replace(trial, earlier=None), 0.9) == 0.99, "nothing to find it on"


def test_coverage_is_what_was_realised() -> None:
    """Yesterday's peak of the same day: 0.9 to 1.2 times the truth covers from the level at which it passes 1."""
    coverage = ours(wave_trial()).coverage
    assert coverage(0.5) == 0.0
    assert coverage(0.999) == 1.0
