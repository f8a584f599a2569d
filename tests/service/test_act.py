"""Who is written to, who is not, and what is shown of it."""

from __future__ import annotations

import itertools
import json
import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.knative import KnativeServices
from ahpa.core.decision import Reason
from ahpa.ports import ClusterError
from ahpa.service.act import EVENT_SECONDS, EVENTS_A_ROUND
from ahpa.targets import Target
from tests.service.stage import NOW, ROOT, SETTINGS, Stage, add_knative, never, stage


def test_observe_writes_nothing_but_says_it() -> None:
    at = stage(mode="observe")
    decision = at.tick()["knative/shop/chat"]
    assert decision.floor >= 4
    assert at.kube.writes == []
    assert [body["reason"] for _, body in at.kube.created] == [str(decision.reason), "Measured"]
    text = at.metrics()
    chat = 'kind="knative",name="chat",namespace="shop"'
    assert f"ahpa_floor_replicas{{{chat}}} {float(decision.floor)}" in text
    assert 'ahpa_forecast_coverage_ratio{kind="knative",level="0.99",name="chat",namespace="shop"} 0.97' in text


def test_what_observe_would_have_done_goes_on_from_there() -> None:
    """Its ramp and its limits count from the floor it would have set, not from the owner's minimum for ever."""
    at = stage(mode="observe")
    first = at.tick()["knative/shop/chat"].floor
    second = at.tick(NOW + 60)["knative/shop/chat"]
    assert second.previous == first


def test_a_dry_run_writes_nothing_whatever_is_asked() -> None:
    at = stage(may_write=never)
    assert at.tick()["knative/shop/chat"].apply
    assert at.kube.writes == []


def test_in_a_dry_run_the_ramp_goes_on_from_where_it_would_be() -> None:
    at = stage(may_write=never)
    first = at.tick()["knative/shop/chat"].floor
    assert at.tick(NOW + 60)["knative/shop/chat"].previous == first


def test_a_fault_of_ours_in_one_write_does_not_end_the_round_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    at = stage("chat", "other")
    write = KnativeServices.write

    def faulty(self: KnativeServices, target: Target, floors: Sequence[int]) -> None:
        if target.name == "chat":
            raise ZeroDivisionError
        write(self, target, floors)

    monkeypatch.setattr(KnativeServices, "write", faulty)
    at.tick()
    assert at.min_scale("chat") is None
    assert int(at.min_scale("other") or 0) >= 4


def test_a_refused_write_is_not_tried_again_for_a_while_and_the_pause_grows() -> None:
    at = stage("chat", "other")
    refused: list[str] = []

    def fail(method: str, where: str) -> ClusterError | None:
        if method == "PATCH" and "chat" in where:
            refused.append(where)
            return ClusterError(403, "forbidden")
        return None

    at.kube.fail = fail
    tries = []
    for minute in range(12):
        before = len(refused)
        at.tick(NOW + 60 * minute)
        tries.append(len(refused) > before)
    assert [i for i, tried in enumerate(tries) if tried] == [0, 1, 3, 7]
    assert int(at.min_scale("other") or 0) >= 4


def refusing(at: Stage, status: int, minutes: int) -> list[int]:
    """The rounds, of so many, in which a write was tried while the API answers with this status."""
    tried: list[str] = []

    def fail(method: str, where: str) -> ClusterError | None:
        if method != "PATCH":
            return None
        tried.append(where)
        return ClusterError(status, "no")

    at.kube.fail = fail
    rounds = []
    for minute in range(minutes):
        before = len(tried)
        at.tick(NOW + 60 * minute)
        if len(tried) > before:
            rounds.append(minute)
    at.kube.fail = lambda method, where: None
    return rounds


@pytest.mark.parametrize("status", [403, 404, 422])
def test_what_is_refused_for_good_is_tried_less_and_less_often(status: int) -> None:
    at = stage()
    assert refusing(at, status, 12) == [0, 1, 3, 7]
    assert [b["reason"] for _, b in at.kube.created].count("WriteRefused") >= 1


@pytest.mark.parametrize("status", [409, 429, 500, 503, 0])
def test_what_may_go_well_the_next_time_is_tried_in_the_next_round(status: int) -> None:
    at = stage()
    assert refusing(at, status, 5) == [0, 1, 2, 3, 4]
    at.tick(NOW + 300)
    assert int(at.min_scale("chat") or 0) >= 4
    assert "WriteRefused" not in [body["reason"] for _, body in at.kube.created]


def test_a_conflict_is_tried_again_in_the_next_round() -> None:
    at = stage()
    at.kube.fail = lambda method, where: ClusterError(409, "modified") if method == "PATCH" else None
    at.tick()
    at.kube.fail = lambda method, where: None
    at.tick(NOW + 60)
    assert int(at.min_scale("chat") or 0) >= 4


def test_a_pause_grows_to_an_hour_and_begins_anew_after_a_write_that_went_well() -> None:
    at = stage()
    tries = refusing(at, 403, 400)
    pauses = [b - a for a, b in itertools.pairwise(tries)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60]
    at.tick(NOW + 60 * (tries[-1] + 60))
    assert int(at.min_scale("chat") or 0) >= 1
    later = NOW + 60 * (tries[-1] + 61)
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "90"}}}, manager="ahpa")
    at.kube.fail = lambda method, where: ClusterError(403, "no") if method == "PATCH" else None
    at.tick(later)
    at.kube.fail = lambda method, where: None
    at.tick(later + 60)
    assert int(at.min_scale("chat") or 0) < 90, "the first pause is a minute again"


