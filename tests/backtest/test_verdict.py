"""Claims about what is concluded from the contenders: advice, and whether prediction pays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import yaml

from ahpa.backtest.results import ContenderResult, Point
from ahpa.backtest.sweep import Question
from ahpa.backtest.verdict import verdict_on, worth_of
from ahpa.core.policy.rules import parse_policy
from ahpa.render.report import as_yaml
from forecasting.panel import Panel
from tests.backtest.examples import DAY, trial_of, wave_result, wave_trial
from tests.backtest.test_sweep import NOTHING


def test_what_is_worth_it_is_said_with_the_reason() -> None:
    """A steep daily wave is worth predicting; a flat load is not."""
    assert wave_result().worth
    assert wave_result().why.startswith("with hindsight, each at its best setting: ")
    assert " fewer than " in wave_result().why
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
    assert after.startswith("Known only afterwards: the cheapest setting that kept 0.1 % late was ")
    assert f"{mine.equal.label}, for {mine.equal.outcome.replica_hours:.1f} replica-hours" in after


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (Question(quantile=0.7, sweep=False), "Known before: quantile 0.7, as it was asked for."),
        (Question(late_target=1e-9), "Known only afterwards: no setting that was tried kept < 0.001 % late"),
    ],
)
def test_a_setting_says_where_it_came_from(question: Question, says: str) -> None:
    assert any(sentence.startswith(says) for sentence in verdict_on(wave_trial(), question, ("ahpa",)).advice)


def test_the_annotations_to_paste_are_what_was_found_and_the_parser_takes_them() -> None:
    """Only what the service acts on, without a warning: it watches first, with the target that was asked for and the
    model that was tried; what its floor follows it finds by itself."""
    annotations = wave_result().annotations
    parsed = parse_policy(annotations)
    assert (parsed.problems, parsed.warnings, parsed.inert, parsed.requested) == ((), (), (), True)
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


def test_without_a_sweep_the_same_counts_are_found() -> None:
    """Giving up on a count as soon as it has failed finds the same smallest one."""
    quick = verdict_on(wave_trial(), Question(late_target=0.001, sweep=False), ("static", "fixed-max"))
    for name in ("static", "fixed-max"):
        found, full = quick.contenders[name].equal, wave_result().contenders[name].equal
        assert found is not None
        assert full is not None
        assert (found.knob, found.outcome) == (full.knob, full.outcome)


def test_a_fixed_level_is_planned_for() -> None:
    told = verdict_on(wave_trial(), Question(late_target=1e-9, quantile=0.7, sweep=False), ("ahpa",))
    assert told.contenders["ahpa"].label == "quantile 0.7"


def _result(name: str, hours: float, scale_ups: int) -> ContenderResult:
    outcome = replace(NOTHING, replica_hours=hours, scale_ups=scale_ups)
    return ContenderResult(name, outcome, "at 1", (), Point(1.0, "at 1", outcome))


@pytest.mark.parametrize(
    ("ours", "kpa", "scale_ups", "worth", "words"),
    [
        (50.0, 100.0, 9, True, "50.0 replica-hours (50 %) fewer than kpa"),
        (100.0, 100.0, 9, False, "keeps the target for no more"),
        (100.0, 100.0, 0, False, "never has to start a replica"),
    ],
)
def test_whether_prediction_pays_is_said_with_its_reason(
    ours: float, kpa: float, scale_ups: int, worth: bool, words: str
) -> None:
    found = {"ahpa": _result("ahpa", ours, 1), "kpa": _result("kpa", kpa, scale_ups)}
    pays, why, saving = worth_of(found, 0.001)
    assert (pays, saving) == (worth, kpa - ours)
    assert words in why


def test_nothing_is_claimed_of_those_who_were_left_out() -> None:
    """`--policies ahpa,kpa`: that the KPA misses the target says nothing of a constant floor."""
    missed = replace(_result("kpa", 100.0, 9), equal=None)
    pays, why, _ = worth_of({"ahpa": _result("ahpa", 50.0, 1), "kpa": missed}, 0.001)
    assert not pays
    assert why == "not known: kpa did not keep the target, hpa, static, fixed-max were left out"


def test_a_miss_of_ours_is_said_without_a_cause_that_nobody_measured() -> None:
    ours = replace(_result("ahpa", 50.0, 1), equal=None)
    _, why, _ = worth_of({"ahpa": ours, "static": _result("static", 90.0, 1)}, 0.001)
    assert why == "ours kept 0.1 % late at no setting; static at at 1 did"


def test_without_a_sweep_the_verdict_says_that_it_is_of_one_setting_each() -> None:
    told = verdict_on(wave_trial(), Question(quantile=0.99, sweep=False), ("ahpa", "kpa"))
    assert told.why.startswith("of one setting each, without a sweep: ")
