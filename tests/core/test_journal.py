"""A journal line holds all that its decision depended on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from ahpa.core.capacity import Part
from ahpa.core.controller import step
from ahpa.core.journal import JournalError, decision_to_json, entries, entry_from_json
from ahpa.core.observation import Limits, Observation, Workload
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of
from tests.core.test_controller import outlooks, workloads


@given(workloads, outlooks)
def test_a_replay_of_the_line_agrees_bit_for_bit(workload: Workload, outlook: Outlook | None) -> None:
    known = {} if outlook is None else {workload.key: outlook}
    observation = Observation(NOW, 60.0, (workload,), known, Limits(cap=50))
    decisions = step(observation)
    (line,) = [json.dumps(row, allow_nan=False) for row in entries(observation, decisions)]
    entry = entry_from_json(json.loads(line))
    assert entry.replay() == decisions[0]
    assert dict(entry.decision) == decision_to_json(decisions[0])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.pop("workload"),
        lambda row: row.update(kind="Other"),
        lambda row: row.update(limits={"nonsense": 1}),
        lambda row: row["outlook"].update(peaks=[[1.0]]),
        lambda row: row["workload"].update(tiers=[]),
        lambda row: row.update(now="soon"),
    ],
)
def test_a_damaged_line_is_an_error_that_says_so(spoil: Callable[[dict[str, Any]], Any]) -> None:
    outlook = replace(outlook_of(4.0), peaks=np.ones((4, 8)))
    observation = Observation(NOW, 60.0, (workload_of(),), {"knative/shop/chat": outlook})
    (row,) = entries(observation, step(observation))
    spoil(row)
    with pytest.raises(JournalError):
        entry_from_json(row)
    with pytest.raises(JournalError):
        entry_from_json([1])


@pytest.mark.parametrize(
    "changes",
    [
        {"unit": "requests in flight", "parts": (Part("a", 0.1, 70.0), Part("b", 0.9, 1.4, 1, 50)), "per_replica": 1.5},
        {"unit": "requests/s", "assumed": ("lag assumed", "orders does not say its unit: taken as requests/s")},
        {"unit": "", "per_replica": None, "no_capacity": "a counts cores, but b counts bytes"},
        {"unit": "cores", "unread": "nobody listens", "floor": 30},
        {"unit": "cores", "never": "x; {{name}} is the HPA's name, api", "observed_until": NOW - 2000},
    ],
)
def test_what_a_sentence_says_is_in_the_line(changes: dict[str, Any]) -> None:
    workload = workload_of(**changes)
    observation = Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(40.0)})
    (decision,) = step(observation)
    (row,) = entries(observation, (decision,))
    assert entry_from_json(json.loads(json.dumps(row))).replay() == decision


def test_a_line_of_before_there_were_units_replays_as_it_was() -> None:
    workload = workload_of()
    observation = Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(40.0)}, Limits(raise_least=99))
    (row,) = entries(observation, step(observation))
    old = json.loads(json.dumps(row))
    for name in ("parts", "unit", "assumed", "noCapacity", "unread", "never"):
        del old["workload"][name]
    assert entry_from_json(old).replay().message == "raise 1 -> 10: peak 40 (p99) within 180 s needs 10"


def test_all_that_was_wrong_is_replayed_what_the_annotations_say_and_what_the_service_found() -> None:
    """A bad annotation beside a query that does not exist: the replay gave the first of the two only."""
    parsed = workload_of({"ahpa.dev/min": "x"}).policy
    workload = workload_of(policy=replace(parsed, problems=(*parsed.problems, "ahpa.dev/demand: no query 'y'")))
    observation = Observation(NOW, 60.0, (workload,), {})
    (decision,) = step(observation)
    (row,) = entries(observation, (decision,))
    replayed = entry_from_json(json.loads(json.dumps(row))).replay()
    assert replayed.message == decision.message
    assert "no query 'y'" in replayed.message