def test_switching_off_restores_and_the_metrics_forget_a_deleted_target() -> None:
    at = stage()
    at.tick()
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/mode": "off"}}})
    at.tick(NOW + 60)
    assert at.min_scale("chat") is None
    assert "ahpa.dev/baseline" not in at.kube.objects[f"{ROOT}/services/chat"]["metadata"]["annotations"]
    del at.kube.objects[f"{ROOT}/services/chat"]
    at.tick(NOW + 120)
    assert 'name="chat"' not in at.metrics()


def test_a_scrape_during_the_writes_sees_every_target() -> None:
    at = stage("chat", "other")
    seen: list[str] = []

    def scrape(method: str, where: str) -> None:
        if method == "PATCH":
            seen.append(at.metrics())

    at.kube.fail = scrape
    at.tick()
    assert seen
    assert all('ahpa_floor_replicas{kind="knative",name="other"' in text for text in seen)


def test_every_round_is_in_the_journal(tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    at = stage("chat", "other", journal=file)
    at.tick()
    at.tick(NOW + 60)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [(row["now"], row["workload"]["key"]) for row in rows] == [
        (now, f"knative/shop/{name}") for now in (NOW, NOW + 60) for name in ("chat", "other")
    ]


def test_the_peak_on_the_metrics_is_the_one_that_decided() -> None:
    """The window reaches from now, not from the forecast's origin, which is up to a step older."""
    at = stage(mode="observe", settings=replace(SETTINGS, tick_seconds=30))
    decision = at.tick(NOW + 59)["knative/shop/chat"]
    assert decision.plan is not None
    text = at.metrics()
    labels = f'kind="knative",level="{decision.plan.level:g}",name="chat",namespace="shop"'
    assert f"ahpa_forecast_peak{{{labels}}} {decision.plan.peak}" in text


def test_the_gate_is_asked_again_before_each_write() -> None:
    """A right to write that is lost in the middle of a round, as a lease may be, ends the writing there."""
    asked: list[float] = []

    def lost_after_the_first_write(now: float) -> bool:
        asked.append(now)
        return len(asked) <= 3  # the round's beginning, its middle, the first write

    at = stage("chat", "other", may_write=lost_after_the_first_write)
    at.tick()
    assert int(at.min_scale("chat") or 0) >= 4
    assert at.min_scale("other") is None


def test_the_first_round_after_gaining_the_right_to_write_lowers_nothing() -> None:
    """Who watched while another process wrote may be a step behind it."""
    held = [False]
    at = stage(may_write=lambda now: held[0])
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/baseline": '{"chat-00001":null}'}}})
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    night = NOW + 12 * 3600
    at.service.refit(night)
    at.tick(night)
    at.tick(night + 60)
    assert at.min_scale("chat") == "40"
    held[0] = True
    assert at.tick(night + 120)["knative/shop/chat"].reason is Reason.SETTLING
    assert at.min_scale("chat") == "40"
    at.tick(night + 180)
    assert at.min_scale("chat") == "30"


def test_all_floors_are_written_before_any_event() -> None:
    """Three hundred new services on a busy API server: one round took 127 s, and the floors came between the Events."""
    at = stage("chat", "other", "chat-b")
    order: list[str] = []

    def note(method: str, where: str) -> None:
        if method in ("PATCH", "POST"):
            order.append(method)

    at.kube.fail = note
    at.tick()
    assert {"PATCH", "POST"} == set(order)
    assert order == sorted(order)


def names_of(count: int) -> list[str]:
    return [f"chat-{i:03d}" for i in range(count)]


def test_a_round_tells_only_so_many_events_and_later_ones_the_rest() -> None:
    at = stage()
    for name in names_of(120):
        add_knative(at.kube, name, mode="apply", quantile="lots")
    at.tick()
    assert len(at.kube.created) == EVENTS_A_ROUND
    for minute in range(1, 4):
        at.tick(NOW + 60 * minute)
    told = [body["regarding"]["name"] for _, body in at.kube.created if body["reason"] == "InvalidPolicy"]
    assert sorted(told) == names_of(120)


def test_a_slow_api_server_ends_the_telling() -> None:
    at = stage(*names_of(40), mode="observe")
    clock = itertools.count(0.0, 1.0)
    slow = replace(at.service._actor, stopwatch=lambda: next(clock))
    at.service._actor = slow
    at.tick()
    assert 1 <= len(at.kube.created) <= EVENT_SECONDS + 1


def test_a_decision_is_news_where_a_floor_moves_or_the_reason_is_another(caplog: pytest.LogCaptureFixture) -> None:
    """Ten thousand settled services would else be ten thousand lines a minute."""
    at = stage("chat", "other")
    with caplog.at_level(logging.DEBUG, logger="ahpa"):
        for minute in range(12):
            at.tick(NOW + 60 * minute)
    lines = [record for record in caplog.records if record.getMessage() == "decision"]
    told: dict[str, str] = {}
    for record in lines:
        fields = record.__dict__["fields"]
        moved = fields["floor"] != fields["previous"]
        news = moved or told.get(fields["target"]) != fields["reason"]
        assert record.levelno == (logging.INFO if news else logging.DEBUG)
        told[fields["target"]] = fields["reason"]
    levels = Counter(record.levelno for record in lines)
    assert levels[logging.INFO] >= 4
    assert levels[logging.DEBUG] >= 10
