"""A demand that vanishes is doubted: an exporter that is away says zero through `or vector(0)`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.decision import Decision, Reason
from ahpa.service.doubts import Doubts, Zero, sudden_zeros, used_to_zero
from forecasting.libraries.calibrated import CalibratedModel
from forecasting.libraries.strategies import LastValue
from forecasting.panel import Panel
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import DAY, NOW, ROOT, Stage, add_knative, staged

CHAT = "knative/shop/chat"
GONE = NOW - 600


def serving(demand: Callable[[float], float]) -> Stage:
    kube = FakeKube()
    add_knative(kube, "chat", mode="apply")
    at = staged(kube, FakePrometheus({"chat": demand}), models={"fleet": CalibratedModel(LastValue())})
    at.service.refit(NOW - 1200)
    return at


def from_to(at: Stage, first: int, last: int) -> list[Decision]:
    return [at.tick(NOW + 60 * minute)[CHAT] for minute in range(first, last)]


def test_a_demand_that_falls_to_zero_at_once_is_held_for_an_hour() -> None:
    """The exporter is away from ten minutes before on. The floor went 10, 1, 0."""
    at = serving(lambda t: 0.0 if t >= GONE else 60.0 + t // 60 % 5)
    before = from_to(at, -15, -9)
    assert before[-1].floor == 10
    held = from_to(at, -9, 49)
    assert [d.floor for d in held] == [10] * 58
    assert held[-1].reason is Reason.DOUBTFUL_DATA
    assert "its demand fell to exactly zero at once, which it never does at this hour" in held[-1].message
    assert from_to(at, 50, 60)[-1].floor < 10, "after an hour of zeros they are believed"


def test_a_demand_that_comes_back_is_believed_at_once() -> None:
    at = serving(lambda t: 0.0 if GONE <= t < NOW else 60.0 + t // 60 % 5 if t < NOW else 20.0)
    from_to(at, -15, 1)
    assert from_to(at, 1, 12)[-1].floor == 3


def test_a_demand_that_ebbs_away_is_followed_to_zero() -> None:
    at = serving(lambda t: max(0.0, round((NOW - 300 - t) / 60)) if t > GONE - 1800 else 35.0)
    assert from_to(at, -15, 15)[-1].floor <= 1


def test_a_demand_that_is_often_zero_may_fall_to_zero() -> None:
    """A job of two hours, six times a day."""
    at = serving(lambda t: 60.0 if (t - GONE) % 14_400 >= 7200 else 0.0)
    assert from_to(at, -15, 15)[-1].floor <= 1


def test_who_sleeps_every_night_is_not_used_to_vanish_at_noon() -> None:
    """Zero from one to five o'clock, every night: a habit of the night. At ten to nine an exporter goes."""

    def office(t: float) -> float:
        asleep = 3600 <= t % DAY < 5 * 3600
        return 0.0 if asleep or t >= GONE else 60.0 + t // 60 % 5

    at = serving(office)
    before = from_to(at, -15, -9)
    held = from_to(at, -9, 49)
    assert {decision.floor for decision in held} == {before[-1].floor} == {10}


def test_while_more_replicas_are_ready_than_the_floor_asks_for_a_zero_is_doubted_whatever_is_usual() -> None:
    """The reactive autoscaler keeps them: it sees load."""
    at = serving(lambda t: 60.0 if (t - GONE) % 14_400 >= 7200 else 0.0)
    at.kube.edit(f"{ROOT}/revisions/chat-00001", {"metadata": {"annotations": {MIN_SCALE: "10"}}}, manager="ahpa")
    at.kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": {"ahpa.dev/baseline": '{"chat-00001":null}'}}})
    at.kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = 12
    busy = from_to(at, -9, 15)
    assert [d.floor for d in busy] == [10] * 24
    assert "more replicas are kept than its minimum" in busy[-1].message
    for minute in range(15, 30):  # it lets go of them, and follows
        at.kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = int(at.min_scale("chat") or 0)
        decision = at.tick(NOW + 60 * minute)[CHAT]
    assert decision.floor <= 1


