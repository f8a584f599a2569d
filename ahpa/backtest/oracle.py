"""The clairvoyant's bound: replica-hours below which no policy gets with so few late requests, in this world.

Of what: of every way to ask for and withdraw replicas of one service in `World`, knowing all requests beforehand, where
a start takes at least `lag_least` (no start is faster than its tier's 1 % quantile) and costs while it lasts.

Why. Let S = m seconds (rounded down) be the service time and c(t) the slots that are ready. On the grid of seconds
begun(t) - begun(t - m) <= c at the last start before t (what drains on withdrawn replicas is free, but nothing begins
there). Chained J times over a window of W = J m seconds, and because a request that is not late has begun L seconds
after it came, while none begins before it comes:

    c(..t) + c(..t - m) + ... >= begun(t) - begun(t - W) >= arrived(t - L) - arrived(t - W) = X(t)

so somewhere in each window at least X / J slots are ready: need(t) replicas. Take the replicas by level: level k is
ready when at least k are. Over the windows whose need reaches k it must be ready once in each; a pause within costs a
start, so (with W <= lag_least) it is no cheaper than staying. Two such stretches that lie g seconds apart cost min(g,
lag_least - W) more, and the first and the last window may be served W seconds early: cost of level k >= seconds of need
+ bridges + first start - W. Levels add up. Every J gives a bound; the best one counts.

Another bound is the work itself: what all requests but the late ones hold of slots. A replica that is withdrawn as soon
as it is full serves on for nothing, but only once for each start, which costs at least lag_least; so counting no
request for more than lag_least bounds the work from below. Replicas that were ready at first had no start to pay.

Where requests last differently (requests.py) there are no links. Of a request that came in [t - W, t - L) and is not
late we know that by t it has held its slot for min(duration, t - L - its arrival) seconds, within the window; and no
more than c slots are held at once by those who began in it, with c the slots of the window's best second. So at least
Y(t) / W slots are ready there, Y(t) being the sum; a late request lowers all Y together by the sum of its own terms.

A late request need not be served in its window: with equal durations it lowers X in at most W - L windows by one. With
so many to spend, the most that can be saved is a fractional knapsack over (second, level): weight the requests to be
removed, worth one second plus, by weight, its share of the bridges that go with the whole stretch only. Greedy by worth
per weight bounds it from above.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ahpa.core.words import percent
from ahpa.simulation.outcome import Outcome, Run
from ahpa.simulation.replicas import LEAST_LEVEL
from ahpa.simulation.stream import Stream
from ahpa.simulation.units import GRAIN, Counts
from forecasting.panel import Floats

WINDOWS_SECONDS = (4, 20, 80)
_BINS = 400


@dataclass(frozen=True, eq=False)
class Bound:
    """Replica-seconds that no policy can do without."""

    seconds: float
    need: Counts
    """Shape [n]: the replicas that the window ending with each second needs at its best moment."""


def lag_least(traffic: Stream) -> float:
    """Seconds that the fastest start of any tier takes."""
    return min(tier.lag.quantile(LEAST_LEVEL) for tier in traffic.service.readiness.tiers)


def bound(traffic: Stream, late_ratio: float, ready: int = 0) -> Bound:
    """The best bound for policies with at most this share of late requests that begin with so many ready."""
    budget = late_ratio * float(traffic.arrived[-1])
    found = [_bound(traffic, window, budget, ready) for window in _windows(traffic)]
    return max([*found, _work(traffic, budget, ready)], key=lambda b: b.seconds)


def _work(traffic: Stream, budget: float, ready: int) -> Bound:
    """The bound by the work, on full replicas."""
    slots = traffic.service.concurrency
    most = min(traffic.longest_seconds, lag_least(traffic))
    need = np.ceil(traffic.units / GRAIN / slots).astype(np.int64)
    return Bound(max(0.0, traffic.work(most, budget) / slots - ready * most), need)


def _windows(traffic: Stream) -> list[int]:
    """The windows that are worth trying, in seconds."""
    service, link = traffic.service, traffic.link_seconds
    wait = math.ceil(service.late_after_seconds)
    longest = min(lag_least(traffic), service.give_up_seconds)
    windows = sorted({link * max(1, round(w / link)) for w in WINDOWS_SECONDS})
    return [w for w in windows if wait < w <= longest]


def _bound(traffic: Stream, window: int, budget: float, ready: int) -> Bound:
    lag = lag_least(traffic)
    given = traffic.asked(window, budget)
    asked, per_level = given.amounts, traffic.service.concurrency * given.per_slot
    need = np.ceil(asked / per_level - 1e-9).astype(np.int64)
    seconds = 0.0
    worth, weight = np.zeros(_BINS), np.zeros(_BINS)
    for level in range(1, int(need.max(initial=0)) + 1):
        on = need >= level
        runs = _runs(on)
        seconds += max(0.0, _level_seconds(runs, lag - window, lag if level > ready else None, window))
        _add_items(worth, weight, runs, asked[on] - (level - 1) * per_level, per_level, lag - window)
    saved = _most_saved(worth, weight, given.spared) if given.spared > 0 else 0.0
    return Bound(max(0.0, seconds - saved), need)


Runs = tuple[Counts, Counts]
"""(first second, last second + 1) of each stretch."""


def _runs(on: np.ndarray) -> Runs:
    edges = np.flatnonzero(on[1:] != on[:-1]) + 1
    edges = np.concatenate([[0] * int(on[0]), edges, [len(on)] * int(on[-1])]).astype(np.intp)
    return edges[::2], edges[1::2]


def _level_seconds(runs: Runs, bridge: float, start: float | None, window: int) -> float:
    """What one level costs at least; `start` None: it is ready at the beginning."""
    first, last = runs
    gaps = np.minimum(first[1:] - last[:-1], bridge)
    begin = min(float(first[0]), bridge) if start is None else start
    return float((last - first).sum() + gaps.sum()) + begin - window


def _add_items(worth: Floats, weight: Floats, runs: Runs, excess: Floats, most: float, bridge: float) -> None:
    """The seconds of one level as items of the knapsack, binned by the logarithm of worth per weight; `excess` is what
    each asks of this level and those above.

    Giving up part of a stretch saves at most its seconds; all of it also saves the gaps beside it as far as they are
    bridged. So a second is worth one, and by weight its share of these gaps; a gap that is not bridged anyway costs
    one start, of which each side gets half.
    """
    first, last = runs
    gaps = (first[1:] - last[:-1]).astype(float)
    gaps = np.concatenate([[np.inf], gaps, [np.inf]])
    beside = np.where(gaps <= bridge, gaps, max(bridge, 0.0) / 2)
    cost = np.clip(excess, 1e-3, most)
    lengths = last - first
    share = (beside[:-1] + beside[1:]) / np.add.reduceat(cost, np.cumsum(lengths) - lengths)
    value = 1 + np.repeat(share, lengths) * cost
    bins = np.clip(((np.log(value / cost) + 12) * (_BINS / 24)).astype(int), 0, _BINS - 1)
    worth += np.bincount(bins, value, _BINS)
    weight += np.bincount(bins, cost, _BINS)


def _most_saved(worth: Floats, weight: Floats, budget: float) -> float:
    """The greedy fill, best bins first; within a bin every item is taken as its best."""
    saved = 0.0
    for b in range(_BINS - 1, -1, -1):
        if budget <= 0:
            break
        if weight[b] <= budget:
            saved += worth[b]
            budget -= weight[b]
        else:
            saved += min(worth[b], budget * math.exp((b + 1) * 24 / _BINS - 12))
            budget = 0.0
    return float(saved)


def oracle(name: str, traffic: Stream, late_ratio: float, ready: int = 0) -> Run:
    """The bound in the form of a run. It has no course of its own: `ready` is the shape of its need per minute,
    scaled to its sum."""
    found = bound(traffic, late_ratio, ready)
    rows = traffic.seconds // 60
    shape = found.need.reshape(rows, 60).mean(axis=1)
    total = float(shape.sum()) * 60
    scaled = shape * (found.seconds / total) if total else shape
    zeros = np.zeros(rows)
    outcome = Outcome(
        replica_hours=found.seconds / 3600,
        late_ratio=late_ratio,
        unserved_ratio=0.0,
        scale_ups=0,
        churn=0,
        cold_hits=0,
        wait_p50_seconds=0.0,
        wait_p95_seconds=0.0,
        wait_p99_seconds=0.0,
        requests=float(traffic.arrived[-1]),
        money=_cheapest(traffic, found.seconds),
    )
    at = traffic.start + 60.0 * np.arange(rows)
    late = traffic.arrivals.reshape(rows, 60).sum(axis=1) * late_ratio
    label = f"{percent(late_ratio)} late"
    return Run(name, "oracle", label, outcome, 60.0, at, traffic.demand, scaled, zeros, zeros, shape, late)


def _cheapest(traffic: Stream, seconds: float) -> float | None:
    prices = traffic.service.prices
    return None if prices is None else min(prices) * seconds / 3600
