"""Which lease a target belongs to, and how holders come to equal shares."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.election import Record, Terms, View
from ahpa.core.shards import DIGITS, MOST_SHARDS, lease_of, shards, to_ask_for
from ahpa.core.sight import BLIND_ROUNDS, Sight

TERMS = Terms()


@pytest.mark.parametrize("count", range(1, MOST_SHARDS + 1))
def test_each_digit_belongs_to_one_lease_and_shares_differ_by_one_digit_at_most(count: int) -> None:
    covered = shards("ahpa", count)
    assert "".join(covered.values()) == DIGITS
    sizes = {len(digits) for digits in covered.values()}
    assert max(sizes) - min(sizes) <= 1


@given(st.uuids(), st.integers(1, MOST_SHARDS))
def test_a_target_is_in_the_lease_that_covers_the_first_digit_of_its_uid(uid: UUID, count: int) -> None:
    leases = shards("ahpa", count)
    assert str(uid)[0] in leases[lease_of(str(uid), leases)]


@pytest.mark.parametrize("uid", ["", "None", "uid-of-a-fake"])
def test_what_has_no_digit_is_in_the_first_lease(uid: str) -> None:
    assert lease_of(uid, shards("ahpa", 4)) == "ahpa-0"


def views(holders: str) -> dict[str, View]:
    """A lease for each letter, held by it; a dot is free."""
    return {
        f"ahpa-{at:02}": View(Record(holder=holder.strip("."), seconds=15), 100) for at, holder in enumerate(holders)
    }


@pytest.mark.parametrize(
    ("holders", "asks"),
    [
        ("a", None),  # one lease: whoever has it keeps it
        ("ab", None),
        ("aa", "ahpa-01"),
        ("aaa", "ahpa-02"),
        ("aaab", "ahpa-02"),
        ("aacc", "ahpa-03"),  # of two who have as many, the last by name: so that all who ask, ask the same one
        ("aabb", None),
        ("aab", None),  # with one more it would be the other's turn to ask
        ("aa.b", None),  # take what is free first
    ],
)
def test_who_has_two_less_than_the_richest_asks_it_for_one(holders: str, asks: str | None) -> None:
    assert to_ask_for(views(holders), "b", 105, TERMS) == asks


def test_nobody_asks_twice_nor_for_what_another_asked_for() -> None:
    held = views("aaaa")
    mine = {**held, "ahpa-03": replace(held["ahpa-03"], record=replace(held["ahpa-03"].record, asked_by="b"))}
    assert to_ask_for(mine, "b", 105, TERMS) is None
    assert to_ask_for(mine, "c", 105, TERMS) == "ahpa-02"


def test_where_there_is_nothing_left_to_ask_for_nobody_asks() -> None:
    held = views("aa")
    asked = {name: replace(view, record=replace(view.record, asked_by="c")) for name, view in held.items()}
    assert to_ask_for(asked, "b", 105, TERMS) is None
    assert to_ask_for({}, "b", 105, TERMS) is None


SEES, BLIND, UNKNOWN = Sight(sees=True), Sight(BLIND_ROUNDS), Sight()


@pytest.mark.parametrize(
    ("holders", "blind", "sight", "asks"),
    [
        ("a", "a", SEES, "ahpa-00"),
        ("a", "a", BLIND, None),  # Prometheus is down for both: the leader stays
        ("a", "a", UNKNOWN, None),  # it asks for no demand, so it cannot tell whether it would do better
        ("a", "", SEES, None),
        ("a", "a", Sight(1), None),  # it sees no more, or not yet
        ("b", "b", SEES, None),  # what it says of itself is over with its next renewal
        ("ab", "a", SEES, "ahpa-00"),  # though shares are equal
        ("aab", "a", SEES, "ahpa-00"),
        ("aa", "b", BLIND, None),  # though it has two less: it would have back what was taken from it
        ("aa", "b", UNKNOWN, "ahpa-01"),  # as ever, without a word of sight
        ("a.", "a", SEES, None),  # take what is free first
    ],
)
def test_who_sees_asks_for_what_a_blind_one_holds(holders: str, blind: str, sight: Sight, asks: str | None) -> None:
    held = {
        name: replace(view, record=replace(view.record, blind=view.record.holder in {*blind}))
        for name, view in views(holders).items()
    }
    assert to_ask_for(held, "b", 105, TERMS, sight) == asks


def test_of_two_who_see_the_second_does_not_ask_for_what_the_first_asked_for() -> None:
    held = {name: replace(view, record=replace(view.record, blind=True)) for name, view in views("aa").items()}
    asked = held["ahpa-00"].record
    held["ahpa-00"] = replace(held["ahpa-00"], record=replace(asked, asked_by="b"))
    assert to_ask_for(held, "c", 105, TERMS, SEES) == "ahpa-01"


@given(
    st.text(alphabet="abcd", min_size=1, max_size=MOST_SHARDS),
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from([SEES, BLIND]), min_size=4, max_size=4),
)
def test_hand_overs_come_to_an_end_whoever_is_blind(holders: str, sights: dict[str, Sight]) -> None:
    """And then who sees has all, evenly; if all are blind nothing moves at all."""
    held, moved = holders, 0

    def seen() -> dict[str, View]:
        return {
            name: replace(view, record=replace(view.record, blind=sights[view.record.holder].blind))
            for name, view in views(held).items()
        }

    while asks := [(who, name) for who in "abcd" if (name := to_ask_for(seen(), who, 105, TERMS, sights[who]))]:
        who, name = asks[0]
        at = int(name.rpartition("-")[2])
        held = held[:at] + who + held[at + 1 :]
        moved += 1
        assert moved <= 128
    able = [who for who in "abcd" if sights[who].sees]
    assert {*held} <= {*able} if able else held == holders
    assert not able or max(map(held.count, able)) - min(map(held.count, able)) <= 1


@given(st.text(alphabet="abcd", min_size=MOST_SHARDS, max_size=MOST_SHARDS))
def test_shares_end_up_equal_but_for_one_and_then_stay(holders: str) -> None:
    """However they were taken; each hand-over lessens what is to be moved, so there is no to and fro."""
    held, moved = holders, 0
    while asks := [(who, name) for who in "abcd" if (name := to_ask_for(views(held), who, 105, TERMS))]:
        who, name = asks[0]
        at = int(name.rpartition("-")[2])
        held = held[:at] + who + held[at + 1 :]
        moved += 1
        assert moved <= 96  # each lessens the sum of the squares by two at least: of 256 before, 64 after
    assert {held.count(who) for who in "abcd"} == {4}
