"""Claims that are put down and held against what came, and plans that are put down when data are lost: round by round,
without a service around it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.quality import UNTRIED, Claim, Quality
from ahpa.service.follow import following
from ahpa.service.judge import judged
from ahpa.service.learn import Learned
from ahpa.service.memory import Memory
from forecasting.forecast import Forecast, Outlook
from forecasting.levels import LEVELS
from forecasting.panel import Panel
from tests.core.conftest import NOW, outlook_of, workload_of

KEY, NAME = "knative/shop/chat", "knative/shop/chat q"
SERIES = {KEY: NAME}


def hour(until: float = NOW, last: Sequence[float] = ()) -> Panel:
    """A demand of 4 in each minute, but for the last ones."""
    values = np.full(60, 4.0)
    values[60 - len(last) :] = last
    return Panel.of(until - 3600, 60.0, values, (NAME,))


def round_of(
    workload: Workload, outlook: Outlook | None, now: float = NOW, limits: Limits = Limits(), **changes: Any
) -> Observation:
    return Observation(now, 60.0, (workload,), {} if outlook is None else {KEY: outlook}, limits, **changes)


def after(memory: Memory, observation: Observation, panel: Panel) -> Quality:
    (workload,) = judged(observation, SERIES, panel, memory).workloads
    assert workload.quality == memory.quality.get(NAME, UNTRIED)
    return workload.quality


@pytest.mark.parametrize(
    ("annotations", "last", "origin", "claim"),
    [
        ({}, (), NOW, Claim(NOW, NOW + 180, 7.0, 4.0)),
        ({}, (9.0,), NOW, Claim(NOW, NOW + 180, 7.0, 9.0)),
        ({}, (9.0, math.nan), NOW, Claim(NOW, NOW + 180, 7.0, 9.0)),
        ({}, (9.0, 5.0), NOW - 60, Claim(NOW - 60, NOW + 120, 7.0, 9.0)),
        ({"ahpa.dev/lead": "10m"}, (), NOW, Claim(NOW, NOW + 660, 7.0, 4.0)),
        ({"ahpa.dev/lead": "2h"}, (), NOW, Claim(NOW, NOW + 1800, 7.0, 4.0)),
        ({}, (), NOW - 7200, None),
    ],
    ids=["at rest", "a new level", "the newest minute is late", "an older origin", "a lead", "a long lead", "too old"],
)
def test_what_is_claimed_is_the_median_until_the_lead_is_over_beside_what_was_last_seen(
    annotations: dict[str, str], last: tuple[float, ...], origin: float, claim: Claim | None
) -> None:
    seen = round_of(workload_of(annotations), outlook_of(7.0, origin=origin))
    assert after(Memory(), seen, hour(last=last)).claim == claim


@pytest.mark.parametrize(
    ("minutes", "last", "errors"),
    [
        (2, (5.0, 9.0), (0.0, 0.0, 0.0)),
        (3, (5.0, 9.0, 6.0), (2.0, 5.0, 180.0)),
        (5, (5.0, 9.0, 6.0, 99.0, 99.0), (2.0, 5.0, 180.0)),
        (3, (5.0, math.nan, 6.0), (0.0, 0.0, 0.0)),
    ],
    ids=["not over yet", "the largest of its minutes", "later ones are none of it", "one was not observed"],
)
def test_it_is_held_against_the_largest_of_its_minutes_once_they_are_all_there(
    minutes: int, last: tuple[float, ...], errors: tuple[float, float, float]
) -> None:
    memory = Memory()
    first = after(memory, round_of(workload_of(), outlook_of(7.0)), hour())
    now = NOW + 60 * minutes
    workload = workload_of(observed_until=now)
    found = after(memory, round_of(workload, outlook_of(8.0, origin=now), now), hour(now, last))
    assert (found.forecast, found.reacting, found.judged) == pytest.approx(errors)
    assert (found.claim == first.claim) == (minutes < 3)


@pytest.mark.parametrize(
    ("begin", "judged"),
    [(NOW - 3660, 0.0), (NOW - 3600, 3600.0), (NOW - 3540, 3540.0)],
    ids=["its first minute is read no more", "of the whole hour", "of all but one"],
)
def test_a_claim_is_judged_only_where_each_of_its_minutes_is_still_read(begin: float, judged: float) -> None:
    """A process that slept for an hour: what it does not see may have been the largest."""
    memory = Memory(quality={NAME: Quality(claim=Claim(begin, NOW, 7.0, 4.0))})
    values = hour()
    values = Panel.of(values.start, 60.0, np.r_[9.0, values.values[0, 1:]], (NAME,))
    found = after(memory, round_of(workload_of(observed_until=NOW), outlook_of(7.0)), values)
    assert found.judged == judged
    if judged:
        assert found.forecast == (2.0 if begin == NOW - 3600 else 3.0), (
            "the largest of those minutes, the first among them"
        )


@pytest.mark.parametrize(
    "doubt",
    [
        {"coverage": 0.5},
        {"doubt": "zero at once"},
        {"unread": "nobody listens"},
        {"observed_until": NOW - 400},
        {"policy": workload_of({"ahpa.dev/events": "2023-11-14T22:00..2023-11-14T23:00 x3"}).policy},
    ],
    ids=["partial", "hard to believe", "unread", "old", "an event"],
)
def test_what_is_doubted_takes_its_claim_back(doubt: Mapping[str, Any]) -> None:
    memory = Memory(quality={NAME: Quality(1.0, 2.0, 3.0, 600.0, claim=Claim(NOW - 180, NOW, 1.0, 1.0))})
    found = after(memory, round_of(workload_of(**doubt), outlook_of(7.0)), hour())
    assert (found, found.claim) == (Quality(1.0, 2.0, 3.0, 600.0), None)


def test_who_is_not_read_or_not_foreseen_keeps_what_is_known() -> None:
    known = Quality(1.0, 2.0, 3.0, 600.0)
    memory = Memory(quality={NAME: known})
    assert after(memory, round_of(workload_of(), None), hour()) == known
    elsewhere = replace(hour(), keys=("another",))
    assert after(memory, round_of(workload_of(), outlook_of(7.0)), elsewhere) == known


# Follow


@dataclass(frozen=True)
class Far(Learned):
    """Foresees 3, and from the second hour on 9; counts how often it was asked, and how far."""

    asked: list[float] = field(default_factory=list)

    def steps(self, seconds: float, step: float) -> Forecast | None:
        self.asked.append(seconds)
        minutes = round(seconds / step)
        row = np.where(np.arange(minutes) < 60, 3.0, 9.0)
        steps = np.repeat(row[None, :, None], len(LEVELS), axis=2)
        peaks = np.full((1, 1, len(LEVELS)), 3.0)
        return Forecast(
            NOW, step, np.array(LEVELS), steps, np.array([step]), peaks, (NAME,), ("far",), (None,), np.array([9.0])
        )


def dark(now: float, since: float | None = None) -> Workload:
    return workload_of(observed_until=NOW, unread="nobody listens", doubted_since=NOW if since is None else since)


def model_of(seen: Observation) -> str | None:
    outlook = seen.outlook(KEY)
    return None if outlook is None else outlook.model


@pytest.mark.parametrize(
    ("minutes", "outlook", "put_down", "model"),
    [
        (4, outlook_of(3.0), False, "toy"),
        (5, outlook_of(3.0), True, "toy"),
        (30, outlook_of(3.0), True, "toy"),
        (31, outlook_of(3.0), True, "far"),
        (31, outlook_of(0, reason="nothing observed"), True, "far"),
        (10, None, True, "far"),
        (31, replace(outlook_of(0, reason="7 GiB"), failed=True), True, "toy"),
        (359, outlook_of(3.0), True, "far"),
        (360, outlook_of(3.0), True, "toy"),
    ],
)
def test_a_plan_is_put_down_after_a_while_and_speaks_where_the_forecast_is_too_old_or_silent(
    minutes: int, outlook: Outlook | None, put_down: bool, model: str
) -> None:
    now, memory, learned = NOW + 60 * minutes, Memory(), Far()
    seen = following(round_of(dark(now), outlook, now), SERIES, learned, memory, 60.0)
    assert (NAME in memory.foreseen) == put_down
    assert model_of(seen) == model
    following(round_of(dark(now), outlook, now + 60), SERIES, learned, memory, 60.0)
    assert learned.asked == [21_600.0], "once in an outage"


def test_it_is_forgotten_when_there_are_data_and_never_made_where_nobody_follows() -> None:
    now, memory, learned = NOW + 2400, Memory(), Far()
    following(round_of(dark(now), outlook_of(3.0), now), SERIES, learned, memory, 60.0)
    assert memory.foreseen
    well = workload_of(observed_until=now)
    seen = round_of(well, outlook_of(3.0, origin=now), now)
    assert following(seen, SERIES, learned, memory, 60.0) is seen
    assert not memory.foreseen
    never, unasked = Limits(follow_seconds=0.0), Far()
    following(round_of(dark(now), outlook_of(3.0), now, never), SERIES, unasked, memory, 60.0)
    assert (unasked.asked, memory.foreseen) == ([], {})
    far, day = Limits(follow_seconds=1e9), Far()
    following(round_of(dark(now), outlook_of(3.0), now, far), SERIES, day, Memory(), 60.0)
    assert day.asked == [86_400.0]


def test_who_keeps_no_count_of_a_hold_has_no_plan() -> None:
    memory = Memory()
    workload = replace(dark(NOW + 2400), doubted_since=None)
    following(round_of(workload, outlook_of(3.0), NOW + 2400), SERIES, Far(), memory, 60.0)
    assert not memory.foreseen
