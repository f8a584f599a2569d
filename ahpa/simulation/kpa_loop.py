"""The KPA (kpa.py) as the scaler of a simulated service, fast: see reactive.py for what the world asks of it.

What it counts is its metric: requests in flight, or requests per second. Either is kept second by second in 1/GRAIN.
"""

from __future__ import annotations

import math

import numpy as np

from ahpa.simulation.kernel import GRAIN
from ahpa.simulation.kpa import TICK_SECONDS, Activity, Kpa
from ahpa.simulation.kpa_config import KpaConfig
from ahpa.simulation.kpa_windows import linear_averages, round_to_micro, smoothing_coefficient, weighted_averages
from ahpa.simulation.traffic import Stream
from forecasting.panel import Floats

NO_LIMIT = 10**9
TICKS_PER_MINUTE = 60 // TICK_SECONDS


class KpaInputs:
    """The open-loop averages of one series at every tick; shared by all runs with the same windows."""

    def __init__(self, traffic: Stream, config: KpaConfig) -> None:
        self.units = traffic.units if config.metric == "concurrency" else traffic.arrivals * GRAIN
        seen = self.units / GRAIN
        average = weighted_averages if config.weighted else linear_averages
        every = slice(TICK_SECONDS - 1, None, TICK_SECONDS)
        self.stable: Floats = average(seen, config.stable_window_seconds)[every]
        self.panic: Floats = average(seen, config.panic_window_seconds)[every]
        self._by_target: dict[float, Needs] = {}

    def needs(self, target: float) -> Needs:
        """What the averages need at `target` demand per replica: a copy to be changed."""
        if target not in self._by_target:
            self._by_target[target] = Needs(target, self.stable, self.panic)
        return self._by_target[target].copy()


