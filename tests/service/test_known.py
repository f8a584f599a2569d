"""What owners know, in the service: windows by each one's own clock, events in data and forecast, calendars."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ahpa.adapters.calendars import calendar_at
from ahpa.core.decision import Reason
from ahpa.core.journal import entry_from_json
from ahpa.core.policy.values import Policy
from ahpa.service.choose import in_event
from forecasting.fleet.calendar import Calendar
from tests.core.conftest import workload_of
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsNow, SameAsYesterday
from tests.service.stage import NOW, ROOT, SETTINGS, add_knative, staged

TODAY = f"{datetime.fromtimestamp(NOW, UTC):%Y-%m-%d}"
"""It is 09:00 UTC: 10:00 in Berlin, 18:00 in Tokyo."""


FLAT = {"up": lambda now: 4.0}


def told(**annotations: dict[str, str]) -> FakeKube:
    """A service for each name, with these annotations (under ahpa.dev/)."""
    kube = FakeKube()
    for name, said in annotations.items():
        add_knative(kube, name, mode="apply", **said)
    return kube


def test_two_services_have_windows_by_their_own_clocks(tmp_path: Path) -> None:
    """The same window: in Berlin it begins in two minutes, in Tokyo it did hours ago and is over."""
    window = {"windows": "2 10 * * * .. 0 17 * * * min=5"}
    kube = told(
        berlin={**window, "time-zone": "Europe/Berlin"}, tokyo={**window, "time-zone": "Asia/Tokyo"}, nobody=window
    )
    stage = staged(kube, FakePrometheus(FLAT), journal=tmp_path / "j.jsonl", places=calendar_at)
    stage.service.refit(NOW)
    decisions = stage.tick()
    floors = {name: decisions[f"knative/shop/{name}"].floor for name in ("berlin", "tokyo", "nobody")}
    assert floors == {"berlin": 5, "tokyo": 1, "nobody": 1}
    assert stage.min_scale("berlin") == "5"
    rows = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    assert [entry_from_json(row).replay().floor for row in rows] == [row["decision"]["floor"] for row in rows]


def test_the_operators_clock_is_that_of_whoever_names_none(tmp_path: Path) -> None:
    kube = told(chat={"windows": "2 10 * * * .. 0 17 * * * min=5"})
    settings = replace(SETTINGS, defaults=Policy(time_zone="Europe/Berlin"))
    stage = staged(kube, FakePrometheus(FLAT), settings, journal=tmp_path / "j.jsonl", places=calendar_at)
    stage.service.refit(NOW)
    assert stage.tick()["knative/shop/chat"].floor == 5
    (row,) = [json.loads(line) for line in (tmp_path / "j.jsonl").read_text().splitlines()]
    assert entry_from_json(row).replay().message == row["decision"]["message"]


def test_a_window_holds_before_anything_was_learned_and_in_an_outage() -> None:
    kube = told(chat={"windows": "* * * * * min=4"})
    stage = staged(kube, FakePrometheus(FLAT), places=calendar_at)
    stage.prometheus.down = True
    for minute in range(40):
        assert stage.tick(NOW + 60 * minute)["knative/shop/chat"].floor == 4
    assert stage.min_scale("chat") == "4"


def test_an_event_is_in_the_forecast_and_not_in_what_is_learned() -> None:
    """Today's sale: planned, it is prepared; in the midst of it, when there are three times as many, not nine times."""

    def load(now: float) -> float:
        return 60.0 if NOW + 120 <= now < NOW + 3600 else 20.0

    kube = told(sale={"events": f"{TODAY}T09:02..{TODAY}T10:00 x3"}, other={})
    stage = staged(kube, FakePrometheus({"up": load}), places=calendar_at)
    stage.service.refit(NOW)
    before = stage.tick()
    assert before["knative/shop/sale"].reason in (Reason.PEAK_AHEAD, Reason.SCALE_UP_LIMITED)
    assert "x3 for a planned event until" in before["knative/shop/sale"].message
    for minute in range(1, 30):
        during = stage.tick(NOW + 60 * minute)
    stage.service.refit(NOW + 60 * 30)
    during = stage.tick(NOW + 60 * 30)
    plan = during["knative/shop/sale"].plan
    assert plan is not None
    assert plan.peak == pytest.approx(60.0)


