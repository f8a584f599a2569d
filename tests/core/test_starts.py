"""What replicas that were seen starting teach, each once, and tier by tier."""

from __future__ import annotations

import pytest

from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.starts import LONGEST_SECONDS, REMEMBERED, Spent, Start, StartLog, Wait

PRIOR = Readiness.single(Lag.of(180, 300))


def seconds(log: StartLog) -> list[float]:
    return [wait.seconds for wait in log.done]


def test_a_start_is_learned_once_however_often_it_is_seen() -> None:
    log = StartLog()
    for now in (1010.0, 1060.0, 1120.0):
        log = log.seen([Start("a", 1000, ready=1040 if now > 1040 else None)], now)
    assert seconds(log) == [40.0]
    assert not log.waiting


def test_a_later_flip_of_readiness_is_not_a_start() -> None:
    log = StartLog().seen([Start("a", 1000, ready=1040)], 1050)
    assert seconds(log.seen([Start("a", 1000, ready=9000)], 9010)) == [40.0]


@pytest.mark.parametrize(
    "bad",
    [Start("a", 1000, ready=1040, restarted=True), Start("a", 1000, ready=990), Start("a", 1000, ready=1e6)],
    ids=["restarted", "ready before it was asked for", "a lag of days"],
)
def test_what_would_teach_nonsense_teaches_nothing(bad: Start) -> None:
    assert seconds(StartLog().seen([bad], 2e6)) == []


@pytest.mark.parametrize("took", [0.0, LONGEST_SECONDS])
def test_the_shortest_and_the_longest_start_are_believed(took: float) -> None:
    assert seconds(StartLog().seen([Start("a", 1000, ready=1000 + took)], 2e6)) == [took]


def test_one_that_is_known_hides_none_that_comes_after_it() -> None:
    log = StartLog().seen([Start("a", 1000, ready=1040), Start("b", 1000, ready=1040, restarted=True)], 1050)
    log = log.seen([Start("a", 1000, ready=1040), Start("b", 1000, ready=1040), Start("c", 1050, ready=1060)], 1070)
    assert seconds(log) == [40.0, 10.0]
    assert log.known == {"a", "b", "c"}
    assert log.seen([Start("c", 1050, ready=1060)], 1080).known == {"c"}, "those that are gone are forgotten"


def test_one_that_became_ready_or_was_just_asked_for_has_not_waited_in_vain() -> None:
    log = StartLog().seen([Start("a", 1000, where="n1")], 1010)
    assert log.waiting == {"a": Wait(10.0, "n1")}
    log = log.seen([Start("a", 1000, ready=1040, where="n2"), Start("b", 1050)], 1050)
    assert (tuple(log.done), tuple(log.withdrawn), log.waiting) == ((Wait(40.0, "n2"),), (), {})
    log = StartLog().seen([Start("a", 1000, where="n1")], 1010).seen([], 1020)
    assert tuple(log.withdrawn) == (Wait(10.0, "n1"),)


def test_what_still_waits_or_was_withdrawn_counts_as_longer_than_that() -> None:
    log = StartLog().seen([Start("a", 1000), Start("b", 1000)], 1900)
    log = log.seen([Start("a", 1000)], 1960)
    assert [wait.seconds for wait in log.withdrawn] == [900.0]
    assert {uid: wait.seconds for uid, wait in log.waiting.items()} == {"a": 960.0}
    assert log.readiness(PRIOR).leads(0.5)[0][1] > 200


def test_one_that_waits_for_days_does_not_teach_a_lead_of_days() -> None:
    log = StartLog().seen([Start("stuck", 1000)], 1000 + 30 * 86_400)
    assert log.waiting["stuck"].seconds == 4 * 3600.0


def test_one_that_is_leaving_waits_for_nothing() -> None:
    assert not StartLog().seen([Start("a", 1000, leaving=True)], 1900).waiting


def test_what_was_seen_stays_as_it_was() -> None:
    """The refit may read a log while a tick makes the next one of it."""
    before = StartLog().seen([Start("a", 1000)], 1010)
    before.seen([Start("a", 1000, ready=1040)], 1050)
    assert not before.done
    assert set(before.waiting) == {"a"}


