"""A service whose traffic moves from one Revision to another: nobody is short of replicas on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.capacity import Part
from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.rollout import Rollout, step_down
from ahpa.core.setting import Rule, Setting
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

OLD = Part("chat-00001", 1.0, 4.0, floor=13, ready=13)
COMING = Part("chat-00002", 1.0, 4.0, ready=1, coming_until=NOW + 300)
"""A new Revision that is to take all of the traffic, as Knative's default has it."""


def service(*parts: Part, annotations: dict[str, str] | None = None) -> Workload:
    """One whose floor is that of its parts."""
    floor, ready = (sum(counts) for counts in zip(*((part.floor, part.ready) for part in parts), strict=True))
    given = {"baseline": sum(part.least for part in parts), "unit": "requests in flight", "parts": parts}
    return workload_of(annotations, floor=floor, ready=ready, present=max(floor, ready), **given)


def decide(workload: Workload, outlook: Outlook, limits: Limits = Limits()) -> Decision:
    (decision,) = step(Observation(NOW, 60.0, (workload,), {workload.key: outlook}, limits))
    return decision


def test_the_coming_revision_has_its_share_before_its_traffic() -> None:
    """50 in flight need 13: the old keeps them while it serves, the new has 13 too before it takes the traffic. It had
    3 when it took it, and the floor came 9 s later."""
    decision = decide(service(OLD, COMING), outlook_of(50.0))
    assert decision.floors == (13, 13)
    assert decision.reason is Reason.TRAFFIC_MOVES
    assert decision.message == (
        "raise 13 -> 26: peak 50 requests in flight (p99) within 180 s needs 26: "
        "chat-00001 13 (100 % at 4 each), chat-00002 13 (100 % to come at 4 each)"
    )


@pytest.mark.parametrize(("percent", "floors"), [(10, (13, 2)), (50, (13, 7)), (100, (13, 13))])
def test_whatever_the_split_the_coming_one_has_its_part(percent: int, floors: tuple[int, ...]) -> None:
    """The Service's spec says what it is to have; until it has it, the old one serves all."""
    assert decide(service(OLD, replace(COMING, share=percent / 100)), outlook_of(50.0)).floors == floors


def test_a_constant_floor_is_one_for_each_of_them() -> None:
    """It did not move with the forecast; neither may a rollout halve it."""
    setting = Setting(Rule.CONSTANT, 0.99, 13)
    decision = decide(replace(service(OLD, COMING), setting=setting), outlook_of(1.0))
    assert decision.floors == (13, 13)
    assert decision.message.startswith("raise 13 -> 26: 26 all the time did best lately; peak 1 requests in flight")


def test_once_the_traffic_is_there_only_the_new_one_is_planned_for() -> None:
    """The old one is no part of the service any more (its own minimum is put back by the actuator)."""
    decision = decide(workload_of(baseline=0, floor=13, ready=13, present=13), outlook_of(50.0))
    assert (decision.floors, decision.reason) == ((13,), Reason.DESIRED_WITHIN_RANGE)


def test_a_revision_that_traffic_leaves_is_lowered_by_the_ramp() -> None:
    """18 and 2 at 90 and 10 %, then halves: the second has its 10 at once, the first loses a tenth a round. It lost 8
    of its 18 at once, past ramp and guards, as only the sum was ramped."""
    parts = (Part("a", 0.5, 1.0, floor=18, ready=18), Part("b", 0.5, 1.0, floor=2, ready=2))
    floors, said = [], []
    for _ in range(8):
        decision = decide(service(*parts, annotations={"ahpa.dev/release": "0.1"}), outlook_of(20.0))
        floors.append(decision.floors)
        said.append(decision.message)
        parts = (replace(parts[0], floor=decision.floors[0]), replace(parts[1], floor=decision.floors[1]))
    assert floors[:4] == [(16, 10), (14, 10), (12, 10), (10, 10)]
    assert floors[4:] == 4 * [(10, 10)]
    assert said[0] == (
        "raise 20 -> 26: peak 20 requests in flight (p99) within 180 s needs 20: a 10 (50 % at 1 each), "
        "b 10 (50 % at 1 each); 6 more stay where traffic was"
    )
    assert said[1].startswith("lower 26 -> 24: ")
    assert said[1].endswith("; 4 more stay where traffic was; on the way to 20")
    assert said[4].startswith("keep 20: ")


