"""When each part of a round begins nothing new."""

from __future__ import annotations

import pytest

from ahpa.service.budget import Budget


@pytest.mark.parametrize(
    ("tick_seconds", "parts"),
    [
        (60.0, (10.0, 30.0, 33.0, 36.0)),
        (20.0, (10 / 3, 10.0, 11.0, 12.0)),
        (15.0, (10 / 3, 10.0, 11.0, 12.0)),
        (5.0, (10 / 3, 10.0, 11.0, 4.0)),
        (1.0, (10 / 3, 10.0, 11.0, 0.8)),
    ],
    ids=["a minute", "the least", "less than the least counts as that", "but not for writes", "the shortest"],
)
def test_the_parts_of_a_tick_follow_one_another_and_leave_two_fifths_to_the_last_write(
    tick_seconds: float, parts: tuple[float, ...]
) -> None:
    budget = Budget.of_tick(1000.0, tick_seconds)
    ends = (budget.listing, budget.demand, budget.starts, budget.writes)
    assert ends == pytest.approx([1000.0 + part for part in parts])


@pytest.mark.parametrize(("now", "until"), [(1000.5, 1036.0), (1031.0, 1037.0), (1050.0, 1056.0)])
def test_a_round_that_comes_late_to_its_writes_has_a_tenth_of_a_tick_for_them(now: float, until: float) -> None:
    """One that always comes late would never move a floor."""
    assert Budget.of_tick(1000.0, 60.0).writing(now) == pytest.approx(until)
    assert Budget.of_refit(1000.0, 60.0).writing(now) == max(1030.0, now)


@pytest.mark.parametrize(
    ("refit_seconds", "allowed"),
    [(600.0, 300.0), (1200.0, 600.0), (3600.0, 600.0), (10.0, 20.0)],
    ids=["half of its period", "ten minutes", "no more than ten minutes", "twenty seconds at least"],
)
def test_a_refit_has_half_of_its_period_and_lists_in_a_sixth_of_it(refit_seconds: float, allowed: float) -> None:
    budget = Budget.of_refit(1000.0, refit_seconds)
    assert budget.listing == pytest.approx(1000.0 + allowed / 6)
    assert budget.demand == budget.starts == budget.writes == 1000.0 + allowed
