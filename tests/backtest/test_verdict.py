"""Claims about what is concluded from the contenders: advice, and whether prediction pays."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import yaml

from ahpa.backtest.results import SeriesResult
from ahpa.backtest.sweep import Question
from ahpa.backtest.verdict import verdict_on
from ahpa.core.policy.rules import parse_policy
from ahpa.render.report import as_yaml
from forecasting.panel import Panel
from tests.backtest.examples import DAY, trial_of, wave_result, wave_trial, waves

pytestmark = pytest.mark.xdist_group("wave")  # one of the workers plays it


@cache
def beside_what_does_not_predict() -> SeriesResult:
    """The wave, which returns at the same minute each day, without the rule that says so."""
    return verdict_on(wave_trial(), Question(sweep=False), ("ahpa", "kpa", "hpa", "static", "fixed-max"))


def test_what_is_worth_it_is_said_with_the_reason() -> None:
    """A steep daily wave is worth predicting; a flat load is not, and neither is what yesterday's rule does as well."""
    told = beside_what_does_not_predict()
    assert told.worth
    assert " fewer than " in told.why
    assert wave_result().why.startswith("seasonal at yesterday × ")
    assert wave_result().why.endswith("; each as it is and as the 2 days before would have set it")
    assert not wave_result().worth
    flat = Panel.of(0.0, 60.0, np.full(4 * DAY, 20.0), ("flat",))
    result = verdict_on(trial_of(flat), Question())
    assert not result.worth
    assert result.why


def test_what_was_known_before_and_what_only_afterwards_are_told_apart() -> None:
    """One sentence said "saves 39.6 replica-hours", at a setting that nobody could have known."""
    mine = wave_result().contenders["ahpa"]
    assert mine.equal is not None
    before, after, *_ = wave_result().advice
    assert before.startswith(f"Known before: {mine.label}, each day from what lay before it. It took ")
    assert f"{mine.outcome.replica_hours:.1f} replica-hours" in before
    assert after.startswith("Afterwards, each at its best setting on the tested days: ours kept 0.1 % late at ")
    assert f"{mine.equal.label} for {mine.equal.outcome.replica_hours:.1f} replica-hours; " in after


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (Question(quantile=0.7, sweep=False), "Known before: quantile 0.7, as it was asked for."),
        (
            Question(late_target=1e-9),
            "Afterwards, each at its best setting on the tested days: ours kept < 0.001 % late at none, the least was ",
        ),
    ],
)
def test_a_setting_says_where_it_came_from(question: Question, says: str) -> None:
    assert any(sentence.startswith(says) for sentence in verdict_on(wave_trial(), question, ("ahpa",)).advice)


def test_the_annotations_to_paste_are_what_was_found_and_the_parser_takes_them() -> None:
    """Only what the service acts on, without a warning: it watches first, with the target that was asked for and the
    model that was tried; what its floor follows it finds by itself."""
    annotations = beside_what_does_not_predict().annotations
    parsed = parse_policy(annotations)
    assert (parsed.problems, parsed.warnings, parsed.requested) == ((), (), True)
    assert (parsed.policy.mode, parsed.policy.quantile, parsed.policy.model) == ("observe", None, "yesterday")
    assert parsed.policy.late_target == Question().late_target
    pasted = yaml.safe_load("\n".join(as_yaml(annotations)))
    assert pasted == {"annotations": annotations}


def test_a_level_that_was_asked_for_is_the_one_to_paste() -> None:
    told = verdict_on(wave_trial(), Question(quantile=0.99), ("ahpa", "static"))
    assert told.worth
    assert parse_policy(told.annotations).policy.quantile == 0.99


def test_where_prediction_does_not_pay_nothing_is_to_be_pasted() -> None:
    assert verdict_on(wave_trial(), Question(late_target=1e-9), ("ahpa", "static")).annotations == {}


def test_the_second_lever_is_advised_only_where_knobs_are_swept() -> None:
    """It is one more run."""
    told = verdict_on(wave_trial(), Question(late_target=0.2, quantile=0.999), ("ahpa",))
    assert any("manage-target" in sentence for sentence in told.advice)
    quick = verdict_on(wave_trial(), Question(late_target=0.2, quantile=0.999, sweep=False), ("ahpa",))
    assert not any("manage-target" in sentence for sentence in quick.advice)


def test_without_a_sweep_the_days_before_are_still_asked_for_a_count() -> None:
    """Giving up on a count as soon as it has failed finds the same smallest one; the tested days are not searched."""
    quick = verdict_on(wave_trial(), Question(late_target=0.001, sweep=False), ("static", "fixed-max"))
    for name in ("static", "fixed-max"):
        found, full = quick.contenders[name], wave_result().contenders[name]
        assert found.before is not None
        assert full.before is not None
        assert (found.before.knob, found.before.outcome) == (full.before.knob, full.before.outcome)
        assert {point.knob for point in found.points} <= {found.before.knob, wave_trial().tested.most_before}


def test_a_fixed_level_is_planned_for() -> None:
    told = verdict_on(wave_trial(), Question(late_target=1e-9, quantile=0.7, sweep=False), ("ahpa",))
    assert told.contenders["ahpa"].label == "quantile 0.7"


def test_without_days_before_it_is_said_what_was_compared() -> None:
    """A floor is then known only afterwards: it is no rival, and is marked."""
    bare = replace(wave_trial(), earlier=None)
    told = verdict_on(bare, Question(quantile=0.99, sweep=False), ("ahpa", "kpa", "static", "fixed-max"))
    assert told.why.endswith("; each as it is, with too few days before to find another setting")
    static, fixed = told.contenders["static"], told.contenders["fixed-max"]
    assert (static.hindsight, static.before) == (True, None)
    assert fixed.before is not None
    assert fixed.before.knob == wave_trial().tested.most_before


def test_without_a_sweep_the_verdict_says_who_was_set_by_what() -> None:
    told = verdict_on(wave_trial(), Question(quantile=0.99, sweep=False), ("ahpa", "kpa"))
    assert told.why.endswith("; each as it is, floors and fleets also as the 2 days before would have set them")


def test_nothing_of_the_tested_days_sets_an_alternative() -> None:
    """Five times the load on the tested days: what the days before suggest stays the same, what is best does not."""
    trial = wave_trial()
    busy = Panel.of(0.0, 60.0, np.concatenate([waves().values[0, : 3 * DAY], 5 * waves().values[0, 3 * DAY :]]))
    (day,) = (trial_of(busy).tested,)
    other = verdict_on(replace(trial, tested=day), Question(0.001), ("kpa", "static", "fixed-max", "seasonal"))
    for name, found in other.contenders.items():
        before = wave_result().contenders[name].before
        assert before is not None
        assert found.before is not None
        assert found.before.knob == before.knob, name
        assert found.before.outcome != before.outcome, name
