"""Claims about the policies, their knobs and what is concluded from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from ahpa.backtest import contenders as policies
from ahpa.backtest.contenders import Ahpa, Foresight
from ahpa.backtest.results import POLICIES, SeriesResult
from ahpa.backtest.sweep import LEVELS, Question, Trial, find_level
from ahpa.backtest.trial import NotEnoughError, Setting, Span, fits_of, foresee, span_of, trial, windows_of
from ahpa.backtest.verdict import judge
from ahpa.core.controller import step
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.counts import minutes
from ahpa.simulation.stream import SimulatedService
from forecasting.panel import Floats, Panel
from tests.fakes import SameAsYesterday, Yesterday

DAY = 1440
SETTING = Setting(
    SimulatedService(readiness=Readiness.single(Lag.of(180, 270))), KpaConfig(target_value=2.8, total_value=4.0), 1.0
)


def waves(days: int = 4, top: float = 30.0) -> Panel:
    """A service that goes from 2 to `top` in flight within the same five minutes each day."""
    t = np.arange(days * DAY) % DAY
    rise = np.clip((t - 480) / 5, 0, 1) - np.clip((t - 1200) / 60, 0, 1)
    return Panel.of(0.0, 60.0, 2 + (top - 2) * rise, ("waves",))


class Rolled(Yesterday):
    """Yesterday's peak, spread over the levels."""

    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Floats:
        both = np.concatenate([self.history.values, panel.values], axis=1)
        first = self.history.values.shape[1] + np.arange(panel.values.shape[1]) - DAY
        out = [
            [np.lib.stride_tricks.sliding_window_view(row, round(w // 60) + 1).max(axis=1)[first] for w in windows]
            for row in both
        ]
        spread = np.linspace(0.9, 1.2, len(levels))
        return np.asarray(np.array(out).transpose(0, 2, 1)[..., None] * spread)


class Spread(SameAsYesterday):
    def fit(self, history: Panel) -> Rolled:
        return Rolled(history)


@cache
def wave_trial() -> Trial:
    panel = waves()
    span = span_of(panel, 1.0)
    (foresight,) = foresee(Spread(), np.array(LEVELS), panel, span, windows_of(SETTING, 60.0))
    return trial("waves", panel, span, foresight, SETTING)


@cache
def judged() -> SeriesResult:
    return judge(wave_trial(), Question(late_target=0.001))


def test_ours_is_the_services_own_decision_function() -> None:
    """Every floor of the run is what `controller.step` says of the recorded state: nothing is re-implemented."""
    case = wave_trial()
    ours = Ahpa(case.tested, case.foresight)
    seen: list[tuple[int, int]] = []

    def recorded(observation: Observation) -> tuple[Decision, ...]:
        (workload,), (decision,) = observation.workloads, step(observation)
        assert workload.policy.policy == replace(parse_policy({}).policy, mode="apply", quantile=0.99)
        seen.append((decision.previous, decision.floor))
        return (decision,)

    run = replace(ours, step=recorded)(0.99)
    assert len(seen) == DAY
    np.testing.assert_array_equal([floor for _, floor in seen], run.floor)


def test_it_rises_before_the_wave_and_nobody_waits() -> None:
    """The wave begins at minute 480; the floor has risen by then, the KPA alone is late for more than 0.3 %."""
    case = wave_trial()
    run = Ahpa(case.tested, case.foresight)(0.99)
    assert run.floor[478] > run.floor[400]
    assert run.outcome.late_ratio < 0.001
    assert policies.kpa(case.tested, 0.7).outcome.late_ratio > 0.003


def test_the_second_lever_saves_and_falls_back_without_a_forecast() -> None:
    """At 90 % fewer replicas stand; where the model has nothing to say the KPA's own target holds."""
    case = wave_trial()
    plain, filled = Ahpa(case.tested, case.foresight)(0.99), Ahpa(case.tested, case.foresight, 0.9)(0.99)
    assert filled.outcome.replica_hours < 0.9 * plain.outcome.replica_hours
    nothing = replace(case.foresight, peaks=np.full_like(case.foresight.peaks, np.nan))
    dumb = Ahpa(case.tested, nothing, 0.9)(0.99)
    alone = policies.kpa(case.tested, 0.7)
    np.testing.assert_array_equal(dumb.ready, alone.ready)


def test_a_floor_never_lies_below_the_owners_minimum() -> None:
    case = wave_trial()
    scene = replace(case.tested, kpa=replace(case.tested.kpa, min_scale=3), _inputs={})
    for run in (Ahpa(scene, case.foresight)(0.5), policies.seasonal(scene, 0.7), policies.static(scene, 0)):
        assert run.floor.min() >= 3
        assert run.ready.min() >= 3


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_is_judged(policy: str) -> None:
    found = judged().policies[policy]
    assert found.run is not None
    assert found.run.contender == policy
    assert found.outcome == found.run.outcome
    assert len(found.run.timestamp) == DAY
    assert [p.knob for p in found.points] == sorted(p.knob for p in found.points)
    if found.equal is not None:
        assert found.equal.outcome.late_ratio <= 0.001


def test_the_clairvoyant_is_never_beaten_at_equal_lateness() -> None:
    result = judged().policies
    for name in POLICIES:
        equal = result[name].equal
        if equal is not None:
            assert equal.outcome.replica_hours >= result["oracle"].outcome.replica_hours - 1e-9, name


def test_bisection_finds_the_smallest_count_that_keeps_the_target() -> None:
    """One replica fewer and more than 0.1 % are late."""
    case = wave_trial()
    for name, play in (("static", policies.static), ("fixed-max", policies.fixed_max)):
        equal = judged().policies[name].equal
        assert equal is not None
        assert play(case.tested, equal.knob - 1).outcome.late_ratio > 0.001


def test_a_count_that_fails_is_given_up_early() -> None:
    """One replica for up to 30 in flight: by noon it is known; ten keep the target and are played to the end. And who
    cannot be known to be late yet is not counted."""
    case = wave_trial()
    failed, kept = (policies.fixed_max(case.tested, count, 0.001) for count in (1, 30))
    assert failed.outcome.late_ratio > 0.001
    assert len(failed.timestamp) <= 12 * 60
    assert (len(kept.timestamp), kept.outcome) == (DAY, policies.fixed_max(case.tested, 30).outcome)


def test_the_second_lever_is_advised_only_where_knobs_are_swept() -> None:
    """It is one more run."""
    told = judge(wave_trial(), Question(late_target=0.2, quantile=0.999, policies=("ahpa",)))
    assert any("manage-target" in sentence for sentence in told.advice)
    quick = judge(wave_trial(), Question(late_target=0.2, quantile=0.999, policies=("ahpa",), sweep=False))
    assert not any("manage-target" in sentence for sentence in quick.advice)


def test_without_a_sweep_the_same_counts_are_found() -> None:
    """Giving up on a count as soon as it has failed finds the same smallest one."""
    quick = judge(wave_trial(), Question(late_target=0.001, policies=("static", "fixed-max"), sweep=False))
    for name in ("static", "fixed-max"):
        found, full = quick.policies[name].equal, judged().policies[name].equal
        assert found is not None
        assert full is not None
        assert (found.knob, found.outcome) == (full.knob, full.outcome)


def test_the_level_is_found_on_the_earlier_days() -> None:
    """A target that everything keeps takes the least level; so does one that no level comes any nearer to, among
    those that can be believed: 0.1 % late is not kept by a level that one window in five exceeds."""
    case = wave_trial()
    assert find_level(case, Question(late_target=0.9)) == LEVELS[0]
    assert find_level(case, Question(late_target=1e-9, quantile=0.7)) == 0.7
    unlucky = replace(case.foresight, peaks=0 * case.foresight.peaks)
    assert find_level(replace(case, foresight=unlucky), Question(late_target=0.01)) == LEVELS[0]
    assert find_level(replace(case, foresight=unlucky), Question(late_target=0.001)) == 0.9
    assert find_level(replace(case, foresight=unlucky), Question(late_target=1e-6)) == LEVELS[-1]
    steep = case.foresight.peaks * np.where(np.array(LEVELS) < 0.999, 0.0, 1.0)
    late = replace(case, foresight=replace(case.foresight, peaks=steep))
    assert find_level(late, Question(late_target=1e-6)) == LEVELS[-1]


def test_what_is_worth_it_is_said_with_the_reason() -> None:
    """A steep daily wave is worth predicting; a flat load is not."""
    assert judged().worth
    assert "fewer replica-hours than" in judged().why or "nothing without prediction" in judged().why
    flat = Panel.of(0.0, 60.0, np.full(4 * DAY, 20.0), ("flat",))
    span = span_of(flat, 1.0)
    (foresight,) = foresee(Spread(), np.array(LEVELS), flat, span, windows_of(SETTING, 60.0))
    result = judge(trial("flat", flat, span, foresight, SETTING), Question())
    assert not result.worth
    assert result.why


def test_coverage_is_what_was_realised() -> None:
    """Yesterday's peak of the same day: 0.9 to 1.2 times the truth covers from the level at which it passes 1."""
    case = wave_trial()
    coverage = Ahpa(case.tested, case.foresight).coverage
    assert coverage(0.5) == 0.0
    assert coverage(0.999) == 1.0


def test_missing_minutes_are_bridged_for_the_world_and_missing_for_the_policy() -> None:
    panel = waves()
    values = panel.values.copy()
    values[0, 3 * DAY + 600 : 3 * DAY + 660] = np.nan
    holed = Panel.of(0.0, 60.0, values, panel.keys)
    span = span_of(holed, 1.0)
    (foresight,) = foresee(Spread(), np.array(LEVELS), holed, span, windows_of(SETTING, 60.0))
    case = trial("waves", holed, span, foresight, SETTING)
    assert case.tested.traffic.demand[600:660].min() > 20
    result = judge(case, Question(policies=("kpa", "ahpa"), sweep=False, quantile=0.99))
    assert any("not observed" in note for note in result.notes)
    assert result.policies["ahpa"].run is not None


@pytest.mark.parametrize(
    ("days", "tested", "earlier"), [(1.5, 1.0, None), (2.0, 1.0, None), (2.5, 1.0, 0.5), (9.0, 3.0, 3.0)]
)
def test_the_span_leaves_a_day_to_learn_from(days: float, tested: float, earlier: float | None) -> None:
    panel = Panel.of(0.0, 60.0, np.ones(round(days * DAY)), ("x",))
    if days - tested < 1:
        with pytest.raises(NotEnoughError, match="days of data"):
            span_of(panel, tested)
        return
    span = span_of(panel, tested)
    assert span.end - span.start == tested * 86_400
    assert (span.earlier is None) == (earlier is None)
    if earlier is not None and span.earlier is not None:
        assert span.start - span.earlier == earlier * 86_400


@pytest.mark.parametrize(
    ("days", "step", "fits"),
    [
        (1.0, 60.0, [0]),
        (4.0, 60.0, [0, 1, 2, 3]),
        (6.0, 60.0, [0, 2, 4]),
        (17.0, 60.0, [0, 5, 10, 15]),
        (0.5, 300.0, [0]),
    ],
)
def test_the_model_learns_anew_whole_days_apart_and_four_times_at_most(
    days: float, step: float, fits: list[int]
) -> None:
    assert fits_of(Span(None, 600.0, 600.0 + 86_400 * days), step) == [600.0 + 86_400 * k for k in fits]


@pytest.mark.parametrize("step", [60.0, 420.0])
def test_nothing_is_foreseen_from_what_came_after_its_origin(step: float) -> None:
    """Also where days are no whole number of steps, so that a refit cannot come at the same time of day."""
    t = round(6 * 86_400 / step)
    values = np.random.default_rng(0).uniform(1, 9, t)
    changed = t * 3 // 4
    other = np.where(np.arange(t) >= changed, 1e6, values)
    panels = [Panel.of(0.0, step, v, ("x",)) for v in (values, other)]
    span = Span(None, step * (t // 3), panels[0].end)
    before, after = (foresee(Stays(), np.array(LEVELS), p, span, (step,))[0] for p in panels)
    differ = before.origins[(before.peaks != after.peaks).any(axis=(1, 2))]
    assert differ.min() == step * (changed + 1)


class Stays(SameAsYesterday):
    """What was seen last is what will come; refitted, it is the same."""

    def fit(self, history: Panel) -> LastSeen:
        return LastSeen(history)


class LastSeen(Yesterday):
    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Floats:
        seen = np.concatenate([self.history.values[:, -1:], panel.values[:, :-1]], axis=1)
        return np.tile(seen[:, :, None, None], (1, 1, len(windows), len(levels)))


def test_finer_steps_become_minutes_and_odd_ones_are_refused() -> None:
    fine = Panel.of(30.0, 10.0, np.concatenate([np.full(3, 5.0), [1, 2, np.nan, 4, 5, 6], np.full(2, 9.0)]))
    whole = minutes(fine)
    assert (whole.start, whole.step) == (0.0, 60.0)
    np.testing.assert_allclose(whole.values, [[5.0, 3.6]])
    with pytest.raises(ValueError, match="steps of 90 s"):
        minutes(Panel.of(0.0, 90.0, np.ones(5)))


def test_the_same_seed_gives_the_same_figures() -> None:
    case = wave_trial()
    assert policies.kpa(case.tested, 0.7).outcome == policies.kpa(case.tested, 0.7).outcome


def test_foresight_reads_levels_as_a_plan_does() -> None:
    seen = Foresight(np.zeros(1), np.array([0.5, 0.9, 0.99]), np.array([60.0]), np.array([[[1.0, 2.0, 4.0]]]), "m")
    for level in (0.5, 0.7, 0.9, 0.95, 0.99):
        assert float(seen.peaks[0, 0] @ seen.reading(level)) == pytest.approx(seen.outlook(0).peak(60.0, level))
