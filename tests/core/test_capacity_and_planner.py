"""The arithmetic between demand and floor."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.core.capacity import replicas
from ahpa.core.planner import Supply, plan
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.setting import Setting
from forecasting.forecast import Outlook
from tests.core.conftest import NOW, outlook_of


@pytest.mark.parametrize(
    ("demand", "per_replica", "need"),
    [
        (0, 4, 0),
        (0.001, 4, 1),
        (4, 4, 1),
        (4.001, 4, 2),
        (6.000000000000001, 1, 6),
        (0.3, 0.1, 3),
        (70, 0.7, 100),
        (1 + 0.9e-9, 1, 1),
        (1 + 1.5e-9, 1, 2),
        (1e6 + 5e-4, 1, 1_000_000),
        (1e6 + 2e-3, 1, 1_000_001),
    ],
)
def test_replicas_is_the_ceiling_without_the_noise_of_floats(demand: float, per_replica: float, need: int) -> None:
    assert replicas(demand, per_replica) == need


@pytest.mark.parametrize(("demand", "per_replica"), [(math.nan, 1), (math.inf, 1), (-1, 1), (1, 0), (1, -2)])
def test_replicas_refuses_what_is_not_a_demand(demand: float, per_replica: float) -> None:
    with pytest.raises(ValueError, match=r"demand|per_replica"):
        replicas(demand, per_replica)


def test_an_absurd_need_is_a_number_and_not_an_error() -> None:
    """One owner's target of a billionth beside a metric gone mad must not end the round for all."""
    assert replicas(1e300, 1e-9) == 1_000_000_000


@given(st.floats(0, 1e6), st.floats(0.01, 1e3))
def test_replicas_serve_the_demand_and_one_fewer_would_not(demand: float, per_replica: float) -> None:
    need = replicas(demand, per_replica)
    assert need * per_replica >= demand - 2e-9 * max(demand, per_replica)
    assert need == 0 or (need - 1) * per_replica < demand


def rising(per_window: dict[float, float], origin: float = NOW) -> Outlook:
    """A certain forecast: the peak within each window, the same at every level."""
    levels = np.array([0.5, 0.9, 0.99])
    peaks = np.array([[peak] * 3 for peak in per_window.values()])
    return Outlook(origin, levels, np.array(list(per_window)), peaks, "toy", None)


@pytest.mark.parametrize(
    ("lag_seconds", "floor"),
    [(60, 1), (240, 2), (540, 5), (3000, 5)],
    ids=["rise not in sight", "first step", "whole rise", "beyond the last window"],
)
def test_the_floor_rises_one_lag_and_a_tick_before_the_demand(lag_seconds: float, floor: int) -> None:
    outlook = rising({120: 4.0, 300: 8.0, 600: 20.0})
    supply = Supply(4, Readiness.single(Lag.of(lag_seconds, lag_seconds)))
    assert plan(outlook, supply, Setting.fill(0.9), NOW, 60).floor == floor


def test_each_replica_has_its_own_lead() -> None:
    """Three start on warm nodes in 20 s, the rest on new ones in 360 s.

    A peak of five replicas in five minutes: the two that need new nodes must be asked for now, and with
    them the three before them. A peak of three in five minutes needs nothing yet.
    """
    tiers = Readiness((Tier("warm", Lag.of(20, 20), 3), Tier("new", Lag.of(360, 360))))
    assert plan(rising({80: 1.0, 300: 20.0, 420: 20.0}), Supply(4, tiers), Setting.fill(0.9), NOW, 60).floor == 5
    assert plan(rising({80: 1.0, 300: 12.0, 420: 12.0}), Supply(4, tiers), Setting.fill(0.9), NOW, 60).floor == 1


WARM_AND_NEW = Readiness((Tier("warm", Lag.of(20, 20), 3), Tier("new", Lag.of(360, 360))))
THREE_TIERS = Readiness((Tier("warm", Lag.of(20, 20), 2), Tier("spot", Lag.of(100, 100), 3), *WARM_AND_NEW.tiers[1:]))


