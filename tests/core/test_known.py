"""What people know, in the decision: a window's minimum is there when it begins, its maximum gives way to every
minimum, a planned event lifts the peak; and all the other guards stay.

It is Tuesday, 14 November 2023, 22:13:20 UTC. A replica takes two minutes and a round one, so what begins before
22:16:20 must be prepared now.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ahpa.core.controller import step
from ahpa.core.decision import Decision, Reason
from ahpa.core.journal import entries, entry_from_json
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.policy.values import Policy
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.served import Served
from ahpa.core.setting import Rule, Setting
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

WIDE = Limits(raise_least=10_000)
WINDOWS, EVENTS = "ahpa.dev/windows", "ahpa.dev/events"
NIGHT = "0 22 * * * .. 0 23 * * *"
"""It lasts."""
SOON, LATER = "16 22 * * * .. 0 23 * * *", "17 22 * * * .. 0 23 * * *"
"""They begin in 160 and in 220 seconds."""
HIGH: dict[str, Any] = {"floor": 20, "present": 20, "ready": 20}


def decided(workload: Workload, outlook: Outlook | None, limits: Limits = WIDE, **more: Any) -> Decision:
    """The decision, which a journal, as text, tells again word for word."""
    outlooks = {} if outlook is None else {workload.key: outlook}
    observation = Observation(NOW, 60.0, (workload,), outlooks, limits, **more)
    (decision,) = step(observation)
    (row,) = entries(observation, [decision])
    assert entry_from_json(json.loads(json.dumps(row))).replay() == decision
    return decision


def test_a_minimum_is_met_when_its_window_begins() -> None:
    """KEDA's cron raises when it begins, and the replicas are there minutes later."""
    soon, later = (decided(workload_of({WINDOWS: f"{w} min=5"}), outlook_of(4.0)) for w in (SOON, LATER))
    assert (soon.floor, soon.reason) == (5, Reason.TOO_FEW_REPLICAS)
    assert soon.message.endswith("; at least 5 by its window 22:16-23:00 UTC")
    assert later.floor == 1


@pytest.mark.parametrize(
    ("window", "peak", "why"),
    [
        (f"{NIGHT} min=5", 4.0, "; at least 5 by its window 22:00-23:00 UTC"),
        (f"{NIGHT} max=5", 40.0, "; at most 5 allowed by its window 22:00-23:00 UTC"),
        (f"{NIGHT} min=5 max=5", 20.0, "needs 5"),
    ],
)
def test_a_floor_that_stays_says_which_window_keeps_it_there(window: str, peak: float, why: str) -> None:
    decision = decided(workload_of({WINDOWS: window}, floor=5, present=5, ready=5), outlook_of(peak))
    assert decision.message.startswith("keep 5: ")
    assert decision.message.endswith(why)


def test_a_lead_in_the_annotations_is_how_far_ahead_a_window_counts() -> None:
    told = workload_of({WINDOWS: f"{LATER} min=5", "ahpa.dev/lead": "3m"})
    assert decided(told, outlook_of(4.0)).floor == 5


@pytest.mark.parametrize(("least", "floor"), [(3, 1), (5, 5)])
def test_each_replica_has_its_own_lead(least: int, floor: int) -> None:
    """Three start on warm nodes in 20 s and are not yet asked for; the fifth waits six minutes for a machine."""
    tiers = Readiness((Tier("warm", Lag.of(20, 20), 3), Tier("cold", Lag.of(360, 360))))
    told = workload_of({WINDOWS: f"18 22 * * * .. 0 23 * * * min={least}"}, readiness=tiers)
    assert decided(told, outlook_of(4.0)).floor == floor


def test_a_window_has_the_clock_of_the_service_or_its_own() -> None:
    berlin = "16 23 * * * .. 30 23 * * * min=5"
    for told in ({WINDOWS: berlin, "ahpa.dev/time-zone": "Europe/Berlin"}, {WINDOWS: f"{berlin} zone=Europe/Berlin"}):
        decision = decided(workload_of(told), outlook_of(4.0))
        assert decision.floor == 5
        assert decision.message.endswith("by its window 23:16-23:30 Europe/Berlin")
    assert decided(workload_of({WINDOWS: berlin}), outlook_of(4.0)).floor == 1


def test_the_operators_clock_holds_where_an_owner_names_none_and_a_journal_knows_it() -> None:
    annotations = {"ahpa.dev/mode": "apply", WINDOWS: "16 23 * * * .. 30 23 * * * min=5"}
    parsed = parse_policy(annotations, Policy(time_zone="Europe/Berlin"))
    assert decided(workload_of(policy=parsed), outlook_of(4.0)).floor == 5


