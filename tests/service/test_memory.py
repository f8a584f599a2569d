"""What a restart loses, as memory.py says: no more, and never at the price of a floor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.starts import Start, StartLog
from ahpa.service.memory import Memory
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, ROOT, SETTINGS, add_knative, morning, stage, staged


def test_a_restart_loses_the_floors_that_nobody_wrote_and_no_others() -> None:
    at = stage("chat", mode="observe")
    thought = at.tick()["knative/shop/chat"].floor
    again = staged(at.kube, at.prometheus)
    again.service.refit(NOW + 60)
    assert thought > 0
    assert again.tick(NOW + 60)["knative/shop/chat"].previous == 0
    wrote = stage("chat")
    floor = wrote.tick()["knative/shop/chat"].floor
    again = staged(wrote.kube, wrote.prometheus)
    again.service.refit(NOW + 60)
    assert again.tick(NOW + 60)["knative/shop/chat"].previous == floor


def test_who_is_gone_is_forgotten_and_who_was_only_not_seen_is_not() -> None:
    memory = Memory(would_be={"knative/a/x": 3, "hpa/a/y": 4, "hpa/a/z": 5})
    memory.forget_all_but({"hpa/a/y"}, {"knative"})
    assert memory.would_be == {"knative/a/x": 3, "hpa/a/y": 4}


def test_what_was_seen_stays_seen_and_the_patience_with_silence_begins_with_our_looking() -> None:
    memory = Memory()
    assert memory.observed("a", float("-inf"), 100.0) == 100.0
    assert memory.observed("a", float("-inf"), 160.0) == 100.0
    assert memory.observed("a", 150.0, 220.0) == 150.0
    assert memory.observed("a", float("-inf"), 280.0) == 150.0


def test_the_operators_tiers_are_learned_each_by_itself() -> None:
    tiers = Readiness((Tier("warm", Lag.of(20, 30), 3, "warm-*"), Tier("new", Lag.of(300, 400))))
    at = stage(settings=replace(SETTINGS, readiness=tiers))
    at.tick()
    (shown,) = at.service.shown.rounds
    assert [lead for lead, _ in shown.workload.readiness.leads(0.9)] == [3, None]
    warm = StartLog().seen([Start(str(i), 0, ready=60, where="warm-1") for i in range(20)], 100)
    learned = warm.readiness(tiers)
    assert learned.tiers[0].lag.quantile(0.5) == pytest.approx(60, rel=0.2)
    assert learned.tiers[1] == tiers.tiers[1]


def test_who_was_trusted_once_counts_when_it_goes_bad_and_a_newcomer_does_not() -> None:
    names = [f"s{i}" for i in range(8)]
    kube = FakeKube()
    for name in (*names, "new"):
        add_knative(kube, name, mode="observe")
    at = staged(kube, FakePrometheus(dict.fromkeys(names, morning)))
    at.service.refit(NOW)
    at.tick()
    for name in names[:3]:
        del at.prometheus.demands[name]
    at.tick(NOW + 600)
    shown = {each.target.name: each.workload.was_trusted for each in at.service.shown.rounds}
    assert shown == {**dict.fromkeys(names, True), "new": False}


def test_after_a_restart_a_floor_above_its_owners_says_that_it_was_trusted() -> None:
    at = stage("chat")
    at.tick()
    at.prometheus.down = True
    again = staged(at.kube, at.prometheus)
    again.tick(NOW + 60)
    (shown,) = again.service.shown.rounds
    assert shown.workload.was_trusted


def test_a_floor_that_is_only_thought_of_is_never_below_what_its_owner_has() -> None:
    """It said "raise 0 -> 1, the owner's minimum" where it was 1 all along."""
    at = stage("chat", mode="observe")
    at.prometheus.down = True
    at.tick()
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "30"}}})
    decision = at.tick(NOW + 60)["knative/shop/chat"]
    assert (decision.previous, decision.floor, decision.change) == (30, 30, 0)
