"""Where a tick of the KPA does what the last one did: `KpaLoop` passes over such ticks.

All of it follows from reactive/kpa/autoscaler.py: outside panic the desired count depends on the need by the stable
average alone, in panic it stands until more is needed, and with the same count, floor and ready replicas the scaler
repeats itself. Bounds may be narrower than they must: what lies outside is played in full.
tests/simulation/scalers/test_kpa_steady.py plays what lies inside.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

from ahpa.reactive.kpa.autoscaler import Activity, Kpa
from ahpa.reactive.kpa.config import NO_LIMIT, KpaConfig
from ahpa.simulation.units import GRAIN

MARGIN = 2e-6
"""More than averages, which are rounded to 1e-6, and quotients of them can be off."""


class Band(NamedTuple):
    """Sums of both windows in 1/GRAIN, whole windows, with which a tick does what the last one did."""

    low: int
    high: int
    """Of the stable window."""
    bottom: int
    top: int
    """Of the panic window."""
    until: float
    """Unix seconds; later the panic has passed."""
    surging: bool
    """Each tick in the band is one in which the panic begins anew."""


NEVER = Band(1, 0, 1, 0, 0.0, False)


def at_rest(kpa: Kpa, present: int) -> bool:
    """Whether the scaler waits for nothing: no first replicas, and not on the way to zero or back. A replica that is
    still there while the service is idle would not be kept by the need for it, but brought back."""
    activity = kpa.scaler.activity
    inactive = activity is Activity.IDLE or activity is Activity.FAILED  # an Enum is slow to look up in a set
    return kpa.scaler.initialized and (present > 0) is not inactive


class Steady:
    """What one configuration keeps; remembered, because a service comes back to the same few states."""

    def __init__(self, config: KpaConfig) -> None:
        self.config = config
        self._plain = not config.weighted and config.scale_down_delay_seconds == 0
        self._stable_unit = GRAIN * config.stable_window_seconds
        self._panic_unit = GRAIN * config.panic_window_seconds
        self.limited = cache(self._limited)
        self.kept = cache(self._kept)
        self.surge = cache(self._surge)
        self._sums = cache(self._kept_sums)

    def _limited(self, need: int, ready: int) -> int:
        """What `Decider.scale` makes of a need outside panic."""
        config, base = self.config, max(ready, 1)
        out = min(max(need, int(base / config.max_scale_down_rate)), math.ceil(config.max_scale_up_rate * base))
        return max(out, config.activation_scale) if need > 0 and config.activation_scale > 1 else out

    def _kept(self, ready: int, floor: int, present: int) -> tuple[int, int]:
        """The needs (lowest, highest) that keep `present` replicas outside panic; (1, 0) if none does."""

        def keeps(need: int) -> bool:
            want = self.limited(need, ready)
            return (floor if want < floor else min(want, self.config.max_scale or NO_LIMIT)) == present

        # What is wanted never falls as a need grows, but for a floor above the maximum: that one's place is not found.
        low = next((need for need in (0, 1, present) if keeps(need)), None)
        if low is None:
            return 1, 0
        return low, next(need for need in (NO_LIMIT, present, low) if keeps(need))

    def _kept_sums(self, ready: int, floor: int, present: int) -> tuple[int, int]:
        """Sums of the stable window (lowest, highest) that surely keep `present` replicas outside panic."""
        least, most = self.kept(ready, floor, present)
        if least > most:
            return 1, 0
        target = self.config.target_value
        return _above((least - 1) * target, self._stable_unit), _at_most(most * target, self._stable_unit)

    def _surge(self, ready: int) -> int:
        """The least need that is a reason to panic, compared as `Decider.scale` does."""
        base = max(ready, 1)
        need = math.ceil(self.config.panic_threshold_ratio * base) - 1
        while need / base < self.config.panic_threshold_ratio:
            need += 1
        return need

    def activator_stays(self, kpa: Kpa, ready: int) -> tuple[float, float]:
        """(above, at most): averages of the panic window with which the activator stays where it is, in the path or
        not: the excess burst capacity keeps its sign. Only on the way to zero does it matter."""
        config, burst = self.config, self.config.target_burst_capacity
        if not config.enable_scale_to_zero or not ready or burst < 0:
            return -math.inf, math.inf
        # With 0 it always leaves: where it is still there, the last tick had no need, and the next may have one.
        enough = ready * config.total_value - burst if burst else math.inf
        return (-math.inf, enough) if kpa.scaler.proxied_since is None else (enough, math.inf)

    def holds_in_panic(self, kpa: Kpa, ready: int) -> int:
        """The most that may be needed for the desired count to stand in panic; 0 if it does not stand."""
        most = kpa.decider.max_panic_replicas
        return most if kpa.decider.desired == most and self.limited(most, ready) <= most else 0

    def band(self, kpa: Kpa, panic: int, ready: int, floor: int, present: int) -> Band:
        """The band around a tick that kept `present` replicas; `panic` is its sum over the panic window."""
        if not self._plain or not at_rest(kpa, present):
            return NEVER
        spared = (self.surge(ready) - 1) * self.config.target_value
        calm = _at_most(spared, self._panic_unit)
        bottom, until, surging = 0, math.inf, False
        if not kpa.decider.panicking:
            low, high = self._sums(ready, floor, present)
            top = calm
        else:
            low, most = 0, self.holds_in_panic(kpa, ready) * self.config.target_value
            high, top = _at_most(most, self._stable_unit), _at_most(most, self._panic_unit)
            surging = panic > calm
            if surging:
                bottom = _above(spared, self._panic_unit)
            else:
                top, until = min(top, calm), kpa.decider.panic_since + self.config.stable_window_seconds
        above, most_average = self.activator_stays(kpa, ready)
        if above == math.inf:
            return NEVER
        if most_average < math.inf:
            top = min(top, _at_most(most_average, self._panic_unit))
        if above >= 0:
            bottom = max(bottom, _above(above, self._panic_unit))
        return Band(low, high, bottom, top, until, surging)


def _at_most(average: float, unit: int) -> int:
    """A sum whose average is surely at most this."""
    return math.floor((average - MARGIN) * unit)


def _above(average: float, unit: int) -> int:
    """A sum whose average is surely above this."""
    return math.ceil((average + MARGIN) * unit)
