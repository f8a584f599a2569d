"""From a fleet's history to what the networks learn from: sampled origins, targets, weights, folds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from forecasting.fleet.calendar import Seasons
from forecasting.fleet.features import Sight, Target
from forecasting.fleet.lookback import Rolling
from forecasting.fleet.network import Committee, Training, train
from forecasting.fleet.periods import found
from forecasting.panel import DAY_SECONDS, Array, Floats, Ints

QUANTILES = np.array([0.05, 0.25, 0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999], dtype=np.float32)
"""The levels that networks learn and calibration keeps; those asked for are read off between them."""

Part = TypeVar("Part")
Done = TypeVar("Done")

_ROWS = 64
_MOST_ROWS = 400
_OTHERS_SAMPLES = 12_000
_LENT_SAMPLES = 12_000
"""How many samples of the fleet the made-up services count for, at most."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a committee learns from: `m` pairs of an origin and a target."""

    features: Array
    log: Array
    """[m]: the truth in the frame of its origin."""
    weight: Array
    folds: NDArray[np.intp]

    @classmethod
    def joined(cls, parts: Sequence[Sample]) -> Sample:
        """All samples of all parts."""
        rows = [(p.features, p.log, p.weight, p.folds) for p in parts]
        return cls(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def least_floor(values: Floats) -> Array:
    """The smallest floor of each row [n]: 0.1 % of its mean, so that no logarithm meets zero."""
    out = np.empty(len(values), dtype=np.float32)
    for rows in chunks(len(values)):
        part = values[rows]
        seen = np.isfinite(part)
        total = np.sum(part, axis=1, dtype=np.float64, where=seen)
        out[rows] = 1e-3 * total / np.maximum(seen.sum(axis=1), 1) + 1e-9
    return out


def chunks(rows: int, size: int = _ROWS) -> Iterator[slice]:
    """Slices that cover `rows`."""
    for first in range(0, rows, size):
        yield slice(first, min(rows, first + size))


def each(work: Callable[[Part], Done], parts: Iterable[Part]) -> list[Done]:
    """`work` on every part, on two cores where there are several: numpy lets go of the interpreter's lock."""
    several = list(parts)
    if len(several) < 2:
        return [work(part) for part in several]
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(work, several))


def fold_of(origins: NDArray[np.intp], length: int, step: float, folds: int) -> NDArray[np.intp]:
    """Which member must not see an origin: stretches of half a day (less in a short history), in turn."""
    stretch = int(np.clip(length / (4 * folds), 3600 / step, DAY_SECONDS / 2 / step))
    return (origins // max(1, stretch)) % folds


def sample(
    values: Floats,
    periods: Ints,
    seasons: Seasons,
    targets: Sequence[Target],
    budget: int,
    folds: int,
    rng: np.random.Generator,
) -> Sample:
    """About `budget` samples, spread evenly over targets, over at most 400 services, and over time."""
    n, t = values.shape
    if not n or t < 3:
        return _nothing()
    chosen = np.sort(rng.choice(n, size=min(n, _MOST_ROWS), replace=False))
    each = max(8, budget // (len(chosen) * len(targets)))
    parts = []
    for rows in chunks(len(chosen)):
        part = values[chosen[rows]]
        least = least_floor(part)
        rolling = Rolling(part, np.arange(0))
        observed = np.isfinite(part).mean()
        wanted = int(each / max(0.1, observed))  # origins in gaps, or before a service began, are lost
        for target in targets:
            latest = t - target.lead - target.width
            if latest < 2:
                continue
            origins = np.sort(rng.choice(np.arange(1, latest + 1), size=min(wanted, latest), replace=False))
            sight = Sight.of(rolling.around(origins), least, seasons, periods[chosen[rows]])
            parts.append(_pairs(sight, target, fold_of(origins, t, seasons.step, folds)))
    return Sample.joined(parts) if parts else _nothing()


def _pairs(sight: Sight, target: Target, folds: Ints) -> Sample:
    view, at = sight.view, sight.frame
    known = view.complete(target.lead, target.lead + target.width) & np.isfinite(view.mean(-30, 0))
    features = sight.design(target)
    log = at.log(view.max(target.lead, target.lead + target.width))
    weight = np.clip(sight.stake(target) / at.usual, 0.02, 10).astype(np.float32)
    return Sample(features[known], log[known], weight[known], np.broadcast_to(folds, known.shape)[known])


def _nothing() -> Sample:
    empty = np.zeros(0, dtype=np.float32)
    return Sample(np.zeros((0, 0), dtype=np.float32), empty, empty, np.zeros(0, dtype=np.intp))


def learn(
    values: Floats,
    periods: Ints,
    seasons: Seasons,
    others: Floats,
    targets: Sequence[Target],
    budget: int,
    training: Training,
    rng: np.random.Generator,
) -> Committee:
    """A committee that knows this fleet, and `others` [m, u] as far as the fleet is small or young."""
    own = sample(values, periods, seasons, targets, budget, training.members, rng)
    elsewhere = Seasons(0.0, seasons.step)
    lent = min(budget, _OTHERS_SAMPLES)
    borrowed = sample(others, found(others, seasons.step), elsewhere, targets, lent, training.members, rng)
    share = min(1.0, _LENT_SAMPLES / max(1, len(own.log)))
    weighed = Sample(borrowed.features, borrowed.log, borrowed.weight * np.float32(share), borrowed.folds)
    all_of = Sample.joined([own, weighed]) if len(own.log) else weighed
    return train(all_of.features, all_of.log, all_of.weight, all_of.folds, QUANTILES, rng, training)


def ask(committee: Committee, sight: Sight, target: Target) -> Array:
    """The committee's quantiles in the frame of each origin, [n, o, q]."""
    features = sight.design(target)
    return committee(features.reshape(-1, features.shape[2])).reshape(*features.shape[:2], -1)
