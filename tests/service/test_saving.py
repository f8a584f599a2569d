"""What was saved is counted by the rounds: of what was seen, once, by whoever leads, and on across a restart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ahpa.core.courses import NO_TOTALS, Totals
from ahpa.core.savings import Saving
from ahpa.service.leases import ALONE, Leases
from ahpa.service.rounds import Service
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, ROOT, SETTINGS, Stage, add_knative, always, staged

KEY = "knative/shop/chat"
BEGUN = 1 + 5 + 5
"""Minutes that are not counted: a start (five minutes at the level that plans go by), the model's settling, a round."""


class Follower:
    """Another copy leads."""

    reigns, share = 0, 1.0

    def gained(self) -> bool:
        return False

    def plans(self, uid: str) -> bool:
        return True

    def holds(self, uid: str) -> bool:
        return False

    @contextmanager
    def writing(self, uid: str) -> Iterator[bool]:
        yield False


def stage(mode: str = "apply", leases: Leases = ALONE) -> Stage:
    """Fourteen in flight on three replicas of ten slots."""
    kube = FakeKube()
    add_knative(kube, "chat", mode=mode)
    kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = 3
    return staged(kube, FakePrometheus({"chat": lambda at: 14.0}), leases=leases)


def after(at: Stage, minutes: int, first: int = 0) -> Stage:
    at.service.refit(NOW + 60 * first)
    for minute in range(first, first + minutes):
        at.tick(NOW + 60 * minute)
    return at


def saving(at: Stage) -> Saving:
    return at.service.savings[KEY]


def restarted(before: Stage, totals: Totals) -> Stage:
    service = Service(SETTINGS, before.ports, always, totals=totals)
    return Stage(
        before.kube, before.prometheus, before.telemetry, service, before.ports, before.observer, before.learner
    )


def test_a_service_that_acts_has_three_where_its_scaler_alone_had_two() -> None:
    acted = saving(after(stage(), 60)).acted
    assert acted.hours == pytest.approx((60 - BEGUN) / 60, abs=0.05)
    assert acted.actual.replica_hours.value == pytest.approx(3 * acted.hours)
    assert acted.reactive.replica_hours.value == pytest.approx(2 * acted.hours, rel=0.03)
    assert saving(after(stage(), 60)).watched.hours == 0


def test_who_only_watches_says_what_it_would_have_saved_and_keeps_it_apart() -> None:
    found = saving(after(stage("observe"), 60))
    assert found.acted.hours == 0
    assert found.watched.reactive == found.watched.actual
    assert found.watched.advised.replica_hours.low < found.watched.advised.replica_hours.high


def test_the_counters_say_the_same_of_every_course() -> None:
    at = after(stage(), 60)
    lines = dict(re.findall(r'^ahpa_replica_seconds_total\{by="(\w+)",.*\} (.*)$', at.metrics(), re.MULTILINE))
    assert set(lines) == {"actual", "reactive", "fixed", "advised", "modelled"}
    assert float(lines["actual"]) == pytest.approx(3600 * saving(at).acted.actual.replica_hours.value)


def test_an_outage_is_unobserved_and_costs_nobody_anything() -> None:
    at = after(stage(), 30)
    before = saving(at)
    at.prometheus.down = True
    for minute in range(30, 60):
        at.tick(NOW + 60 * minute)
    assert saving(at).acted == before.acted
    at.prometheus.down = False
    for minute in range(60, 90):
        at.tick(NOW + 60 * minute)
    now = saving(at)
    assert before.acted.hours < now.acted.hours < before.acted.hours + 0.5
    assert now.unobserved_hours > 0.5


def test_answers_that_come_late_are_counted_once_and_none_is_missed() -> None:
    at, each = after(stage(), 30), stage()
    for minute in range(30, 60, 3):
        at.tick(NOW + 60 * minute)
    at.tick(NOW + 60 * 59)
    assert saving(at).acted.hours == saving(after(each, 60)).acted.hours


def test_another_copys_targets_are_not_ours_to_count() -> None:
    """Else both would, and a sum over them would have twice as much."""
    assert not after(stage(leases=Follower()), 30).service.savings


def test_what_was_counted_before_a_restart_goes_on() -> None:
    before = after(stage(), 40)
    at = restarted(before, before.service.totals)
    assert at.service.totals.keys == (KEY,)
    after(at, 40, first=40)
    assert saving(at).since == saving(before).since
    assert saving(at).acted.hours > saving(before).acted.hours + 0.3
    lost = after(restarted(before, NO_TOTALS), 2, first=80)
    assert saving(lost).since > saving(before).since


def test_the_counters_begin_anew_with_the_process_whatever_was_counted_before() -> None:
    """The copy is up to an hour old. A counter that goes on from it has fallen, so `increase` takes it for one that
    began anew, and counts all that was ever saved once more."""
    before = after(stage(), 40)
    on = after(restarted(before, before.service.totals), 40, first=41)
    lines = dict(re.findall(r'^ahpa_replica_seconds_total\{by="(\w+)",.*\} (.*)$', on.metrics(), re.MULTILINE))
    whole, earlier = saving(on).acted, saving(before).acted
    since = 3600 * (whole.actual.replica_hours.value - earlier.actual.replica_hours.value)
    assert float(lines["actual"]) == pytest.approx(since)
    assert since > 0


def test_of_a_target_that_is_gone_nothing_is_shown() -> None:
    at = after(stage(), 30)
    del at.kube.objects[f"{ROOT}/services/chat"]
    at.tick(NOW + 1800)
    assert not at.service.savings
    assert "ahpa_replica_seconds_total{" not in at.metrics()