@pytest.mark.parametrize(
    ("tiers", "peaks", "decided"),
    [
        (WARM_AND_NEW, {80: 8.0, 420: 8.0}, (2, 8.0, 80)),
        (WARM_AND_NEW, {80: 8.0, 420: 20.0}, (5, 20.0, 420)),
        (WARM_AND_NEW, {80: 20.0, 420: 20.0}, (5, 20.0, 420)),
        (WARM_AND_NEW, {80: 0.0, 420: 0.0}, (0, 0.0, 80)),
        (THREE_TIERS, {80: 4.0, 160: 16.0, 420: 16.0}, (4, 16.0, 160)),
        (THREE_TIERS, {80: 4.0, 160: 12.0, 420: 12.0}, (3, 12.0, 160)),
        (THREE_TIERS, {80: 4.0, 160: 8.0, 420: 8.0}, (1, 4.0, 80)),
        (THREE_TIERS, {80: 4.0, 160: 16.0, 420: 24.0}, (6, 24.0, 420)),
    ],
)
def test_the_plan_tells_which_peak_decided_and_how_far_ahead_it_is(
    tiers: Readiness, peaks: dict[float, float], decided: tuple[int, float, float]
) -> None:
    """Where two windows ask for as many, the nearer one: it is sooner too late for it."""
    floor, peak, seconds = decided
    made = plan(rising(peaks), Supply(4, tiers), Setting.fill(0.9), NOW, 60)
    assert (made.floor, made.protected, made.peak, made.level) == (floor, floor, peak, 0.9)
    assert made.window_seconds == pytest.approx(seconds)


@pytest.mark.parametrize(("lead", "floor"), [(None, 5), (240.0, 2), (0.0, 1)])
def test_a_lead_that_the_owner_gave_counts_for_all_replicas(lead: float | None, floor: int) -> None:
    made = plan(rising({80: 4.0, 300: 8.0, 420: 20.0}), Supply(4, WARM_AND_NEW), Setting.fill(0.9), NOW, 60, lead)
    assert made.floor == floor
    assert made.window_seconds == pytest.approx((360.0 if lead is None else lead) + 60)


def test_an_origin_that_lies_ahead_of_us_is_now() -> None:
    """A server's clock that is a little ahead of ours must not make the window shorter."""
    outlook = rising({120: 4.0, 300: 8.0}, origin=NOW + 25)
    assert plan(outlook, Supply(4, Readiness.single(Lag.of(100, 100))), Setting.fill(0.9), NOW, 60).floor == 2


@pytest.mark.parametrize(
    ("ready", "present", "floor", "protected"),
    [
        (9, 9, 0, 4),
        (3, 9, 0, 5),
        (8, 9, 0, 5),
        (3, 5, 0, 5),
        (3, 4, 0, 4),
        (1, 2, 0, 4),
        (9, 9, 4, 4),
        (9, 9, 5, 5),
        (9, 9, 9, 5),
        (3, 4, 9, 5),
        (5, 5, 3, 4),
    ],
)
def test_what_starts_or_is_held_is_worth_keeping_up_to_the_less_likely_need(
    ready: int, present: int, floor: int, protected: int
) -> None:
    """At the 0.9 quantile 14.36 need 4 replicas, three of them on warm nodes; at 0.95 it is 17.48, which need 5."""
    made = plan(outlook_of(4.0, spread=4.5), Supply(4, WARM_AND_NEW, ready, present, floor), Setting.fill(0.9), NOW, 60)
    assert (made.floor, made.protected) == (4, protected)


