"""The KPA (reactive/kpa) as the scaler of a simulated service, fast: see scaler.py for what the world asks of it.

What it counts is its metric: requests in flight, or requests per second. Either is kept second by second in 1/GRAIN.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

import numpy as np

from ahpa.reactive.kpa.autoscaler import TICK_SECONDS, Kpa
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.reactive.kpa.windows import linear_averages, round_to_micro, smoothing_coefficient, weighted_averages
from ahpa.simulation.scalers.kpa_inputs import TICKS_PER_MINUTE, KpaInputs, Needs
from ahpa.simulation.scalers.kpa_steady import NEVER, Band, Steady, at_rest
from ahpa.simulation.scalers.scaler import until_other
from ahpa.simulation.units import GRAIN
from forecasting.panel import Floats


class KpaLoop:
    """Knative's KPA beside a simulated service, counting its requests in flight."""

    tick_seconds = TICK_SECONDS
    metric = "concurrency"

    def __init__(self, config: KpaConfig, inputs: KpaInputs, now: float, ready: int) -> None:
        if config.metric != self.metric:
            raise ValueError(f"this KPA counts {self.metric}, not {config.metric}")
        self._kpa = Kpa(config, now, ready, replicas=ready)
        self._start = now
        self._units = inputs.units.copy()
        """Concurrency of each second in 1/GRAIN requests: what was, then the open loop."""
        self._stable = inputs.stable.tolist()
        self._panic = inputs.panic.tolist()
        self._needs_at = {config.target_value: inputs.needs(config.target_value)}
        self._steady_at: dict[KpaConfig, Steady] = {}
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
        self._done: tuple[int, int, int] | None = None
        """(ready, floor, wanted) of the last tick."""
        if config not in self._steady_at:
            self._steady_at[config] = Steady(config)
        self._steady = self._steady_at[config]

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
        if self._done != (ready, floor, present) or self._has_delay or not at_rest(self._kpa, present):
            return tick
        needs = self._needs
        minute, inside = divmod(tick, TICKS_PER_MINUTE)
        end = tick - inside + TICKS_PER_MINUTE
        if not self._activator_stays(tick, min(end, last), ready):
            return tick
        if self._kpa.decider.panicking:
            return self._calm_panic(tick, min(end, last), ready)
        if needs.panic_highest[minute] >= self._steady.surge(ready):
            return tick
        low, high = self._steady.kept(ready, floor, present)
        if end > last or needs.lowest[minute] < low or needs.highest[minute] > high:
            stable = needs.stable
            end = next((i for i in range(tick, min(end, last)) if not low <= stable[i] <= high), min(end, last))
            if end == tick:
                return tick
        self._kpa.decider.desired = self._steady.limited(needs.stable[end - 1], ready)
        return end

    def _calm_panic(self, tick: int, end: int, ready: int) -> int:
        """In panic the largest count so far stands until more is needed or the panic has passed."""
        decider, needs = self._kpa.decider, self._needs
        most = self._steady.holds_in_panic(self._kpa, ready)
        if not most:
            return tick
        surge = self._steady.surge(ready)
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

    def _activator_stays(self, tick: int, end: int, ready: int) -> bool:
        above, most = self._steady.activator_stays(self._kpa, ready)
        return (above < 0 or min(self._panic[tick:end]) > above) and (most == inf or max(self._panic[tick:end]) <= most)

    def tick(self, tick: int, now: float, ready: int, floor: int) -> int:
        return self._decide(now, self._stable[tick], self._panic[tick], ready, floor)

    def _decide(self, now: float, stable: float, panic: float, ready: int, floor: int) -> int:
        wanted = self._kpa.tick(now, stable, panic, ready, floor)
        self._done = ready, floor, wanted
        return wanted

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        decider = self._kpa.decider
        self._done = None
        return self._kpa.scaler.reconcile(now, decider.desired, decider.excess_burst_capacity, ready, floor)

    # While somebody waits

    def rush(
        self, tick: int, now: float, ready: int, floor: int, present: int, counts: Iterable[list[int]]
    ) -> tuple[int, int]:
        if not self._seen:
            self._disturb(tick * TICK_SECONDS)
        seen, (stable, panic) = self._seen, self._sums
        # A tick's two seconds come, those that are as long ago as a window go: where these stand, from the end.
        gone, panic_gone = -self.config.stable_window_seconds - 2, -self.config.panic_window_seconds - 2
        low, high, bottom, top, until, surging = self._band(tick, ready, floor, present)
        wanted, repeated = present, False
        for units in counts:
            seen += units
            come = units[0] + units[1]
            stable += come - seen[gone] - seen[gone + 1]
            panic += come - seen[panic_gone] - seen[panic_gone + 1]
            tick += 1
            if low <= stable <= high and bottom <= panic <= top and now <= until:
                repeated = True
            else:
                if repeated and surging:
                    self._kpa.decider.panic_since = now - TICK_SECONDS
                self._sums, repeated = (stable, panic), False
                wanted = self._play(tick, now, ready, floor)
                if wanted != present:
                    return tick, wanted
                low, high, bottom, top, until, surging = self._band(tick, ready, floor, present)
            now += TICK_SECONDS
        self._sums = stable, panic
        return tick, self._play(tick, now - TICK_SECONDS, ready, floor) if repeated else wanted

    def _disturb(self, second: int) -> None:
        self._disturbed = second
        window = self.config.stable_window_seconds
        seen = self._units[max(0, second - window) : second].tolist()
        self._seen = [0] * (window - len(seen)) + seen
        self._sums = sum(self._seen), sum(self._seen[window - self.config.panic_window_seconds :])

    def _play(self, ticks: int, now: float, ready: int, floor: int) -> int:
        """The last of so many ticks, in full."""
        config, elapsed = self.config, ticks * TICK_SECONDS
        window, panic_window = config.stable_window_seconds, config.panic_window_seconds
        if config.weighted:
            averages = self._weighted(window, elapsed), self._weighted(panic_window, elapsed)
            return self._decide(now, *averages, ready, floor)
        # The mean is over the seconds elapsed.
        if elapsed < window:
            window, panic_window = elapsed, min(elapsed, panic_window)
        stable, panic = self._sums
        return self._decide(
            now, round_to_micro(stable / GRAIN / window), round_to_micro(panic / GRAIN / panic_window), ready, floor
        )

    def _band(self, ticks: int, ready: int, floor: int, present: int) -> Band:
        """Where the next tick does what the last of so many ticks did."""
        if self._done != (ready, floor, present) or ticks * TICK_SECONDS < self.config.stable_window_seconds:
            return NEVER
        return self._steady.band(self._kpa, self._sums[1], ready, floor, present)

    def _weighted(self, seconds: int, elapsed: int) -> float:
        """As `weighted_averages`, in the same order."""
        out, weight = 0.0, smoothing_coefficient(seconds)
        decay = 1 - weight
        for unit in self._seen[: -min(seconds, elapsed) - 1 : -1]:
            out += unit / GRAIN * weight
            weight *= decay
        return out

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


class RequestRateLoop(KpaLoop):
    """The KPA with `metric: rps`.

    Activator and queue-proxy count a request when it comes to them, and the queue-proxy leaves out what came through
    the activator. So each request counts once, in the second in which it came, whether it has to wait or not; how
    many wait or are in service is not seen.
    """

    metric = "rps"

    def rush(
        self, tick: int, now: float, ready: int, floor: int, present: int, counts: Iterable[list[int]]
    ) -> tuple[int, int]:
        def play(at: int, units: list[int]) -> int:
            return self.tick(at, now + TICK_SECONDS * (at - tick), ready, floor)

        return until_other(tick, present, counts, play)

    def settle(self, tick: int) -> None:
        pass


def kpa_loop(config: KpaConfig, inputs: KpaInputs, now: float, ready: int) -> KpaLoop:
    """The loop that counts what `config` says."""
    loop = RequestRateLoop if config.metric == "rps" else KpaLoop
    return loop(config, inputs, now, ready)
