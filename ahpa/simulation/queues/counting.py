"""The queue while somebody waits, and how long each request waited.

`Queue` is what the world asks for. `CountingQueue` serves a stream that was counted: first come first served, a fixed
service time, `slots` servers: begun(t) = min(arrived(t), begun(t - S) + slots), on the grid of seconds (the Lindley
recursion of a G/D/c queue in its counting form). A queue runs only while the open loop of its stream does not hold,
and both agree to the last bit where they meet.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ahpa.simulation.queues.queue import Waits
from ahpa.simulation.service_time import FixedServiceTime
from ahpa.simulation.units import GRAIN, Counts
from forecasting.panel import Floats


@dataclass(frozen=True, eq=False)
class CountedArrivals:
    """What this queue reads of the requests that were counted."""

    arrivals: Counts
    """Shape [n]: requests of each second."""
    arrivals_list: list[int]
    """The same, for loops."""
    arrived: Floats
    """Shape [n + 1]: requests that arrived before the end of each second, whole numbers."""
    service_time: FixedServiceTime
    late_after_seconds: float
    """A request that waits longer is late."""
    give_up_seconds: float
    """One that waits longer leaves unserved."""

    @property
    def seconds(self) -> int:
        return len(self.arrivals)


class CountingQueue:
    """Counts who has begun, not which request it is."""

    __slots__ = (
        "_arrivals",
        "_arrived",
        "_begun",
        "_counted",
        "_empty",
        "_give_up",
        "_left",
        "_queued",
        "_service_time",
        "dropped",
        "last_waited",
        "second",
        "waiting",
    )

    def __init__(self, counted: CountedArrivals) -> None:
        self._counted = counted
        self._service_time = counted.service_time
        self._give_up = math.ceil(counted.give_up_seconds)
        self._arrived = counted.arrived
        self._arrivals = counted.arrivals_list
        self._left = counted.arrived.copy()
        """Shape [n + 1]: requests that had left the queue by the end of each second; the future is the open loop."""
        self._queued: list[float] = []
        """How many waited at the ends of the last seconds, as far as `_left` does not have it yet."""
        self.second = 0
        self.dropped = 0.0
        self.begin(0)

    def begin(self, second: int) -> None:
        self._note()
        self.second = second
        self.waiting = 0.0
        self._empty = second
        """The last moment at which nobody waited."""
        self.last_waited = second - 1
        """The last second at whose end somebody waited."""
        first = second - self._service_time.whole - 1
        past = self._arrived[max(first, 0) : second + 1].tolist()
        self._begun = [0.0] * max(-first, 0) + past
        """begun at the ends of the last seconds, newest last."""

    def run(self, seconds: int, slots: int, until: int) -> Iterator[list[int]]:
        # The arithmetic is `FixedServiceTime`'s, written out: this is the innermost loop of a starved service.
        whole, fraction = self._service_time.whole, self._service_time.fraction
        old, new, late = fraction * fraction / 2, (1 - fraction) * (1 - fraction) / 2, 1 - fraction
        limit = self._service_time.limit(slots) if slots and not whole else 0.0
        if len(self._begun) > 4096:
            del self._begun[: -whole - 2]
            self._note()
        all_arrivals, begun, queued = self._arrivals, self._begun, self._queued
        k, waiting = self.second, self.waiting
        here, before, oldest = begun[-1], begun[-1 - whole], begun[-2 - whole]
        while True:
            units: list[int] = []
            for arrivals in all_arrivals[k : k + seconds]:
                wanted = waiting + arrivals
                if whole:
                    after = begun[-whole]
                    held = (here - before) - late * (after - before)
                    room = slots - (math.ceil(held * GRAIN) / GRAIN if fraction else held)
                    start = wanted if wanted <= room else room if room > 0.0 else 0.0
                    there = here + start
                else:
                    start = wanted if wanted <= limit else limit
                    after = there = here + start
                serving = (here - before) + start / 2 + (old * (before - oldest) - new * (after - before))
                left = wanted - start
                units.append(round((serving + (waiting + left) / 2) * GRAIN))
                k += 1
                if left:
                    left = self._give_up_at(k, left)
                    self.last_waited = k - 1
                else:
                    self._empty = k
                waiting = left
                begun.append(there)
                queued.append(left)
                here, before, oldest = there, after, before
            self.second = k
            self.waiting = waiting
            yield units
            if k >= until and self.is_calm():
                return

    def _give_up_at(self, k: int, waiting: float) -> float:
        """Those who arrived too long ago leave unserved."""
        if k - self._empty <= self._give_up:
            return waiting
        overdue = float(self._arrived[k - self._give_up]) - (float(self._arrived[k]) - waiting)
        if overdue <= 0:
            return waiting
        self.dropped += overdue
        return waiting - overdue

    def _note(self) -> None:
        """Write down how many waited at the ends of the seconds played since the last time."""
        end = self.second + 1
        self._left[end - len(self._queued) : end] -= self._queued
        self._queued.clear()

    def is_calm(self) -> bool:
        return not self.waiting and self.second > self.last_waited + self._service_time.whole + 2

    def late(self, first: int, last: int) -> Floats:
        self._note()
        return _late_requests(self._counted, self._left, first, last)

    def waits(self) -> Waits:
        self._note()
        return _waits(self._counted, self._left)


def _late_requests(counted: CountedArrivals, left: Floats, first: int = 0, last: int | None = None) -> Floats:
    """Late requests by second of arrival, for seconds `[first, last)`.

    `left`, shape [n + 1], counts those who had left the queue, served or not, by the end of each second. A
    request is late if it arrived at t and had not left by t + late_after: of those that arrived in a second,
    the share for which arrived(t) - left(t + late_after) is positive, taken as linear within the second.
    """
    last = counted.seconds if last is None else last
    after = counted.late_after_seconds
    whole = math.floor(after)
    end = counted.seconds
    out = np.zeros(last - first)
    # Nobody who came before a moment at which nobody waits is late after it: only seconds with a queue then count.
    begin = min(first + whole, end)
    near_by = slice(begin, min(last + whole + 2, end) + 1)
    near = np.flatnonzero(left[near_by] < counted.arrived[near_by])
    if not len(near):
        return out
    marked = np.zeros(last - first + 3, dtype=bool)
    for shift in (0, 1, 2):
        marked[np.clip(near + begin - whole - first - shift, 0, last - first + 2)] = True
    # Past the end of the traffic the last queue stands.
    marked[max(0, end - whole - first - 2) :] |= bool(left[end] < counted.arrived[end])
    at = np.flatnonzero(marked[: last - first]) + first
    old, new = (_behind(counted, left, at + i, whole, after - whole) for i in (0, 1))
    span = np.abs(old) + np.abs(new)
    share = (np.maximum(old, 0) + np.maximum(new, 0)) / np.where(span > 0, span, 1.0)
    out[at - first] = share * counted.arrivals[at]
    return out


def _behind(counted: CountedArrivals, left: Floats, at: Counts, whole: int, fraction: float) -> Floats:
    """Requests that arrived before these moments and had not left the queue so many seconds later."""
    then = np.minimum(at + whole, counted.seconds)
    gone = left[then] + fraction * (left[np.minimum(then + 1, counted.seconds)] - left[then])
    behind = counted.arrived[at] - gone
    behind[np.abs(behind) < 1e-6] = 0.0
    return np.asarray(behind)


def _waits(counted: CountedArrivals, left: Floats) -> Waits:
    """The waiting times of all requests; those of one second share the one of their middle."""
    late = _late_requests(counted, left)
    seen = np.flatnonzero((left < counted.arrived)[1:] & (counted.arrivals > 0))
    middle = (counted.arrived[seen] + counted.arrived[seen + 1]) / 2
    at = np.searchsorted(left, middle, side="left")
    at = np.clip(at, 1, counted.seconds)
    rise = left[at] - left[at - 1]
    when = at - 1 + np.where(rise > 0, (middle - left[at - 1]) / np.where(rise > 0, rise, 1.0), 1.0)
    seconds = np.maximum(when - (seen + 0.5), 0.0)
    weights = counted.arrivals[seen].astype(float)
    total = float(counted.arrived[-1])
    order = np.argsort(seconds)
    above = np.concatenate([np.cumsum(weights[order][::-1])[::-1], [0.0]])

    def quantile(level: float) -> float:
        # The first waiting time above which at most (1 - level) of all requests lie; those unseen waited 0.
        if not total or above[0] <= (1 - level) * total:
            return 0.0
        return float(seconds[order][np.searchsorted(-above, -(1 - level) * total, side="left") - 1])

    return Waits(late, quantile(0.5), quantile(0.95), quantile(0.99))
