"""Claims about the simulated world: passing over calm ticks changes nothing, and nothing gets lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.outcome import Run
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.scalers.kpa import KpaLoop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.scalers.kpa_steady import NEVER, Band
from ahpa.simulation.stream import SimulatedService, Stream
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from ahpa.simulation.world import World

SERVICE_SECONDS = (0.2, 0.5, 1.0, 1.3, 2.0, 5.0, 7.25)


def config_of(service: SimulatedService, utilization: float = 0.7, **more: object) -> KpaConfig:
    total = float(service.concurrency)
    return KpaConfig(target_value=max(0.01, total * utilization), total_value=total, **more)  # type: ignore[arg-type]


class EveryTick(KpaLoop):
    """Plays each tick while somebody waits."""

    def _band(self, ticks: int, ready: int, floor: int, present: int) -> Band:
        return NEVER


def play(
    traffic: Stream, config: KpaConfig | None, floors: list[int], ready: int, seed: int, *, skip: bool
) -> tuple[Run, World]:
    """One run with a floor that moves at every minute."""
    if config is None:
        scaler: Fixed | KpaLoop = Fixed()
    else:
        loop = KpaLoop if skip else EveryTick
        scaler = loop(config, KpaInputs(traffic, config), traffic.start, ready)
    world = World(traffic, scaler, np.random.default_rng(seed), ready, floors[0])
    world.skip = skip
    for minute in range(traffic.seconds // 60):
        world.floor = floors[minute % len(floors)]
        world.advance(traffic.start + 60 * (minute + 1))
    return world.run("s", "p"), world


def fast_is_slow(traffic: Stream, config: KpaConfig, floors: list[int], ready: int, seed: int) -> None:
    """Every figure of the fast world is that of the world that plays each tick, to the last bit."""
    fast, _ = play(traffic, config, floors, ready, seed, skip=True)
    slow, _ = play(traffic, config, floors, ready, seed, skip=False)
    assert fast.outcome == slow.outcome
    for name in ("ready", "starting", "floor", "desired", "late"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)


@st.composite
def stories(draw: st.DrawFn) -> tuple[Traffic, KpaConfig, list[int], int, int]:
    seconds = draw(st.sampled_from(SERVICE_SECONDS))
    lag = Lag.of(draw(st.sampled_from([3.0, 20.0, 90.0])), 200.0)
    tiers = (Tier("warm", Lag.of(5, 8), 2), Tier("new", lag)) if draw(st.booleans()) else (Tier("any", lag),)
    service = SimulatedService(
        service_seconds=seconds,
        concurrency=draw(st.integers(1, 5)),
        late_after_seconds=draw(st.sampled_from([0.0, 0.5, 1.0, 4.0])),
        give_up_seconds=draw(st.sampled_from([5.0, 30.0, 300.0])),
        readiness=Readiness(tiers),
        prices=(1.0, 2.0)[: len(tiers)],
    )
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    level = draw(st.sampled_from([0.0, 0.02, 1.0, 5.0, 30.0])) * 60 / seconds
    shape = rng.choice([0.0, 0.2, 1.0, 1.0, 1.1, 3.0], size=draw(st.integers(3, 40)))
    per_minute = np.repeat(shape, rng.integers(1, 6, len(shape))) * level
    dispersion = draw(st.sampled_from([1.0, 3.0]))
    traffic = Traffic(6000.0, spread_over_seconds(per_minute, 60, rng, dispersion), service)
    config = config_of(
        service,
        draw(st.sampled_from([0.5, 0.7, 1.0])),
        target_burst_capacity=draw(st.sampled_from([-1.0, 0.0, 10.0, 211.0])),
        min_scale=draw(st.sampled_from([0, 0, 1])),
        max_scale=draw(st.sampled_from([0, 0, 7])),
        enable_scale_to_zero=draw(st.booleans()),
        scale_down_delay_seconds=draw(st.sampled_from([0, 0, 0, 60])),
        activation_scale=draw(st.sampled_from([0, 0, 3])),
        initial_scale=draw(st.sampled_from([1, 1, 2])),
        max_scale_up_rate=draw(st.sampled_from([1000.0, 2.0])),
        weighted=draw(st.sampled_from([False, False, True])),
        stable_window_seconds=draw(st.sampled_from([60, 30])),
    )
    floors = draw(st.lists(st.sampled_from([0, 1, 1, 2, 5, 9]), min_size=1, max_size=30))
    return traffic, config, floors, draw(st.integers(0, 4)), seed


@given(stories())
@settings(max_examples=60, deadline=None)
def test_passing_over_calm_ticks_changes_nothing(story: tuple[Traffic, KpaConfig, list[int], int, int]) -> None:
    """The fast world equals the one that runs queue and scaler at every tick, bit for bit."""
    fast_is_slow(*story)


@pytest.mark.parametrize("part", range(4))
def test_passing_over_changes_nothing_on_the_way_to_zero_and_back(part: int) -> None:
    """Two minutes of load, one of nothing, a burst in the grace period: what is idle is active again, and sleeps."""
    rng = np.random.default_rng(part)
    for _ in range(60):
        service = SimulatedService(float(rng.choice([0.5, 1.0, 2.0, 5.0])), 10)
        arrivals = np.zeros(480, dtype=np.int64)
        arrivals[:120] = 1
        most = int(10 / min(1.0, service.service_seconds))
        arrivals[rng.integers(184, 214, rng.integers(1, 4))] = most + rng.integers(1, 6)
        window = int(rng.choice([20, 30, 60]))
        config = config_of(service, target_burst_capacity=0.0, stable_window_seconds=window)
        fast_is_slow(Traffic(0.0, arrivals, service), config, [0], 1, 0)


@given(stories())
@settings(max_examples=20, deadline=None)
def test_no_request_gets_lost_and_shares_are_shares(story: tuple[Traffic, KpaConfig, list[int], int, int]) -> None:
    traffic, config, floors, ready, seed = story
    run, world = play(traffic, config, floors, ready, seed, skip=True)
    out = run.outcome
    assert 0 <= out.unserved_ratio <= out.late_ratio + 1e-9 <= 1 + 2e-9
    assert out.wait_p50_seconds <= out.wait_p95_seconds <= out.wait_p99_seconds
    assert run.late.sum() == pytest.approx(out.late_ratio * out.requests)
    assert out.replica_hours == pytest.approx((run.ready + run.starting).sum() / 60)
    assert world.replicas.present == ready + out.scale_ups - out.churn
    assert out.money is not None
    assert out.replica_hours - 1e-9 <= out.money <= 2 * out.replica_hours + 1e-9