@pytest.mark.parametrize(
    "doubtful",
    [
        lambda at: replace(at, coverage=0.2),
        lambda at: replace(at, doubt="who knows"),
        lambda at: replace(at, unread="no answer"),
        lambda at: replace(at, observed_until=NOW - 400),
    ],
)
def test_a_revision_that_traffic_leaves_keeps_its_floor_on_a_doubt(doubtful: Callable[[Workload], Workload]) -> None:
    parts = (Part("a", 0.5, 1.0, floor=18, ready=18), Part("b", 0.5, 1.0, floor=2, ready=2))
    decision = decide(doubtful(service(*parts)), outlook_of(20.0))
    assert decision.floors[0] == 18
    assert decision.floors[1] >= 2


def test_the_ramp_is_that_of_each_part_and_not_of_their_sum() -> None:
    """Of four with two replicas each every one may lose its one; a quarter of all eight would be two."""
    parts = tuple(Part(f"r{i}", 0.25, 1.0, floor=2, ready=2) for i in range(4))
    decision = decide(service(*parts), outlook_of(4.0))
    assert (decision.floors, decision.reason) == ((1, 1, 1, 1), Reason.RELEASED)


def test_each_part_is_released_by_what_its_owner_asked_for() -> None:
    parts = (Part("a", 0.1, 1.0, floor=20, ready=20), Part("b", 0.9, 1.0, floor=20, ready=20))
    assert decide(service(*parts), outlook_of(5.0)).floors == (15, 15)


@pytest.mark.parametrize(("frozen", "floors"), [(True, (18, 6)), (False, (16, 8))])
def test_a_rollout_that_the_budget_cuts_lowers_no_part_in_a_frozen_fleet(frozen: bool, floors: tuple[int, ...]) -> None:
    parts = (Part("a", 0.5, 1.0, floor=18, ready=18), Part("b", 0.5, 1.0, floor=2, ready=2))
    workload = service(*parts, annotations={"ahpa.dev/release": "0.1"})
    seen = {workload.key: outlook_of(20.0)}
    (decision,) = step(Observation(NOW, 60.0, (workload,), seen, Limits(budget=4), frozen=frozen))
    assert (decision.floors, decision.reason) == (floors, Reason.SCALE_UP_LIMITED)


@pytest.mark.parametrize(
    ("limits", "annotations", "floors"),
    [
        (Limits(), {}, (13, 13)),
        (Limits(raise_ratio=0.0, raise_least=4), {}, (13, 5)),
        (Limits(), {"ahpa.dev/max": "16"}, (13, 3)),
        (Limits(cap=20), {}, (13, 7)),
    ],
    ids=["as much as is held", "as far as a round may go", "the owner's maximum", "our cap"],
)
def test_while_a_floor_is_held_the_coming_one_is_prepared_within_the_same_limits(
    limits: Limits, annotations: dict[str, str], floors: tuple[int, ...]
) -> None:
    lost = replace(service(OLD, COMING, annotations=annotations), observed_until=NOW - 400)
    (decision,) = step(Observation(NOW, 60.0, (lost,), {}, limits))
    assert (decision.floors, decision.floor) == (floors, sum(floors))
    assert decision.reason is Reason.TRAFFIC_MOVES
    assert decision.message == f"raise 13 -> {sum(floors)}: the newest data are 400 s old"


