"""What a floor follows is chosen in the service, by what would have kept its owner's late target lately."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import NoReturn

import numpy as np
import pytest

from ahpa.core.decision import Decision
from ahpa.core.observation import Observation
from ahpa.core.served import KPA, Reaction
from ahpa.core.setting import DEFAULT_SETTING, Rule
from ahpa.core.tryouts import Tryouts
from ahpa.core.units import CORES, IN_FLIGHT
from ahpa.ports import ClusterError
from ahpa.service.choose import Tried, wish
from ahpa.service.settings import Settings
from tests.core.conftest import NOW as THEN
from tests.core.conftest import outlook_of, workload_of
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import DAY, NOW, ROOT, SETTINGS, Stage, add_hpa, add_knative, staged

STRICT, LAX = "knative/shop/strict", "knative/shop/lax"
HOURS = 26
LIFE = pytest.mark.xdist_group("life")  # one of the workers lives it


def bursts(now: float) -> float:
    """15 in flight; from the seventh minute of each hour on 60 for ten minutes, not on the days of the history, so that
    "as yesterday" does not foresee them."""
    return 60.0 if now >= NOW and 7 * 60 <= now % 3600 < 17 * 60 else 15.0


def two() -> Stage:
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply", **{"late-target": "0.1%"})
    add_knative(kube, "lax", mode="apply", **{"late-target": "90%"})
    return staged(kube, FakePrometheus({"strict": bursts, "lax": bursts}), replace(SETTINGS, history_seconds=2 * DAY))


def wished(
    before: Tried | None,
    seen: Observation,
    series: Mapping[str, str],
    largest: Mapping[str, float],
    reaction: Reaction = KPA,
) -> Tried | None:
    """Where all have the same scaler."""
    return wish(before, seen, series, largest, dict.fromkeys(series, reaction), {})


def lived(at: Stage, minutes: range) -> dict[str, Decision]:
    """These minutes of a service's life, with a refit every hour."""
    decisions: dict[str, Decision] = {}
    for minute in minutes:
        if minute % 60 == 0:
            at.service.refit(NOW + 60 * minute)
        decisions = at.tick(NOW + 60 * minute)
    return decisions


@cache
def a_day_and_more() -> tuple[Mapping[str, Decision], Mapping[str, Decision], list[dict[str, object]]]:
    """The decisions before a day is on record, those at the end, and what the log said of settings that were chosen."""
    at, told = two(), list[dict[str, object]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(at.telemetry, "log", lambda event, level=20, **fields: told.append({"event": event, **fields}))
        first = lived(at, range(120))
        later = lived(at, range(120, HOURS * 60))
    return first, later, [row for row in told if row["event"] == "settings.chosen"]


@LIFE
def test_the_late_target_acts() -> None:
    """Until a day is on record the same floor, after it one that keeps 0.1 %, and one that costs less. `late-target`
    did nothing in the cluster."""
    first, later, _ = a_day_and_more()
    assert first[STRICT].floor == first[LAX].floor
    assert {decision.plan.setting for decision in first.values() if decision.plan} == {DEFAULT_SETTING}
    strict, lax = later[STRICT].plan, later[LAX].plan
    assert strict is not None
    assert lax is not None
    assert strict.setting.rule is Rule.CONSTANT, "bursts that nothing foresees need a floor that stands"
    assert strict.setting.replicas >= math.ceil(60 / 10)
    assert later[STRICT].floor > later[LAX].floor
    assert f"{strict.floor} all the time did best lately" in later[STRICT].message


@LIFE
def test_what_was_chosen_is_told_once() -> None:
    _, _, told = a_day_and_more()
    assert [row["changed"] for row in told] == [2]
    assert set(json.loads(json.dumps(told[0]["first"]))) == {STRICT, LAX}


def test_where_the_target_is_missed_the_decision_and_a_metric_say_so() -> None:
    """Nine of ten requests may be late for one owner; the other's maximum of 3 cannot keep 0.1 %."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply", max="3", **{"late-target": "0.1%"})
    add_knative(kube, "lax", mode="apply", **{"late-target": "90%"})
    at = staged(kube, FakePrometheus({"strict": bursts, "lax": bursts}), replace(SETTINGS, history_seconds=2 * DAY))
    later = lived(at, range(HOURS * 60))
    assert "days, more than the 0.1 % wanted" in later[STRICT].message
    assert "wanted" not in later[LAX].message
    for floor in ("chosen", "none"):
        assert (
            f'ahpa_setting_late_ratio{{floor="{floor}",kind="knative",name="strict",namespace="shop"}} ' in at.metrics()
        )


def test_an_owner_who_names_a_quantile_has_that_one() -> None:
    """Of forecasts that are worth something: the days before had the same bursts."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply", quantile="0.9")
    prometheus = FakePrometheus({"strict": lambda now: bursts(now + 4 * DAY)})
    at = staged(kube, prometheus, replace(SETTINGS, history_seconds=2 * DAY))
    decision = lived(at, range(HOURS * 60))[STRICT]
    assert decision.plan is not None
    assert (decision.plan.setting.rule, decision.plan.level) == (Rule.FILL, 0.9)


