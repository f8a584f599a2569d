"""What a restart loses, as memory.py says: no more, and never at the price of a floor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.starts import Start, StartLog
from ahpa.service.memory import Memory
from tests.service.stage import NOW, SETTINGS, stage, staged


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
