"""The reactive scaler of a simulated service: what the world asks of it, and the KPA in that form.

A scaler averages the concurrency that it sees. While nobody waits that concurrency is known beforehand, so the
averages of all ticks are taken at once; and where inputs that lie between known bounds cannot change anything,
`calm` lets the world pass over the ticks. What is left is the exact tick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ahpa.simulation.kpa import TICK_SECONDS, Activity, Kpa
from ahpa.simulation.kpa_config import KpaConfig
from ahpa.simulation.kpa_windows import (
    linear_averages,
    round_to_micro,
    smoothing_coefficient,
    weighted_averages,
)
from ahpa.simulation.traffic import GRAIN, Counts, Traffic

NO_LIMIT = 10**9
TICKS_PER_MINUTE = 60 // TICK_SECONDS


class Reactive(Protocol):
    """A scaler with a tick of so many seconds; tick i comes at the end of second (i + 1) * tick_seconds."""

    @property
    def tick_seconds(self) -> int:
        """A divisor of 60."""
        ...

    @property
    def memory_seconds(self) -> int:
        """How far back its averages reach."""
        ...

    @property
    def desired(self) -> int:
        """What it wants by itself, before floors and bounds."""
        ...

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        """The first tick of `[tick, last)` that may change something; those before it count as done."""
        ...

    def disturb(self, second: int) -> None:
        """From this second on the concurrency is not that of the open loop."""
        ...

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        """Replicas wanted. `units`: the concurrency of each second since the last tick if it is disturbed."""
        ...

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        """Replicas wanted when only the floor has moved."""
        ...


class Fixed:
    """No scaler: as many replicas as the floor says."""

    tick_seconds = 60
    memory_seconds = 0
    desired = 0

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        return last if present == floor else tick

    def disturb(self, second: int) -> None:
        pass

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        return floor

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        return floor


@dataclass(frozen=True, eq=False)
class Needs:
    """What the open-loop averages need at one target, per tick and per minute of ticks."""

    stable: list[int]
    """Replicas by the stable average, each tick."""
    change: list[int]
    """The next tick at which `stable` differs."""
    lowest: list[float]
    """The least of `stable` in each minute, and the largest."""
    highest: list[float]
    panic: list[float]
    """The largest need by the panic average in each minute."""


class KpaInputs:
    """The open-loop averages of one series at every tick; shared by all runs with the same windows."""

    def __init__(self, traffic: Traffic, config: KpaConfig) -> None:
        seen = traffic.units / GRAIN
        average = weighted_averages if config.weighted else linear_averages
        every = slice(TICK_SECONDS - 1, None, TICK_SECONDS)
        self.units: Counts = traffic.units
        self._stable = average(seen, config.stable_window_seconds)[every]
        self._panic = average(seen, config.panic_window_seconds)[every]
        self.stable: list[float] = self._stable.tolist()
        self.panic: list[float] = self._panic.tolist()
        self.panic_lowest, self.panic_highest = _per_minute(self._panic)
        self._by_target: dict[float, Needs] = {}

    def needs(self, target: float) -> Needs:
        """At `target` demand per replica; remembered."""
        if target not in self._by_target:
            need = np.ceil(self._stable / target).astype(np.int64)
            ends = np.append(np.flatnonzero(np.diff(need)) + 1, len(need))
            change = np.repeat(ends, np.diff(ends, prepend=0))
            lowest, highest = _per_minute(need)
            panic = _per_minute(np.ceil(self._panic / target))[1]
            self._by_target[target] = Needs(need.tolist(), change.tolist(), lowest, highest, panic)
        return self._by_target[target]


def _per_minute(values: NDArray[Any]) -> tuple[list[float], list[float]]:
    """(lowest, highest) of each minute's ticks."""
    rows = values.reshape(-1, TICKS_PER_MINUTE)
    return rows.min(axis=1).tolist(), rows.max(axis=1).tolist()


