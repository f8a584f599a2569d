"""A service in a simulated cluster: requests, a queue, replicas that start slowly, a reactive scaler, a floor.

    world = World(traffic, scaler, rng, ready=3)
    world.advance(traffic.start + 60)
    world.floor = 5                       # what a contender decides between two calls
    run = world.run("chat", "ahpa", "quantile 0.99")

Within one tick of the scaler: requests arrive and are served by the replicas that were ready at its beginning,
then replicas whose lag has passed become ready, then the scaler decides. A moved floor is carried out at once.
Between ticks nothing can change, so ticks that the scaler calls calm are passed over; the result is the same to
the last bit (tests/simulation/test_world.py runs both).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np

from ahpa.simulation.outcome import Outcome, Run
from ahpa.simulation.queues.queue import Waits
from ahpa.simulation.replicas import Replicas
from ahpa.simulation.scalers.scaler import Scaler
from ahpa.simulation.stream import Stream
from forecasting.panel import Floats

ROW_SECONDS = 60
SOON_SECONDS = 60


@dataclass(frozen=True)
class Snapshot:
    """The world at one moment."""

    now: float
    demand: float
    """Mean concurrency that the last minute's arrivals asked for."""
    ready: int
    starting: int
    floor: int
    desired: int
    waiting: float
    """Requests in the queue."""