def test_only_so_many_are_remembered() -> None:
    log = StartLog()
    for i in range(REMEMBERED + 50):
        log = log.seen([Start(str(i), 0, ready=float(i))], 1e4)
    assert seconds(log) == [float(i) for i in range(50, REMEMBERED + 50)]
    for i in range(REMEMBERED + 50):
        log = log.seen([Start(str(i), 0)], 1.0 + i)
    assert [wait.seconds for wait in log.seen([], 1e4).withdrawn] == [1.0 + i for i in range(50, REMEMBERED + 50)]


TIERS = Readiness((Tier("warm", Lag.of(30, 45), 3, "gpu-warm-*"), Tier("new", Lag.of(300, 450))))


def test_each_tier_learns_from_its_own_nodes() -> None:
    """Twenty starts of 60 s on warm nodes and twenty of 400 s elsewhere: each moves its own tier and no other."""
    warm = [Start(f"w{i}", 0, ready=60, where="gpu-warm-1") for i in range(20)]
    new = [Start(f"n{i}", 0, ready=400, where="gpu-x7") for i in range(20)]
    leads = [lead for _, lead in StartLog().seen([*warm, *new], 1000).readiness(TIERS).leads(0.5)]
    assert leads[0] == pytest.approx(60, rel=0.15)
    assert leads[1] == pytest.approx(400, rel=0.1)
    untouched = StartLog().seen(warm, 1000).readiness(TIERS)
    assert untouched.tiers[1] == TIERS.tiers[1]
    assert untouched.tiers[0].lag.samples == untouched.learned == 20


def test_what_waits_on_a_warm_node_teaches_that_tier() -> None:
    log = StartLog().seen([Start(str(i), 0, where="gpu-warm-1") for i in range(9)], 300)
    for waiting in (log, log.seen([], 400)):
        learned = waiting.readiness(TIERS)
        assert learned.leads(0.5)[0][1] > 100
        assert learned.tiers[1] == TIERS.tiers[1]
        assert (learned.tiers[0].replicas, learned.tiers[0].nodes) == (3, "gpu-warm-*")


def test_one_without_a_node_is_on_the_way_to_the_last_tier() -> None:
    log = StartLog().seen([Start(str(i), 0) for i in range(9)], 2000)
    learned = log.readiness(TIERS)
    assert learned.tiers[0] == TIERS.tiers[0]
    assert learned.leads(0.5)[1][1] > 400


def test_the_longest_lead_counts_whichever_tier_it_is() -> None:
    odd = Readiness((Tier("slow but full first", Lag.of(500, 500), 2), Tier("fast", Lag.of(20, 20))))
    assert odd.longest(0.9) == pytest.approx(500)
    assert TIERS.longest(0.5) == pytest.approx(300)


def told(uid: str, asked: float, *moments: float | None) -> Start:
    """Every moment on the way, or not (None)."""
    scheduled, initialised, started, ready = moments
    return Start(uid, asked, scheduled, initialised, started, ready, "node")


def test_where_the_time_of_starts_goes_is_told_by_those_that_noted_every_moment() -> None:
    whole, other = told("a", 1000, 1001, 1003, 1010, 1040), told("b", 1000, 1003, 1005, 1020, 1100)
    parts, turned = told("c", 1000, None, 1003, 1010, 1050), told("d", 1000, 1003, 1001, 1010, 1060)
    log = StartLog().seen([whole, other, parts, turned], 1200)
    assert {wait.seconds: wait.phases for wait in log.done} == {
        40.0: (1, 2, 7, 30), 100.0: (3, 2, 15, 80), 50.0: (), 60.0: ()
    }  # fmt: skip
    assert log.spent() == Spent(2, (2.0, 2.0, 11.0, 55.0))


def test_where_no_start_noted_every_moment_nobody_says_where_its_time_goes() -> None:
    assert StartLog().spent() is None
    assert StartLog().seen([told("c", 1000, None, 1003, 1010, 1050)], 1200).spent() is None


def test_a_log_is_the_same_where_nothing_is_new() -> None:
    known = [told("a", 1000, 1001, 1003, 1010, 1040)]
    log = StartLog().seen(known, 1200)
    assert log.seen(known, 1300) is log
    assert log.seen([], 1300) is not log