@pytest.mark.parametrize(
    ("changes", "outlook"),
    [
        ({"observed_until": NOW - 9000}, outlook_of(4.0)),
        ({"observed_until": NOW - 9000}, None),
        ({"unread": "nobody listens"}, None),
        ({}, None),
        ({}, outlook_of(0, reason="only 9 steps were observed")),
        ({}, replace(outlook_of(0, reason="it failed"), failed=True)),
    ],
    ids=["stale", "stale, no forecast", "unread", "no forecast yet", "too little history", "the model failed"],
)
@pytest.mark.parametrize("said", [{WINDOWS: f"{SOON} min=5"}, {EVENTS: "2023-11-14T22:16..2023-11-14T23:00 min=5"}])
def test_what_is_known_holds_where_nothing_else_is(
    changes: dict[str, Any], outlook: Outlook | None, said: dict[str, str]
) -> None:
    """It is raised to without data, and nothing decays below it."""
    decision = decided(workload_of(said, **changes), outlook)
    assert decision.floor == 5
    assert ", 5 by " in decision.message
    for floor in (5, 6):
        held = decided(workload_of(said, floor=floor, present=floor, ready=floor, **changes), outlook)
        assert held.floor >= 5


def test_a_minimum_is_raised_to_no_faster_than_a_forecast_is() -> None:
    decision = decided(workload_of({WINDOWS: f"{NIGHT} min=50"}), outlook_of(4.0), Limits())
    assert (decision.floor, decision.reason) == (5, Reason.SCALE_UP_LIMITED)


@pytest.mark.parametrize(
    ("annotations", "changes", "limits", "floor"),
    [
        ({}, {}, Limits(cap=10, raise_least=10_000), 10),
        ({}, {"maximum": 7}, WIDE, 7),
        ({"ahpa.dev/max": "6"}, {}, WIDE, 6),
    ],
    ids=["the operator's cap", "the object's maximum", "the owner's maximum"],
)
def test_no_window_goes_above_what_holds_at_all_times(
    annotations: dict[str, str], changes: dict[str, Any], limits: Limits, floor: int
) -> None:
    told = workload_of({WINDOWS: f"{NIGHT} min=50 max=60", **annotations}, **changes)
    assert decided(told, outlook_of(400.0), limits).floor == floor
    assert decided(told, None, limits).floor == floor


def test_a_maximum_holds_back_a_forecast_while_its_window_lasts() -> None:
    decision = decided(workload_of({WINDOWS: f"{NIGHT} max=4"}), outlook_of(40.0))
    assert (decision.floor, decision.reason) == (4, Reason.TOO_MANY_REPLICAS)
    assert decision.message.endswith("; at most 4 allowed by its window 22:00-23:00 UTC")
    for window in (SOON, "0 20 * * * .. 13 22 * * *"):
        assert decided(workload_of({WINDOWS: f"{window} max=4"}), outlook_of(40.0)).floor == 10


def test_a_maximum_comes_down_by_the_ramp_of_a_release() -> None:
    workload, floors = workload_of({WINDOWS: f"{NIGHT} max=4"}, **HIGH), []
    while workload.floor != (floor := decided(workload, outlook_of(80.0)).floor):
        floors.append(floor)
        workload = replace(workload, floor=floor, present=floor, ready=floor)
    assert floors == [15, 11, 8, 6, 4]


@pytest.mark.parametrize(
    ("more", "reason", "why"),
    [
        ({"settled": False}, Reason.SETTLING, "this is the first round after a start"),
        ({"frozen": True}, Reason.FLEET_FROZEN, "too many services look wrong"),
        ({"skew": 40.0}, Reason.CLOCK_SKEW, "our clock is 40 s ahead of the servers'"),
    ],
)
def test_a_windows_maximum_lowers_nothing_where_nothing_may_be_lowered(
    more: dict[str, Any], reason: Reason, why: str
) -> None:
    """Whether it lasts hangs on our clock. The owner's maximum at all times is obeyed as ever."""
    told = workload_of({WINDOWS: f"{NIGHT} max=4"}, **HIGH)
    decision = decided(told, outlook_of(4.0), **more)
    assert (decision.floor, decision.reason) == (20, reason)
    assert decision.message.startswith("hold 20: at most 4 allowed by its window 22:00-23:00 UTC, but " + why)
    assert decided(replace(told, maximum=10), outlook_of(4.0), **more).floor == 10


@pytest.mark.parametrize(
    ("annotations", "changes", "floor"),
    [
        ({}, {"baseline": 6, "floor": 6, "present": 6}, 6),
        ({"ahpa.dev/min": "5"}, {}, 5),
    ],
    ids=["the object's minimum", "the owner's minimum"],
)
def test_a_windows_maximum_gives_way_to_every_minimum(
    annotations: dict[str, str], changes: dict[str, Any], floor: int
) -> None:
    told = workload_of({WINDOWS: f"{NIGHT} max=2", **annotations}, **changes)
    assert decided(told, outlook_of(80.0)).floor == floor
    assert decided(told, None).floor == floor