def test_what_starts_is_kept_for_the_same_window_and_for_nothing_where_nothing_may_come() -> None:
    """Half as unlikely a peak is 4 within two minutes, and 20 within five."""
    peaks = np.array([[4.0, 4.0], [4.0, 20.0]])
    outlook = Outlook(NOW, np.array([0.9, 0.95]), np.array([120.0, 300.0]), peaks, "toy", None)
    for lag, protected in ((60, 1), (240, 5)):
        supply = Supply(4, Readiness.single(Lag.of(lag, lag)), ready=1, present=9)
        assert plan(outlook, supply, Setting.fill(0.9), NOW, 60).protected == protected
    starting = Supply(4, WARM_AND_NEW, ready=0, present=3)
    assert plan(rising({300: 0.0}), starting, Setting.fill(0.9), NOW, 60).protected == 0
    idle = Outlook(NOW, np.array([0.9, 0.95]), np.array([300.0]), np.array([[0.0, 4.0]]), "toy", None)
    kept = plan(idle, Supply(4, WARM_AND_NEW), Setting.fill(0.9), NOW, 60).protected
    assert kept == 0, "nothing is there that could be kept"


def test_a_stale_origin_widens_the_window() -> None:
    outlook = rising({120: 4.0, 300: 8.0})
    readiness = Readiness.single(Lag.of(60, 60))
    assert plan(outlook, Supply(4, readiness), Setting.fill(0.9), NOW, 60).floor == 1
    assert plan(outlook, Supply(4, readiness), Setting.fill(0.9), NOW + 180, 60).floor == 2


def test_a_starting_replica_is_kept_while_it_is_likely_to_be_needed_but_no_more_than_are_there() -> None:
    outlook = outlook_of(4.0, spread=2.0)  # p90 8.6 -> 3 replicas, p95 10 -> 3, p99 13.2 -> 4
    readiness = Readiness.single(Lag.of(60, 60))
    need = plan(outlook, Supply(4, readiness), Setting.fill(0.9), NOW, 60).floor
    calm = plan(outlook, Supply(4, readiness, ready=3, present=3), Setting.fill(0.98), NOW, 60)
    starting = plan(outlook, Supply(4, readiness, ready=3, present=9), Setting.fill(0.98), NOW, 60)
    few = plan(outlook, Supply(4, readiness, ready=1, present=2), Setting.fill(0.9), NOW, 60)
    assert (need, calm.protected) == (3, calm.floor)
    assert starting.protected == replicas(outlook.peak(120, 0.99), 4) >= starting.floor
    assert few.protected == few.floor == 3


def test_what_the_floor_holds_is_let_go_later_than_it_was_asked_for() -> None:
    """At p90 two are needed, at p95 three, at p99.5 (for which nobody plans here) four: a floor of three stands, one of
    four comes down to three, and without one nobody would ask for more than two."""
    outlook = outlook_of(3.0, spread=2.0)  # p90 7.6, p95 9.0, p99.5 13.6
    readiness = Readiness.single(Lag.of(60, 60))

    def made(floor: int) -> tuple[int, int]:
        found = plan(outlook, Supply(4, readiness, ready=floor, present=floor, floor=floor), Setting.fill(0.9), NOW, 60)
        return found.floor, found.protected

    assert [made(floor) for floor in (0, 2, 3, 4, 9)] == [(2, 2), (2, 2), (2, 3), (2, 3), (2, 3)]


@given(
    demand=st.lists(st.floats(0, 1e4), min_size=3, max_size=3).map(sorted),
    more=st.floats(1, 3),
    lag=st.floats(1, 800),
    later=st.floats(1, 4),
    level=st.floats(0.5, 0.995),
)
def test_more_demand_a_longer_lag_or_a_higher_level_never_lower_the_floor(
    demand: list[float], more: float, lag: float, later: float, level: float
) -> None:
    def floor(scale: float = 1.0, lag_factor: float = 1.0, q: float = level) -> int:
        levels = np.array([0.5, 0.9, 0.995])
        base = np.array(demand)[:, None] * np.array([1.0, 1.3, 2.0])[None, :] * scale
        outlook = Outlook(NOW, levels, np.array([60.0, 300.0, 900.0]), base, "toy", None)
        slow = Readiness.single(Lag.of(lag * lag_factor, lag * lag_factor))
        return plan(outlook, Supply(4, slow), Setting.fill(q), NOW, 60).floor

    here = floor()
    assert floor(scale=more) >= here
    assert floor(lag_factor=later) >= here
    assert floor(q=min(0.999, level + 0.004)) >= here