class Needs:
    """The averages at one target: per tick, and at their extremes per minute."""

    __slots__ = ("highest", "lowest", "panic", "panic_highest", "stable", "target")

    def __init__(self, target: float, stable: Floats, panic: Floats) -> None:
        need = np.ceil(stable / target).astype(np.int64)
        self.target = target
        self.stable: list[int] = need.tolist()
        """Replicas by the stable average, each tick; `panic` alike."""
        self.panic: list[int] = np.ceil(panic / target).astype(np.int64).tolist()
        rows = need.reshape(-1, TICKS_PER_MINUTE)
        self.lowest: list[int] = rows.min(axis=1).tolist()
        self.highest: list[int] = rows.max(axis=1).tolist()
        self.panic_highest: list[int] = np.array(self.panic).reshape(rows.shape).max(axis=1).tolist()

    def copy(self) -> Needs:
        out = Needs.__new__(Needs)
        out.target = self.target
        for name in ("stable", "panic", "lowest", "highest", "panic_highest"):
            setattr(out, name, getattr(self, name).copy())
        return out

    def replace(self, first: int, stable: Floats, panic: Floats) -> None:
        """Other averages from tick `first` on."""
        end = first + len(stable)
        self.stable[first:end] = np.ceil(stable / self.target).astype(np.int64).tolist()
        self.panic[first : first + len(panic)] = [math.ceil(x / self.target) for x in panic.tolist()]
        for minute in range(first // TICKS_PER_MINUTE, (end - 1) // TICKS_PER_MINUTE + 1):
            ticks = slice(minute * TICKS_PER_MINUTE, (minute + 1) * TICKS_PER_MINUTE)
            needs = self.stable[ticks]
            self.lowest[minute], self.highest[minute] = min(needs), max(needs)
            self.panic_highest[minute] = max(self.panic[ticks])


class KpaLoop:
    """Knative's KPA beside a simulated service, counting its requests in flight."""

    tick_seconds = TICK_SECONDS
    metric = "concurrency"

    def __init__(self, config: KpaConfig, inputs: KpaInputs, now: float, ready: int) -> None:
        if config.metric != self.metric:
            raise ValueError(f"this KPA counts {self.metric}, not {config.metric}")
        self._kpa = Kpa(config, now, ready, replicas=ready)
        self._start = now
        self._inputs = inputs
        self._units = inputs.units.copy()
        """Concurrency of each second in 1/GRAIN requests: what was, then the open loop."""
        self._stable = inputs.stable.tolist()
        self._panic = inputs.panic.tolist()
        self._needs_at = {config.target_value: inputs.needs(config.target_value)}
        self._seen: list[int] = []
        """The last seconds, while the concurrency is not that of the open loop; `_sums` over both windows."""
        self._sums = 0, 0
        self._disturbed = 0
        """The second at which the concurrency left the open loop."""
        self._follow(config)

    def _follow(self, config: KpaConfig) -> None:
        self.config = config
        self._needs = self._needs_at[config.target_value]
        self._has_delay = config.scale_down_delay_seconds > 0
        self._may_be_zero = config.enable_scale_to_zero
        self._done: tuple[int, int, int] | None = None
        """(ready, floor, wanted) of the last tick."""
        self._keeps: tuple[int, int] | None = None

    @property
    def desired(self) -> int:
        return self._kpa.decider.desired

    def retarget(self, config: KpaConfig) -> None:
        """Follow another utilisation target from the next tick on (the second lever); windows stay."""
        if config == self.config:
            return
        target = config.target_value
        if target not in self._needs_at:
            self._needs_at[target] = Needs(target, np.array(self._stable), np.array(self._panic))
        self._kpa.update(config)
        self._follow(config)

    # Passing over ticks

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        if self._done != (ready, floor, present) or self._has_delay:
            return tick
        scaler = self._kpa.scaler
        inactive = scaler.activity is Activity.IDLE or scaler.activity is Activity.FAILED
        if not scaler.initialized or (present > 0) is inactive:
            return tick
        needs = self._needs
        minute, inside = divmod(tick, TICKS_PER_MINUTE)
        end = tick - inside + TICKS_PER_MINUTE
        if self._may_be_zero and not self._burst_is_steady(tick, min(end, last), ready):
            return tick
        base = ready if ready > 1 else 1
        if self._kpa.decider.panicking:
            return self._calm_panic(tick, min(end, last), base)
        if needs.panic_highest[minute] / base >= self.config.panic_threshold_ratio:
            return tick
        if self._keeps is None:
            self._keeps = self._kept_needs(ready, floor, present)
        low, high = self._keeps
        if end > last or needs.lowest[minute] < low or needs.highest[minute] > high:
            stable = needs.stable
            end = next((i for i in range(tick, min(end, last)) if not low <= stable[i] <= high), min(end, last))
            if end == tick:
                return tick
        self._kpa.decider.desired = self._limited(needs.stable[end - 1], ready)
        return end

    def _calm_panic(self, tick: int, end: int, base: int) -> int:
        """In panic the largest count so far stands until more is needed or the panic has passed."""
        decider, needs = self._kpa.decider, self._needs
        most = decider.max_panic_replicas
        if not most or decider.desired != most or self._limited(most, base) > most:
            return tick
        surge = self.config.panic_threshold_ratio * base
        calm_after = decider.panic_since + self.config.stable_window_seconds
        now = self._start + tick * TICK_SECONDS
        stable, panic = needs.stable, needs.panic
        for i in range(tick, end):
            now += TICK_SECONDS
            need = panic[i]
            if need > most or stable[i] > most:
                return i
            if need >= surge:
                decider.panic_since = now
                calm_after = now + self.config.stable_window_seconds
            elif calm_after < now:
                return i
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
        low = next((n for n in (0, 1, present) if self._bounded(n, ready, floor) == present), None)
        if low is None:
            return 1, 0
        high = next(n for n in (NO_LIMIT, present, low) if self._bounded(n, ready, floor) == present)
        return low, high

    def _burst_is_steady(self, tick: int, end: int, ready: int) -> bool:
        """Whether the activator stays where it is: the sign of the excess burst capacity does not change."""
        burst = self.config.target_burst_capacity
        if burst <= 0 or not ready:
            return True
        enough = ready * self.config.total_value - burst
        if self._kpa.scaler.proxied_since is None:
            return bool(max(self._panic[tick:end]) <= enough)
        return bool(enough < 0 or min(self._panic[tick:end]) > enough)

    # Averages

    def _disturb(self, second: int) -> None:
        self._disturbed = second
        window = self.config.stable_window_seconds
        seen = self._units[max(0, second - window) : second].tolist()
        self._seen = [0] * (window - len(seen)) + seen
        self._sums = sum(self._seen), sum(self._seen[window - self.config.panic_window_seconds :])

    def _averages(self, units: list[int], elapsed: int) -> tuple[float, float]:
        """(stable, panic) after the concurrency of some more seconds; the mean is over the seconds elapsed."""
        seen, config = self._seen, self.config
        window, panic_window = config.stable_window_seconds, config.panic_window_seconds
        stable, panic = self._sums
        for unit in units:
            stable += unit - seen[-window]
            panic += unit - seen[-panic_window]
            seen.append(unit)
        self._sums = stable, panic
        if config.weighted:
            return self._weighted(window, elapsed), self._weighted(panic_window, elapsed)
        if elapsed < window:
            window, panic_window = elapsed, min(elapsed, panic_window)
        return round_to_micro(stable / GRAIN / window), round_to_micro(panic / GRAIN / panic_window)

    def _weighted(self, seconds: int, elapsed: int) -> float:
        """As `weighted_averages`, in the same order."""
        out, weight = 0.0, smoothing_coefficient(seconds)
        decay = 1 - weight
        for unit in self._seen[: -min(seconds, elapsed) - 1 : -1]:
            out += unit / GRAIN * weight
            weight *= decay
        return out

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        if units is None:
            stable, panic = self._stable[tick], self._panic[tick]
        else:
            second = tick * TICK_SECONDS
            if not self._seen:
                self._disturb(second)
            stable, panic = self._averages(units, second + TICK_SECONDS)
        wanted = self._kpa.tick(now, stable, panic, ready, floor)
        self._done, self._keeps = (ready, floor, wanted), None
        return wanted

    def settle(self, tick: int) -> None:
        """The averages still remember what was: those of the coming window are taken anew."""
        second = tick * TICK_SECONDS
        self._units[self._disturbed : second] = self._seen[self._disturbed - second :]
        self._seen = []
        if second >= len(self._units):
            return
        stable = self._averages_after(second, self.config.stable_window_seconds)
        panic = self._averages_after(second, self.config.panic_window_seconds)
        self._stable[tick : tick + len(stable)] = stable.tolist()
        self._panic[tick : tick + len(panic)] = panic.tolist()
        for needs in self._needs_at.values():
            needs.replace(tick, stable, panic)

    def _averages_after(self, second: int, window: int) -> Floats:
        """The averages over a window at the ticks within the window that begins at `second`."""
        first = max(0, second - window)
        around = self._units[first : second + window + TICK_SECONDS - 1]
        ends = slice(second - first + TICK_SECONDS - 1, None, TICK_SECONDS)
        if self.config.weighted:
            return weighted_averages(around / GRAIN, window)[ends]
        if not first:
            return linear_averages(around / GRAIN, window)[ends]
        total = around.cumsum()
        scaled = (total[ends] - total[ends.start - window : -window : TICK_SECONDS]) / GRAIN / window * 1e6
        # As round_to_micro, for numbers that are not negative.
        whole = np.trunc(scaled)
        return np.asarray((whole + (scaled - whole >= 0.5)) / 1e6)

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        decider = self._kpa.decider
        self._done = None
        return self._kpa.scaler.reconcile(now, decider.desired, decider.excess_burst_capacity, ready, floor)


class RequestRateLoop(KpaLoop):
    """The KPA with `metric: rps`.

    Activator and queue-proxy count a request when it comes to them, and the queue-proxy leaves out what came through
    the activator. So each request counts once, in the second in which it came, whether it has to wait or not; how
    many wait or are in service is not seen.
    """

    metric = "rps"

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        return super().tick(tick, now, ready, floor, None)

    def settle(self, tick: int) -> None:
        pass


def kpa_loop(config: KpaConfig, inputs: KpaInputs, now: float, ready: int) -> KpaLoop:
    """The loop that counts what `config` says."""
    loop = RequestRateLoop if config.metric == "rps" else KpaLoop
    return loop(config, inputs, now, ready)
