"""Claims about ours in the backtest: the service's own decisions, the second lever, the level found beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ahpa.backtest import alternatives
from ahpa.backtest.chosen import chooser
from ahpa.backtest.ours import Ahpa, Lived, ours
from ahpa.backtest.trial import Span, Trial
from ahpa.core import fills, tryouts
from ahpa.core.controller import step
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.policy.rules import parse_policy
from ahpa.core.setting import DEFAULT_SETTING, Setting
from tests.backtest.examples import DAY, SETTING, foreseen, wave_trial, waves

NOTHING = Lived(np.empty(0), np.empty(0))
"""As the first day begins."""


def test_ours_is_the_services_own_decision_function() -> None:
    """Every floor of the run is what `controller.step` says of the recorded state: nothing is re-implemented."""
    seen: list[tuple[int, int]] = []

    def recorded(observation: Observation) -> tuple[Decision, ...]:
        (workload,), (decision,) = observation.workloads, step(observation)
        assert workload.policy.policy == replace(parse_policy({}).policy, mode="apply")
        assert workload.setting == Setting.fill(0.99)
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


def test_a_day_without_the_second_lever_has_the_scalers_own_target() -> None:
    """The day before was filled to 90 %: from midnight on the scaler fills to 70 % again."""
    panel = waves(5)
    span = Span.of(panel, 2.0)
    trial = Trial.of(panel, span, SETTING, foreseen(panel, span)[0])
    shares = iter((0.9, None))
    run = ours(trial).play(lambda _: Setting.fill(0.99, next(shares)))
    alone = ours(trial)(0.99)
    np.testing.assert_array_equal(run.floor[-60:], alone.floor[-60:])
    assert run.ready[: DAY - 60].mean() < 0.9 * alone.ready[: DAY - 60].mean()


def test_settings_are_chosen_by_what_lay_before_each_day() -> None:
    """A strict owner pays for it, a generous one does not. Nothing of the tested days is known when they begin."""
    trial = wave_trial()
    run, lax = (ours(trial).play(chooser(trial, target)) for target in (0.001, 0.9))
    assert lax.outcome.replica_hours < run.outcome.replica_hours
    assert run.outcome.late_ratio < 0.001
    values = trial.tested.demand.values.copy()
    values[:, round((trial.tested.start - trial.tested.demand.start) / 60) :] *= 5
    other = replace(trial, tested=replace(trial.tested, demand=replace(trial.tested.demand, values=values)))
    assert chooser(other, 0.001)(NOTHING) == chooser(trial, 0.001)(NOTHING)


def test_a_forecast_that_says_nothing_of_the_wave_is_not_followed() -> None:
    """All quantiles are nothing: no level can help, so a constant floor does."""
    trial = wave_trial()
    blind = replace(trial, foresight=replace(trial.foresight, peaks=0 * trial.foresight.peaks))
    assert str(chooser(blind, 0.001)(NOTHING)).startswith("floor ")


def test_the_default_has_no_advantage_where_nothing_was_chosen_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen stays until another is clearly better; nobody had chosen the default. data/chat.csv.gz kept it, a
    tenth dearer than the best."""
    trial = wave_trial()
    best = chooser(trial, 0.9)(NOTHING)
    monkeypatch.setattr(tryouts, "BETTER", 1e9)
    monkeypatch.setattr(fills, "BETTER", 1e9)
    assert chooser(trial, 0.9)(NOTHING) == best != DEFAULT_SETTING


def test_without_a_day_before_the_default_holds_for_a_day() -> None:
    trial = wave_trial()
    seen = trial.foresight
    late = seen.origins >= trial.tested.start - 1e-6
    young = replace(trial, foresight=replace(seen, origins=seen.origins[late], peaks=seen.peaks[late]))
    assert chooser(young, 0.001)(NOTHING) == DEFAULT_SETTING


def test_coverage_is_what_was_realised() -> None:
    """Yesterday's peak of the same day: 0.9 to 1.2 times the truth covers from the level at which it passes 1."""
    coverage = ours(wave_trial()).coverage
    assert coverage(0.5) == 0.0
    assert coverage(0.999) == 1.0
