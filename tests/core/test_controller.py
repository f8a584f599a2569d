"""The decision function: each guard is tested with the others off."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.trust import frozen_tenants
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

WIDE = Limits(raise_least=10_000)


def decided(
    workload: Workload,
    outlook: Outlook | None,
    limits: Limits = WIDE,
    *,
    frozen: bool = False,
    settled: bool = True,
) -> Decision:
    outlooks = {} if outlook is None else {workload.key: outlook}
    (decision,) = step(Observation(NOW, 60.0, (workload,), outlooks, limits, settled, frozen))
    return decision


def test_a_peak_ahead_raises_the_floor_and_says_why() -> None:
    decision = decided(workload_of(), outlook_of(40.0))
    assert (decision.floor, decision.reason, decision.apply) == (10, Reason.PEAK_AHEAD, True)
    assert decision.message == "raise 1 -> 10: peak 40 (p99) within 180 s needs 10"  # as before there were units
    spoken = decided(workload_of(unit="requests/s", assumed=("lag assumed", "so is b")), outlook_of(40.0))
    assert spoken.message.endswith("peak 40 requests/s (p99) within 180 s needs 10 at 4 each (lag assumed; so is b)")


def test_observe_says_the_same_and_applies_nothing() -> None:
    decision = decided(workload_of({"ahpa.dev/mode": "observe"}), outlook_of(40.0))
    assert (decision.floor, decision.apply) == (10, False)


@pytest.mark.parametrize(
    ("changes", "annotations", "floor", "reason"),
    [
        ({"maximum": 6}, {}, 6, Reason.TOO_MANY_REPLICAS),
        ({}, {"max": "5"}, 5, Reason.TOO_MANY_REPLICAS),
        ({"baseline": 15, "floor": 15}, {}, 15, Reason.TOO_FEW_REPLICAS),
        ({}, {"min": "12"}, 12, Reason.TOO_FEW_REPLICAS),
        ({"baseline": 200, "floor": 200, "present": 200, "ready": 200}, {}, 200, Reason.TOO_FEW_REPLICAS),
    ],
    ids=["owner's max", "annotation max", "baseline", "annotation min", "baseline above our cap"],
)
def test_the_owners_bounds_win(
    changes: dict[str, Any], annotations: dict[str, str], floor: int, reason: Reason
) -> None:
    workload = workload_of({f"ahpa.dev/{k}": v for k, v in annotations.items()}, **changes)
    decision = decided(workload, outlook_of(40.0))
    assert (decision.floor, decision.reason) == (floor, reason)


@pytest.mark.parametrize("doubt", [{}, {"observed_until": NOW - 400}, {"coverage": 0.1}])
def test_a_maximum_that_the_owner_lowered_wins_over_every_doubt(doubt: dict[str, Any]) -> None:
    for bound, noted in (({"maximum": 5}, {}), ({}, {"ahpa.dev/max": "5"})):
        workload = workload_of(noted, **bound, floor=12, present=12, ready=12, **doubt)
        decision = decided(workload, None, frozen=True, settled=False)
        assert (decision.floor, decision.reason) == (5, Reason.TOO_MANY_REPLICAS)


def test_a_cap_that_the_operator_lowered_is_reached_by_the_ramp_of_a_release() -> None:
    """It is the whole fleet's: an owner asked for less at once, an operator for less in all."""
    workload, floors = workload_of({"ahpa.dev/release": "50%"}, floor=13, present=13, ready=13), []
    while workload.floor > 5:
        decision = decided(workload, None, Limits(cap=5), frozen=True, settled=False)
        workload = replace(workload, floor=decision.floor)
        floors.append(decision.floor)
    assert floors == [6, 5]


def test_our_cap_stands_where_the_owner_gave_none() -> None:
    decision = decided(workload_of(), outlook_of(4e6), Limits(cap=30, raise_least=10_000))
    assert (decision.floor, decision.reason) == (30, Reason.TOO_MANY_REPLICAS)


def test_a_raise_is_limited_per_round_by_what_is_present() -> None:
    limits = Limits(raise_ratio=1.0, raise_least=4)
    assert decided(workload_of(), outlook_of(400.0), limits).floor == 5
    assert decided(workload_of(present=20, ready=20), outlook_of(400.0), limits).floor == 40
    assert decided(workload_of(), outlook_of(400.0), limits).reason is Reason.SCALE_UP_LIMITED


def test_a_release_is_a_ramp() -> None:
    workload = workload_of({"ahpa.dev/release": "25%"}, floor=20, present=20, ready=20)
    decision = decided(workload, outlook_of(4.0))
    assert (decision.floor, decision.reason) == (15, Reason.SCALE_DOWN_STABILIZED)
    last = decided(replace(workload, floor=2, present=2, ready=2), outlook_of(4.0))
    assert (last.floor, last.reason) == (1, Reason.RELEASED)


HIGH: dict[str, Any] = {"floor": 20, "present": 20, "ready": 20}


