"""What the KPA remembers: one-second buckets of demand, averaged over a stable and a panic window.

Source: knative.dev/serving v0.50.0, pkg/autoscaler/aggregation (bucketing.go, max/window.go) and
pkg/autoscaler/metrics (collector.go). The floating-point operations happen in the order of
the Go code, so the averages agree to the last bit (tests/proofs). Times are unix seconds; they are exact
as long as they are multiples of 2**-20 s, which whole seconds and their halves are.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

NEVER = -math.inf
"""The second of a write that has not happened."""

WEIGHT_PRECISION_COMPLEMENT = 1e-4  # 1 - 0.9999, an exact constant expression in Go
SMALLEST_SMOOTHING = 0.2


def round_to_micro(value: float) -> float:
    """`value` to six decimals, halves away from zero, as Go's math.Round does it (Python rounds to even)."""
    scaled = value * 1e6
    whole = int(scaled)
    rest = scaled - whole
    if rest >= 0.5:
        whole += 1
    elif rest <= -0.5:
        whole -= 1
    return whole / 1e6


class LinearWindow:
    """The mean of the buckets of the last `seconds` seconds; TimedFloat64Buckets in Go.

    The mean is taken over the *elapsed* seconds until the window is full, and a value recorded twice in a
    second adds up. After `seconds` without a write the window starts anew.
    """

    __slots__ = ("buckets", "first", "last", "seconds", "total")

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.buckets = [0.0] * seconds
        self.first = NEVER
        self.last = NEVER
        self.total = 0.0

    def record(self, now: float, value: float) -> None:
        """Add `value` to the bucket of `now`; too old values are ignored, gaps count as zero."""
        second = int(now)
        if second == self.last + 1:  # the common case, written out
            i = second % self.seconds
            self.total = self.total - self.buckets[i] + value
            self.buckets[i] = value
            self.last = second
            return
        if second != self.last:
            if second + self.seconds <= self.last:
                return
            if self.first == NEVER or second < self.first:
                self.first = second
            if second > self.last:
                self._advance(second)
        self.buckets[second % self.seconds] += value
        self.total += value

    def _advance(self, second: int) -> None:
        if second - self.last >= self.seconds:
            self.first = second
            self.buckets = [0.0] * self.seconds
            self.total = 0.0
        else:
            for s in range(int(self.last) + 1, second + 1):
                self.total -= self.buckets[s % self.seconds]
                self.buckets[s % self.seconds] = 0.0
        self.last = second

    def is_empty(self, now: float) -> bool:
        """True if nothing was written for longer than the window."""
        return int(now) - self.last > self.seconds

    def average(self, now: float) -> float:
        """The mean at `now`, to six decimals; 0 if the last write is a window ago."""
        gap = int(now) - self.last
        total = self.total
        if gap <= 0:
            valid = self.last - self.first + 1
            return round_to_micro(total / (valid if valid < self.seconds else self.seconds))
        if gap >= self.seconds:
            return 0.0
        for s in range(int(self.last) + 1, int(now) + 1):
            total -= self.buckets[s % self.seconds]
        return round_to_micro(total / min(self.last - self.first + 1, self.seconds - gap))

    def resize(self, seconds: int, now: float) -> None:
        """Change the window live, keeping what both windows cover (ResizeWindow in Go)."""
        if seconds == self.seconds:
            return
        buckets, total = [0.0] * seconds, 0.0
        if not self.is_empty(now):
            newest = int(self.last)
            for s in range(newest, newest - min(seconds, self.seconds), -1):
                buckets[s % seconds] = self.buckets[s % self.seconds]
                total += buckets[s % seconds]
            self.first = newest - (self.seconds - 1)
        else:
            self.first = NEVER
        self.seconds, self.buckets, self.total = seconds, buckets, total


class WeightedWindow(LinearWindow):
    """Recent seconds weigh more: sum of bucket(age) * c * (1-c)**age, not normalised (WeightedFloat64Buckets).

    60 s gives c = 0.2, 6 s gives c = 0.785, so that the weights within the window add up to 0.9999 or c is 0.2.
    """

    __slots__ = ("smoothing",)

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.smoothing = smoothing_coefficient(seconds)

    def average(self, now: float) -> float:
        """The weighted sum at `now`, not rounded; 0 if empty."""
        if self.is_empty(now):
            return 0.0
        gap = max(0, int(now) - int(self.last))
        weight, decay = self.smoothing * go_power(1 - self.smoothing, gap), 1 - self.smoothing
        newest, out = int(self.last), 0.0
        for s in range(newest, newest - (self.seconds - gap), -1):
            out += self.buckets[s % self.seconds] * weight
            weight *= decay
        return out

    def resize(self, seconds: int, now: float) -> None:
        super().resize(seconds, now)
        self.smoothing = smoothing_coefficient(seconds)


