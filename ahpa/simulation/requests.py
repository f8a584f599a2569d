"""Requests one by one, each with a duration of its own: a list from a log, and the stream that it makes.

All times are whole microseconds. What is summed is then exact in any order, so the open loop and the queue
(queues/single.py) agree to the last bit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ahpa.simulation.queues.queue import Queue
from ahpa.simulation.queues.single import ListedRequests, RequestQueue
from ahpa.simulation.stream import Asked, SimulatedService, Stream
from ahpa.simulation.units import GRAIN, MICROS, Counts
from forecasting.panel import Floats, Panel

SHORTEST_MICROS = 1
"""A request of no duration still needs a slot, for an instant."""


@dataclass(frozen=True, eq=False)
class Requests:
    """Single requests of one service in the order in which they came. A minute without any had none."""

    name: str
    came: Counts
    """Microseconds since the epoch, shape [n], never falling."""
    held: Counts
    """Microseconds for which each holds a slot, shape [n]."""
    mean_seconds: float
    """Mean duration, as far as it was known before the first of them; of all, where none came before."""

    @classmethod
    def of(cls, name: str, came_seconds: Floats, held_seconds: Floats) -> Requests:
        """From unix seconds and durations in any order, which is that of their ends in many logs; equal stamps
        stay in the order of their rows."""
        order = np.argsort(came_seconds, kind="stable")
        came, held = (np.rint(x[order] * MICROS).astype(np.int64) for x in (came_seconds, held_seconds))
        held = np.maximum(held, SHORTEST_MICROS)
        return cls(name, came, held, float(held.mean()) / MICROS if len(held) else 0.0)

    @property
    def keys(self) -> tuple[str, ...]:
        """As of a panel with one row."""
        return (self.name,)

    @cached_property
    def demand(self) -> Panel:
        """One row, from the minute of the first request on: mean concurrency that the arrivals of each minute ask for.

        The last request's minute may have been cut short, so it is left out, unless it is the only one."""
        minute = self.came // (60 * MICROS)
        asked = np.bincount(minute - minute[0], self.held) / (60 * MICROS)
        asked = asked[:-1] if len(asked) > 1 else asked
        return Panel.of(float(60 * minute[0]), 60.0, asked, (self.name,))

    def between(self, start: float, end: float) -> Requests:
        """Those that came in `[start, end)`, unix seconds."""
        first, last = np.searchsorted(self.came, [round(start * MICROS), round(end * MICROS)])
        mean = float(self.held[:first].mean()) / MICROS if first else self.mean_seconds
        return Requests(self.name, self.came[first:last], self.held[first:last], mean)

    def traffic(
        self, start: float, end: float, service: SimulatedService, rng: np.random.Generator, dispersion: float
    ) -> RequestTraffic:
        """The very requests of `[start, end)`; no luck is needed."""
        part = self.between(start, end)
        came = part.came - round(start * MICROS)
        arrivals = np.bincount(came // MICROS, minlength=round(end - start))
        if len(self.held):
            service = replace(service, service_seconds=self.mean_seconds)
        return RequestTraffic(start, arrivals, service, came=came, held=part.held)


@dataclass(frozen=True, eq=False)
class RequestTraffic(Stream):
    """Requests that came at known moments, each with its own duration."""

    came: Counts
    """Microseconds since `start`, shape [requests], never falling."""
    held: Counts
    """Microseconds for which each holds a slot, shape [requests], positive."""

    @cached_property
    def ends(self) -> Counts:
        """Microseconds since `start`: when each is done if it need not wait, shape [requests]."""
        return self.came + self.held

    @cached_property
    def present(self) -> Counts:
        """Shape [n]: requests in service at the beginning of each second if nobody waits."""
        last = np.minimum(self.ends // MICROS, self.seconds)
        ended = np.concatenate([[0], np.cumsum(np.bincount(last, minlength=self.seconds + 1))])
        return np.asarray(self.arrived[:-1].astype(np.int64) - ended[: self.seconds])

    @cached_property
    def rest(self) -> Counts:
        """Shape [n]: microseconds that are left of each second when its requests come, added up over them."""
        return _rests(self.came, self.seconds)

    @cached_property
    def units(self) -> Counts:
        inside = self.present * MICROS + self.rest - _rests(self.ends, self.seconds)
        return (inside * GRAIN + MICROS // 2) // MICROS

    @cached_property
    def pressure(self) -> Floats:
        """The most that are in service at once, seen by who comes in this second."""
        inside = np.arange(1, len(self.came) + 1) - np.searchsorted(np.sort(self.ends), self.came, side="right")
        out = np.zeros(self.seconds)
        np.maximum.at(out, self.came // MICROS, inside)
        return out

    @cached_property
    def demand(self) -> Floats:
        minute = self.came // (60 * MICROS)
        return np.bincount(minute, self.held, self.seconds // 60) / (60 * MICROS)

    @cached_property
    def longest_seconds(self) -> float:
        return float(self.held.max(initial=0)) / MICROS

    @property
    def link_seconds(self) -> int:
        return 1

    def limit(self, slots: int) -> float:
        return float(slots)

    def queue(self) -> Queue:
        service = self.service
        listed = ListedRequests(
            came=self.came,
            held=self.held,
            ends=self.ends,
            arrivals_list=self.arrivals_list,
            arrived=self.arrived,
            present=self.present,
            rest=self.rest,
            late_after_seconds=service.late_after_seconds,
            give_up_seconds=service.give_up_seconds,
        )
        return RequestQueue(listed)

    # For the clairvoyant's bound

    def asked(self, window: int, late: float) -> Asked:
        # A request of second q that is not late has begun by the end of second q + wait; u seconds later it has held
        # its slot for at least min(duration, u) seconds. The window of W seconds knows it while u <= W - 1 - wait.
        wait = math.ceil(self.service.late_after_seconds)
        second, held = self.came // MICROS, self.held / MICROS
        amounts, so_far = np.zeros(self.seconds), np.zeros(self.seconds)
        for u in range(1, window - wait):
            longer = held > u - 1
            second, held = second[longer], held[longer]
            so_far = so_far + np.bincount(second, np.minimum(held - (u - 1), 1.0), self.seconds)
            amounts[wait + u :] += so_far[: max(0, self.seconds - wait - u)]
        return Asked(amounts, float(window), self._spared(max(0, window - 1 - wait), late))

    def _spared(self, most: int, late: float) -> float:
        """What so many requests add to all amounts together: min(duration, u) for u of 1 to `most`."""
        held = np.minimum(self.held / MICROS, float(most))
        whole = np.floor(held)
        return _largest(whole * (whole + 1) / 2 + (most - whole) * held, late)

    def work(self, most_seconds: float, late: float) -> float:
        # Those who come so late that they may begin after the end are left out.
        before = self.seconds - self.service.late_after_seconds
        held = np.minimum(self.held[self.came < before * MICROS] / MICROS, most_seconds)
        return float(held.sum()) - _largest(held, late)


def _rests(moments: Counts, seconds: int) -> Counts:
    """Microseconds from each moment to the end of its second, added up by second; those past the end are left out."""
    inside = moments[moments < seconds * MICROS]
    # Sums stay far below 2**53, to which floats are exact.
    return np.bincount(inside // MICROS, MICROS - inside % MICROS, seconds).astype(np.int64)


def _largest(values: Floats, count: float) -> float:
    """The sum of the so many largest."""
    some = min(len(values), math.floor(count + 1e-6))
    return float(np.partition(values, len(values) - some)[len(values) - some :].sum()) if some else 0.0
