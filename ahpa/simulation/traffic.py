"""Requests that were counted, with one service time for all.

A count per step is all that exported metrics say. Inside its step each request falls on a second at random
(multinomial; a Poisson stream, given its count). `dispersion` above 1 makes seconds unequal first: their rates
are gamma distributed so that the variance of a second's count is about `dispersion` times its mean.
Within one second requests come evenly: bursts shorter than a second are not modelled.
"""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from ahpa.simulation.queues.counting import CountedArrivals, CountingQueue
from ahpa.simulation.queues.queue import Queue
from ahpa.simulation.service_time import FixedServiceTime
from ahpa.simulation.stream import Asked, Stream
from ahpa.simulation.units import GRAIN, Counts
from forecasting.panel import Floats


def spread_over_seconds(
    per_step: Floats, step_seconds: int, rng: np.random.Generator, dispersion: float = 1.0
) -> Counts:
    """Requests per second, shape [t * step_seconds], from requests per step, shape [t].

    A count with a fraction is rounded up or down at random, which keeps its mean; a millionth is no fraction but
    what changing units left of a whole count. Raises ValueError for counts that are negative or not finite.
    """
    if not (np.isfinite(per_step).all() and (per_step >= 0).all()):
        raise ValueError("requests per step must be finite and non-negative")
    whole = np.floor(per_step + 1e-6)
    counts: Counts = (whole + (rng.random(len(per_step)) < per_step - whole)).astype(np.int64)
    if step_seconds == 1:
        return counts
    if dispersion > 1:
        shape = np.maximum(per_step / step_seconds, 1e-6) / (dispersion - 1)
        weights = rng.gamma(shape[:, None], size=(len(counts), step_seconds)) + 1e-12
        shares = weights / weights.sum(axis=1, keepdims=True)
    else:
        shares = np.full((1, step_seconds), 1 / step_seconds)
    return np.asarray(rng.multinomial(counts, shares)).reshape(-1)


class Traffic(Stream):
    """Requests that were counted second by second, with one service time for all."""

    @cached_property
    def service_time(self) -> FixedServiceTime:
        return FixedServiceTime.of(self.service.service_seconds)

    def _begun(self, shift: int) -> Floats:
        """Shape [n]: requests begun before k - whole + shift."""
        lag = self.service_time.whole - shift
        if lag < 0:
            return self.arrived[1:]
        return np.concatenate([np.zeros(lag), self.arrived])[: self.seconds]

    @cached_property
    def units(self) -> Counts:
        mean = self.service_time.serving(
            self.arrived[:-1], self.arrived[1:], self._begun(-1), self._begun(0), self._begun(1)
        )
        return np.rint(mean * GRAIN).astype(np.int64)

    @cached_property
    def pressure(self) -> Floats:
        if not self.service_time.whole:
            return self.arrivals.astype(float)
        held = self.service_time.held(self.arrived[:-1], self._begun(0), self._begun(1))
        return self.arrivals + np.ceil(held * GRAIN) / GRAIN

    @cached_property
    def demand(self) -> Floats:
        per_minute = self.arrivals.reshape(-1, 60).sum(axis=1)
        return np.asarray(per_minute * (self.service.service_seconds / 60))

    @property
    def longest_seconds(self) -> float:
        return self.service_time.whole or self.service_time.fraction

    @property
    def link_seconds(self) -> int:
        return max(1, self.service_time.whole)

    def limit(self, slots: int) -> float:
        return self.service_time.limit(slots)

    def queue(self) -> Queue:
        service = self.service
        counted = CountedArrivals(
            self.arrivals,
            self.arrivals_list,
            self.arrived,
            self.service_time,
            service.late_after_seconds,
            service.give_up_seconds,
        )
        return CountingQueue(counted)

    def asked(self, window: int, late: float) -> Asked:
        wait = math.ceil(self.service.late_after_seconds)
        arrived = np.concatenate([np.zeros(window), self.arrived])
        ends = np.arange(1, self.seconds + 1) + window
        amounts = np.maximum(arrived[ends - wait] - arrived[ends - window], 0.0)
        # Below a second of service time a request takes only a part of a slot's second.
        share = 1.0 if self.service_time.whole else self.service_time.fraction
        return Asked(amounts, window / self.link_seconds / share, late * (window - wait))

    def work(self, most_seconds: float, late: float) -> float:
        # The last ones may still be served when the traffic ends; they are left out.
        wait = math.ceil(self.service.late_after_seconds) + self.link_seconds
        served = float(self.arrived[max(0, self.seconds - wait)]) - late
        return max(0.0, served * min(self.longest_seconds, most_seconds))
