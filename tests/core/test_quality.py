"""Forecasts that are outdone by reacting lose their say, and have it again."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Observation, Workload
from ahpa.core.quality import LEAST_SECONDS, UNTRIED, Claim, Quality
from ahpa.core.setting import Rule, Setting
from tests.core.conftest import NOW, outlook_of, workload_of


def after(claims: int, forecast: float, reacting: float, truth: float = 10.0, before: Quality = UNTRIED) -> Quality:
    """So many claims of ten minutes each, all alike."""
    for _ in range(claims):
        before = replace(before, claim=Claim(NOW, NOW + 600, forecast, reacting)).settled(truth)
    return before


@pytest.mark.parametrize(
    ("forecast", "reacting", "truth", "ratio", "lost"),
    [
        (12.0, 8.0, 10.0, 1.0, False),
        (12.9, 8.0, 10.0, 1.45, False),
        (13.1, 8.0, 10.0, 1.55, True),
        (6.9, 8.0, 10.0, 1.55, True),
        (10.0, 8.0, 10.0, 0.0, False),
        (10.7, 10.0, 10.0, 1.4, False),
        (10.8, 10.0, 10.0, 1.6, True),
        (0.0, 0.0, 0.0, 1.0, False),
        (1.0, 0.0, 0.0, 100.0, True),
    ],
    ids=["as good", "a little worse", "worse", "too low", "right", "a trifle", "no trifle", "silence", "never right"],
)
def test_who_errs_half_as_much_again_as_reacting_loses_its_say(
    forecast: float, reacting: float, truth: float, ratio: float, lost: bool
) -> None:
    found = after(24, forecast, reacting, truth)
    assert found.ratio == pytest.approx(ratio)
    assert (found.outdone > 0, found.words is not None) == (lost, lost)


def test_nothing_is_said_before_four_hours_were_judged() -> None:
    early = after(23, 30.0, 10.0)
    assert early.judged < LEAST_SECONDS
    assert math.isnan(early.ratio)
    assert early.words is None
    assert after(1, 30.0, 10.0, before=early).words == "its forecasts erred 40.0 times as much as reacting alone"


def test_a_day_of_good_forecasts_does_not_excuse_a_bad_morning() -> None:
    """What is long ago fades: eight hours of errors twice those of reacting, after two days without any."""
    good = after(288, 10.0, 8.0)
    assert not after(24, 14.0, 8.0, before=good).outdone
    assert after(100, 14.0, 8.0, before=good).outdone


def test_it_is_lost_until_four_hours_of_it_are_clearly_better_again() -> None:
    lost = after(24, 200.0, 8.0)
    assert lost.outdone == pytest.approx(95)
    still = after(24, 12.6, 8.0, before=lost)
    assert still.outdone == pytest.approx(1.3)
    assert not after(24, 12.6, 8.0).outdone, "who never lost it has it there"
    waiting = after(23, 12.4, 8.0, before=still)
    assert waiting.ratio == pytest.approx(1.3)
    again = after(1, 12.4, 8.0, before=waiting)
    assert again.outdone == 0
    assert again.ratio == pytest.approx(1.2)


def test_of_a_truth_that_is_not_known_nothing_is_learned() -> None:
    before = after(20, 14.0, 8.0)
    unknown = replace(before, claim=Claim(NOW, NOW + 600, 99.0, 8.0)).settled(math.nan)
    assert unknown == before
    assert unknown.claim is None
    assert before.settled(10.0) == before, "and none without a claim"


LOST = after(24, 14.0, 8.0)


def decided(workload: Workload) -> Decision:
    (decision,) = step(Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(60.0)}))
    return decision


def test_whose_forecasts_are_outdone_only_observes_until_they_are_better() -> None:
    """Held as long as any floor of which there is no opinion, then down to its owner's own, slowly."""
    workload = workload_of(floor=12, present=12, ready=12, quality=LOST, doubted_since=NOW - 900)
    held = decided(workload)
    assert (held.floor, held.reason, held.plan) == (12, Reason.QUALITY_LOST, None)
    assert "2 times as much as reacting alone" in held.message
    assert "only observes" in held.message
    gone = decided(replace(workload, doubted_since=NOW - 901))
    assert (gone.floor, gone.reason) == (10, Reason.QUALITY_LOST)
    assert decided(replace(workload, quality=UNTRIED)).floor == 15
    assert decided(replace(workload, floor=1, present=1, ready=1)).floor == 1, "and nothing is raised"


@pytest.mark.parametrize(("annotations", "floor"), [({}, 3), ({"ahpa.dev/quantile": "0.99"}, 1)])
def test_a_constant_floor_follows_no_forecast_and_stays_but_a_quantile_follows_one(
    annotations: dict[str, str], floor: int
) -> None:
    constant = Setting(Rule.CONSTANT, 0.99, 3)
    assert decided(workload_of(annotations, setting=constant, quality=LOST)).floor == floor


def test_lost_data_speak_before_lost_quality_and_nothing_is_followed() -> None:
    """What was foreseen by forecasts that are worth nothing is worth nothing."""
    for age, doubted in ((400.0, NOW - 100), (2000.0, NOW - 1700)):
        workload = workload_of(observed_until=NOW - age, doubted_since=doubted, quality=LOST)
        decision = decided(workload)
        assert (decision.floor, decision.reason) == (1, Reason.NO_RECENT_DATA)
