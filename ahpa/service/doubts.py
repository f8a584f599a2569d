"""Doubts about data that are fresh and complete: what was learned from half a history, and a demand that vanishes.

A query that ends in `or vector(0)`, or an exporter that starts anew, says 0 where it knows nothing. So a demand that
falls to exactly zero from one step to the next is not believed for an hour: as long as the hour that each round reads
still shows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from forecasting.panel import Ints, Panel

_CLIFF = 0.5
"""Of the mean before it: a demand that was lower when it went to zero may well have ebbed away."""
_HABIT = 0.05
"""A demand that was exactly zero for more than this share of its past hours of this kind is used to it."""


@dataclass(frozen=True)
class Zero:
    """A demand that has been exactly zero lately, after an hour in which it was not."""

    cliff: bool
    """It fell from one step to the next, and had not been zero before in that hour."""
    hour: int
    """Of the day (UTC) in which it fell."""


@dataclass(frozen=True)
class Doubts:
    """What is known against some series, from what was learned of them."""

    warned: frozenset[str] = frozenset()
    """Learned from a history that its source warned about, for want of a better one."""
    used_to_zero: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By series: the hours of the day (UTC) at which exactly zero is nothing unusual. Who sleeps every night is not
    used to vanish at noon."""

    def of(self, series: str, zero: Zero | None, *, busy: bool) -> str | None:
        """Why one series' newest data are not to be lowered on, or None; `busy`: its reactive autoscaler keeps more
        replicas ready than its floor asks for, so that it sees load."""
        if series in self.warned:
            return "it was learned from a history that is not all read yet, or that Prometheus warned about"
        if zero is None:
            return None
        unusual = zero.hour not in self.used_to_zero.get(series, ())
        if busy and (zero.cliff or unusual):
            return "its demand fell to exactly zero while more replicas are kept than its minimum"
        unheard_of = "its demand fell to exactly zero at once, which it never does at this hour"
        return unheard_of if zero.cliff and unusual else None


NO_DOUBTS = Doubts()


def sudden_zeros(recent: Panel) -> Mapping[str, Zero]:
    """By key: those of the last hour's demands that are exactly zero now and were not before."""
    out = {}
    for key, row in zip(recent.keys, recent.values, strict=True):
        seen = row[np.isfinite(row)]
        some = np.flatnonzero(seen > 0)
        if len(seen) and seen[-1] == 0 and len(some):
            before = seen[: some[-1] + 1]
            fell = recent.start + recent.step * (np.flatnonzero(np.isfinite(row))[some[-1]] + 1)
            cliff = bool((before > 0).all() and before[-1] >= _CLIFF * before.mean())
            out[key] = Zero(cliff, int(fell // 3600 % 24))
    return out


def used_to_zero(history: Panel) -> dict[str, frozenset[int]]:
    """By key: the hours of the day (UTC) at which, or within an hour of which, the demand was exactly zero for a good
    part of what was observed; those that have none are left out."""
    steps = np.arange(history.values.shape[1])
    hours = ((history.start + history.step * steps) // 3600 % 24).astype(int)
    out = {}
    for key, row in zip(history.keys, history.values, strict=True):
        zeros, seen = (_around(np.bincount(hours[which], minlength=24)) for which in (row == 0, np.isfinite(row)))
        if usual := frozenset(np.flatnonzero(zeros > _HABIT * seen).tolist()):
            out[key] = usual
    return out


def _around(counts: Ints) -> Ints:
    """With the hour before and the one after."""
    return np.asarray(np.roll(counts, 1) + counts + np.roll(counts, -1))