@pytest.mark.parametrize(
    ("workload", "outlook", "more", "reason"),
    [
        (workload_of(observed_until=NOW - 400, **HIGH), outlook_of(4.0), {}, Reason.NO_RECENT_DATA),
        (workload_of(coverage=0.5, **HIGH), outlook_of(4.0), {}, Reason.PARTIAL_DATA),
        (workload_of(**HIGH), outlook_of(4.0), {"frozen": True}, Reason.FLEET_FROZEN),
        (workload_of(**HIGH), outlook_of(4.0), {"settled": False}, Reason.SETTLING),
        (workload_of({"ahpa.dev/paused": "true"}, **HIGH), outlook_of(4.0), {}, Reason.PAUSED),
        (workload_of({"ahpa.dev/min": "x"}, **HIGH), outlook_of(4.0), {}, Reason.INVALID_POLICY),
        (workload_of(refusal="KEDA made it", **HIGH), outlook_of(4.0), {}, Reason.REFUSED),
        (workload_of(per_replica=None, **HIGH), outlook_of(4.0), {}, Reason.NO_CAPACITY),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_each_doubt_alone_keeps_the_floor_from_falling(
    workload: Workload, outlook: Outlook | None, more: dict[str, bool], reason: Reason
) -> None:
    decision = decided(workload, outlook, frozen=more.get("frozen", False), settled=more.get("settled", True))
    assert (decision.floor, decision.reason) == (20, reason)


@pytest.mark.parametrize(
    "doubt",
    [{"observed_until": NOW - 400}, {"coverage": 0.5}],
    ids=["stale", "partial"],
)
def test_untrusted_data_may_raise(doubt: dict[str, Any]) -> None:
    assert decided(workload_of(**doubt), outlook_of(40.0)).floor == 10


@pytest.mark.parametrize(
    ("workload", "outlook"),
    [
        (workload_of(observed_until=NOW - 1000, **HIGH), outlook_of(4.0)),
        (workload_of(observed_until=-math.inf, **HIGH), None),
        (workload_of(observed_until=NOW - 1000, **HIGH), None),
        (workload_of(**HIGH), outlook_of(0, reason="only 3 steps observed")),
    ],
    ids=["data lost for long", "never any data", "no forecast for long", "the model has no opinion"],
)
def test_without_an_opinion_the_floor_decays_slowly_to_the_baseline(
    workload: Workload, outlook: Outlook | None
) -> None:
    floors = []
    while workload.floor > workload.baseline:
        decision = decided(workload, outlook)
        assert decision.floor < workload.floor <= decision.floor + max(1, math.ceil(0.1 * workload.floor))
        assert decision.reason in (Reason.NO_RECENT_DATA, Reason.NO_FORECAST)
        workload = replace(workload, floor=decision.floor)
        floors.append(decision.floor)
    assert floors[-1] == workload.baseline
    assert decided(workload, outlook).floor == workload.baseline


@pytest.mark.parametrize("age", [0, 400, 899])
def test_no_forecast_yet_holds_as_long_as_stale_data_do(age: float) -> None:
    """After a restart into an outage of Prometheus there is no forecast and no memory: the floor must stand."""
    assert decided(workload_of(observed_until=NOW - age, **HIGH), None).floor == 20


@pytest.mark.parametrize("since", [None, NOW - 60, NOW - 90_000])
def test_fresh_data_without_a_forecast_are_a_failure_of_ours_and_lower_nothing(since: float | None) -> None:
    """Whoever keeps count of the hold, and however long there has been no forecast."""
    decision = decided(workload_of(doubted_since=since, **HIGH), None)
    assert (decision.floor, decision.reason) == (20, Reason.NO_FORECAST)
    unread = decided(workload_of(doubted_since=NOW - 90_000, unread="nobody listens", **HIGH), None)
    assert unread.floor == 18, "where the data are lost too, the hold ends"


def test_no_opinion_does_not_decay_in_a_frozen_fleet_or_an_unsettled_round() -> None:
    workload = workload_of(observed_until=NOW - 1000, **HIGH)
    assert decided(workload, None).floor == 18
    assert decided(workload, None, frozen=True).floor == 20
    assert decided(workload, None, settled=False).floor == 20


def test_a_reason_reaches_the_person() -> None:
    decision = decided(workload_of(**HIGH), outlook_of(0, reason="only 3 steps observed"))
    assert "no forecast, because only 3 steps observed" in decision.message


@pytest.mark.parametrize("annotations", [{"ahpa.dev/mode": "off"}, {"ahpa.dev/mode": "observe"}])
def test_leaving_apply_restores_the_baseline_at_once(annotations: dict[str, str]) -> None:
    decision = decided(workload_of(annotations, managed=True, **HIGH), outlook_of(400.0))
    assert (decision.floor, decision.restore, decision.apply) == (1, True, True)


def test_removing_the_annotation_restores_too() -> None:
    from ahpa.core.policy.rules import parse_policy

    workload = replace(workload_of(managed=True, **HIGH), policy=parse_policy({}))
    assert decided(workload, outlook_of(400.0)).restore


@pytest.mark.parametrize("spoiled", [{"ahpa.dev/min": "x"}, {"ahpa.dev/quantile": "5"}, {}])
def test_a_bad_annotation_or_a_refusal_does_not_keep_an_owner_from_switching_off(spoiled: Any) -> None:
    workload = workload_of({"ahpa.dev/mode": "off", **spoiled}, managed=True, refusal="another made it", **HIGH)
    assert decided(workload, outlook_of(400.0)).restore


def test_a_mode_that_cannot_be_read_restores_nothing() -> None:
    workload = workload_of({"ahpa.dev/mode": "of"}, managed=True, **HIGH)
    assert decided(workload, outlook_of(400.0)).reason is Reason.INVALID_POLICY


def test_off_without_a_record_does_nothing() -> None:
    decision = decided(workload_of({"ahpa.dev/mode": "off"}, **HIGH), outlook_of(400.0))
    assert (decision.floor, decision.restore, decision.apply, decision.reason) == (20, False, False, Reason.OFF)


def observation_of(*workloads: Workload, settled: bool = True) -> Observation:
    return Observation(NOW, 60.0, workloads, {}, Limits(), settled)


@pytest.mark.parametrize(
    ("sick", "well", "frozen"),
    [(5, 10, True), (4, 0, False), (5, 12, False), (0, 20, False)],
    ids=["a third", "too few to say", "less than 30 %", "none"],
)
def test_many_sick_services_at_once_freeze_the_fleet(sick: int, well: int, frozen: bool) -> None:
    rows = [workload_of(key=f"knative/a/s{i}", observed_until=NOW - 400) for i in range(sick)]
    rows += [workload_of(key=f"knative/a/w{i}") for i in range(well)]
    observation = replace(observation_of(*rows), outlooks={w.key: outlook_of(1.0) for w in rows})
    assert bool(frozen_tenants(observation)) is frozen


@pytest.mark.parametrize("known", [True, False])
def test_what_is_known_of_the_whole_fleet_counts_before_what_these_workloads_show(known: bool) -> None:
    """A shard, or one service that is played by itself, does not see the others."""
    rows = [workload_of(key=f"knative/a/{i}", observed_until=NOW - 400 * (not known)) for i in range(9)]
    observation = replace(observation_of(*rows), outlooks={w.key: outlook_of(1.0) for w in rows}, frozen=known)
    assert bool(frozen_tenants(observation)) is known
    assert bool(frozen_tenants(replace(observation, frozen=None))) is not known


def test_there_is_one_decision_for_each_in_order() -> None:
    rows = [workload_of(key=f"knative/a/{i}", floor=i + 1) for i in range(3)]
    assert [d.key for d in step(observation_of(*rows))] == [w.key for w in rows]


workloads = st.builds(
    workload_of,
    annotations=st.sampled_from([{}, {"ahpa.dev/min": "2"}, {"ahpa.dev/max": "7"}, {"ahpa.dev/release": "90%"}]),
    baseline=st.integers(0, 12),
    floor=st.integers(0, 60),
    ready=st.integers(0, 60),
    present=st.integers(0, 90),
    maximum=st.none() | st.integers(1, 40),
    coverage=st.floats(0, 1),
    observed_until=st.floats(NOW - 3000, NOW) | st.just(-math.inf),
)
outlooks = (
    st.none()
    | st.builds(outlook_of, peak=st.floats(0, 500), spread=st.floats(0, 20))
    | st.just(outlook_of(0, reason="why not"))
)


@given(workloads, outlooks, st.booleans(), st.booleans())
def test_every_decision_respects_the_owner(
    workload: Workload, outlook: Outlook | None, frozen: bool, settled: bool
) -> None:
    """I1: a change never goes below the baseline. I2: nor above the owner's maximum or our cap, unless the
    baseline itself is. I3: a doubt never lowers beyond the slow decay. The sentence is never empty."""
    limits = Limits(cap=50)
    decision = decided(workload, outlook, limits, frozen=frozen, settled=settled)
    assert decision.message
    if decision.change > 0:
        high = min(x for x in (50, workload.maximum, workload.policy.policy.max) if x is not None)
        assert decision.floor <= max(high, workload.baseline, workload.policy.policy.min or 0)
    if decision.change < 0:
        assert decision.floor >= workload.baseline
        if decision.reason is Reason.TOO_MANY_REPLICAS:
            return  # down to a maximum that was lowered; doubts do not count
        assert not frozen
        assert settled
        fresh = NOW - workload.observed_until <= limits.stale_seconds and workload.coverage >= limits.coverage
        gentle = max(1, math.ceil(0.1 * workload.floor))
        assert fresh or -decision.change <= gentle


@given(workloads, outlooks)
def test_deciding_twice_on_the_same_input_gives_the_same_and_following_it_settles(
    workload: Workload, outlook: Outlook | None
) -> None:
    first = decided(workload, outlook)
    assert decided(workload, outlook) == first
    for _ in range(200):
        workload = replace(workload, floor=decided(workload, outlook).floor)
    assert decided(workload, outlook).change == 0
