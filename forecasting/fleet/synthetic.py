"""Made-up services: what a model knows of "others" before it has met any, and what the speed bench runs on.

Each series is a person-shaped day (a few harmonics) and week, with noise between Poisson and log-normal,
some with bursts, level shifts, trends, sparse traffic or scheduled spikes. Nothing is copied from a trace.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecasting.panel import DAY_SECONDS


def services(n: int, days: float, step: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Demand of `n` made-up services, shape [n, days/step], non-negative float32."""
    t = np.arange(round(days * DAY_SECONDS / step))
    day = 2 * np.pi * t * step / DAY_SECONDS
    out = np.empty((n, len(t)), dtype=np.float32)
    for i in range(n):
        out[i] = _service(day, len(t), step, rng)
    return out


def _service(day: NDArray[np.floating], t: int, step: float, rng: np.random.Generator) -> NDArray[np.floating]:
    phase = rng.uniform(0, 2 * np.pi, 3)
    depth = rng.gamma(1.5, 0.4) / np.array([1, 2, 4]) * rng.uniform(0.3, 1, 3)
    log = sum(d * np.sin(k * day + p) for k, d, p in zip((1, 2, 3), depth, phase, strict=True))
    weekend = (day / (2 * np.pi) + rng.uniform(0, 7)) % 7 < 2
    log = log - weekend * rng.choice([0.0, 0.0, 0.5, 1.5])
    log = log + _wander(t, step, rng) * rng.choice([0.05, 0.2, 0.5])
    for _ in range(rng.poisson(0.6)):
        log = log + rng.normal(0, 0.8) * (np.arange(t) >= rng.integers(0, t))
    level = np.exp(log) * 10 ** rng.uniform(-1, 4)
    kind = rng.choice(3)
    if kind == 0:
        demand = rng.poisson(np.minimum(level, 1e6)).astype(float)
    else:
        demand = level * np.exp(rng.normal(0, rng.choice([0.02, 0.1, 0.3]), t))
    if rng.random() < 0.3:
        demand += _bursts(t, step, rng) * level.mean()
    if rng.random() < 0.2:
        every = max(2, round(rng.choice([600, 3600, 21600]) / step))
        demand += level.mean() * rng.uniform(0.5, 4) * (np.arange(t) % every == rng.integers(0, every))
    if rng.random() < 0.15:
        demand *= rng.random(t) < rng.uniform(0.02, 0.5)
    return np.asarray(demand)


def _wander(t: int, step: float, rng: np.random.Generator) -> NDArray[np.floating]:
    """A smooth random path of unit size that forgets itself in hours (random knots, joined)."""
    every = max(1, round(rng.choice([1800, 7200, 28800]) / step))
    knots = rng.standard_normal(t // every + 2)
    path: NDArray[np.floating] = np.interp(np.arange(t) / every, np.arange(len(knots)), knots)
    return path


def _bursts(t: int, step: float, rng: np.random.Generator) -> NDArray[np.floating]:
    """A few bursts a day at random, of heavy-tailed height, that rise at once and fade."""
    out = np.zeros(t)
    length = max(1, round(rng.choice([120, 600, 3600]) / step))
    fade = np.exp(-np.arange(4 * length) / length)
    for start in rng.integers(0, t, rng.poisson(t * step / DAY_SECONDS * rng.choice([0.3, 2.0]))):
        end = min(t, start + len(fade))
        out[start:end] += (rng.pareto(2.0) + 0.5) * fade[: end - start]
    return out
