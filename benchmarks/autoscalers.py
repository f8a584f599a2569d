"""Our KPA against Knative's own Go code in the same scripted run: 14 days at two-second ticks.

Both record one value a second into the stable and the panic window and call Scale every two seconds with as
many ready replicas as were asked for. The sums of all counts must agree.

- `Go`: the upstream packages. `arrays`: our decider on averages computed beforehand, which a backtest can as
  long as nobody waits. `windows`: our decider on windows fed second by second.
- `closed loop`: `windows` with the scaler (bounds, scale to zero) above it. `backtest`: the same as the
  simulated world does it, which passes over ticks at which nothing can change.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ahpa.reactive.kpa.autoscaler import TICK_SECONDS, Decider, Kpa, averages_of
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.reactive.kpa.windows import linear_averages
from ahpa.simulation.scalers.kpa import KpaLoop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.stream import Stream
from ahpa.simulation.units import GRAIN
from testbed.proofs.upstream import EPOCH, Upstream

DAYS = 14
FLOOR = 2
CONFIG = KpaConfig(target_value=2.8, total_value=4.0)
SPEC = {
    "MaxScaleUpRate": CONFIG.max_scale_up_rate, "MaxScaleDownRate": CONFIG.max_scale_down_rate,
    "ScalingMetric": CONFIG.metric, "TargetValue": CONFIG.target_value, "TotalValue": CONFIG.total_value,
    "TargetBurstCapacity": CONFIG.target_burst_capacity, "PanicThreshold": CONFIG.panic_threshold_ratio,
    "StableWindow": CONFIG.stable_window_seconds * 10**9, "InitialScale": 1, "Reachable": True,
}  # fmt: skip


def one_day() -> NDArray[np.float64]:
    """Concurrency per second of a day that follows people: 4 to 76, with noise."""
    seconds = np.arange(86_400)
    daily = 40 + 36 * np.sin(2 * np.pi * seconds / 86_400)
    return np.asarray(np.random.default_rng(7).poisson(daily), dtype=float)


def arrays(demand: NDArray[np.float64]) -> float:
    """The sum of all desired counts, from averages computed beforehand."""
    stable = linear_averages(demand, CONFIG.stable_window_seconds)[1::TICK_SECONDS].tolist()
    panic = linear_averages(demand, CONFIG.panic_window_seconds)[1::TICK_SECONDS].tolist()
    decider, now, ready, total = Decider(CONFIG, EPOCH, 1), EPOCH + 1, 1, 0
    scale = decider.scale
    for s, p in zip(stable, panic, strict=True):
        ready = scale(now, s, p, ready)
        total += ready
        now += TICK_SECONDS
    return float(total)


def windows(demand: NDArray[np.float64]) -> float:
    """The same from windows fed second by second."""
    decider, averages, ready, total = Decider(CONFIG, EPOCH, 1), averages_of(CONFIG), 1, 0
    record, at, scale = averages.record, averages.at, decider.scale
    for now, value in enumerate(demand.tolist(), EPOCH):
        record(now, value)
        if now & 1:
            stable, panic = at(now) or (0.0, 0.0)
            ready = scale(now, stable, panic, ready)
            total += ready
    return float(total)


def closed_loop(demand: NDArray[np.float64]) -> float:
    """The sum of the Deployment's replicas: `windows` with the scaler above it and a floor."""
    kpa, averages, ready, total = Kpa(CONFIG, EPOCH, 1, 1), averages_of(CONFIG), 1, 0
    record, at, tick = averages.record, averages.at, kpa.tick
    for now, value in enumerate(demand.tolist(), EPOCH):
        record(now, value)
        if now & 1:
            stable, panic = at(now) or (None, 0.0)
            ready = tick(now, stable, panic, ready, FLOOR)
            total += ready
    return float(total)


def backtest(demand: NDArray[np.float64]) -> float:
    """The sum of `closed_loop`, by the loop of the simulated world."""
    traffic = cast(Stream, SimpleNamespace(units=(demand * GRAIN).astype(np.int64)))
    loop = KpaLoop(CONFIG, KpaInputs(traffic, CONFIG), EPOCH, 1)
    tick, end, ready, total = 0, len(demand) // TICK_SECONDS, 1, 0
    while tick < end:
        ready = loop.tick(tick, EPOCH + (tick + 1) * TICK_SECONDS, ready, FLOOR)
        then = loop.calm(tick + 1, end, ready, FLOOR, ready)
        total += ready * (then - tick)
        tick = then
    return float(total)


def best_of(run: Callable[[], float], times: int = 3) -> tuple[float, float]:
    """(fewest CPU seconds, result): the machine may be busy, so the quietest run counts."""
    took, result = float("inf"), 0.0
    for _ in range(times):
        begun = time.process_time()
        result = run()
        took = min(took, time.process_time() - begun)
    return took, result


def main() -> None:
    day = one_day()
    demand = np.tile(day, DAYS)
    script = {"kind": "bench", "spec": SPEC, "demand": day.tolist(), "repeats": DAYS}
    go = min(Upstream.build("kpa").answers([script] * 3), key=lambda answer: float(answer["seconds"]))
    print(f"KPA, {DAYS} days at {TICK_SECONDS} s ticks, CPU seconds, best of 3")
    print(f"  {'Go':<12} {go['seconds']:6.2f} s")
    bounded = closed_loop(demand)
    for run, expected in ((arrays, go["sum"]), (windows, go["sum"]), (closed_loop, bounded), (backtest, bounded)):
        seconds, total = best_of(partial(run, demand))
        agrees = "same sum" if total == expected else f"SUM DIFFERS: {total:.0f}, not {expected:.0f}"
        print(f"  {run.__name__:<12} {seconds:6.2f} s  {seconds / go['seconds']:5.2f} x Go   {agrees}")


if __name__ == "__main__":
    main()