def test_an_event_that_is_written_down_while_it_runs_counts_once() -> None:
    """The sale is on since half past eight, and three times as many come. Its owner annotates it only now: 60 are
    foreseen before and after the refit that this wishes for, never 180. Then it is taken away: still 60."""

    def load(now: float) -> float:
        return 60.0 if NOW - 1800 <= now < NOW + 3600 else 20.0

    kube = told(sale={}, other={})
    stage = staged(kube, FakePrometheus({"up": load}), models={"fleet": SameAsNow(steps=20)}, places=calendar_at)
    stage.service.refit(NOW)
    stage.tick()
    peaks = []
    for minute, events in ((1, f"{TODAY}T08:30..{TODAY}T10:00 x3"), (2, None), (7, None), (8, "")):
        now = NOW + 60 * minute
        if events is not None:
            kube.edit(f"{ROOT}/services/sale", {"metadata": {"annotations": {"ahpa.dev/events": events or None}}})
        decision = stage.tick(now)["knative/shop/sale"]
        assert decision.plan is not None
        peaks.append(decision.plan.peak)
        if stage.service.take_wish("refit"):
            stage.service.refit(now)
    assert peaks == pytest.approx([60.0] * 4)


def test_nothing_is_learned_of_a_setting_while_there_is_an_event() -> None:
    event = {"ahpa.dev/events": f"{TODAY}T09:00..{TODAY}T09:30 x0.5"}
    minutes = {-11: False, 1: True, 29: True, 39: True, 41: False}
    found = {minute: in_event(workload_of(event), NOW + 60 * minute) for minute in minutes}
    assert found == minutes
    assert not in_event(workload_of(), NOW)


@dataclass(frozen=True)
class Listening(SameAsYesterday):
    """Writes down which calendars it is told."""

    heard: list[dict[str, Calendar | None]] = field(default_factory=list)

    def placed(self, calendars: Mapping[str, Calendar | None]) -> Listening:
        self.heard.append({key.partition(" ")[0]: calendar for key, calendar in calendars.items()})
        return self


def test_each_service_is_learned_by_the_calendar_of_its_own_place() -> None:
    """Who says nothing, or what the operator says, is no exception; the rest of a place is the operator's."""
    model = Listening()
    settings = replace(SETTINGS, defaults=Policy(time_zone="Europe/Berlin", holidays="DE"))
    kube = told(
        home={},
        same={"time-zone": "Europe/Berlin"},
        tokyo={"time-zone": "Asia/Tokyo", "holidays": "JP"},
        munich={"holidays": "DE-BY"},
    )
    stage = staged(kube, FakePrometheus(FLAT), settings, models={"fleet": model}, places=calendar_at)
    stage.service.refit(NOW)
    assert model.heard[0] == {
        "knative/shop/tokyo": calendar_at("Asia/Tokyo", "JP"),
        "knative/shop/munich": calendar_at("Europe/Berlin", "DE-BY"),
    }


def test_a_place_that_nobody_knows_is_its_owners_mistake_alone() -> None:
    kube = told(
        lost={"holidays": "DE-XX"}, saturday={"holidays": "SAT"}, nowhere={"time-zone": "Europe/Berlim"}, chat={}
    )
    stage = staged(kube, FakePrometheus(FLAT), places=calendar_at)
    stage.service.refit(NOW)
    decisions = stage.tick()
    reasons = {name: decisions[f"knative/shop/{name}"].reason for name in ("lost", "saturday", "nowhere", "chat")}
    assert reasons["lost"] is reasons["saturday"] is reasons["nowhere"] is Reason.INVALID_POLICY
    assert reasons["chat"] is not Reason.INVALID_POLICY
    assert "no holidays are known of 'DE-XX'; some that are: DE-BB, DE-BE" in decisions["knative/shop/lost"].message
    assert "did you mean Europe/Berlin?" in decisions["knative/shop/nowhere"].message
