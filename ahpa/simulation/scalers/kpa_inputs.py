"""What a KPA sees while nobody waits: the averages of a stream at every tick, and the replicas that they need."""

from __future__ import annotations

import math

import numpy as np

from ahpa.reactive.kpa.autoscaler import TICK_SECONDS
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.reactive.kpa.windows import linear_averages, weighted_averages
from ahpa.simulation.stream import Stream
from ahpa.simulation.units import GRAIN
from forecasting.panel import Floats

TICKS_PER_MINUTE = 60 // TICK_SECONDS


class KpaInputs:
    """The open-loop averages of one series at every tick; shared by all runs with the same windows."""

    def __init__(self, traffic: Stream, config: KpaConfig) -> None:
        self.units = traffic.units if config.metric == "concurrency" else traffic.arrivals * GRAIN
        seen = self.units / GRAIN
        average = weighted_averages if config.weighted else linear_averages
        every = slice(TICK_SECONDS - 1, None, TICK_SECONDS)
        self.stable: Floats = average(seen, config.stable_window_seconds)[every]
        self.panic: Floats = average(seen, config.panic_window_seconds)[every]
        self._by_target: dict[float, Needs] = {}

    def needs(self, target: float) -> Needs:
        """What the averages need at `target` demand per replica: a copy to be changed."""
        if target not in self._by_target:
            self._by_target[target] = Needs(target, self.stable, self.panic)
        return self._by_target[target].copy()


class Needs:
    """The averages at one target: per tick, and at their extremes per minute."""

    __slots__ = ("highest", "lowest", "panic", "panic_highest", "stable", "target")

    def __init__(self, target: float, stable: Floats, panic: Floats) -> None:
        need = np.ceil(stable / target).astype(np.int64)
        self.target = target
        self.stable: list[int] = need.tolist()
        """Replicas by the stable average, each tick; `panic` alike."""
        self.panic: list[int] = np.ceil(panic / target).astype(np.int64).tolist()
        rows = need.reshape(-1, TICKS_PER_MINUTE)
        self.lowest: list[int] = rows.min(axis=1).tolist()
        self.highest: list[int] = rows.max(axis=1).tolist()
        self.panic_highest: list[int] = np.array(self.panic).reshape(rows.shape).max(axis=1).tolist()

    def copy(self) -> Needs:
        out = Needs.__new__(Needs)
        out.target = self.target
        for name in ("stable", "panic", "lowest", "highest", "panic_highest"):
            setattr(out, name, getattr(self, name).copy())
        return out

    def replace(self, first: int, stable: Floats, panic: Floats) -> None:
        """Other averages from tick `first` on."""
        end = first + len(stable)
        self.stable[first:end] = np.ceil(stable / self.target).astype(np.int64).tolist()
        self.panic[first : first + len(panic)] = [math.ceil(x / self.target) for x in panic.tolist()]
        for minute in range(first // TICKS_PER_MINUTE, (end - 1) // TICKS_PER_MINUTE + 1):
            ticks = slice(minute * TICKS_PER_MINUTE, (minute + 1) * TICKS_PER_MINUTE)
            needs = self.stable[ticks]
            self.lowest[minute], self.highest[minute] = min(needs), max(needs)
            self.panic_highest[minute] = max(self.panic[ticks])
