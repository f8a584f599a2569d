"""When each part of a round begins nothing new."""

from __future__ import annotations

import pytest

from ahpa.service.budget import Budget


@pytest.mark.parametrize(
    ("tick_seconds", "parts"),
    [(60.0, (10.0, 30.0, 33.0, 36.0)), (20.0, (10 / 3, 10.0, 11.0, 12.0)), (5.0, (10 / 3, 10.0, 11.0, 12.0))],
    ids=["a minute", "the least", "less than the least counts as that"],
)
def test_the_parts_of_a_tick_follow_one_another_and_leave_two_fifths_to_the_last_write(
    tick_seconds: float, parts: tuple[float, ...]
) -> None:
    budget = Budget.of_tick(1000.0, tick_seconds)
    ends = (budget.listing, budget.demand, budget.starts, budget.writes)
    assert ends == pytest.approx([1000.0 + part for part in parts])


@pytest.mark.parametrize(
    ("refit_seconds", "allowed"),
    [(600.0, 300.0), (1200.0, 600.0), (3600.0, 600.0), (10.0, 20.0)],
    ids=["half of its period", "ten minutes", "no more than ten minutes", "twenty seconds at least"],
)
def test_a_refit_has_half_of_its_period_and_lists_in_a_sixth_of_it(refit_seconds: float, allowed: float) -> None:
    budget = Budget.of_refit(1000.0, refit_seconds)
    assert budget.listing == pytest.approx(1000.0 + allowed / 6)
    assert budget.demand == budget.starts == budget.writes == 1000.0 + allowed
