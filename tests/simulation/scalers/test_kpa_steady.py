"""Claims about `Steady`: inside its band a tick does what the last one did, and nobody needs to play it."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ahpa.reactive.kpa.autoscaler import TICK_SECONDS, Activity, Kpa
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.reactive.kpa.windows import round_to_micro
from ahpa.simulation.scalers.kpa_steady import NEVER, Steady
from ahpa.simulation.units import GRAIN

FAR = 10**12


@st.composite
def configs(draw: st.DrawFn) -> KpaConfig:
    total = draw(st.sampled_from([1.0, 4.0, 10.0]))
    return KpaConfig(
        target_value=max(0.01, total * draw(st.sampled_from([0.01, 0.5, 0.7, 1.0]))),
        total_value=total,
        target_burst_capacity=draw(st.sampled_from([-1.0, 0.0, 5.0, 20.0])),
        max_scale=draw(st.sampled_from([0, 0, 7])),
        enable_scale_to_zero=draw(st.booleans()),
        activation_scale=draw(st.sampled_from([0, 4])),
        initial_scale=draw(st.sampled_from([1, 2])),
        max_scale_up_rate=draw(st.sampled_from([1000.0, 2.0])),
        panic_threshold_ratio=draw(st.sampled_from([2.0, 1.1, 3.3])),
        stable_window_seconds=draw(st.sampled_from([60, 30])),
    )


def tick(kpa: Kpa, now: float, sums: tuple[int, int], ready: int, floor: int) -> int:
    """One tick by the sums of both windows in 1/GRAIN."""
    config = kpa.scaler.config
    windows = config.stable_window_seconds, config.panic_window_seconds
    stable, panic = (round_to_micro(s / GRAIN / seconds) for s, seconds in zip(sums, windows, strict=True))
    return kpa.tick(now, stable, panic, ready, floor)


def state(kpa: Kpa) -> tuple[object, ...]:
    """All that a later decision can depend on; outside panic the desired count is taken anew at each tick."""
    decider, scaler = kpa.decider, kpa.scaler
    panic = (decider.desired, decider.max_panic_replicas) if decider.panicking else None
    proxied = scaler.proxied_since if scaler.config.enable_scale_to_zero else None
    return scaler.replicas, scaler.activity, scaler.since, scaler.initialized, proxied, panic


@given(configs(), st.data())
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
def test_a_tick_in_the_band_changes_nothing(config: KpaConfig, data: st.DataObject) -> None:
    now, ready = 1000.0, data.draw(st.integers(0, 6))
    kpa = Kpa(config, now, ready, replicas=ready)
    windows = config.stable_window_seconds * GRAIN, config.panic_window_seconds * GRAIN
    floor = 0
    if data.draw(st.booleans()):  # served, and then idle for a while: the replica is still there
        ready = 1
        for load in (1.0, *([0.0] * data.draw(st.integers(1, 3)))):
            now += 70
            sums = round(load * windows[0]), round(load * windows[1])
            present = tick(kpa, now, sums, ready, floor)
    for _ in range(data.draw(st.integers(0 if kpa.scaler.initialized else 1, 6))):
        now += data.draw(st.sampled_from([TICK_SECONDS, 70]))
        ready, floor = data.draw(st.integers(0, 6)), data.draw(st.sampled_from([0, 1, 4, 9]))
        loads = [data.draw(st.sampled_from([0, 0.001, 1, 3, 8, 20, 50])) * config.total_value for _ in windows]
        sums = round(loads[0] * windows[0]), round(loads[1] * windows[1])
        present = tick(kpa, now, sums, ready, floor)
    low, high, bottom, top, until, surging = Steady(config).band(kpa, sums[1], ready, floor, present)
    later = now + data.draw(st.sampled_from([2, 30, 60, 62, 700]))
    assume(low <= high and bottom <= top and later <= until)
    inside = [
        max(a, min(b, data.draw(st.sampled_from([a, b, (max(a, 0) + min(b, FAR)) // 2]))))
        for a, b in ((max(low, 0), min(high, FAR)), (max(bottom, 0), min(top, FAR)))
    ]
    assume(min(inside) >= 0 and low <= inside[0] <= high and bottom <= inside[1] <= top)
    before, since = state(kpa), kpa.decider.panic_since
    played = deepcopy(kpa)
    assert tick(played, later, (inside[0], inside[1]), ready, floor) == present
    assert state(played) == before
    assert played.decider.panic_since == (later if surging else since)


def test_a_replica_that_is_still_there_while_idle_is_brought_back_not_kept() -> None:
    """Active, then a stable window of nothing, then idle in the grace period: the next request makes it active again,
    and that moment counts for the way to zero."""
    config = KpaConfig(target_value=1.0, total_value=1.0, target_burst_capacity=0.0)
    kpa = Kpa(config, 1000.0, 1, replicas=1)
    for now, load in ((1002.0, 1), (1064.0, 0)):
        assert tick(kpa, now, (load * 60 * GRAIN, load * 6 * GRAIN), 1, 0) == 1
    assert kpa.scaler.activity is Activity.IDLE
    assert Steady(config).band(kpa, 0, 1, 0, 1) == NEVER
    assert tick(kpa, 1066.0, (60 * GRAIN, 6 * GRAIN), 1, 0) == 1
    assert (kpa.scaler.activity, kpa.scaler.since) == (Activity.ACTIVE, 1066.0)


@pytest.mark.parametrize("panic", [False, True])
def test_the_band_is_no_narrower_than_the_counts_that_need_the_same(panic: bool) -> None:
    """4 of 10 replicas' worth wanted at 1 per replica: a stable mean in (3, 4] keeps 4, in panic anything below."""
    config = KpaConfig(target_value=1.0, total_value=1.0, target_burst_capacity=0.0)
    kpa = Kpa(config, 0.0, 4, replicas=4)
    windows = config.stable_window_seconds * GRAIN, config.panic_window_seconds * GRAIN
    now = 2.0 if panic else 100.0
    sums = round(3.5 * windows[0]), round(3.5 * windows[1])
    assert tick(kpa, now, sums, 4, 0) == 4
    band = Steady(config).band(kpa, sums[1], 4, 0, 4)
    assert band.low == (0 if panic else pytest.approx(3 * windows[0], abs=2))
    assert band.high == pytest.approx(4 * windows[0], abs=2)
    assert band.top == pytest.approx((4 if panic else 7) * windows[1], abs=2)
    assert band.until == (config.stable_window_seconds if panic else float("inf"))


def test_in_panic_nothing_repeats_while_a_first_request_would_activate_more() -> None:
    """Two held in panic without any load; one request wants the activation scale of 4."""
    config = KpaConfig(target_value=1.0, total_value=1.0, target_burst_capacity=0.0, activation_scale=4)
    kpa = Kpa(config, 0.0, 2, replicas=2)
    assert tick(kpa, 2.0, (0, 0), 2, 0) == 2
    band = Steady(config).band(kpa, 0, 2, 0, 2)
    assert band.low > band.high or band.bottom > band.top
    assert tick(kpa, 4.0, (60 * GRAIN, 6 * GRAIN), 2, 0) == 4
