"""The queue of single requests: first come first served, exact to the microsecond.

A heap holds when those in service will be done. Slots change only between two calls of `run`; where they become
fewer, what is in service goes on and nobody begins until there are fewer than slots again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

import numpy as np

from ahpa.simulation.queues.queue import Waits
from ahpa.simulation.units import GRAIN, MICROS, Counts
from forecasting.panel import Floats


@dataclass(frozen=True, eq=False)
class ListedRequests:
    """What this queue reads of single requests; times are microseconds since the stream's start."""

    came: Counts
    """Shape [requests], never falling."""
    held: Counts
    """Shape [requests]: for how long each holds a slot."""
    ends: Counts
    """Shape [requests]: when each is done if it need not wait."""
    arrivals_list: list[int]
    """Requests of each of the n seconds."""
    arrived: Floats
    """Shape [n + 1]: requests that arrived before the end of each second, whole numbers."""
    present: Counts
    """Shape [n]: requests in service at the beginning of each second if nobody waits."""
    rest: Counts
    """Shape [n]: what is left of each second when its requests come, added up over them."""
    late_after_seconds: float
    """A request that waits longer is late."""
    give_up_seconds: float
    """One that waits longer leaves unserved."""

    @property
    def seconds(self) -> int:
        return len(self.arrivals_list)


class RequestQueue:
    """Knows of each request how long it waited."""

    __slots__ = (
        "_disturbed_until",
        "_give_up",
        "_head",
        "_late_after",
        "_pending",
        "_present",
        "_requests",
        "_running",
        "_second",
        "_waited",
        "dropped",
        "waiting",
    )

    def __init__(self, requests: ListedRequests) -> None:
        self._requests = requests
        self._give_up = round(requests.give_up_seconds * MICROS)
        self._late_after = round(requests.late_after_seconds * MICROS)
        self._waited: Counts = np.zeros(len(requests.came), np.int64)
        """Microseconds that each has waited, by those who have left the queue; who gave up waited one more."""
        self._pending: deque[tuple[int, int]] = deque()
        """(came, held) of those who wait, the oldest first; `_head` is its place in the list of all."""
        self.dropped = 0.0
        self.waiting = 0.0
        self.begin(0)

    def begin(self, second: int) -> None:
        requests = self._requests
        self._second = second
        self._head = int(requests.arrived[second])
        self._disturbed_until = 0
        """From this microsecond on those who have waited are gone again."""
        self._present = int(requests.present[second]) if second < requests.seconds else 0
        """Requests in the queue or in service when the second begins."""
        self._running = self._in_service(second * MICROS)
        heapify(self._running)

    def _in_service(self, moment: int) -> list[int]:
        """When those will be done who are in service while nobody waits. They came lately, most of them."""
        back = 64
        while True:
            ends = self._requests.ends[max(0, self._head - back) : self._head]
            found: list[int] = ends[ends >= moment].tolist()
            if len(found) == self._present or back >= self._head:
                return found
            back *= 8

    def run(self, seconds: int, slots: int, until: int) -> Iterator[list[int]]:
        requests = self._requests
        while True:
            first = self._second
            last = first + seconds
            new = slice(int(requests.arrived[first]), int(requests.arrived[last]))
            self._pending.extend(zip(requests.came[new].tolist(), requests.held[new].tolist(), strict=True))
            left = self._serve(first * MICROS, last * MICROS, slots)
            self._second = last
            self.waiting = float(len(self._pending))
            yield self._units(first, last, left)
            if last >= until and self.is_calm():
                return

    def _serve(self, now: int, end: int, slots: int) -> list[int]:
        """Time passes from `now` to `end`; the moments at which requests have left, served or not."""
        pending, running = self._pending, self._running
        left: list[int] = []
        while pending:
            came, held = pending[0]
            begun = came if came > now else now
            while running and running[0] <= begun:
                left.append(heappop(running))
            while len(running) >= slots and running and running[0] < end:
                begun = heappop(running)
                left.append(begun)
            if len(running) >= slots:
                break
            # No slot was free before, for those who come after neither.
            now = begun
            if begun - came > self._give_up:
                left.append(self._drop())
            else:
                self._start(begun - came, begun + held)
        while pending and pending[0][0] + self._give_up < end:
            left.append(self._drop())
        while running and running[0] < end:
            left.append(heappop(running))
        return left

    def _start(self, waited: int, done: int) -> None:
        self._pending.popleft()
        if waited:
            self._waited[self._head] = waited
            self._disturbed_until = max(self._disturbed_until, done)
        self._head += 1
        heappush(self._running, done)

    def _drop(self) -> int:
        """The oldest gives up; when."""
        came, held = self._pending.popleft()
        self._waited[self._head] = self._give_up + 1
        # In the open loop it would be in service until then.
        self._disturbed_until = max(self._disturbed_until, came + held)
        self._head += 1
        self.dropped += 1
        return came + self._give_up

    def _units(self, first: int, last: int, left: list[int]) -> list[int]:
        """Concurrency by second: who is there at its beginning, and for a part of it who comes and who leaves."""
        requests, present = self._requests, self._present
        leavers = [0] * (last - first)
        rests = requests.rest[first:last].tolist()
        for moment in left:
            second = moment // MICROS
            leavers[second - first] += 1
            rests[second - first] -= (second + 1) * MICROS - moment
        units = []
        for arrivals, leaving, rest in zip(requests.arrivals_list[first:last], leavers, rests, strict=True):
            units.append(((present * MICROS + rest) * GRAIN + MICROS // 2) // MICROS)
            present += arrivals - leaving
        self._present = present
        return units

    def is_calm(self) -> bool:
        return not self._pending and self._second * MICROS >= self._disturbed_until

    def late(self, first: int, last: int) -> Floats:
        requests = self._requests
        who = slice(int(requests.arrived[first]), int(requests.arrived[last]))
        late = self._so_far()[who] > self._late_after
        if self._second == requests.seconds:
            # The traffic has ended: who still waits is not served any more.
            late[max(0, self._head - who.start) :] |= bool(self._pending)
        return np.asarray(np.bincount(requests.came[who] // MICROS - first, late, last - first), dtype=float)

    def _so_far(self) -> Counts:
        """Microseconds that each has waited by now."""
        if not self._pending:
            return self._waited
        out = self._waited.copy()
        waiting = slice(self._head, self._head + len(self._pending))
        out[waiting] = self._second * MICROS - self._requests.came[waiting]
        return out

    def waits(self) -> Waits:
        late = self.late(0, self._requests.seconds)
        if not len(self._waited):
            return Waits(late, 0.0, 0.0, 0.0)
        p50, p95, p99 = np.quantile(self._so_far(), [0.5, 0.95, 0.99], method="inverted_cdf") / MICROS
        return Waits(late, float(p50), float(p95), float(p99))
