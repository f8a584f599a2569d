"""Round after round: the floor before the morning, an outage, a restart."""

from __future__ import annotations

from dataclasses import replace

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.decision import Reason
from tests.service.peak import UNFORESEEN
from tests.service.stage import NOW, ROOT, SETTINGS, stage, staged


def test_the_floor_is_raised_before_the_morning_comes() -> None:
    """Two days of the same rise at 09:05; at 09:00 with a lag of up to five minutes it is time."""
    at = stage()
    decision = at.tick()["knative/shop/chat"]
    assert decision.reason in (Reason.PEAK_AHEAD, Reason.SCALE_UP_LIMITED)
    assert at.min_scale("chat") == str(decision.floor)
    assert decision.floor >= 4


def test_the_first_round_lowers_nothing_and_later_ones_do() -> None:
    at = stage()
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/baseline": '{"chat-00001":null}'}}})
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    night = NOW + 12 * 3600
    at.service.refit(night)
    assert at.tick(night)["knative/shop/chat"].reason is Reason.SETTLING
    assert at.min_scale("chat") == "40"
    at.tick(night + 60)
    assert at.min_scale("chat") == "30"


def test_an_outage_holds_the_floor_then_lets_it_decay_and_never_reads_zero() -> None:
    at = stage(settings=replace(SETTINGS, limits=UNFORESEEN))
    for minute in range(10):
        at.tick(NOW + 60 * minute)
    high = int(at.min_scale("chat") or 0)
    assert high >= 6
    at.prometheus.down = True
    for minute in range(10, 24):
        decision = at.tick(NOW + 60 * minute)["knative/shop/chat"]
        assert decision.floor == high, decision.message
    floors = [at.tick(NOW + 60 * minute)["knative/shop/chat"].floor for minute in range(25, 30)]
    assert floors == sorted(floors, reverse=True)
    assert high - 6 <= floors[-1] < high


def test_a_restart_into_an_outage_holds_the_floor() -> None:
    at = stage()
    at.tick()
    high = at.min_scale("chat")
    at.prometheus.down = True
    again = staged(at.kube, at.prometheus)
    again.service.refit(NOW + 60)
    for minute in range(1, 14):
        again.tick(NOW + 60 * minute)
    assert at.min_scale("chat") == high


def test_partial_answers_may_raise_but_not_lower() -> None:
    at = stage()
    at.tick()
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "40"}}}, manager="ahpa")
    at.prometheus.warns = True
    assert at.tick(NOW + 60)["knative/shop/chat"].reason is Reason.PARTIAL_DATA
    assert at.min_scale("chat") == "40"
