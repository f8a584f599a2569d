"""The second lever: the scaler's target is raised while the floor covers what is foreseen, and is its owner's own in
every round in which anything is doubted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.journal import decision_to_json, entries, entry_from_json
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.setting import Lever, Rule, Setting
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

FILLED = Setting.fill(0.9, 0.9)
ASKED = {"ahpa.dev/manage-target": "true"}


def workload(annotations: Mapping[str, str] | None = None, **changes: Any) -> Workload:
    """Replicas of ten slots, which the scaler fills to 70 %; its setting fills them to 90 %."""
    given = {"per_replica": 7.0, "utilization": 0.7, "setting": FILLED, "lever": Lever(0.7), "floor": 4, "present": 4}
    return workload_of(annotations={**ASKED, **(annotations or {})}, **{**given, **changes})


@dataclass(frozen=True)
class Seen:
    """A round of one service of which 36 requests in flight are foreseen: four replicas at 90 %, six at 70 %."""

    workload: Workload = field(default_factory=workload)
    outlook: Outlook | None = field(default_factory=lambda: outlook_of(36.0))
    more: Mapping[str, Any] = field(default_factory=dict)

    def decision(self) -> Decision:
        outlooks = {} if self.outlook is None else {self.workload.key: self.outlook}
        (decision,) = step(Observation(NOW, 60.0, (self.workload,), outlooks, **self.more))
        return decision

    def raised(self) -> Seen:
        """The same where the target was raised in the round before."""
        return replace(self, workload=replace(self.workload, lever=replace(self.workload.lever, raised=0.9)))


def test_while_the_forecast_is_trusted_the_target_is_raised_and_the_sentence_says_so() -> None:
    decision = Seen().decision()
    assert (decision.utilization, decision.floor) == (0.9, 4)
    assert decision.message.endswith("needs 4; target 90 % while foreseen")
    assert Seen().raised().decision() == decision, "that it is raised changes nothing of what is planned"


def test_the_floor_rises_in_the_same_round() -> None:
    decision = Seen(workload(floor=1, ready=4)).decision()
    assert (decision.utilization, decision.floor) == (0.9, 4)


DOUBTS = {
    "stale": Seen(workload(observed_until=NOW - 301)),
    "not read": Seen(workload(unread="503")),
    "partial": Seen(workload(coverage=0.5)),
    "doubtful": Seen(workload(doubt="its demand vanished")),
    "no forecast yet": Seen(outlook=None),
    "no opinion": Seen(outlook=outlook_of(36.0, reason="too little data")),
    "a failed model": Seen(outlook=replace(outlook_of(36.0, reason="it broke"), failed=True)),
    "frozen": Seen(more={"frozen": True}),
    "clocks differ": Seen(more={"skew": 31.0}),
    "just started": Seen(more={"settled": False}),
    "paused": Seen(workload({"ahpa.dev/paused": "true"})),
    "only watched": Seen(workload({"ahpa.dev/mode": "observe"})),
    "switched off": Seen(workload({"ahpa.dev/mode": "off"}, managed=True)),
    "given back": Seen(workload({"ahpa.dev/mode": "observe"}, managed=True)),
    "no longer asked for": Seen(workload({"ahpa.dev/manage-target": "false"})),
    "badly asked for": Seen(workload({"ahpa.dev/min": "many"})),
    "no capacity": Seen(workload(per_replica=None)),
    "its level named": Seen(workload({"ahpa.dev/quantile": "0.9"})),
    "a floor that comes later": Seen(workload(floor=1, present=1), more={"limits": Limits(raise_least=1)}),
    "a floor that its owner bounds": Seen(workload({"ahpa.dev/max": "3"}, floor=3)),
    "a floor that is not believed": Seen(workload(floor=1), outlook=replace(outlook_of(36.0), largest=3.0)),
    "an event, of which nothing was tried": Seen(
        workload({"ahpa.dev/events": "2023-11-14T22:00..2023-11-14T23:00 x1.2", "ahpa.dev/time-zone": "UTC"}, floor=9)
    ),
    "refused by the API": Seen(workload(lever=Lever(0.7, fixed="raising it was refused"))),
    "not known": Seen(workload(lever=Lever())),
    "its own is higher": Seen(workload(lever=Lever(0.95))),
    "another setting": Seen(workload(setting=Setting.fill(0.9))),
}
"""Each with all else in order."""


@pytest.mark.parametrize("why", DOUBTS)
def test_on_any_doubt_the_target_is_its_owners_in_this_very_round(why: str) -> None:
    decision = DOUBTS[why].decision()
    assert decision.utilization is None
    assert "while foreseen" not in decision.message
    back = DOUBTS[why].raised().decision()
    assert back.utilization is None
    assert back.message.endswith("; target back to its own")
    assert back.floor == decision.floor


def test_whom_we_only_watch_has_the_floor_that_its_own_target_needs() -> None:
    """Others may read it as a metric and raise the minimum, and nobody would raise the target beside it."""
    assert Seen(workload({"ahpa.dev/mode": "observe"})).decision().floor == 6
    assert Seen(workload()).decision().floor == 4


def test_of_what_is_not_ours_nothing_is_put_back() -> None:
    decision = Seen(workload(refusal="somebody else's")).raised().decision()
    assert (decision.reason, decision.utilization, decision.message) == (Reason.REFUSED, None, "somebody else's")


def test_an_owner_who_asks_in_vain_is_told_why() -> None:
    decision = Seen(workload(lever=Lever(fixed="of this kind it cannot be raised"))).decision()
    assert decision.message.endswith("; its target stays as it is: of this kind it cannot be raised")
    assert decision.floor == 6, "as many as it needs at its own 70 %"


@pytest.mark.parametrize(
    ("lever", "setting", "floor"),
    [
        (Lever(0.7), FILLED, 4),
        (Lever(0.7, raised=0.9), FILLED, 4),
        (Lever(0.7), Setting.fill(0.9), 6),
        (Lever(0.7), Setting(Rule.SLOTS, 0.9, utilization=0.9), 5),
        (Lever(0.7), Setting(Rule.CONSTANT, 0.9, 3, utilization=1.0), 3),
        (Lever(), FILLED, 6),
    ],
)
def test_a_level_is_planned_at_the_fill_that_was_chosen_with_it(lever: Lever, setting: Setting, floor: int) -> None:
    decision = Seen(workload(lever=lever, setting=setting, floor=0, ready=9, present=9)).decision()
    assert decision.plan is not None
    assert decision.plan.floor == floor


def test_a_journal_carries_it() -> None:
    seen = Seen().raised()
    observation = Observation(NOW, 60.0, (seen.workload,), {seen.workload.key: outlook_of(36.0)})
    (decision,) = step(observation)
    (row,) = entries(observation, [decision])
    entry = entry_from_json(json.loads(json.dumps(row)))
    assert entry.workload.lever == Lever(0.7, 0.9)
    assert entry.decision["utilization"] == 0.9
    assert decision_to_json(entry.replay()) == entry.decision


def test_a_journal_of_before_has_none() -> None:
    seen = Seen(workload_of())
    observation = Observation(NOW, 60.0, (seen.workload,), {seen.workload.key: outlook_of(36.0)})
    (row,) = entries(observation, step(observation))
    old = json.loads(json.dumps(row))
    del old["workload"]["lever"]
    assert "utilization" not in old["decision"]
    entry = entry_from_json(old)
    assert (entry.workload.lever, decision_to_json(entry.replay())) == (Lever(), entry.decision)
