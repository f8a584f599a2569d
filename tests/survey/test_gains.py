"""What pays is ranked by hours and late requests together, and each line can be acted on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from ahpa.backtest.results import SeriesResult
from ahpa.simulation.outcome import Outcome
from ahpa.survey.candidates import Candidate
from ahpa.survey.gains import Gain, ranked
from ahpa.survey.worlds import World
from tests.commands.bazaar import hpa
from tests.fakes.kube import FakeKube
from tests.survey.test_candidates import annotated, one
from tests.survey.test_worlds import chat, world

KNATIVE = "kubectl annotate -n shop service.serving.knative.dev/chat"


def outcome(hours: float, late: float) -> Outcome:
    return Outcome(hours, late, 0.0, 0, 0, 0, 0.0, 0.0, 0.0, requests=100_000)


@cache
def somebody() -> tuple[Candidate, World]:
    return one(chat()), world(chat())


def gain(now: tuple[float, float], ours: tuple[float, float]) -> Gain:
    """(replica-hours, share of late requests) as it is, and with ahpa; the late target is 0.1 %."""
    candidate, its = somebody()
    return Gain(candidate, its, SeriesResult("chat", {}), outcome(*now), outcome(*ours))


@pytest.mark.parametrize(
    ("now", "ours", "worth", "says"),
    [((100, 0.03), (110, 0.0005), True, "0.05 % late instead of 3 %, for 10.0 replica-hours (10 %) more"),
     ((100, 0.0), (80, 0.0005), True, "0.05 % late instead of 0 %, for 20.0 replica-hours (20 %) less"),
     ((100, 0.0004), (100, 0.0), False, "in time already: 0.04 % late, and hardly anything to save"),
     ((100, 0.0004), (99, 0.0), False, "in time already"),
     ((100, 0.03), (104, 0.029), False, "3 % late now, 2.9 % with ahpa: no gain for what it costs"),
     ((100, 0.0), (60, 0.05), False, "in time already"),
     ((0, 0.0), (0, 0.0), False, "in time already")],
    ids=["late ones spared", "hours saved in time", "in time already", "no more than luck", "hardly less late",
         "cheaper, but late", "no load"],
)  # fmt: skip
def test_whom_it_pays_for(now: tuple[float, float], ours: tuple[float, float], worth: bool, says: str) -> None:
    found = gain(now, ours)
    assert found.worth is worth
    assert found.verdict.startswith(says)


def test_saved_and_spared_are_what_people_count() -> None:
    found = gain((100, 0.03), (110, 0.0005))
    assert (found.saved, round(found.spared), found.spared_in_words) == (-10, 2950, "2,950")


def test_the_largest_gain_comes_first_and_those_for_whom_it_does_not_pay_last() -> None:
    """A service that is late one in thirty goes before one that could save a tenth, and a large one before a small."""
    late, large, small, none = (
        gain((100, 0.03), (110, 0.0005)),
        gain((200, 0.0), (180, 0.0)),
        gain((20, 0.0), (10, 0.0)),
        gain((900, 0.0), (900, 0.0)),
    )
    assert ranked([none, small, large, late]) == [late, large, small, none]


@pytest.mark.parametrize(
    ("mode", "command"),
    [("", f"{KNATIVE} ahpa.dev/mode=observe"),
     ("off", f"{KNATIVE} ahpa.dev/mode=observe --overwrite"),
     ("observe", f"{KNATIVE} ahpa.dev/mode=apply --overwrite"),
     ("apply", "")],
)  # fmt: skip
def test_the_command_is_the_next_step_from_where_its_owner_is(mode: str, command: str) -> None:
    """Watching comes before acting; who acts already needs nothing."""
    candidate = one(annotated(FakeKube(), **({"mode": mode} if mode else {})))
    found = replace(gain((100, 0.03), (110, 0.0005)), candidate=candidate)
    assert found.command == command


def test_an_hpa_is_annotated_as_what_it_is() -> None:
    """`kubectl annotate hpa` may mean another version, or another group's kind."""
    kube = FakeKube()
    hpa(kube, "shop", "api")
    found = replace(gain((100, 0.03), (110, 0.0005)), candidate=one(kube))
    assert found.command == "kubectl annotate -n shop horizontalpodautoscaler.autoscaling/api ahpa.dev/mode=observe"


def test_who_does_not_gain_has_no_command() -> None:
    assert gain((100, 0.0), (100, 0.0)).command == ""