class KpaLoop:
    """Knative's KPA (kpa.py) beside a simulated service."""

    tick_seconds = TICK_SECONDS

    def __init__(self, config: KpaConfig, inputs: KpaInputs, now: float, ready: int) -> None:
        if config.metric != "concurrency":
            raise ValueError(f"the simulated KPA counts concurrency, not {config.metric}")
        self.memory_seconds = config.stable_window_seconds
        self._kpa = Kpa(config, now, ready, replicas=ready)
        self._inputs = inputs
        self._seen: list[int] = []
        """Concurrency of the last seconds in 1/GRAIN requests, while it is not that of the open loop."""
        self._sums = 0, 0
        self._seconds = 0
        self._follow(config)

    def _follow(self, config: KpaConfig) -> None:
        self.config = config
        self._needs = self._inputs.needs(config.target_value)
        self._has_delay = config.scale_down_delay_seconds > 0
        self._may_be_zero = config.enable_scale_to_zero and config.min_scale == 0
        self._done: tuple[int, int, int] | None = None
        """(ready, floor, wanted) of the last tick."""
        self._keeps: tuple[int, int] | None = None

    @property
    def desired(self) -> int:
        return self._kpa.decider.desired

    def retarget(self, config: KpaConfig) -> None:
        """Follow another utilisation target from the next tick on (the second lever)."""
        if config != self.config:
            self._kpa.update(config)
            self._follow(config)

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        decider = self._kpa.decider
        if self._done != (ready, floor, present) or self._has_delay or decider.panicking:
            return tick
        needs = self._needs
        minute, inside = divmod(tick, TICKS_PER_MINUTE)
        if needs.panic[minute] / (ready if ready > 1 else 1) >= self.config.panic_threshold_ratio:
            return tick
        if self._keeps is None:
            self._keeps = self._kept_needs(ready, floor, present)
        low, high = self._keeps
        end = tick - inside + TICKS_PER_MINUTE
        if end > last or inside or needs.lowest[minute] < low or needs.highest[minute] > high:
            if not low <= needs.stable[tick] <= high:
                return tick
            end = min(needs.change[tick], last, end)
        if self._may_be_zero and not self._burst_is_steady(minute, ready):
            return tick
        decider.desired = self._limited(needs.stable[end - 1], ready)
        return end

    def _limited(self, need: int, ready: int) -> int:
        """What `Decider.scale` makes of a need outside panic."""
        config, base = self.config, max(ready, 1)
        out = min(max(need, int(base / config.max_scale_down_rate)), math.ceil(config.max_scale_up_rate * base))
        return max(out, config.activation_scale) if need > 0 and config.activation_scale > 1 else out

    def _bounded(self, need: int, ready: int, floor: int) -> int:
        want = self._limited(need, ready)
        return floor if want < floor else min(want, self.config.max_scale or NO_LIMIT)

    def _kept_needs(self, ready: int, floor: int, present: int) -> tuple[int, int]:
        """The needs (lowest, highest) that keep `present` replicas: `_bounded` never falls as a need grows."""
        scaler = self._kpa.scaler
        idle = present == 0 and scaler.activity is Activity.IDLE
        if not scaler.initialized or not (present > 0 or idle):
            return 1, 0
        low = next((n for n in (0, 1, present) if self._bounded(n, ready, floor) == present), None)
        if low is None:
            return 1, 0
        high = next(n for n in (NO_LIMIT, present, low) if self._bounded(n, ready, floor) == present)
        return low, high

    def _burst_is_steady(self, minute: int, ready: int) -> bool:
        """Whether the activator stays where it is: the sign of the excess burst capacity does not change."""
        burst = self.config.target_burst_capacity
        if burst <= 0 or not ready:
            return True
        enough = ready * self.config.total_value - burst
        if self._kpa.scaler.proxied_since is None:
            return self._inputs.panic_highest[minute] <= enough
        return self._inputs.panic_lowest[minute] > enough

    def disturb(self, second: int) -> None:
        memory = self.memory_seconds
        seen = self._inputs.units[max(0, second - memory) : second].tolist()
        self._seen = [0] * (memory - len(seen)) + seen
        self._seconds = second
        self._sums = sum(self._seen), sum(self._seen[memory - self.config.panic_window_seconds :])

    def _averages(self, units: list[int]) -> tuple[float, float]:
        """(stable, panic) after the concurrency of some more seconds; the mean is over the seconds elapsed."""
        seen, config = self._seen, self.config
        stable, panic = self._sums
        for unit in units:
            stable += unit - seen[-config.stable_window_seconds]
            panic += unit - seen[-config.panic_window_seconds]
            seen.append(unit)
        self._sums = stable, panic
        self._seconds += len(units)
        if len(seen) > 8 * self.memory_seconds:
            del seen[: -self.memory_seconds]
        if config.weighted:
            return self._weighted(config.stable_window_seconds), self._weighted(config.panic_window_seconds)
        elapsed = self._seconds
        return (
            round_to_micro(stable / GRAIN / min(elapsed, config.stable_window_seconds)),
            round_to_micro(panic / GRAIN / min(elapsed, config.panic_window_seconds)),
        )

    def _weighted(self, seconds: int) -> float:
        """As `weighted_averages`, in the same order."""
        out, weight = 0.0, smoothing_coefficient(seconds)
        decay = 1 - weight
        for unit in self._seen[: -min(seconds, self._seconds) - 1 : -1]:
            out += unit / GRAIN * weight
            weight *= decay
        return out

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        if units is None:
            stable, panic = self._inputs.stable[tick], self._inputs.panic[tick]
        else:
            stable, panic = self._averages(units)
        wanted = self._kpa.tick(now, stable, panic, ready, floor)
        self._done, self._keeps = (ready, floor, wanted), None
        return wanted

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        decider = self._kpa.decider
        self._done = None
        return self._kpa.scaler.reconcile(now, decider.desired, decider.excess_burst_capacity, ready, floor)