def test_those_that_did_not_come_in_time_are_named_beside_what_weighs_more() -> None:
    """A ramp or lost data come first as the reason; where all is quiet it is that traffic moves."""
    late = [Part(name, 1.0, 4.0, floor=5, ready=1, coming_until=NOW - 1) for name in ("x", "y")]
    quiet = decide(service(OLD, *late), outlook_of(50.0))
    assert (quiet.floors, quiet.reason) == ((13, 1, 1), Reason.TRAFFIC_MOVES)
    assert quiet.message.startswith("lower 23 -> 15: peak 50 ")
    assert quiet.message.endswith("; x, y did not come in time and has only what is ready of it")
    ramp = decide(service(replace(OLD, floor=20), *late), outlook_of(50.0))
    assert (ramp.floors, ramp.reason) == ((15, 1, 1), Reason.SCALE_DOWN_STABILIZED)
    lost = replace(service(OLD, *late), observed_until=NOW - 400)
    (held,) = step(Observation(NOW, 60.0, (lost,), {}))
    assert (held.floors, held.reason) == ((13, 1, 1), Reason.NO_RECENT_DATA)


def test_where_both_are_more_than_is_allowed_those_with_traffic_come_first() -> None:
    """An owner's 16 for a service that needs 13: the old Revision is not starved for one that serves nobody yet."""
    decision = decide(service(OLD, COMING, annotations={"ahpa.dev/max": "16"}), outlook_of(50.0))
    assert (decision.floors, decision.reason) == ((13, 3), Reason.TOO_MANY_REPLICAS)
    assert decision.message.endswith("; at most 16 allowed")


def test_a_maximum_lowered_in_a_rollout_is_obeyed_at_the_cost_of_the_coming_one() -> None:
    parts = (OLD, replace(COMING, floor=13))
    decision = decide(service(*parts, annotations={"ahpa.dev/max": "16"}), outlook_of(50.0))
    assert decision.floors == (13, 3)


def test_a_rollout_is_raised_no_faster_than_anything_else() -> None:
    decision = decide(service(OLD, COMING), outlook_of(50.0), Limits(raise_ratio=0.0, raise_least=4))
    assert (decision.floors, decision.reason) == ((13, 5), Reason.SCALE_UP_LIMITED)


@pytest.mark.parametrize("coverage", [1.0, 0.2])
def test_a_revision_that_did_not_come_in_time_is_given_up_for_what_is_ready(coverage: float) -> None:
    """A cluster with room for 15: the new one waits for 13 and has 2, and Knative would fail it after ten minutes. With
    2 it becomes ready, takes the traffic, and is then given what can be had. It serves nobody: no ramp, no doubt."""
    late = replace(COMING, floor=13, ready=2, coming_until=NOW - 1)
    decision = decide(replace(service(OLD, late), coverage=coverage), outlook_of(50.0))
    assert decision.floors == (13, 2)
    assert (decision.previous, decision.floor) == (26, 15)
    assert decision.message.startswith("lower 26 -> 15: ")
    assert decision.message.endswith("; chat-00002 did not come in time and has only what is ready of it")
    assert decision.reason is Reason.TRAFFIC_MOVES, "its owner should know that a rollout runs short"


def test_a_rollout_in_an_outage_does_not_lose_the_floor() -> None:
    """No data, no model: the floor is held, for the one that comes too. It was all held for the old one, and gone with
    its traffic: 20 became 0 on no data at all."""
    old, coming = replace(OLD, floor=20, ready=20), replace(COMING, per_replica=8.0)
    blind = replace(service(old, coming), observed_until=NOW - 400, unread="no answer", doubted_since=NOW - 300)
    decision = decide(blind, outlook_of(50.0, reason="too little data"))
    assert decision.floors == (20, 10)
    assert decision.message.startswith("raise 20 -> 30: ")
    assert "no answer" in decision.message
    held = decide(
        replace(blind, parts=(old, replace(coming, floor=10)), floor=30), outlook_of(50.0, reason="too little")
    )
    assert (held.floors, held.change) == ((20, 10), 0)