def test_targets_come_and_go_and_outages_teach_nothing() -> None:
    """The record of the one that stays goes on; minutes of an outage are no part of it."""
    at = two()
    lived(at, range(60))
    add_hpa(at.kube, "strict", mode="apply", demand="mine", target_per_replica="8")
    at.prometheus.down = True
    lived(at, range(61, 90))
    at.prometheus.down = False
    del at.kube.objects["/apis/serving.knative.dev/v1/namespaces/shop/services/lax"]
    lived(at, range(90, 119))
    tried = at.service._memory.tried
    assert tried is not None
    minutes = dict(zip(tried.tryouts.keys, tried.tryouts.minutes.tolist(), strict=True))
    (knative,) = (count for series, count in minutes.items() if series.startswith(STRICT))
    assert 80 <= knative <= 92
    assert not any(series.startswith(LAX) for series in minutes)


@pytest.mark.parametrize(("unit", "scale"), [(IN_FLIGHT.words, 1.0), (CORES.words, 7.0 / 4.0)])
def test_all_is_counted_in_requests_in_flight(unit: str, scale: float) -> None:
    """4 cores at 70 % are taken as ten requests that fill a replica; what is counted in requests is as it is."""
    workload = workload_of(unit=unit, utilization=0.7 if unit == IN_FLIGHT.words else 1.0)
    seen = Observation(THEN, 60.0, (workload,), {workload.key: outlook_of(8.0)})
    tried = wished(None, seen, {workload.key: "series"}, {"series": 40.0})
    assert tried is not None
    assert tried.scale.tolist() == [scale]
    assert tried.served.per_replica.tolist() == pytest.approx([4.0 * scale])
    assert tried.served.slots.tolist() == pytest.approx([4.0 * scale / 0.7])
    assert tried.served.countable.tolist() == [unit == IN_FLIGHT.words]
    assert tried.wanted[0, 0] == 2
    assert tried.tryouts.constants[0, -3:].tolist() == [10, 12, 13]


def test_a_kind_that_is_not_listed_for_a_round_keeps_its_record() -> None:
    """One 503 on listing Knative Services, and days of record were gone."""
    at = two()
    lived(at, range(70))
    at.kube.fail = lambda method, where: ClusterError(503, "away") if "serving.knative.dev" in where else None
    add_hpa(at.kube, "strict", mode="apply", demand="mine", target_per_replica="8")
    at.service.refit(NOW + 70 * 60)
    at.tick(NOW + 70 * 60)
    at.kube.fail = lambda method, where: None
    decision = at.tick(NOW + 71 * 60)[STRICT]
    assert decision.plan is not None, "what was learned of it is not forgotten either"
    tried = at.service._memory.tried
    assert tried is not None
    minutes = dict(zip(tried.tryouts.keys, tried.tryouts.minutes.tolist(), strict=True))
    assert [count for series, count in minutes.items() if series.startswith(STRICT)] >= [65]


def test_where_a_replica_serves_another_demand_it_is_another_service() -> None:
    workload = workload_of(unit=IN_FLIGHT.words)
    seen = Observation(THEN, 60.0, (workload,), {workload.key: outlook_of(8.0)})
    names = {workload.key: "series"}
    before = wished(None, seen, names, {})
    assert before is not None
    world = before.tryouts.world
    before = replace(before, tryouts=replace(before.tryouts, world=replace(world, minutes=world.minutes + 99)))
    same = wished(before, seen, names, {})
    other = wished(before, replace(seen, workloads=(replace(workload, per_replica=40.0),)), names, {})
    assert same is not None
    assert other is not None
    assert (same.tryouts.minutes.tolist(), other.tryouts.minutes.tolist()) == ([99], [0])


def test_a_floor_of_so_many_replicas_does_not_outlive_what_a_replica_serves() -> None:
    """Nine of ten requests each; their owner now says one each. Nine of those would be a tenth of the service."""
    at = two()
    decision = lived(at, range(HOURS * 60))[STRICT]
    assert decision.plan is not None
    assert decision.plan.setting.rule is Rule.CONSTANT
    at.kube.edit(f"{ROOT}/services/strict", {"metadata": {"annotations": {"ahpa.dev/target-per-replica": "1"}}})
    at.service._memory.quality.clear()  # its forecasts missed every burst of that day; here they have a say
    later = lived(at, range(HOURS * 60 + 1, HOURS * 60 + 4))[STRICT]
    assert later.plan is not None
    assert later.plan.setting == DEFAULT_SETTING
    assert later.plan.floor >= 15