class World:
    """One service. Advance it; between two calls move its floor."""

    def __init__(
        self, traffic: Stream, scaler: Scaler, rng: np.random.Generator, ready: int = 0, floor: int = 0
    ) -> None:
        self.traffic = traffic
        self.scaler = scaler
        self.replicas = Replicas(traffic.service.readiness, rng, ready)
        self._floor = floor
        self._tick = 0
        self._queue = traffic.queue()
        self._queueing = False
        """Whether the open loop does not hold: somebody waits, or the service still feels that somebody did."""
        self._pressures = traffic.pressures(scaler.tick_seconds)
        self._resize()
        self._settled = 0.0
        """Seconds up to which the integrals below hold."""
        self._ready_seconds = 0.0
        self._paid_seconds = 0.0
        self._tier_seconds = [0.0] * len(traffic.service.readiness.tiers)
        self._cold = 0.0
        self._rows: list[tuple[float, float, int, int]] = []

    @property
    def now(self) -> float:
        """Unix seconds."""
        return self.traffic.start + self._tick * self.scaler.tick_seconds

    @property
    def floor(self) -> int:
        """The minimum in force."""
        return self._floor

    @floor.setter
    def floor(self, floor: int) -> None:
        if floor != self._floor:
            self._floor = floor
            self._scale(self.scaler.reconcile(self.now, self.replicas.ready, floor))

    def advance(self, until: float) -> None:
        """Let time pass up to `until`: whole ticks, not beyond the traffic."""
        step = self.scaler.tick_seconds
        end = min(int((until - self.traffic.start) // step), self.traffic.seconds // step)
        per_row = ROW_SECONDS // step
        while self._tick < end:
            last = min(end, (self._tick // per_row + 1) * per_row)
            while self._tick < last:
                if self._queueing:
                    self._rush(last)
                else:
                    self._walk(last)
            if self._tick % per_row == 0:
                self._end_row()

    def _walk(self, last: int) -> None:
        """While nobody waits: pass over ticks or play one, unless somebody has to wait in it."""
        tick = self._tick
        calm = self._calm(last)
        if calm > tick:
            self._tick = calm
        elif self._pressures[tick] > self._limit:
            self._queueing = True
            self._queue.begin(tick * self.scaler.tick_seconds)
            self._rush(last)
        else:
            self._end_tick()
            self._scale(self.scaler.tick(tick, self.now, self.replicas.ready, self._floor))

    def _calm(self, last: int) -> int:
        """The tick up to which nothing can change."""
        step, tick = self.scaler.tick_seconds, self._tick
        if self.traffic.peak_pressure[tick * step // 60] > self._limit:
            pressures, limit = self._pressures, self._limit
            last = next((i for i in range(tick, last) if pressures[i] > limit), last)
        last = self._unripe(last)
        if last <= tick:
            return tick
        replicas = self.replicas
        return self.scaler.calm(tick, last, replicas.ready, self._floor, replicas.present)

    def _unripe(self, last: int) -> int:
        """The tick, at most `last`, during which the next replica becomes ready."""
        step, start = self.scaler.tick_seconds, self.traffic.start
        if self.replicas.next_ready < start + last * step + 1e-9:
            return int((self.replicas.next_ready - start - 1e-9) // step)
        return last

    def _rush(self, last: int) -> None:
        """While somebody waits: all ticks up to one that changes something, or else to `last`."""
        replicas, tick = self.replicas, self._tick
        step = self.scaler.tick_seconds
        counts = self._queue.run(step, self._slots, step * self._crowded_until())
        unripe = self._unripe(last)
        if unripe > tick:
            counts = islice(counts, unripe - tick)
        else:
            # The scaler of this tick already sees those who become ready in it.
            counts = iter([next(counts)])
            self._end_tick()
        now = self.traffic.start + (tick + 1) * step
        self._tick, wanted = self.scaler.rush(tick, now, replicas.ready, self._floor, replicas.present, counts)
        self._scale(wanted)
        if self._queue.is_calm() and self._crowded_until() <= self._tick:
            self._queueing = False
            self.scaler.settle(self._tick)

    def _end_tick(self) -> None:
        """The requests of one tick are served; those whose lag has passed become ready."""
        self._tick += 1
        now, replicas = self.now, self.replicas
        if replicas.next_ready <= now:
            self._settle()
            replicas.mature(now)
            self._resize()

    def _crowded_until(self) -> int:
        """The end of the last tick soon in which somebody will have to wait again: leaving the queue has its price."""
        tick, limit = self._tick, self._limit
        ahead = self._pressures[tick : tick + SOON_SECONDS // self.scaler.tick_seconds]
        for i in range(len(ahead), 0, -1):
            if ahead[i - 1] > limit:
                return tick + i
        return tick

    def _scale(self, wanted: int) -> None:
        if wanted != self.replicas.present:
            self._settle()
            self.replicas.scale(wanted, self.now)
            self._resize()

    def _resize(self) -> None:
        self._slots = self.replicas.ready * self.traffic.service.concurrency
        self._limit = self.traffic.limit(self._slots) if self._slots else 0.0

    def _settle(self) -> None:
        """Add up what the replicas did since the last change."""
        second = self._tick * self.scaler.tick_seconds
        passed = second - self._settled
        if passed:
            replicas = self.replicas
            self._ready_seconds, self._paid_seconds = self._replica_seconds()
            if self.traffic.service.prices is not None:
                for tier in range(len(self._tier_seconds)):
                    self._tier_seconds[tier] += passed * replicas.in_tier(tier)
            if not replicas.ready:
                arrived = self.traffic.arrived
                self._cold += float(arrived[second] - arrived[int(self._settled)])
            self._settled = second

    def _end_row(self) -> None:
        self._rows.append((*self._replica_seconds(), self._floor, self.scaler.desired))

    def _replica_seconds(self) -> tuple[float, float]:
        """(ready, paid) up to now."""
        passed, replicas = self._tick * self.scaler.tick_seconds - self._settled, self.replicas
        return self._ready_seconds + passed * replicas.ready, self._paid_seconds + passed * replicas.present

    def snapshot(self) -> Snapshot:
        """What an observer would see now."""
        second = self._tick * self.scaler.tick_seconds
        return Snapshot(
            self.now,
            float(self.traffic.demand[max(0, second // 60 - 1)]),
            self.replicas.ready,
            self.replicas.starting,
            self._floor,
            self.scaler.desired,
            self._queue.waiting,
        )

    def late(self, since: float, until: float) -> float:
        """Requests that arrived in `[since, until)`, seconds up to now, and are known to be late by now."""
        first, last = (round(at - self.traffic.start) for at in (since, until))
        return float(self._queue.late(first, last).sum())

    def minutes(self, first: int, last: int) -> tuple[Floats, Floats]:
        """Of the minutes `[first, last)` from the beginning, which are over: the share of the requests that is known to
        be late by now (0 where none came), and replicas that were ready on average."""
        seconds = slice(first * ROW_SECONDS, last * ROW_SECONDS + 1, ROW_SECONDS)
        came = np.diff(self.traffic.arrived[seconds])
        late = self._queue.late(first * ROW_SECONDS, last * ROW_SECONDS).reshape(-1, ROW_SECONDS).sum(axis=1)
        rows = [0.0, *(row[0] for row in self._rows[:last])]
        ready = np.diff(rows[first:]) / ROW_SECONDS
        return late / np.maximum(came, 1e-9), ready

    def outcome(self) -> Outcome:
        """The figures up to now, which should be the end of the traffic."""
        return self._outcome(self._queue.waits())

    def _outcome(self, waited: Waits) -> Outcome:
        self._settle()
        traffic, replicas = self.traffic, self.replicas
        requests = float(traffic.arrived[-1])
        unserved = self._queue.dropped + self._queue.waiting
        prices = traffic.service.prices
        money = None
        if prices is not None:
            money = sum(p * s for p, s in zip(prices, self._tier_seconds, strict=True)) / 3600
        return Outcome(
            replica_hours=self._paid_seconds / 3600,
            late_ratio=float(waited.late.sum()) / requests if requests else 0.0,
            unserved_ratio=unserved / requests if requests else 0.0,
            scale_ups=replicas.asked,
            churn=replicas.withdrawn,
            cold_hits=round(self._cold),
            wait_p50_seconds=waited.p50_seconds,
            wait_p95_seconds=waited.p95_seconds,
            wait_p99_seconds=waited.p99_seconds,
            requests=requests,
            money=money,
        )

    def run(self, series: str, contender: str, knob: str = "") -> Run:
        """The course so far, one row per minute."""
        table = np.array([(0.0, 0.0, 0, 0), *self._rows])
        rows = len(self._rows)
        ready, paid = np.diff(table[:, 0]), np.diff(table[:, 1])
        waited = self._queue.waits()
        late = waited.late[: rows * ROW_SECONDS]
        return Run(
            series=series,
            contender=contender,
            knob=knob,
            outcome=self._outcome(waited),
            step=float(ROW_SECONDS),
            timestamp=self.traffic.start + ROW_SECONDS * np.arange(rows),
            demand=self.traffic.demand[:rows],
            ready=ready / ROW_SECONDS,
            starting=(paid - ready) / ROW_SECONDS,
            floor=table[1:, 2],
            desired=table[1:, 3],
            late=late.reshape(rows, ROW_SECONDS).sum(axis=1),
        )
