"""Stories for the simulated world: requests, a configuration, moving floors; and how to play them, fast or slowly."""

from __future__ import annotations

from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from hypothesis import strategies as st

from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.simulation.outcome import Run
from ahpa.simulation.requests import Requests, RequestTraffic
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.scalers.kpa import KpaLoop, RequestRateLoop, kpa_loop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.scalers.kpa_steady import NEVER, Band
from ahpa.simulation.stream import SimulatedService, Stream
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from ahpa.simulation.world import World
from forecasting.panel import Floats

SERVICE_SECONDS = (0.2, 0.5, 1.0, 1.3, 2.0, 5.0, 7.25)

Requested = TypeVar("Requested", bound=Stream)


class Story(NamedTuple, Generic[Requested]):
    """What happens in one run."""

    traffic: Requested
    config: KpaConfig
    floors: list[int]
    """One for each minute, from the first again after the last."""
    ready: int
    """Replicas that are ready at first."""
    seed: int


def config_of(service: SimulatedService, utilization: float = 0.7) -> KpaConfig:
    """The KPA that aims at this share of a replica's slots."""
    total = float(service.concurrency)
    return KpaConfig(target_value=max(0.01, total * utilization), total_value=total)


@st.composite
def services(draw: st.DrawFn) -> SimulatedService:
    lag = Lag.of(draw(st.sampled_from([3.0, 20.0, 90.0])), 200.0)
    tiers = (Tier("warm", Lag.of(5, 8), 2), Tier("new", lag)) if draw(st.booleans()) else (Tier("any", lag),)
    return SimulatedService(
        service_seconds=draw(st.sampled_from(SERVICE_SECONDS)),
        concurrency=draw(st.integers(1, 5)),
        late_after_seconds=draw(st.sampled_from([0.0, 0.5, 1.0, 4.0])),
        give_up_seconds=draw(st.sampled_from([5.0, 30.0, 300.0])),
        readiness=Readiness(tiers),
        prices=(1.0, 2.0)[: len(tiers)],
    )


@st.composite
def counted_stories(draw: st.DrawFn) -> Story[Traffic]:
    service = draw(services())
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    level = draw(st.sampled_from([0.0, 0.02, 1.0, 5.0, 30.0])) * 60 / service.service_seconds
    shape = rng.choice([0.0, 0.2, 1.0, 1.0, 1.1, 3.0], size=draw(st.integers(3, 40)))
    per_minute = np.repeat(shape, rng.integers(1, 6, len(shape))) * level
    dispersion = draw(st.sampled_from([1.0, 3.0]))
    traffic = Traffic(6000.0, spread_over_seconds(per_minute, 60, rng, dispersion), service)
    config = config_of(service, draw(st.sampled_from([0.5, 0.7, 1.0])))
    config = replace(
        config,
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
    return Story(traffic, config, floors, draw(st.integers(0, 4)), seed)


def listed(traffic: Traffic, held_seconds: Floats, rng: np.random.Generator | None = None) -> RequestTraffic:
    """The counted requests as a list: at random within their second, or evenly without `rng`."""
    counts = traffic.arrivals
    second = np.repeat(np.arange(len(counts)), counts)
    if rng is None:
        inside = (np.arange(len(second)) - np.repeat(np.cumsum(counts) - counts, counts) + 0.5) / counts[second]
    else:
        inside = rng.random(len(second))
    requests = Requests.of("a", traffic.start + second + inside, held_seconds)
    end = traffic.start + traffic.seconds
    return requests.traffic(traffic.start, end, traffic.service, np.random.default_rng(0), 1.0)


@st.composite
def listed_stories(draw: st.DrawFn) -> Story[RequestTraffic]:
    """The counted ones with durations about the same mean: spread, none at all, a few very long ones."""
    traffic, config, floors, ready, seed = draw(counted_stories())
    # The textbook's loop is slow: as many minutes as hold 30,000 requests, at least one.
    minutes = max(1, int((traffic.arrived[::60] <= 30_000).sum()) - 1)
    traffic = Traffic(traffic.start, traffic.arrivals[: 60 * minutes], traffic.service)
    rng = np.random.default_rng(seed)
    n, mean = int(traffic.arrivals.sum()), traffic.service.service_seconds
    kind = draw(st.sampled_from(["equal", "exponential", "whole", "heavy", "long"]))
    held = {
        "equal": np.full(n, mean),
        "exponential": rng.exponential(mean, n),
        "whole": rng.integers(0, 3, n) * mean,
        "heavy": rng.lognormal(np.log(mean) - 1, 1.5, n),
        "long": np.where(rng.random(n) < 0.02, 50 * mean, mean / 4),
    }[kind]
    return Story(listed(traffic, held, rng), config, floors, ready, seed)


class EveryTick(KpaLoop):
    """Plays each tick while somebody waits."""

    def _band(self, ticks: int, ready: int, floor: int, present: int) -> Band:
        return NEVER


class SlowWorld(World):
    """Somebody may have to wait at any time: the queue counts every second, and the scaler is asked at every tick."""

    def _resize(self) -> None:
        super()._resize()
        self._limit = -1.0


def live(world: World, floors: list[int]) -> Run:
    """The whole traffic with a floor that moves at every minute."""
    traffic = world.traffic
    for minute in range(traffic.seconds // 60):
        world.floor = floors[minute % len(floors)]
        world.advance(traffic.start + 60 * (minute + 1))
    return world.run("s", "p")


def play(traffic: Stream, config: KpaConfig | None, floors: list[int], ready: int, seed: int) -> tuple[Run, World]:
    """Beside the KPA, or alone without `config`."""
    scaler: Fixed | KpaLoop = Fixed()
    if config is not None:
        scaler = kpa_loop(config, KpaInputs(traffic, config), traffic.start, ready)
    world = World(traffic, scaler, np.random.default_rng(seed), ready, floors[0])
    return live(world, floors), world


def fast_is_slow(traffic: Stream, config: KpaConfig, floors: list[int], ready: int, seed: int) -> None:
    """Every figure of the fast world is that of the world that plays each tick, to the last bit."""
    fast, _ = play(traffic, config, floors, ready, seed)
    loop = RequestRateLoop if config.metric == "rps" else EveryTick
    every_tick = loop(config, KpaInputs(traffic, config), traffic.start, ready)
    slow = live(SlowWorld(traffic, every_tick, np.random.default_rng(seed), ready, floors[0]), floors)
    assert fast.outcome == slow.outcome
    for name in ("ready", "starting", "floor", "desired", "late"):
        np.testing.assert_array_equal(getattr(fast, name), getattr(slow, name), err_msg=name)
