"""What a service in a cluster would have known of its data at each tick, and when so many of a fleet were in doubt at
once that nothing was lowered anywhere (`core/trust.py` says when; here it is asked for all ticks of a fleet at once).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ahpa.backtest.foresight import Foresight
from ahpa.backtest.scenario import TICK_SECONDS
from ahpa.core.observation import Limits
from ahpa.core.trust import distrust, freezes
from forecasting.forecast import Outlook
from forecasting.panel import Floats, Panel

LIMITS = Limits(cap=10_000, budget=1_000_000_000)
"""Those of the service, but for the cap: a backtest asks what is needed."""


def limits_for(step: float, limits: Limits = LIMITS) -> Limits:
    """The limits for data with such a step: coarse data are not stale between two of their steps."""
    return replace(
        limits,
        stale_seconds=max(limits.stale_seconds, 2 * step + TICK_SECONDS),
        hold_seconds=max(limits.hold_seconds, 3 * step + TICK_SECONDS),
    )


def observed(demand: Panel, ticks: Floats) -> tuple[Floats, Floats]:
    """(newest observed moment, share of the last hour's steps that were observed) of each row at each tick, [n, m].

    No tick comes before the panel's first step has ended.
    """
    seen = np.isfinite(demand.values)
    ends = demand.start + demand.step * (1 + np.arange(seen.shape[1]))
    newest = np.maximum.accumulate(np.where(seen, ends, -np.inf), axis=1)
    total = np.concatenate([np.zeros((len(seen), 1), np.intp), np.cumsum(seen, axis=1)], axis=1)
    width = max(1, round(3600 / demand.step))
    complete = np.floor((ticks - demand.start) / demand.step + 1e-9).astype(int)
    first = np.maximum(complete - width, 0)
    share = (total[:, complete] - total[:, first]) / np.maximum(complete - first, 1)
    return newest[:, np.maximum(complete - 1, 0)], share


@dataclass(frozen=True, eq=False)
class Freeze:
    """When nothing was lowered anywhere in a fleet."""

    start: float
    """Unix seconds of the first tick."""
    ticks: NDArray[np.bool_]
    """One a minute from there on."""

    def at(self, ticks: Floats) -> list[bool]:
        """Whether at each of these ticks; beyond what is known: no."""
        index = np.round((ticks - self.start) / TICK_SECONDS).astype(int)
        known = (index >= 0) & (index < len(self.ticks))
        out = np.zeros(len(ticks), dtype=bool)
        out[known] = self.ticks[index[known]]
        frozen: list[bool] = out.tolist()
        return frozen


NEVER = Freeze(0.0, np.zeros(0, dtype=bool))
"""A service alone: so few cannot freeze one another."""
_SPEAKS = Outlook(0.0, np.zeros(0), np.zeros(0), np.zeros((0, 0)), "", None)


def freeze_of(demand: Panel, foresights: Sequence[Foresight], start: float, end: float) -> Freeze:
    """The freeze of a fleet on [start, end), where every service asks for a floor from its first observed step on,
    counts from when it can first be trusted, and all belong to one tenant.

    `demand` has a row for each of `foresights`. Trust depends on the age of the data, their coverage and whether the
    model spoke, and the same few cases come again and again: each is asked about once.
    """
    limits = limits_for(demand.step)

    @cache
    def untrusted(age: float, coverage: float, spoke: bool) -> bool:
        return distrust(-age, coverage, _SPEAKS if spoke else None, 0.0, limits) is not None

    ticks = start + TICK_SECONDS * np.arange(round((end - start) / TICK_SECONDS))
    trusted, bad = np.zeros(len(ticks), dtype=int), np.zeros(len(ticks), dtype=int)
    for newest, coverage, foresight in zip(*observed(demand, ticks), foresights, strict=True):
        there = np.isfinite(newest)
        origin = foresight.newest(ticks)
        spoke = np.append(foresight.spoke, False)[origin]  # -1, no origin yet, is the last
        cases = zip((ticks - newest).tolist(), coverage.tolist(), spoke.tolist(), strict=True)
        good = there & ~np.fromiter((untrusted(*case) for case in cases), bool, len(ticks))
        ever = np.logical_or.accumulate(good)
        trusted += ever
        bad += ever & ~good
    frozen = [freezes(*case, limits) for case in zip(trusted.tolist(), bad.tolist(), strict=True)]
    return Freeze(start, np.array(frozen, dtype=bool))
