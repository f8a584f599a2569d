"""Coverage after a level shift: the same services, but from a random moment on everything is a multiple."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ahpa.adapters.processes.executors import Threads
from benchmarks.forecasting.score import Bench
from benchmarks.forecasting.traces import DAY_SECONDS, Group
from forecasting.fleet.model import FleetModel
from forecasting.panel import Floats

FACTORS = {"fourfold": 4.0, "to a third": 1 / 3}
DAYS = (1, 2, 3)


@dataclass(frozen=True, eq=False)
class Shift:
    """How often the window maximum stayed under its quantile so many days after a change."""

    words: str
    day: int
    covered: Floats
    """Shape [3], at 0.9, 0.95 and 0.99: mean over services."""


def after_shifts(groups: list[Group]) -> list[Shift]:
    """The fleet model on the half of the groups that is reported, trained before the change."""
    out = []
    for words, factor in FACTORS.items():
        rows = [row for group in groups for row in _covered(group, factor)]
        for i, day in enumerate(DAYS):
            out.append(Shift(words, day, np.nanmean([row[i] for row in rows], axis=0)))
    return out


def _covered(group: Group, factor: float) -> list[Floats]:
    """[days, levels] of each reported service."""
    rng = np.random.default_rng(0)
    chosen = np.flatnonzero(~group.tuned())
    values = group.values[chosen].copy()
    day = DAY_SECONDS // group.step
    begin = group.test + rng.integers(0, day, len(chosen))
    for row, first in zip(values, begin, strict=True):
        row[first:] *= factor
    bench = Bench(replace(group, names=tuple(group.names[i] for i in chosen), values=values))
    windows = [w for w, window in enumerate(bench.windows) if not window.lead]
    said = bench.fleet(FleetModel(executor=Threads()), single_steps=False)
    truth = bench.truth[:, bench.test]
    out = []
    for i, first in enumerate(begin - group.test):
        days = []
        for k in DAYS:
            origins = slice(int(first) + (k - 1) * day, int(first) + k * day)
            came, quantile = truth[i, origins][:, windows], said[i, origins][:, windows, 1:]
            known = np.isfinite(came)[..., None] & np.isfinite(quantile)
            inside = np.where(known, came[..., None] <= quantile, np.nan)
            days.append(np.nanmean(inside, axis=(0, 1)) if known.any() else np.full(3, np.nan))
        out.append(np.array(days))
    return out