@pytest.mark.parametrize(
    ("row", "cliff"),
    [
        ([5, 5, 5, 0], True),
        ([5, 5, 5, 0, 0, np.nan], True),
        ([5, 5, np.nan, 0], True),
        ([0.5, 0.5, 0], True),
        ([6, 2, 0], True),
        ([6, 1.9, 0], False),
        ([5, 0, 5, 0], False),
        ([9, 6, 3, 1, 0], False),
        ([5, 5, 5], None),
        ([0, 0, 0], None),
        ([np.nan, np.nan], None),
        ([0, 5, 5, np.nan], None),
    ],
)
def test_a_cliff_is_a_fall_from_the_usual_to_exactly_zero(row: list[float], cliff: bool | None) -> None:
    found = sudden_zeros(Panel.of(0, 60, row, ("a",)))
    assert (found["a"].cliff if "a" in found else None) is cliff


@pytest.mark.parametrize(
    ("first_hour", "row", "hour"),
    [(22, [5, 5, 5, 0], 1), (22, [5, np.nan, 5, 0, 0], 1), (3, [5, 0, 0, np.nan], 4), (20, [5, np.nan, 0], 21)],
)
def test_the_hour_of_a_fall_is_that_of_the_step_after_the_last_that_was_not_zero(
    first_hour: int, row: list[float], hour: int
) -> None:
    """By steps of an hour; what was not observed in between counts as time, and a day ends at midnight."""
    start = NOW // DAY * DAY + first_hour * 3600.0
    assert sudden_zeros(Panel.of(start, 3600.0, row, ("a",)))["a"].hour == hour


def test_a_habit_of_midnight_is_one_of_both_sides_of_it() -> None:
    rows = np.ones((1, 24))
    rows[0, 0] = 0
    assert used_to_zero(Panel.of(0, 3600, rows, ("a",))) == {"a": {23, 0, 1}}


def test_who_is_used_to_zero_is_so_by_a_twentieth_of_what_was_observed_around_that_hour() -> None:
    """Of three hours of minutes 9 are a twentieth; and an hour that was never seen is no habit."""
    rows = np.ones((3, 24 * 60))
    rows[0, 120:129], rows[1, 120:130], rows[2, 180:] = 0, 0, np.nan
    assert used_to_zero(Panel.of(0, 60, rows, list("abc"))) == {"b": {1, 2, 3}}


CLIFF, EBB = Zero(cliff=True, hour=3), Zero(cliff=False, hour=3)
BUSY = "its demand fell to exactly zero while more replicas are kept than its minimum"
AT_ONCE = "its demand fell to exactly zero at once, which it never does at this hour"
WARNED = "it was learned from a history that is not all read yet, or that Prometheus warned about"


@pytest.mark.parametrize(
    ("series", "zero", "busy", "doubt"),
    [
        ("new", None, True, None),
        ("new", CLIFF, False, AT_ONCE),
        ("new", CLIFF, True, BUSY),
        ("new", EBB, False, None),
        ("new", EBB, True, BUSY),
        ("used", CLIFF, False, None),
        ("sleeps", CLIFF, False, AT_ONCE),
        ("used", CLIFF, True, BUSY),
        ("used", EBB, True, None),
        ("used", EBB, False, None),
        ("warned", None, False, WARNED),
        ("warned", CLIFF, True, WARNED),
    ],
)
def test_a_zero_is_doubted_where_it_is_unusual_or_load_is_seen(
    series: str, zero: Zero | None, busy: bool, doubt: str | None
) -> None:
    known = Doubts(warned=frozenset({"warned"}), used_to_zero={"used": frozenset({3}), "sleeps": frozenset({2})})
    assert known.of(series, zero, busy=busy) == doubt