def test_what_is_doubted_is_not_learned_from() -> None:
    at = two()
    lived(at, range(30))
    at.prometheus.warns = True
    lived(at, range(31, 60))
    tried = at.service._memory.tried
    assert tried is not None
    assert set(tried.tryouts.minutes.tolist()) <= {29, 30}


@pytest.mark.parametrize("settings", [replace(SETTINGS, step_seconds=15.0), replace(SETTINGS, tick_seconds=300.0)])
def test_where_a_step_is_no_minute_or_some_are_missed_nothing_is_tried(settings: Settings) -> None:
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply")
    at = staged(kube, FakePrometheus({"strict": bursts}), replace(settings, history_seconds=DAY / 4))
    lived(at, range(5))
    assert at.service._memory.tried is None


def test_a_fault_of_ours_in_choosing_costs_no_round(monkeypatch: pytest.MonkeyPatch) -> None:
    at = two()
    lived(at, range(10))

    def fails(*args: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(Tryouts, "choose", fails)
    monkeypatch.setattr(Tryouts, "seen", fails)
    assert lived(at, range(60, 62))[STRICT].plan is not None


def test_an_owners_least_holds_in_what_is_tried() -> None:
    workload = workload_of({"ahpa.dev/min": "10"}, unit=IN_FLIGHT.words)
    seen = Observation(THEN, 60.0, (workload,), {workload.key: outlook_of(8.0)})
    tried = wished(None, seen, {workload.key: "series"}, {})
    assert tried is not None
    assert tried.served.least.tolist() == [10.0]


def test_without_a_forecast_there_is_nothing_to_try() -> None:
    workload = workload_of()
    assert wished(None, Observation(THEN, 60.0, (workload,), {}), {workload.key: "series"}, {}) is None
    unknown = outlook_of(1.0, reason="too little data")
    tried = wished(None, Observation(THEN, 60.0, (workload,), {workload.key: unknown}), {workload.key: "series"}, {})
    assert tried is not None
    assert not np.asarray(tried.wanted).any()


def test_above_an_hpa_it_is_the_hpas_rule_that_is_tried() -> None:
    """A tolerance of a tenth and five minutes; a Knative Service has neither, and a `behavior` says others."""
    kube = FakeKube()
    add_knative(kube, "strict", mode="apply")
    add_hpa(kube, "plain", mode="apply", demand="mine", target_per_replica="8")
    add_hpa(kube, "own", mode="apply", demand="mine", target_per_replica="8")
    where = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/own"
    kube.edit(where, {"spec": {"behavior": {"scaleDown": {"stabilizationWindowSeconds": 0, "tolerance": "0.2"}}}})
    at = staged(kube, FakePrometheus(dict.fromkeys(("strict", "plain", "own"), bursts)), SETTINGS)
    lived(at, range(2))
    tried = at.service._memory.tried
    assert tried is not None
    rows = {key.partition(" ")[0].rpartition("/")[2]: row for row, key in enumerate(tried.tryouts.keys)}
    found = {name: (float(tried.served.tolerance[row]), int(tried.served.half[row])) for name, row in rows.items()}
    assert found == {
        "strict": (0.0, 0),
        "plain": (pytest.approx(0.1), 3),
        "own": (pytest.approx(0.2), 0),
    }


@pytest.mark.parametrize(
    ("utilization", "slots", "countable"), [(0.7, 10.0, True), (1.0, 7.0, True), (None, 10.0, False)]
)
def test_a_target_of_all_slots_is_known(utilization: float | None, slots: float, countable: bool) -> None:
    """7 at target. A KPA told to fill to 100 % has 7 slots; it was taken for 70 % of ten, and a thousandth of the
    lateness was seen."""
    workload = replace(workload_of(unit=IN_FLIGHT.words, per_replica=7.0), utilization=utilization)
    seen = Observation(THEN, 60.0, (workload,), {workload.key: outlook_of(8.0)})
    tried = wished(None, seen, {workload.key: "series"}, {})
    assert tried is not None
    assert tried.served.slots.tolist() == pytest.approx([slots])
    assert tried.served.countable.tolist() == [countable]


def test_a_replica_that_changes_little_by_little_becomes_another() -> None:
    """A hundredth a round is noticed by the sixth."""
    workload = workload_of(unit=IN_FLIGHT.words, per_replica=70.0)
    tried, names, began = None, {workload.key: "series"}, []
    for turn in range(8):
        now = replace(workload, per_replica=70.0 * 0.99**turn)
        tried = wished(tried, Observation(THEN, 60.0, (now,), {now.key: outlook_of(8.0)}), names, {})
        assert tried is not None
        began.append(bool(tried.anew))
    assert began == [False] * 6 + [True, False]
