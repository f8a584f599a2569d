"""The rules of a lease, case by case, and played thousands of times under faults."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.core.election import Record, Step, Terms, View, given_back, may_write, next_step, over, saw, written, wrote
from tests.core.electors import DIGITS, LEASE, Drama, Elector
from tests.reliability.reached import Reached

TERMS = Terms(15, 10, 2)
MINE = Record(holder="me", beat=7, transitions=3, seconds=15, digits=DIGITS, version="9")
THEIRS = replace(MINE, holder="them")


def step(view: View, now: float) -> Step:
    return next_step(LEASE, {LEASE: view}, DIGITS, "me", now, TERMS)


@pytest.mark.parametrize("times", [(10, 10, 2), (15, 2, 2), (15, 10, 0), (15, 2.4, 2)])
def test_times_that_client_go_refuses_are_refused(times: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="a lease of"):
        Terms(*times)


@pytest.mark.parametrize(
    ("view", "now", "expected"),
    [
        (View(Record(), 0), 0, Step.TAKE),
        (View(replace(THEIRS, holder=""), 0), 0, Step.TAKE),
        (View(THEIRS, 100), 114.9, Step.WAIT),
        (View(THEIRS, 100), 115, Step.TAKE),
        (View(replace(THEIRS, seconds=60), 100), 115, Step.WAIT),  # its holder goes by another length
        (View(MINE, 100, 100, 100), 101.9, Step.WAIT),
        (View(MINE, 100, 100, 100), 102, Step.RENEW),
        (View(MINE, 100), 100, Step.RENEW),  # handed over, or our own write whose answer was lost
        (View(replace(MINE, asked_by="them"), 100, 100, 100), 101, Step.HAND_OVER),
        (View(replace(MINE, asked_by="me"), 100, 100, 100), 101, Step.WAIT),
    ],
)
def test_what_is_done_about_a_lease(view: View, now: float, expected: Step) -> None:
    assert step(view, now) is expected


def test_a_foreign_lease_is_timed_from_when_we_saw_it_change_whatever_is_written_on_it() -> None:
    first = saw(None, THEIRS, "me", 100)
    again = saw(first, THEIRS, "me", 114)
    renewed = saw(again, replace(THEIRS, beat=8, version="10"), "me", 115)
    assert [over(view, 115, TERMS) for view in (first, again, renewed)] == [True, True, False]


def test_an_ask_is_no_sign_of_life_of_the_holder() -> None:
    """Else whoever asks a dead process for its lease would keep it from everybody."""
    asked = saw(saw(None, THEIRS, "me", 100), replace(THEIRS, asked_by="me", version="10"), "me", 110)
    assert over(asked, 115, TERMS)


def test_the_gate_opens_when_the_fence_knows_and_shuts_a_renew_deadline_after_the_last_renewal_was_sent() -> None:
    held = wrote(saw(None, Record(), "me", 99), MINE, sent=100, done=103, fence_seconds=0.25)
    assert [may_write(held, now, TERMS) for now in (103, 103.25, 109.9, 110)] == [False, True, True, False]
    later = wrote(held, replace(MINE, beat=8), sent=104, done=105, fence_seconds=0.25)
    assert [may_write(later, now, TERMS) for now in (105, 113.9, 114)] == [True, True, False]


@pytest.mark.parametrize(
    "seen", [THEIRS, replace(MINE, transitions=5), given_back(MINE)], ids=["taken", "taken and given back", "given up"]
)
def test_a_lease_that_was_anothers_meanwhile_is_closed_at_once(seen: Record) -> None:
    """Also where it has come back by now: in between somebody else wrote."""
    held = View(MINE, 100, 100, 100)
    assert may_write(held, 101, TERMS)
    assert not may_write(saw(held, seen, "me", 101), 101, TERMS)


def test_each_write_changes_the_lease_whatever_the_clock_says() -> None:
    """A renewal that left it as it was would be no sign of life."""
    asked = replace(MINE, asked_by="other")
    made = [written(each, asked, "01", "me", TERMS) for each in (Step.RENEW, Step.TAKE, Step.HAND_OVER, Step.RETIRE)]
    assert {one.beat for one in (*made, given_back(asked))} == {8}
    assert [one.holder for one in made] == ["me", "me", "other", ""]
    assert [one.transitions for one in made] == [3, 4, 4, 4]
    assert [one.digits for one in made] == [DIGITS, "01", DIGITS, ""]


def test_a_lease_says_of_its_own_holder_alone_whether_it_is_blind() -> None:
    """What the one before could not read is nothing to the next."""
    steps = (Step.RENEW, Step.TAKE, Step.HAND_OVER, Step.RETIRE)
    for was, now in ((True, False), (False, True)):
        lease = replace(MINE, asked_by="other", blind=was)
        assert [written(each, lease, "01", "me", TERMS, now).blind for each in steps] == [now, now, False, False]
        assert not given_back(lease).blind


def test_a_lease_that_was_given_back_is_anybodys_at_once_and_says_nothing_of_who_had_it() -> None:
    back = given_back(replace(MINE, asked_by="other", blind=True))
    assert back == replace(MINE, holder="", beat=MINE.beat + 1, asked_by="", blind=False)
    assert step(View(back, 100), 100) is Step.TAKE


@pytest.mark.parametrize(("lease", "renew", "retry"), [(15, 10, 2), (3, 2, 0.4), (1, 0.6, 0.15)])
def test_terms_may_be_short(lease: float, renew: float, retry: float) -> None:
    assert Terms(lease, renew, retry).retry_seconds == retry


def test_where_the_number_of_shards_changes_nobody_takes_what_another_still_covers() -> None:
    old = View(replace(THEIRS, digits=DIGITS), 100)
    views = {"ahpa-0": old, "ahpa-1": View(Record(), 100)}
    takes = {now: next_step("ahpa-1", views, "89abcdef", "me", now, TERMS) for now in (110, 115)}
    assert takes == {110: Step.WAIT, 115: Step.TAKE}


def test_a_lease_that_nobody_needs_any_more_covers_nothing_once_it_is_over() -> None:
    """The fence asks every lease that covers an object: one of a dead process would shut it for ever."""
    view = View(replace(THEIRS, digits="ef"), 100)
    steps = [next_step("ahpa-7", {"ahpa-7": view}, None, "me", now, TERMS) for now in (110, 115)]
    assert steps == [Step.WAIT, Step.RETIRE]
    assert next_step("ahpa-7", {"ahpa-7": View(Record(), 0)}, None, "me", 115, TERMS) is Step.WAIT


# Played


def drama(random: Random, electors: int, trouble: float, terms: Terms = TERMS, drift: float = 0.1) -> Drama:
    """Stopwatches that begin anywhere and run up to a tenth too fast or too slow."""
    named = [
        Elector(f"e{number}", random.uniform(1 - drift, 1 + drift), random.uniform(0, 1e6))
        for number in range(electors)
    ]
    return Drama(random, terms, named, trouble)


@settings(max_examples=60)
@given(st.randoms(use_true_random=True), st.integers(2, 3), st.sampled_from((0.0, 0.02, 0.1, 0.3)))
def test_two_gates_are_never_open_at_once(random: Random, electors: int, trouble: float) -> None:
    """Messages late, lost and repeated, processes stopped for up to two leases, also between the clock and the wire."""
    played = drama(random, electors, trouble)
    played.play(200)
    assert played.overlaps() == []


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_gates_are_never_open_at_once_in_a_month_of_trouble(reached: Reached) -> None:
    """The same at length, on seeds that anybody can try again."""
    hours = 0.0
    for seed in range(720):
        played = drama(Random(seed), 2 + seed % 2, (0.02, 0.1, 0.3)[seed % 3])
        played.play(3600)
        assert played.overlaps() == [], seed
        hours += 1
    reached("T6", f"the rules alone, {hours:.0f} h of virtual time in 720 plays", "two gates open for 0.00 s")


def test_without_trouble_one_leads_all_the_time() -> None:
    played = drama(Random(1), 3, 0.0)
    played.play(600)
    (leader,) = [one for one in played.electors if one.open]
    assert played.server.taken == 1
    assert sum(end - begin for begin, end in leader.open) > 595


def test_with_trouble_leadership_moves_and_is_most_often_held() -> None:
    """So the property is not true for want of leaders."""
    played = drama(Random(2), 3, 0.05)
    played.play(3000)
    assert sum(bool(one.open) for one in played.electors) == 3
    assert sum(end - begin for one in played.electors for begin, end in one.open) > 1500


def test_the_play_finds_two_leaders_where_the_rules_are_broken() -> None:
    """A stopwatch that runs at half speed outlives the margin between deadline and lease."""
    found = []
    for seed in range(40):
        played = drama(Random(seed), 3, 0.1, drift=0.6)
        played.play(600)
        found += played.overlaps()
    assert found


def test_nobody_leads_for_ever_after_its_last_renewal() -> None:
    assert not may_write(View(MINE, 100, -math.inf, 100), 100, TERMS)
