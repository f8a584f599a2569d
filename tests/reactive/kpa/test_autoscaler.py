"""The KPA decides as upstream's own tests say (autoscaler_test.go, kpa/scaler_test.go, kpa_test.go)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.reactive.kpa.autoscaler import UNKNOWN, Activity, Decider, DeploymentScaler, Kpa, averages_of
from ahpa.reactive.kpa.config import KpaConfig

T = 1_700_000_000.0


def upstream(target: float, burst: float = 100, **changes: Any) -> KpaConfig:
    """The spec of newTestAutoscaler: rates of 10, panic at 2, utilisation 0.75."""
    base = KpaConfig(
        target_value=target,
        total_value=target / 0.75,
        target_burst_capacity=burst,
        max_scale_up_rate=10,
        max_scale_down_rate=10,
    )
    return replace(base, **changes)


@pytest.mark.parametrize(
    ("config", "stable", "panic", "ready", "desired", "excess"),
    [
        pytest.param(upstream(10), 0, 0, 1, 0, -87, id="no load"),
        pytest.param(upstream(181, -1), 21, 26, 1, 1, -1, id="unlimited burst"),
        pytest.param(upstream(10, 0), 50, 49, 1, 5, 0, id="no burst"),
        pytest.param(upstream(10), 50, 50, 1, 5, -137, id="up"),
        pytest.param(upstream(10), 50, 50, 5, 5, -84, id="already there"),
        pytest.param(upstream(10, 101), 50, 10, 1, 5, -98, id="stable above panic"),
        pytest.param(upstream(10, 84), 50, 100, 1, 10, -171, id="panic takes precedence"),
        pytest.param(upstream(1, 1982, max_scale_up_rate=1.1), 3, 3.1, 2, 3, -1983, id="small up rate"),
        pytest.param(upstream(10, 1982, max_scale_down_rate=1.1), 1, 1, 100, 90, -650, id="small down rate"),
        pytest.param(upstream(10, 61), 1000, 1001, 1, 10, -1049, id="limited up from 1"),
        pytest.param(upstream(10, 61), 1000, 1001, 10, 100, -929, id="limited up from 10"),
        pytest.param(upstream(10, 61), 1, 1, 100, 10, 1271, id="limited down"),
        pytest.param(upstream(10, 81), 1000, 888, 0, 10, -969, id="zero ready counts as one"),
        pytest.param(upstream(10, 75, activation_scale=2), 0, 0, 1, 0, -62, id="activation leaves zero alone"),
        pytest.param(upstream(10, 75, activation_scale=2), 1, 0, 1, 2, -62, id="activation"),
    ],
)
def test_one_step(config: KpaConfig, stable: float, panic: float, ready: int, desired: int, excess: int) -> None:
    decider = Decider(config, T)
    assert decider.scale(T, stable, panic, ready) == desired
    assert decider.excess_burst_capacity == excess


def test_an_unreachable_revision_may_fall_at_once() -> None:
    decider = Decider(upstream(10, 1982, max_scale_down_rate=1.1), T, reachable=False)
    assert decider.scale(T, 1, 1, 100) == 1


def test_panic_ends_a_stable_window_after_the_last_surge() -> None:
    """10 to 25 at once; half a window later still 41 by the panic average; after the window 50 by stable."""
    decider = Decider(upstream(1, 98), T)
    assert decider.scale(T, 11, 25, 10) == 25
    assert decider.panic_since == T
    assert decider.scale(T + 30, 30, 41, 40) == 41
    assert decider.panic_since == T
    assert decider.scale(T + 62, 50, 56, 55) == 50
    assert not decider.panicking


def test_a_lasting_surge_extends_panic() -> None:
    decider = Decider(upstream(1, 98), T)
    decider.scale(T, 11, 25, 10)
    assert decider.scale(T + 30, 30, 80, 40) == 80
    assert decider.panic_since == T + 30


def test_in_panic_the_count_does_not_fall() -> None:
    decider = Decider(upstream(10, 93), T)
    assert decider.scale(T, 100, 100, 1) == 10
    assert decider.scale(T, 100, 1000, 10) == 100
    assert decider.scale(T + 30, 1, 1, 10) == 100
    assert decider.scale(T + 61, 1, 1, 10) == 1


def test_a_restarted_autoscaler_cannot_shrink_a_service() -> None:
    """It has lost its averages; born beside 12 ready replicas it holds them for a stable window."""
    decider = Decider(upstream(10), T, ready=12)
    assert decider.scale(T + 60, 1, 1, 12) == 12
    assert decider.scale(T + 62, 1, 1, 12) == 1


def test_scale_down_delay_holds_the_largest_of_five_minutes() -> None:
    config = upstream(10, 0, scale_down_delay_seconds=300, panic_threshold_ratio=100)
    decider = Decider(config, T)
    says = [
        decider.scale(T + 60 * minutes, load, load, 1)
        for minutes, load in [(0, 40), (4.9, 0), (5, 0), (9, 40), (10, 30), (11, 0), (14, 0), (15, 0)]
    ]
    assert says == [4, 4, 0, 4, 4, 4, 3, 0]


def test_an_unreachable_revision_does_not_wait_for_the_delay() -> None:
    config = upstream(10, 0, scale_down_delay_seconds=300)
    decider = Decider(config, T)
    decider.scale(T, 40, 0, 1)
    decider.update(config, reachable=False)
    assert decider.scale(T + 2, 0, 0, 1) == 0


def test_a_new_target_counts_at_the_next_tick() -> None:
    decider = Decider(upstream(10, 77), T)
    assert decider.scale(T, 100, 101, 1) == 10
    decider.update(upstream(1, 71))
    assert decider.scale(T, 100, 101, 10) == 100
    assert decider.excess_burst_capacity == -159


@pytest.mark.parametrize(("burst", "excess"), [(-1, -1), (0, 0), (211, -111), (50, 50)])
def test_a_fresh_decider_knows_nothing_but_its_burst(burst: float, excess: int) -> None:
    decider = Decider(KpaConfig(target_burst_capacity=burst), T)
    assert (decider.desired, decider.excess_burst_capacity) == (UNKNOWN, excess)


@pytest.mark.parametrize(
    ("activity", "since", "replicas", "desired", "config", "want", "after"),
    [
        pytest.param(Activity.ACTIVE, 59, 10, 0, {}, 1, Activity.ACTIVE, id="idle, window not over"),
        pytest.param(Activity.ACTIVE, 60, 1, 0, {}, 1, Activity.IDLE, id="idle for a window"),
        pytest.param(Activity.IDLE, 30, 1, 0, {}, 0, Activity.IDLE, id="grace over"),
        pytest.param(Activity.IDLE, 29, 1, 0, {}, 1, Activity.IDLE, id="grace not over"),
        pytest.param(Activity.IDLE, 30, 1, 0, {"pod_retention_seconds": 60}, 1, Activity.IDLE, id="retention"),
        pytest.param(Activity.IDLE, 60, 1, 0, {"pod_retention_seconds": 60}, 0, Activity.IDLE, id="retained"),
        pytest.param(Activity.ACTIVATING, 630, 1, 0, {}, 1, Activity.ACTIVE, id="activation may take 630 s"),
        pytest.param(Activity.ACTIVATING, 631, 1, 0, {}, 0, Activity.FAILED, id="activation failed"),
        pytest.param(
            Activity.ACTIVATING, 36, 1, 0, {"progress_deadline_seconds": 5}, 0, Activity.FAILED, id="own deadline"
        ),
        pytest.param(Activity.ACTIVE, 99, 10, 0, {"enable_scale_to_zero": False}, 1, Activity.ACTIVE, id="never"),
        pytest.param(Activity.IDLE, 30, 10, 0, {"min_scale": 2}, 2, Activity.ACTIVE, id="down to min"),
        pytest.param(Activity.ACTIVE, 1, 1, 10, {"max_scale": 8}, 8, Activity.ACTIVE, id="up to max"),
        pytest.param(Activity.ACTIVE, 1, 1, 10, {"min_scale": 9, "max_scale": 8}, 8, Activity.ACTIVE, id="max"),
        pytest.param(Activity.ACTIVE, 1, 1, 1, {"min_scale": 9, "max_scale": 8}, 9, Activity.ACTIVE, id="min"),
        pytest.param(Activity.IDLE, 1, 0, 10, {}, 10, Activity.ACTIVE, id="from zero"),
        pytest.param(Activity.IDLE, 1, 0, -1, {"min_scale": 2}, 0, Activity.IDLE, id="inactive, no data: no floor"),
        pytest.param(Activity.ACTIVE, 1, 12, -1, {}, 12, Activity.ACTIVE, id="no data, no change"),
        pytest.param(Activity.ACTIVATING, 1, 0, 1, {"initial_scale": 2}, 2, Activity.ACTIVE, id="initial scale"),
    ],
)
def test_scaler(
    activity: Activity,
    since: float,
    replicas: int,
    desired: int,
    config: dict[str, Any],
    want: int,
    after: Activity,
) -> None:
    """The Deployment's replicas and the condition Active, `since` seconds after the last change of Active."""
    scaler = DeploymentScaler(KpaConfig(**config), T, replicas)
    scaler.activity, scaler.since, scaler.proxied_since = activity, T - since, T - since
    assert scaler.reconcile(T, desired, excess_burst_capacity=0, ready=20) == want
    assert scaler.activity is after


