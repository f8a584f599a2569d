"""The failure ladder as one table: each rung alone, with all other guards off (T14).

What is on a rung holds a floor of 20 where the plan wants 1, and lets a floor of 1 rise to the 10 that it wants, or
not; with every guard off the same plan is followed at once, both ways. docs/failure-policy.md has the table for people.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation
from ahpa.core.quality import Quality
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of
from tests.reliability.reached import Reached

OFF = Limits(
    cap=10**6,
    raise_ratio=1e6,
    raise_least=10**6,
    stale_seconds=math.inf,
    hold_seconds=0.0,
    follow_seconds=0.0,
    decay_ratio=1.0,
    coverage=0.0,
    freeze_ratio=1.0,
    freeze_least=10**9,
    skew_seconds=math.inf,
    unseen_ratio=math.inf,
    budget=10**9,
)
"""No guard at all."""
HIGH: Mapping[str, Any] = {"floor": 20, "present": 20, "ready": 20}
DARK: Mapping[str, Any] = {"observed_until": NOW - 400, "doubted_since": NOW - 400}
LONG_DARK: Mapping[str, Any] = {"observed_until": NOW - 1400, "doubted_since": NOW - 1000}


@dataclass(frozen=True)
class Rung:
    """What is wrong, the guards that see it, and what may still move."""

    name: str
    reason: Reason
    guards: Mapping[str, Any] = field(default_factory=dict)
    """The limits that are on."""
    workload: Mapping[str, Any] = field(default_factory=dict)
    round: Mapping[str, Any] = field(default_factory=dict)
    outlook: bool = True
    """A plan is there; False: none at all."""
    reason_of_none: str | None = None
    """Why a model says nothing."""
    failed: bool = False
    neighbours: int = 0
    """So many others, of whom all are doubted."""
    falls_to: int = 20
    """The floor of 20 after a round."""
    rises_to: int = 10
    """The floor of 1 after a round, where the plan wants 10."""


HOLD = {"stale_seconds": 300.0, "hold_seconds": 900.0}
RUNGS = (
    Rung("fresh", Reason.RELEASED, falls_to=1),
    Rung("partial", Reason.PARTIAL_DATA, {"coverage": 0.9}, {"coverage": 0.5}),
    Rung("stale", Reason.NO_RECENT_DATA, HOLD, DARK),
    Rung("down", Reason.NO_RECENT_DATA, {}, {"unread": "nobody listens"}),
    Rung(
        "down for longer than a hold",
        Reason.NO_RECENT_DATA,
        {**HOLD, "decay_ratio": 0.1},
        LONG_DARK,
        falls_to=18,
        rises_to=1,
    ),
    Rung(
        "down, and the plan goes on",
        Reason.NO_RECENT_DATA,
        {**HOLD, "decay_ratio": 0.1, "follow_seconds": 21_600.0},
        LONG_DARK,
        falls_to=18,
    ),
    Rung("absurd: hard to believe", Reason.DOUBTFUL_DATA, {}, {"doubt": "zero at once"}),
    Rung("untrusted fleet", Reason.FLEET_FROZEN, {"freeze_ratio": 0.3, "freeze_least": 5}, neighbours=9),
    Rung(
        "quality lost",
        Reason.QUALITY_LOST,
        HOLD,
        {"quality": Quality(outdone=2.0), "doubted_since": NOW - 60},
        rises_to=1,
    ),
    Rung("clock skew", Reason.CLOCK_SKEW, {"skew_seconds": 30.0}, {}, {"skew": 31.0}),
    Rung("clock skew, behind", Reason.CLOCK_SKEW, {"skew_seconds": 30.0}, {}, {"skew": -31.0}),
    Rung("restart", Reason.SETTLING, {}, {}, {"settled": False}),
    Rung("no forecast was made", Reason.NO_FORECAST, outlook=False, rises_to=1),
    Rung("the model failed", Reason.NO_FORECAST, reason_of_none="7 GiB", failed=True, rises_to=1),
    Rung(
        "the model has no opinion",
        Reason.NO_FORECAST,
        {"hold_seconds": 900.0},
        {"doubted_since": NOW - 60},
        reason_of_none="it is new",
        rises_to=1,
    ),
)


def decided(rung: Rung, wanted: float, limits: Limits, **floor: int) -> Decision:
    outlook = replace(outlook_of(wanted, reason=rung.reason_of_none), failed=rung.failed)
    workload = workload_of({"ahpa.dev/release": "99%"}, **{**floor, **rung.workload})
    others = [workload_of(key=f"knative/shop/{i}", doubt="zero at once") for i in range(rung.neighbours)]
    outlooks: dict[str, Outlook] = {one.key: outlook_of(4.0) for one in others}
    if rung.outlook:
        outlooks[workload.key] = outlook
    observation = Observation(NOW, 60.0, (workload, *others), outlooks, limits)
    return step(replace(observation, **rung.round))[0]


@pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
def test_each_rung_alone_lets_fall_and_rise_what_the_table_says(rung: Rung, reached: Reached) -> None:
    limits = replace(OFF, **rung.guards)
    down = decided(rung, 4.0, limits, **HIGH)
    assert (down.floor, down.reason) == (rung.falls_to, rung.reason)
    assert decided(rung, 40.0, limits).floor == rung.rises_to
    reached("T14", size="a rung", figure="it alone holds, all other guards off")


@pytest.mark.parametrize("rung", [rung for rung in RUNGS if rung.guards], ids=lambda rung: rung.name)
def test_it_is_that_guard_and_no_other_that_holds_the_floor(rung: Rung) -> None:
    """With all of them off the same round lowers the floor to what its owner set."""
    assert decided(rung, 4.0, OFF, **HIGH).floor == 1


@pytest.mark.parametrize(
    ("guards", "workload", "annotations", "largest", "floor"),
    [
        ({}, {}, {}, math.inf, 1000),
        ({"cap": 30}, {}, {}, math.inf, 30),
        ({}, {"maximum": 30}, {}, math.inf, 30),
        ({}, {}, {"ahpa.dev/max": "30"}, math.inf, 30),
        ({"raise_ratio": 1.0, "raise_least": 4}, {}, {}, math.inf, 5),
        ({"budget": 3}, {}, {}, math.inf, 4),
        ({"unseen_ratio": 3.0}, {}, {}, 40.0, 30),
        ({"stale_seconds": 300.0, "follow_seconds": 21_600.0, "cap": 30}, LONG_DARK, {}, math.inf, 30),
        ({"stale_seconds": 300.0, "follow_seconds": 21_600.0, "budget": 3}, LONG_DARK, {}, math.inf, 4),
        ({"stale_seconds": 300.0, "follow_seconds": 21_600.0, "unseen_ratio": 3.0}, LONG_DARK, {}, 40.0, 30),
        (
            {"stale_seconds": 300.0, "follow_seconds": 21_600.0, "raise_ratio": 1.0, "raise_least": 4},
            LONG_DARK,
            {},
            math.inf,
            5,
        ),
    ],
    ids=[
        "none", "cap", "maximum", "annotation", "round", "budget", "unseen",
        "cap of a plan", "budget of a plan", "unseen in a plan", "round of a plan",
    ],
)  # fmt: skip
def test_each_bound_alone_limits_a_forecast_that_runs_away(
    guards: dict[str, Any],
    workload: dict[str, Any],
    annotations: dict[str, str],
    largest: float,
    floor: int,
    reached: Reached,
) -> None:
    limits = replace(OFF, **guards)
    seen = Observation(
        NOW,
        60.0,
        (workload_of(annotations, **workload),),
        {"knative/shop/chat": replace(outlook_of(4000.0), largest=largest)},
        limits,
    )
    assert step(seen)[0].floor == floor
    reached("T14", size="a bound", figure="it alone limits, all other guards off")


def test_the_table_for_people_has_each_rung() -> None:
    page = (Path(__file__).parents[2] / "docs/failure-policy.md").read_text()
    table = page.partition("## The ladder")[2].partition("\n## ")[0]
    assert table
    assert [rung.reason for rung in RUNGS[1:] if f"`{rung.reason}`" not in table] == []
