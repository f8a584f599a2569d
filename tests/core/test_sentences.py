"""Every way to decide has its reason and its sentence, and carries the plan where there was one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.policy.rules import parse_policy
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

NEEDS_1 = "peak 4 (p99) within 180 s needs 1"
NEEDS_3 = "peak 12 (p99) within 180 s needs 3"
NEEDS_10 = "peak 40 (p99) within 180 s needs 10"
RISING = outlook_of(40.0)
LOW = outlook_of(4.0)


def with_floor(count: int, annotations: dict[str, str] | None = None, **changes: Any) -> Workload:
    noted = {f"ahpa.dev/{name}": text for name, text in (annotations or {}).items()}
    return workload_of(noted, **{"floor": count, "present": count, "ready": count, **changes})


def decided(workload: Workload, outlook: Outlook | None, **more: Any) -> Decision:
    outlooks = {} if outlook is None else {workload.key: outlook}
    limits = more.pop("limits", Limits(raise_least=10_000))
    (decision,) = step(Observation(NOW, 60.0, (workload,), outlooks, limits, **more))
    return decision


def move_of(decision: Decision) -> str:
    return f" {decision.previous} -> {decision.floor}" if decision.change else f" {decision.floor}:"


@pytest.mark.parametrize(
    ("workload", "reason", "message"),
    [
        (with_floor(20, {"mode": "off"}), Reason.OFF, "mode is off"),
        (replace(with_floor(20), policy=parse_policy({})), Reason.OFF, "nobody asked for it"),
        (with_floor(20, {"paused": "true"}), Reason.PAUSED, "paused by its owner at 20"),
        (with_floor(20, refusal="KEDA made it"), Reason.REFUSED, "KEDA made it"),
        (with_floor(20, {"mode": "observe"}, refusal="KEDA made it", managed=True), Reason.REFUSED, "KEDA made it"),
        (
            with_floor(20, {"min": "x", "replica-cost": "2"}),
            Reason.INVALID_POLICY,
            "ahpa.dev/min: 'x' is not a whole number (for example '1'); ahpa.dev/replica-cost and ahpa.dev/late-cost "
            "belong together; one is missing",
        ),
        (
            with_floor(20, per_replica=None),
            Reason.NO_CAPACITY,
            "nobody said what one replica serves; set ahpa.dev/target-per-replica",
        ),
        (with_floor(20, per_replica=None, no_capacity="a is no b"), Reason.NO_CAPACITY, "a is no b"),
    ],
)
def test_where_no_forecast_is_asked_the_floor_stays_and_the_sentence_says_why(
    workload: Workload, reason: Reason, message: str
) -> None:
    """Also a record is not put back where the object must not be written to."""
    decision = decided(workload, RISING)
    assert (decision.floor, decision.reason, decision.message) == (20, reason, message)
    assert (decision.key, decision.previous, decision.baseline, decision.restore) == (workload.key, 20, 1, False)
    assert (decision.plan, decision.model) == (None, "")


@pytest.mark.parametrize("asked", [{"ahpa.dev/mode": "off"}, {"ahpa.dev/mode": "observe"}, {}])
def test_a_restore_says_what_it_puts_back_and_why(asked: dict[str, str]) -> None:
    workload = replace(with_floor(20, managed=True, baseline=2), policy=parse_policy(asked))
    mode = asked.get("ahpa.dev/mode", "off")
    assert decided(workload, RISING) == Decision(
        workload.key,
        2,
        20,
        2,
        True,
        Reason.RESTORED,
        f"restore 20 -> 2, as its owner had it: mode is {mode}",
        restore=True,
    )


NEW = outlook_of(0, reason="it is new")
FRESH: dict[str, Any] = {"observed_until": NOW - 300}
STALE: dict[str, Any] = {"observed_until": NOW - 400}
LOST: dict[str, Any] = {"observed_until": NOW - 1000}


@pytest.mark.parametrize(
    ("workload", "outlook", "more", "reason", "message"),
    [
        (with_floor(20), None, {}, Reason.NO_FORECAST, "hold 20: no forecast was made yet"),
        (with_floor(1), None, {}, Reason.NO_FORECAST, "hold 1: no forecast was made yet"),
        (with_floor(20), NEW, {}, Reason.NO_FORECAST, "decay 20 -> 18: no forecast, because it is new"),
        (with_floor(20, **STALE), NEW, {}, Reason.NO_RECENT_DATA, "hold 20: the newest data are 400 s old"),
        (with_floor(1, **LOST), None, {}, Reason.NO_RECENT_DATA, "hold 1: the newest data are 1000 s old"),
        (with_floor(20, **STALE), None, {}, Reason.NO_RECENT_DATA, "hold 20: the newest data are 400 s old"),
        (with_floor(20, **LOST), LOW, {}, Reason.NO_RECENT_DATA, "decay 20 -> 18: the newest data are 1000 s old"),
        (with_floor(20, **FRESH), None, {}, Reason.NO_FORECAST, "hold 20: no forecast was made yet"),
        (
            with_floor(20, never="no query x", **STALE),
            None,
            {},
            Reason.NO_RECENT_DATA,
            "hold 20: never any data: no query x",
        ),
        (with_floor(20, never="no query x"), None, {}, Reason.NO_FORECAST, "hold 20: never any data: no query x"),
        (
            with_floor(20, unread="nobody listens", **STALE),
            None,
            {},
            Reason.NO_RECENT_DATA,
            "hold 20: its demand could not be read: nobody listens; the newest data are 400 s old",
        ),
        (
            with_floor(20, unread="nobody listens", never="no query x", **STALE),
            None,
            {},
            Reason.NO_RECENT_DATA,
            "hold 20: its demand could not be read: nobody listens",
        ),
        (
            with_floor(20, unread="nobody listens", observed_until=NOW - 60),
            None,
            {},
            Reason.NO_FORECAST,
            "hold 20: its demand could not be read: nobody listens",
        ),
        (
            with_floor(20, **LOST),
            None,
            {"skew": 40.0},
            Reason.CLOCK_SKEW,
            "hold 20: our clock is 40 s ahead of the servers'",
        ),
        (
            with_floor(1, {"min": "3"}),
            None,
            {},
            Reason.TOO_FEW_REPLICAS,
            "raise 1 -> 3, the owner's minimum: no forecast was made yet",
        ),
        (
            with_floor(1, {"min": "7"}),
            None,
            {"limits": Limits()},
            Reason.SCALE_UP_LIMITED,
            "raise 1 -> 5, the owner's minimum; at most 5 this round: no forecast was made yet",
        ),
        (
            with_floor(1, {"min": "3"}, **LOST),
            None,
            {"skew": -40.0},
            Reason.TOO_FEW_REPLICAS,
            "raise 1 -> 3, the owner's minimum: our clock is 40 s behind the servers'",
        ),
    ],
)
def test_without_an_opinion_the_sentence_says_what_is_missing(
    workload: Workload, outlook: Outlook | None, more: dict[str, Any], reason: Reason, message: str
) -> None:
    decision = decided(workload, outlook, **more)
    assert (decision.message, decision.reason) == (message, reason)
    assert move_of(decision) in message
    assert (decision.plan, decision.model) == (None, "")


KEPT = outlook_of(4.0, spread=4.5)
"""At the 0.9 quantile 14.36, which needs 4 replicas; half as unlikely, at 0.95, it is 17.48, which needs 5."""
ONLY_16 = replace(KEPT, largest=16 / 3)
AT_90 = {"quantile": "0.9"}
NEEDS_4 = "peak 14.36 (p90) within 180 s needs 4"
LIKELY_5 = "; 5 are still likely to be needed"


@pytest.mark.parametrize(
    ("workload", "outlook", "more", "reason", "message"),
    [
        (with_floor(1), RISING, {}, Reason.PEAK_AHEAD, f"raise 1 -> 10: {NEEDS_10}"),
        (
            with_floor(1),
            RISING,
            {"limits": Limits()},
            Reason.SCALE_UP_LIMITED,
            f"raise 1 -> 5: {NEEDS_10}; at most 5 this round",
        ),
        (
            with_floor(1),
            RISING,
            {"allowances": {"knative/shop/chat": 0}},
            Reason.SCALE_UP_LIMITED,
            f"keep 1: {NEEDS_10}; at most 1 this round for all services together",
        ),
        (
            with_floor(1, maximum=6),
            RISING,
            {},
            Reason.TOO_MANY_REPLICAS,
            f"raise 1 -> 6: {NEEDS_10}; at most 6 allowed",
        ),
        (
            with_floor(1, {"min": "12"}),
            RISING,
            {},
            Reason.TOO_FEW_REPLICAS,
            f"raise 1 -> 12: {NEEDS_10}; at least 12 wanted by its owner",
        ),
        (
            with_floor(1),
            replace(RISING, largest=8.0),
            {},
            Reason.UNSEEN_PEAK,
            f"raise 1 -> 6: {NEEDS_10}, believed up to 6, as no more than 8 was ever seen",
        ),
        (with_floor(1), replace(RISING, largest=40 / 3), {}, Reason.PEAK_AHEAD, f"raise 1 -> 10: {NEEDS_10}"),
        (with_floor(10), RISING, {}, Reason.DESIRED_WITHIN_RANGE, f"keep 10: {NEEDS_10}"),
        (with_floor(10, ready=8), RISING, {}, Reason.DESIRED_WITHIN_RANGE, f"keep 10: {NEEDS_10}"),
        (with_floor(10, coverage=0.5), RISING, {}, Reason.DESIRED_WITHIN_RANGE, f"keep 10: {NEEDS_10}"),
        (with_floor(10), replace(RISING, largest=40 / 3), {}, Reason.DESIRED_WITHIN_RANGE, f"keep 10: {NEEDS_10}"),
        (with_floor(6, maximum=6), RISING, {}, Reason.TOO_MANY_REPLICAS, f"keep 6: {NEEDS_10}"),
        (with_floor(10, maximum=10), RISING, {}, Reason.DESIRED_WITHIN_RANGE, f"keep 10: {NEEDS_10}"),
        (with_floor(12, {"min": "12"}), RISING, {}, Reason.TOO_FEW_REPLICAS, f"keep 12: {NEEDS_10}"),
        (with_floor(10, {"min": "10"}), RISING, {}, Reason.DESIRED_WITHIN_RANGE, f"keep 10: {NEEDS_10}"),
        (with_floor(5, maximum=5), outlook_of(12.0), {}, Reason.RELEASED, f"lower 5 -> 3: {NEEDS_3}"),
        (
            with_floor(20),
            LOW,
            {},
            Reason.SCALE_DOWN_STABILIZED,
            f"lower 20 -> 15: {NEEDS_1}; on the way to 1",
        ),
        (with_floor(2), LOW, {}, Reason.RELEASED, f"lower 2 -> 1: {NEEDS_1}"),
        (with_floor(2, coverage=0.9, **FRESH), LOW, {}, Reason.RELEASED, f"lower 2 -> 1: {NEEDS_1}"),
        (with_floor(2, doubted_since=NOW - 9000, **FRESH), LOW, {}, Reason.RELEASED, f"lower 2 -> 1: {NEEDS_1}"),
        (
            with_floor(3, AT_90, present=9),
            KEPT,
            {},
            Reason.STARTING_PROTECTED,
            f"raise 3 -> 5: {NEEDS_4}; 5 are asked for and still likely to be needed",
        ),
        (with_floor(3, AT_90, present=4), KEPT, {}, Reason.PEAK_AHEAD, f"raise 3 -> 4: {NEEDS_4}"),
        (with_floor(3, AT_90, present=9), ONLY_16, {}, Reason.PEAK_AHEAD, f"raise 3 -> 4: {NEEDS_4}"),
        (with_floor(5, AT_90, present=9), KEPT, {}, Reason.STARTING_PROTECTED, f"keep 5: {NEEDS_4}{LIKELY_5}"),
        (with_floor(5, AT_90), KEPT, {}, Reason.DESIRED_WITHIN_RANGE, f"keep 5: {NEEDS_4}{LIKELY_5}"),
        (with_floor(6, {**AT_90, "min": "6"}, present=9), KEPT, {}, Reason.TOO_FEW_REPLICAS, f"keep 6: {NEEDS_4}"),
        (with_floor(6, AT_90, present=9), KEPT, {}, Reason.STARTING_PROTECTED, f"lower 6 -> 5: {NEEDS_4}{LIKELY_5}"),
        (with_floor(6, AT_90), KEPT, {}, Reason.RELEASED, f"lower 6 -> 5: {NEEDS_4}{LIKELY_5}"),
        (with_floor(7, {**AT_90, "min": "6"}), KEPT, {}, Reason.RELEASED, f"lower 7 -> 6: {NEEDS_4}"),
    ],
)
def test_with_a_plan_the_sentence_says_what_is_needed_and_what_bounds_it(
    workload: Workload, outlook: Outlook, more: dict[str, Any], reason: Reason, message: str
) -> None:
    decision = decided(workload, outlook, **more)
    assert (decision.message, decision.reason, decision.model) == (message, reason, "toy")
    assert move_of(decision) in message
    assert decision.plan is not None


@pytest.mark.parametrize(
    ("workload", "more", "reason", "why"),
    [
        (with_floor(20, coverage=0.5), {}, Reason.PARTIAL_DATA, "only 50% of the last hour was observed"),
        (with_floor(20, **STALE), {}, Reason.NO_RECENT_DATA, "the newest data are 400 s old"),
        (with_floor(20, unread="no answer"), {}, Reason.NO_RECENT_DATA, "its demand could not be read: no answer"),
        (with_floor(20, doubt="it vanished"), {}, Reason.DOUBTFUL_DATA, "it vanished"),
        (
            with_floor(20),
            {"frozen": True},
            Reason.FLEET_FROZEN,
            "too many services look wrong at once, so nothing is lowered",
        ),
        (with_floor(20), {"settled": False}, Reason.SETTLING, "this is the first round after a start"),
        (with_floor(20), {"skew": 40.0}, Reason.CLOCK_SKEW, "our clock is 40 s ahead of the servers'"),
    ],
    ids=lambda value: str(value) if isinstance(value, Reason) else "",
)
def test_what_keeps_a_floor_from_falling_is_said_beside_what_is_needed(
    workload: Workload, more: dict[str, Any], reason: Reason, why: str
) -> None:
    decision = decided(workload, LOW, **more)
    assert (decision.floor, decision.reason) == (20, reason)
    assert decision.message == f"hold 20: {NEEDS_1}, but {why}"
    assert (decision.plan is not None, decision.model) == (True, "toy")


def test_a_maximum_that_was_lowered_is_said() -> None:
    decision = decided(with_floor(12, maximum=5), LOW)
    assert decision.message == "lower 12 -> 5: at most 5 allowed"
    assert decision.plan is None