def test_a_floor_given_at_the_tick_replaces_the_annotation() -> None:
    scaler = DeploymentScaler(KpaConfig(min_scale=1), T)
    says = [(scaler.reconcile(T, 1, 0, ready, floor), scaler.activity) for ready, floor in [(1, 5), (5, 5), (5, None)]]
    assert says == [(5, Activity.ACTIVATING), (5, Activity.ACTIVE), (1, Activity.ACTIVE)]


def test_unreachable_ignores_every_minimum() -> None:
    scaler = DeploymentScaler(KpaConfig(min_scale=2, initial_scale=3), T, 3, reachable=False)
    scaler.activity, scaler.since, scaler.proxied_since = Activity.IDLE, T - 30, T - 30
    assert scaler.reconcile(T, 0, 0, ready=3, min_scale=2) == 0


def drive(config: KpaConfig, demand: list[float], lag_seconds: int = 10) -> list[int]:
    """Replicas at each tick of a service that starts a replica in `lag_seconds`; demand is per second."""
    kpa, averages = Kpa(config, T), averages_of(config)
    wanted, says = [1] * lag_seconds, []
    for i, value in enumerate(demand):
        averages.record(T + i, value)
        wanted.append(wanted[-1])
        if i % 2 == 1:
            now = T + i
            ready = min(wanted[-1 - lag_seconds :])
            stable, panic = averages.at(now) or (None, 0.0)
            wanted[-1] = kpa.tick(now, stable, panic, ready)
            says.append(wanted[-1])
    return says


