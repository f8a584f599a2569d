"""A source of demand whose samples come late, are corrected, and stay away for a while."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.adapters.prometheus.recollection import Recollection
from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.ports import DemandSource, Reading
from forecasting.panel import Floats, Panel

MINUTE = 60.0
BEGAN = 1_700_000_000 // 3600 * 60  # a whole hour, as a number of minutes
DAYS = 2
KEEPING = Keeping(history=DAYS * 86_400.0, step=MINUTE)


@dataclass
class Source:
    """By query, a demand in minutes from `first`: what is true in the end, what is said before, and since when."""

    first: int
    truth: dict[str, Floats]
    early: dict[str, Floats]
    settled: dict[str, Floats]
    """The minute from which on the truth is told; inf: never."""
    now: int = 0
    down: set[str] = field(default_factory=set)
    """Queries that get no answer."""
    warns: set[str] = field(default_factory=set)
    loses: float = 1.0
    """It says so much of what is true."""
    skew: float = 0.0
    asked: list[tuple[int, int, int]] = field(default_factory=list)
    """Of each reading: how many queries, and from which minute to which."""

    def no_more_late(self) -> None:
        """What is still to come comes in time."""
        for settled in self.settled.values():
            minutes = self.first + np.arange(len(settled))
            settled[minutes >= self.now] = minutes[minutes >= self.now]

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        first, last = math.floor(start / step), math.floor(end / step)
        self.asked.append((len(queries), first, last))
        values = np.full((len(queries), last - first), np.nan)
        minutes = np.arange(first, last)
        at = minutes - self.first
        for row, query in zip(values, queries.values(), strict=True):
            inside = (at >= 0) & (at < len(self.truth[query])) & (minutes < self.now)
            which = at[inside]
            told = np.where(self.settled[query][which] <= self.now, self.truth[query][which], self.early[query][which])
            row[inside] = told * self.loses
        problems = {key: "nobody listens" for key, query in queries.items() if query in self.down}
        values[[key in problems for key in queries]] = np.nan
        warned = frozenset(key for key, query in queries.items() if query in self.warns and key not in problems)
        return Reading(Panel(first * step, step, values, tuple(queries)), problems, warned, self.skew)


def source(rng: np.random.Generator, keys: int, *, late: float = 0.05, days: float = DAYS + 2) -> Source:
    """Some minutes of each series have no demand, some come late, and some of those are too low until then."""
    length = round(days * 1440)
    first = BEGAN - DAYS * 1440
    truth: dict[str, Floats] = {}
    early: dict[str, Floats] = {}
    settled: dict[str, Floats] = {}
    for i in range(keys):
        values = 100 * rng.random(length) + 1
        values[rng.random(length) < 0.02] = np.nan
        minutes = first + np.arange(length)
        is_late = rng.random(length) < late
        truth[f"query {i}"] = values
        early[f"query {i}"] = np.where(rng.random(length) < 0.5, np.nan, values * 0.95)
        settled[f"query {i}"] = np.where(is_late, minutes + rng.integers(1, 170, length), minutes)
    return Source(first, truth, early, settled, BEGAN)


class Guarded:
    """As `Prometheus` reads: it doubts a server that says less than before."""

    def __init__(self, world: Source) -> None:
        self._world = world
        self._recollection = Recollection()

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        found = self._world.read(queries, start, end, step, deadline)
        panel, partial = self._recollection.weighed(queries, found.panel, found.partial)
        return replace(found, panel=panel, partial=partial)


def queries(world: Source) -> dict[str, str]:
    return {f"key of {query}": query for query in sorted(world.truth)}


def kept(world: Source, keeping: Keeping = KEEPING) -> Kept:
    return Kept(world, world, keeping, stopwatch=lambda: 0.0)


def hour(world: Source, reader: DemandSource) -> Reading:
    """What a round reads."""
    return reader.read(queries(world), (world.now - 60) * MINUTE, world.now * MINUTE, MINUTE)


def everything(world: Source, reader: DemandSource) -> Reading:
    """What a refit reads."""
    return reader.read(queries(world), world.now * MINUTE - KEEPING.history, world.now * MINUTE, MINUTE)
