"""A journal line holds all that its decision depended on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from ahpa.core.capacity import Part
from ahpa.core.controller import step
from ahpa.core.decision import Reason
from ahpa.core.journal import JournalError, decision_to_json, entries, entry_from_json
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.quality import Quality
from ahpa.core.setting import Record, Rule, Setting
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
    ("spoil", "said"),
    [
        (lambda row: row.pop("workload"), "a field is missing or malformed: KeyError: 'workload'"),
        (lambda row: row.update(kind="Other"), "not a decision of ahpa/v1"),
        (lambda row: row.update(apiVersion="ahpa/v9"), "not a decision of ahpa/v1"),
        (lambda row: row.update(limits={"nonsense": 1}), "TypeError: .*nonsense"),
        (lambda row: row["outlook"].update(peaks=[[1.0]]), r"peaks must be \(4, 8\), got \(1, 1\)"),
        (lambda row: row["workload"].update(tiers=[]), "ValueError: tiers"),
        (lambda row: row.update(now="soon"), "ValueError: .*soon"),
    ],
)
def test_a_damaged_line_is_an_error_that_says_so(spoil: Callable[[dict[str, Any]], Any], said: str) -> None:
    outlook = replace(outlook_of(4.0), peaks=np.ones((4, 8)))
    observation = Observation(NOW, 60.0, (workload_of(),), {"knative/shop/chat": outlook})
    (row,) = entries(observation, step(observation))
    spoil(row)
    with pytest.raises(JournalError, match=said):
        entry_from_json(row)
    with pytest.raises(JournalError, match="not a decision of ahpa/v1"):
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


LINE: dict[str, Any] = {
    "apiVersion": "ahpa/v1",
    "kind": "Decision",
    "now": NOW,
    "tickSeconds": 60.0,
    "limits": {"cap": 100, "raise_ratio": 1.0, "raise_least": 4, "stale_seconds": 300.0, "hold_seconds": 900.0},
    "settled": True,
    "skew": -2.0,
    "frozen": False,
    "allowance": 3,
    "workload": {
        "key": "knative/shop/chat",
        "baseline": 1,
        "floor": 2,
        "ready": 2,
        "present": 3,
        "coverage": 0.75,
        "maximum": 50,
        "setting": {
            "rule": "slots",
            "level": 0.995,
            "replicas": 0,
            "utilization": None,
            "record": {"days": 2.0, "late": 0.0004, "replicas": 3.5, "alone_late": 0.02, "alone_replicas": 3.0},
        },
        "utilization": 0.7,
        "managed": True,
        "refusal": None,
        "doubt": "its demand vanished",
        "doubted_since": NOW - 60,
        "was_trusted": True,
        "annotations": {"ahpa.dev/mode": "apply", "ahpa.dev/quantile": "0.9"},
        "requested": True,
        "problems": [],
        "perReplica": 4.0,
        "observedUntil": NOW - 120,
        "tiers": [
            {"name": "warm", "lag": {"mu": 3.0, "sigma": 0.5, "samples": 7}, "replicas": 4},
            {"name": "new", "lag": {"mu": 5.0, "sigma": 0.25, "samples": 0}, "replicas": None},
        ],
        "parts": [
            {"name": "a", "share": 0.25, "per_replica": 4.0, "least": 1, "most": 20},
            {"name": "b", "share": 0.75, "per_replica": 4.0, "least": 0, "most": None},
        ],
        "unit": "requests/s",
        "assumed": ["lag assumed"],
        "noCapacity": "",
        "unread": None,
        "never": "",
    },
    "outlook": {
        "origin": NOW - 60,
        "levels": [0.5, 0.9],
        "windows": [60.0, 600.0],
        "peaks": [[20.0, 40.0], [30.0, 60.0]],
        "model": "toy",
        "reason": None,
        "largest": 35.0,
        "failed": False,
    },
    "decision": {
        "floor": 5,
        "previous": 2,
        "baseline": 1,
        "apply": True,
        "reason": "ScaleUpLimited",
        "message": "raise 2 -> 5: peak 60 requests/s (p90) within 264 s needs 16: a 4 (25 % at 4 each), b 12 (75 % at "
        "4 each) (lag assumed); at most 5 this round for all services together",
    },
}
"""As it was written down by hand; a journal may have more."""


def holds(line: object, said: object) -> bool:
    """Whether `line` has all that is `said`."""
    if isinstance(said, dict):
        return isinstance(line, dict) and all(key in line and holds(line[key], said[key]) for key in said)
    if isinstance(said, list):
        return isinstance(line, list) and len(line) == len(said) and all(map(holds, line, said))
    return line == said


def test_a_line_has_these_names_whoever_reads_it() -> None:
    """A journal outlives the version that wrote it, and other programs read it: what is read here is written so."""
    entry = entry_from_json(LINE)
    decision = entry.replay()
    assert decision_to_json(decision) == LINE["decision"]
    assert entry.outlook is not None
    observation = Observation(
        entry.now,
        entry.tick_seconds,
        (entry.workload,),
        {entry.workload.key: entry.outlook},
        entry.limits,
        entry.settled,
        entry.frozen,
        {entry.workload.key: 3},
        entry.skew,
    )
    (row,) = entries(observation, [decision])
    assert holds(json.loads(json.dumps(row)), LINE)


def test_a_line_of_before_there_were_settings_has_the_level_of_a_quantile() -> None:
    workload = {key: value for key, value in LINE["workload"].items() if key not in ("setting", "utilization")}
    entry = entry_from_json({**LINE, "workload": {**workload, "level": 0.975}})
    assert (entry.workload.setting, entry.workload.utilization) == (Setting.fill(0.975), None)


def test_what_is_read_is_what_was_written_of_a_setting() -> None:
    setting = entry_from_json(LINE).workload.setting
    assert (setting, setting.record) == (Setting(Rule.SLOTS, 0.995), Record(2.0, 0.0004, 3.5, 0.02, 3.0))


def test_a_setting_of_before_there_were_records_is_read() -> None:
    """They had the share that was late, and nothing else."""
    workload = {**LINE["workload"], "setting": {"rule": "slots", "level": 0.99, "replicas": 0, "late": 0.1}}
    assert entry_from_json({**LINE, "workload": workload}).workload.setting == Setting(Rule.SLOTS, 0.99)


@pytest.mark.parametrize(("known", "least", "floor"), [(True, 5, 20), (False, 1, 18)])
def test_whether_the_fleet_was_frozen_is_in_the_line(known: bool, least: int, floor: int) -> None:
    """One workload does not show that by itself: by its own data it would be the other way round."""
    limits = Limits(freeze_least=least, hold_seconds=0.0)
    workload = workload_of(floor=20, observed_until=NOW - 400)
    observation = Observation(NOW, 60.0, (workload,), {}, limits, frozen=known)
    (decision,) = step(observation)
    assert decision.floor == floor
    (row,) = entries(observation, [decision])
    assert row["frozen"] is known
    assert entry_from_json(json.loads(json.dumps(row))).replay() == decision


def test_a_line_of_the_first_version_has_neither_skew_nor_doubt_nor_failure() -> None:
    old = json.loads(json.dumps(LINE))
    del old["skew"], old["allowance"], old["outlook"]["failed"], old["outlook"]["largest"]
    for name in ("doubt", "doubted_since", "was_trusted", "parts", "unit", "assumed", "noCapacity", "unread", "never"):
        del old["workload"][name]
    entry = entry_from_json(old)
    workload, outlook = entry.workload, entry.outlook
    assert outlook is not None
    assert (entry.skew, entry.allowance, outlook.failed, outlook.largest) == (0.0, None, False, math.inf)
    assert (workload.doubt, workload.doubted_since, workload.was_trusted, workload.parts) == (None, None, True, ())
    assert (workload.unit, workload.assumed, workload.no_capacity) == (None, (), "")
    assert (workload.unread, workload.never) == (None, "")


def test_each_workload_has_a_decision_or_the_journal_refuses() -> None:
    observation = Observation(NOW, 60.0, (workload_of(),), {})
    with pytest.raises(ValueError, match="zip"):
        list(entries(observation, []))


def test_plans_of_an_outage_and_lost_quality_are_in_the_line_and_none_of_before_there_were_any() -> None:
    dark = {"observed_until": NOW - 2000, "doubted_since": NOW - 1700}
    for changes, reason in ((dark, Reason.FOLLOWS_PLAN), ({"quality": Quality(outdone=2.5)}, Reason.QUALITY_LOST)):
        workload = workload_of(**changes)
        observation = Observation(NOW, 60.0, (workload,), {workload.key: outlook_of(40.0)})
        (decision,) = step(observation)
        (row,) = (json.loads(json.dumps(each)) for each in entries(observation, [decision]))
        assert decision.reason is reason
        assert entry_from_json(row).replay() == decision
        del row["limits"]["follow_seconds"], row["workload"]["quality"]
        assert entry_from_json(row).replay().reason is not reason