def test_the_next_windows_minimum_is_prepared_within_the_maximum_of_the_one_that_ends() -> None:
    """AHPA's bounds follow one another through the day: what the morning needs starts in the night's last minutes."""
    told = workload_of({WINDOWS: f"0 20 * * * .. 16 22 * * * max=2; {SOON} min=5"})
    assert decided(told, outlook_of(80.0)).floor == 5
    told = workload_of({WINDOWS: f"0 20 * * * .. 17 22 * * * max=2; {LATER} min=5"})
    assert decided(told, outlook_of(80.0)).floor == 2


@pytest.mark.parametrize(
    ("annotations", "changes", "reason"),
    [
        ({"ahpa.dev/paused": "true"}, {}, Reason.PAUSED),
        ({"ahpa.dev/mode": "off"}, {}, Reason.OFF),
        ({"ahpa.dev/quantile": "oops"}, {}, Reason.INVALID_POLICY),
        ({}, {"refusal": "another autoscaler owns it"}, Reason.REFUSED),
    ],
)
def test_no_window_moves_what_must_not_be_moved(
    annotations: dict[str, str], changes: dict[str, Any], reason: Reason
) -> None:
    told = workload_of({WINDOWS: f"{NIGHT} min=5", **annotations}, **changes)
    assert (decided(told, outlook_of(4.0)).floor, decided(told, outlook_of(4.0)).reason) == (1, reason)


EVENT = "2023-11-14T22:16..2023-11-14T23:00"


def test_a_planned_event_lifts_the_peak_a_lead_before_it_begins() -> None:
    decision = decided(workload_of({EVENTS: f"{EVENT} x3"}, unit="requests/s"), outlook_of(16.0))
    assert (decision.floor, decision.reason) == (12, Reason.PEAK_AHEAD)
    assert (
        "peak 48 requests/s (p99), x3 for a planned event until 14 Nov 2023 23:00 UTC, within 180 s needs 12 at 4 each"
        in decision.message
    )
    later = "2023-11-14T22:17..2023-11-14T23:00 x3"
    assert decided(workload_of({EVENTS: later}), outlook_of(16.0)).floor == 4


def test_a_demand_that_was_never_seen_is_believed_of_an_event() -> None:
    """Else nothing more than three times the largest ever is: a campaign of ten is what nobody has seen."""
    seen = replace(outlook_of(40.0), largest=40.0)
    assert decided(workload_of({EVENTS: f"{EVENT} x10"}), seen).floor == 100
    far = replace(outlook_of(400.0), largest=40.0)
    assert decided(workload_of({EVENTS: f"{EVENT} x0.5"}), far).floor == 30


def test_less_than_usual_counts_only_where_all_of_the_lead_has_it() -> None:
    whole = "2023-11-14T22:00..2023-11-14T23:00 x0.5"
    workload = workload_of({EVENTS: whole}, floor=10, present=10, ready=10)
    assert decided(workload, outlook_of(40.0)).floor < 10
    workload = workload_of({EVENTS: f"{EVENT} x0.5"}, floor=10, present=10, ready=10)
    assert decided(workload, outlook_of(40.0)).floor == 10


@pytest.mark.parametrize(("constant", "floor"), [(0, 12), (2, 12), (6, 18)])
def test_an_event_counts_where_a_constant_floor_did_best_lately(constant: int, floor: int) -> None:
    """What did best on usual days is lifted too, and says nothing of the peak of an event."""
    setting = Setting(Rule.CONSTANT, 0.99, constant)
    told = workload_of({EVENTS: f"{EVENT} x3"}, setting=setting)
    assert decided(told, outlook_of(16.0)).floor == floor
    assert decided(workload_of(setting=setting), outlook_of(16.0)).floor == max(1, constant)


def test_a_factor_alone_does_nothing_where_there_is_no_forecast_to_lift() -> None:
    assert decided(workload_of({EVENTS: f"{EVENT} x3"}), None).floor == 1


def test_an_event_goes_up_round_by_round_and_never_above_the_cap() -> None:
    told = workload_of({EVENTS: f"{EVENT} x100"})
    assert decided(told, outlook_of(40.0), Limits()).floor == 5
    assert decided(told, outlook_of(40.0)).floor == 100


def test_settings_are_tried_within_the_windows_of_their_own_service() -> None:
    """A neighbour without any is left as it is, also where its minimum lies above what is allowed."""
    seconds = [120.0, 120.0, 120.0]
    served = Served.of([2.0] * 3, [4.0] * 3, [1, 5, 1], [9, 3, 9], [0.25] * 3, seconds, seconds, seconds)
    within = served.within(np.array([4.0, 0.0, 20.0]), np.array([6.0, np.inf, np.inf]))
    assert (within.least.tolist(), within.most.tolist()) == ([4, 5, 9], [6, 3, 9])