@pytest.mark.parametrize(("burst", "tail_seconds"), [(211, 60), (0, 90)])
def test_a_quiet_service_goes_to_zero_a_window_after_its_last_request(burst: float, tail_seconds: int) -> None:
    """It is idle for a window; the grace of 30 s follows unless the activator had been in the path all along."""
    config = KpaConfig(target_value=0.7, total_value=1, target_burst_capacity=burst)
    says = drive(config, [1.0] * 120 + [0.0] * 120)
    assert says[59] == 2  # ceil(1 / 0.7)
    zero = says.index(0)
    assert says[zero:] == [0] * (len(says) - zero)
    assert 2 * zero + 1 - 119 == pytest.approx(tail_seconds, abs=4)


@given(
    st.lists(st.floats(0, 500), min_size=20, max_size=200),
    st.integers(0, 5),
    st.integers(0, 10),
    st.booleans(),
    st.sampled_from([0, 10, 60]),
)
def test_the_bounds_always_hold(demand: list[float], minimum: int, above: int, weighted: bool, delay: int) -> None:
    config = KpaConfig(
        min_scale=minimum,
        max_scale=minimum + above,
        weighted=weighted,
        scale_down_delay_seconds=delay,
        target_value=7.0,
    )
    for replicas in drive(config, demand)[1:]:
        assert replicas >= minimum
        assert replicas <= max(minimum + above, 1) or minimum + above == 0