def test_what_comes_loses_nothing_to_a_raise_of_the_others() -> None:
    """The old one needs 21 at once, and a round allows only eight more; the new one has ten that are starting."""
    old, coming = Part("a", 1.0, 1.0, floor=2, ready=2), Part("b", 0.1, 1.0, floor=10, coming_until=NOW + 300)
    decision = decide(
        replace(service(old, coming), coverage=0.5), outlook_of(80.0), Limits(raise_ratio=0.0, raise_least=8)
    )
    assert decision.floors == (10, 10)


@pytest.mark.parametrize(("until", "floors"), [(NOW, (13, 13)), (NOW - 1, (13, 2))])
def test_one_that_is_to_come_is_in_time_until_the_very_moment(until: float, floors: tuple[int, ...]) -> None:
    coming = replace(COMING, floor=13, ready=2, coming_until=until)
    assert decide(service(OLD, coming), outlook_of(50.0)).floors == floors


def test_without_data_a_floor_decays_part_by_part() -> None:
    """The sum decays by a tenth; no part by more, though traffic has left it."""
    parts = (Part("a", 0.1, 1.0, floor=20, ready=20), Part("b", 0.9, 1.0, floor=20, ready=20))
    lost = replace(service(*parts), observed_until=NOW - 5000, doubted_since=NOW - 4000)
    assert decide(lost, outlook_of(20.0)).floors == (18, 18)


def test_a_floor_that_is_held_is_held_part_by_part() -> None:
    parts = (Part("a", 0.1, 1.0, floor=20, ready=20), Part("b", 0.9, 1.0, floor=20, ready=20))
    lost = replace(service(*parts), observed_until=NOW - 400)
    (decision,) = step(Observation(NOW, 60.0, (lost,), {}))
    assert (decision.floors, decision.reason) == ((20, 20), Reason.NO_RECENT_DATA)


@st.composite
def rollouts(draw: st.DrawFn) -> tuple[Part, ...]:
    """Two to four Revisions in any phase of a rollout, within bounds that hold."""
    parts = []
    for i in range(draw(st.integers(2, 4))):
        least = draw(st.integers(0, 3))
        most = draw(st.none() | st.integers(20, 60))
        until = draw(st.sampled_from([None, None, NOW + 100, NOW - 100]))
        floor = draw(st.integers(least, 20))
        share, capacity = draw(st.floats(0.01, 1.0)), draw(st.floats(0.5, 50.0))
        parts.append(Part(f"r{i}", share, capacity, least, most, floor, draw(st.integers(0, 20)), until))
    return tuple(parts)


@given(rollouts(), st.floats(0, 200), st.booleans(), st.integers(10, 120))
def test_no_revision_with_traffic_falls_faster_than_the_ramp_nor_on_a_doubt(
    parts: tuple[Part, ...], peak: float, doubtful: bool, cap: int
) -> None:
    """And what is said of the floor is what its parts add up to, and within its bounds."""
    workload = replace(service(*parts), coverage=0.2 if doubtful else 1.0)
    decision = decide(workload, outlook_of(peak), Limits(cap=cap))
    assert sum(decision.floors) == decision.floor
    if workload.floor > cap:
        return  # what its owner or operator took away is obeyed
    assert decision.floor <= cap
    release = workload.policy.policy.release
    for part, floor in zip(parts, decision.floors, strict=True):
        assert part.bounded(floor) == floor
        if part.coming_until is None:
            assert floor >= (part.floor if doubtful else step_down(part.floor, release))


def test_where_there_is_just_enough_for_what_each_holds_each_keeps_it() -> None:
    parts = (Part("a", 1.0, 1.0, floor=2), Part("b", 1.0, 1.0, floor=10, coming_until=NOW + 300))
    assert Rollout.at(NOW, parts, None).split(12, 180) == (2, 10)


@given(rollouts(), st.integers(0, 60))
def test_where_there_is_enough_each_has_what_it_claims(parts: tuple[Part, ...], needed: int) -> None:
    rollout = Rollout.at(NOW, parts, 0.1)
    claims = rollout.claims(needed)
    assert rollout.split(sum(claims), needed) == claims
