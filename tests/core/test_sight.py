"""When a process counts as blind, and when as seeing."""

from __future__ import annotations

import pytest

from ahpa.core.sight import BLIND_ROUNDS, Sight


def after(*rounds: tuple[int, int]) -> Sight:
    """Of each round: how many queries were asked, and how many failed."""
    sight = Sight()
    for asked, failed in rounds:
        sight = sight.after(asked, failed)
    return sight


LOST, SEEN, PART, IDLE = (5, 5), (5, 0), (5, 4), (0, 0)


@pytest.mark.parametrize(
    ("rounds", "blind", "sees"),
    [
        ([], False, False),
        ([SEEN], False, True),
        ([PART], False, True),  # who reads one service reads Prometheus
        ([SEEN, LOST], False, False),
        ([SEEN, LOST, LOST], False, False),  # a restart of Prometheus is no blindness
        ([SEEN, LOST, LOST, LOST], True, False),
        ([LOST, LOST, PART, LOST, LOST], False, False),  # only one after the other
        ([LOST] * 9 + [SEEN], False, True),
        ([LOST] * 9 + [IDLE], False, False),  # nobody asks for a plan: nothing is known
        ([IDLE] * 9, False, False),
    ],
)
def test_blind_is_who_read_nothing_for_some_rounds(rounds: list[tuple[int, int]], blind: bool, sees: bool) -> None:
    sight = after(*rounds)
    assert (sight.blind, sight.sees) == (blind, sees)


def test_it_takes_as_many_rounds_as_it_says() -> None:
    assert [after(*[LOST] * rounds).blind for rounds in (BLIND_ROUNDS - 1, BLIND_ROUNDS)] == [False, True]
