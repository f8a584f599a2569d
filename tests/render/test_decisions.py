"""Which decisions a report shows: all are counted, those that move most have lines, and the lines have an end."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ahpa.render.decisions import MOST, days, episodes
from ahpa.simulation.outcome import Move
from tests.render.examples import MIDNIGHT


def moves_of(floors: list[int], every_seconds: float = 60.0) -> list[Move]:
    """A decision a minute that goes through these floors."""
    return [Move(MIDNIGHT + every_seconds * i, a, b, f"{a} to {b}") for i, (a, b) in enumerate(pairwise(floors))]


def test_a_floor_that_flaps_is_one_line() -> None:
    """A night between 1 and 2 was sixty lines, and the morning was not shown."""
    (day,) = days(moves_of([1, 2] * 100 + [3, 9]))
    assert day.title == "Mon 02 Mar 2026: 201 decisions, floor 1 to 9"
    assert day.lines == (
        ("00:00 – 03:18", "199 times between 1 and 2; at last: 1 to 2"),
        ("03:19", "2 to 3"),
        ("03:20", "3 to 9"),
    )
    assert day.left_out == 0


def test_the_largest_of_a_busy_day_are_shown_in_their_order() -> None:
    """Three hundred floors, none like the one before: the rise by 50 is among the lines."""
    floors = [*range(150), 200, *range(199, 50, -1)]
    (day,) = days(moves_of(floors))
    assert len(day.lines) == MOST
    assert ("02:29", "149 to 200") in day.lines
    assert [when for when, _ in day.lines] == sorted(when for when, _ in day.lines)
    assert day.left_out == len(floors) - 1 - MOST


def test_each_day_has_its_own_lines() -> None:
    told = days(moves_of(list(range(100)), every_seconds=6 * 3600.0))
    assert len(told) == 25
    assert told[1].title == "Tue 03 Mar 2026: 4 decisions, floor 4 to 8"
    assert [len(day.lines) for day in told[:-1]] == [4] * 24


def test_one_decision_is_not_several() -> None:
    assert days(moves_of([1, 2]))[0].title == "Mon 02 Mar 2026: 1 decision, floor 1 to 2"
    assert days([]) == []


@given(st.lists(st.integers(0, 6), min_size=2, max_size=300), st.sampled_from([60.0, 3600.0, 43_200.0]))
def test_every_decision_is_counted_and_the_lines_are_bounded(floors: list[int], every_seconds: float) -> None:
    moves = [move for move in moves_of(floors, every_seconds) if move.change]
    told = days(moves)
    shown = sum(len(each) for day in told for each in [day.lines])
    assert shown <= max(MOST, 5 * len(told))
    assert sum(map(len, episodes(moves))) == len(moves)
    assert sum(int(day.title.split(": ")[1].split()[0]) for day in told) == len(moves)