def smoothing_coefficient(seconds: int) -> float:
    """c with 1 - (1-c)**seconds = 0.9999, but at least 0.2 (computeSmoothingCoeff)."""
    exponent = 1 / seconds
    if seconds == 1:
        remainder = WEIGHT_PRECISION_COMPLEMENT
    elif seconds == 2:
        remainder = math.sqrt(WEIGHT_PRECISION_COMPLEMENT)
    else:
        remainder = math.exp(exponent * math.log(WEIGHT_PRECISION_COMPLEMENT))
    return max(1 - remainder, SMALLEST_SMOOTHING)


def go_power(base: float, exponent: int) -> float:
    """`base ** exponent` for 0 < base < 1 by Go's math.Pow, whose last bit differs from the C library's."""
    if exponent == 0:
        return 1.0
    if exponent == 1:
        return base
    mantissa, scale = math.frexp(base)
    out, out_scale = 1.0, 0
    while exponent:
        if exponent & 1:
            out *= mantissa
            out_scale += scale
        mantissa *= mantissa
        scale *= 2
        if mantissa < 0.5:
            mantissa += mantissa
            scale -= 1
        exponent >>= 1
    return math.ldexp(out, out_scale)


class Averages:
    """The stable and the panic window of one service, fed once a second."""

    __slots__ = ("panic", "stable")

    def __init__(self, stable_seconds: int, panic_seconds: int, weighted: bool = False) -> None:
        kind = WeightedWindow if weighted else LinearWindow
        self.stable = kind(stable_seconds)
        self.panic = kind(panic_seconds)

    def record(self, now: float, value: float) -> None:
        """Add one stat: the total concurrency (or requests/s) of the service during the last second."""
        self.stable.record(now, value)
        self.panic.record(now, value)

    def at(self, now: float, scraped: bool = True) -> tuple[float, float] | None:
        """(stable, panic) at `now`; None if a scraped service sent nothing for a stable window.

        A service with target-burst-capacity -1 is not scraped: there silence is zero.
        """
        if scraped and self.stable.is_empty(now):
            return None
        return self.stable.average(now), self.panic.average(now)

    def resize(self, stable_seconds: int, panic_seconds: int, now: float) -> None:
        """Follow a changed `window` annotation."""
        self.stable.resize(stable_seconds, now)
        self.panic.resize(panic_seconds, now)


def linear_averages(values: NDArray[np.floating], seconds: int) -> NDArray[np.float64]:
    """What a LinearWindow says right after each of `values`, recorded one a second. Shape [t] to [t].

    The running total is the accumulated sum of -v[0-n], +v[0], -v[1-n], +v[1], ...: numpy accumulates from
    left to right, so each total is the one that the Go code holds, bit for bit.
    """
    steps = np.zeros(2 * len(values))
    steps[1::2] = values
    np.negative(values[: max(0, len(values) - seconds)], out=steps[2 * seconds :: 2])
    totals = np.add.accumulate(steps, out=steps)[1::2]
    scaled = totals / seconds
    filling = min(seconds, len(values))
    scaled[:filling] = totals[:filling] / np.arange(1, filling + 1)
    scaled *= 1e6
    whole = np.trunc(scaled)
    scaled -= whole
    whole += scaled >= 0.5
    whole -= scaled <= -0.5
    whole /= 1e6
    return whole


def weighted_averages(values: NDArray[np.floating], seconds: int) -> NDArray[np.float64]:
    """What a WeightedWindow says right after each of `values`, recorded one a second. Shape [t] to [t]."""
    values = np.asarray(values, dtype=float)
    out = np.zeros(len(values))
    weight = smoothing_coefficient(seconds)
    decay = 1 - weight
    for age in range(min(seconds, len(values))):
        out[age:] += values[: len(values) - age] * weight
        weight *= decay
    return out


class DelayWindow:
    """The largest desired count of the last `slots` two-second slots (max/window.go: a falling deque)."""

    __slots__ = ("falling", "slots")

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.falling: deque[tuple[int, int]] = deque()

    def record(self, slot: int, count: int) -> int:
        """Note `count` in `slot` (never going back) and return the largest that is still inside."""
        falling = self.falling
        while falling and count >= falling[-1][1]:
            falling.pop()
        while falling and slot - falling[0][0] >= self.slots:
            falling.popleft()
        # A slot keeps its largest count; being larger, the one before already speaks for this slot.
        if not (falling and falling[-1][0] == slot):
            falling.append((slot, count))
        return falling[0][1]
