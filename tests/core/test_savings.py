"""An estimate says between what it lies, and nothing is added up that does not belong together."""

from __future__ import annotations

import pytest

from ahpa.core.savings import Account, Course, Estimate, Evidence, Saving, fleet, hours_like, late_actual, late_like


def known(hours: tuple[float, float] = (100, 100), late: tuple[float, float] = (0, 0)) -> Evidence:
    """Measured and modelled, of a hundred thousand requests."""
    return Evidence(*hours, *late, 100_000)


@pytest.mark.parametrize(
    ("counted", "late", "said", "low", "high"),
    [
        (0.0, 0.0, known(), 98, 102),
        (10.0, 0.0, known(), 92, 108),
        (0.0, 0.01, known(), 88, 105.5),
        (0.0, 0.5, known(), 40, 160),
        (0.0, 0.0, known((90, 100)), 88, 112),
    ],
    ids=["many replicas", "ten replicas", "some are late", "half are late", "the model is wrong here"],
)
def test_hours_are_as_uncertain_as_queues_and_as_the_model_was(
    counted: float, late: float, said: Evidence, low: float, high: float
) -> None:
    found = hours_like(100, counted, late, said)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize("late", [(0, 0), (10, 5000), (5000, 10), (300, 1000)])
@pytest.mark.parametrize("said", [0, 1, 900, 99_999])
def test_late_requests_are_no_fewer_than_none_and_no_more_than_all(said: float, late: tuple[float, float]) -> None:
    for measured in (0.0, 1.0):
        found = late_like(said, 100_000, measured, known(late=late))
        assert 0 <= found.low <= found.value <= found.high <= 100_000


def test_a_pessimist_that_was_found_out_is_believed_less() -> None:
    """Of what really was the model said a thousand late, where there were 300."""
    assert late_like(1000, 100_000, 1.0, known(late=(300, 1000))).value == pytest.approx(310, abs=5)
    assert late_like(1000, 100_000, 1.0, known(late=(1000, 1000))).value == pytest.approx(976, abs=5)


def test_what_was_measured_has_no_error_and_what_was_worked_out_has() -> None:
    assert late_actual(100, 100_000, 1.0) == Estimate.exactly(100)
    assert late_actual(100, 100_000, 0.0).high == pytest.approx(300)


def test_errors_of_one_model_add_up_and_do_not_cancel() -> None:
    one = Estimate(10, 8, 13)
    assert one + one == Estimate(20, 16, 26)
    assert one - one == Estimate(0, -5, 5)


def test_a_fleet_has_the_requests_of_those_whose_demand_counts_them() -> None:
    account = Account(2.0, 50.0, 50.0, *[Course(Estimate.exactly(3), Estimate.exactly(4))] * 4)
    parts = [Saving(key, since, 7200.0, account, Account(), counted) for key, since, counted in
             (("a", 0.0, True), ("b", 3600.0, False))]  # fmt: skip
    whole = fleet(parts)
    assert whole is not None
    assert (whole.acted.actual.replica_hours.value, whole.acted.actual.late_requests.value) == (6, 4)
    assert (whole.since, whole.acted.requests, whole.services) == (0.0, 50.0, 2)
    assert fleet([]) is None


def test_what_was_not_observed_is_said() -> None:
    saving = Saving("a", 0.0, 10 * 3600.0, Account(hours=6.0), Account(hours=1.0))
    assert saving.unobserved_hours == 3
