"""How long replicas took to become ready, as they were seen one by one, and what that teaches tier by tier.

Replicas that are still starting, or were withdrawn before they were ready, say "longer than this" (readiness.py).
Nothing here changes in place: a log that has seen more is another log.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from ahpa.core.readiness import Readiness, learn
from forecasting.panel import Floats

REMEMBERED = 200
"""Starts remembered per service; a start of last month says little about today's image."""
LONGEST_SECONDS = 4 * 3600.0
"""A longer start is not believed; a replica that waits longer, for a quota say, does not teach a lead of days."""


@dataclass(frozen=True, slots=True)
class Start:
    """One replica on its way, unix seconds throughout. None: it has not come so far, or nobody can tell."""

    uid: str
    asked: float
    """When it was asked for."""
    scheduled: float | None = None
    """A node was found."""
    initialised: float | None = None
    """Its init containers are done."""
    started: float | None = None
    """Its containers run, so their images are pulled."""
    ready: float | None = None
    where: str = ""
    """The node it landed on; empty while it has none."""
    restarted: bool = False
    """It has run before, so that its times are not those of a start."""
    leaving: bool = False
    """It is being withdrawn."""


PHASES = ("finding a node", "init containers", "pulling and creating", "loading until ready")
"""What a start's time goes into: to PodScheduled, to Initialized, until the last container runs, to Ready."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Seconds between two moments of a start, and the node."""

    seconds: float
    where: str
    phases: tuple[float, ...] = ()
    """Seconds of each of `PHASES`; empty where a moment between them is not known."""


@dataclass(frozen=True, eq=False)
class Waits:
    """The newest `REMEMBERED` of a service, the oldest first; as columns, for 10,000 services have four million: 48
    bytes each, where one by one they took 250."""

    seconds: Floats = field(default_factory=lambda: np.empty(0))
    """[n]"""
    phases: Floats = field(default_factory=lambda: np.empty((0, len(PHASES))))
    """[n, phase]; NaN where a moment between them is not known."""
    where: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.where)

    def __iter__(self) -> Iterator[Wait]:
        told = (() if math.isnan(phases[0]) else tuple(phases) for phases in self.phases.tolist())
        return map(Wait, self.seconds.tolist(), self.where, told)

    def and_then(self, more: Sequence[Wait]) -> Waits:
        """With these, the newest last; itself where there are none."""
        if not more:
            return self
        newest = more[-REMEMBERED:]
        kept = slice(max(0, len(self) + len(newest) - REMEMBERED), None)
        unknown = (math.nan,) * len(PHASES)
        return Waits(
            np.append(self.seconds[kept], [wait.seconds for wait in newest]),
            np.append(self.phases[kept], [wait.phases or unknown for wait in newest], axis=0),
            (*self.where[kept], *(sys.intern(wait.where) for wait in newest)),
        )


def _phases(start: Start) -> tuple[float, ...]:
    moments = (start.asked, start.scheduled, start.initialised, start.started, start.ready)
    known = [moment for moment in moments if moment is not None]
    if len(known) < len(moments) or known != sorted(known):
        return ()
    return tuple(after - before for before, after in pairwise(known))


@dataclass(frozen=True)
class Spent:
    """Where the time of starts goes."""

    starts: int
    """So many told every moment."""
    seconds: tuple[float, ...]
    """The mean of each of `PHASES`: together the mean of a start."""


@dataclass(frozen=True, eq=False)
class StartLog:
    """What one service's replicas have shown so far."""

    done: Waits = field(default_factory=Waits)
    """From asked for to ready."""
    withdrawn: Waits = field(default_factory=Waits)
    """How long those had waited that went before they were ready."""
    waiting: Mapping[str, Wait] = field(default_factory=lambda: MappingProxyType({}))
    """By uid: how long each has waited at the last sight."""
    known: frozenset[str] = frozenset()
    """Those that are there and have taught what they can."""

    def seen(self, starts: Iterable[Start], now: float) -> StartLog:
        """After all replicas that are there, or were just now, were looked at; each is learned once, at the first sight
        of it being ready: a later flip of its readiness would teach a lag of hours. The same log where nothing is
        new."""
        done: list[Wait] = []
        waiting: dict[str, Wait] = {}
        known, present = set(self.known), set()
        for start in starts:
            present.add(start.uid)
            if start.uid in known:
                continue
            if start.restarted:
                known.add(start.uid)
            elif start.ready is not None:
                known.add(start.uid)
                took = start.ready - start.asked
                if 0 <= took <= LONGEST_SECONDS:
                    done.append(Wait(took, start.where, _phases(start)))
            elif now > start.asked and not start.leaving:
                waiting[start.uid] = Wait(min(now - start.asked, LONGEST_SECONDS), start.where)
        gone = [wait for uid, wait in self.waiting.items() if uid not in present]
        known &= present
        if not done and not gone and waiting == self.waiting and known == self.known:
            return self
        return StartLog(self.done.and_then(done), self.withdrawn.and_then(gone), waiting, frozenset(known))

    def spent(self) -> Spent | None:
        """None where no start told every moment."""
        told = self.done.phases[np.isfinite(self.done.phases[:, 0])]
        return Spent(len(told), tuple(told.mean(axis=0).tolist())) if len(told) else None

    def readiness(self, prior: Readiness) -> Readiness:
        """The lag of each tier of `prior`, which the operator assumed, after what the starts in it have shown."""
        if prior not in self._taught:  # most logs are the same from round to round
            self._taught[prior] = self._beyond(prior)
        return self._taught[prior]

    @cached_property
    def _taught(self) -> dict[Readiness, Readiness]:
        return {}

    def _beyond(self, prior: Readiness) -> Readiness:
        pending = (*self.withdrawn, *self.waiting.values())
        tiers = []
        for i, tier in enumerate(prior.tiers):
            done, short = ([w.seconds for w in waits if prior.tier_of(w.where) == i] for waits in (self.done, pending))
            tiers.append(replace(tier, lag=learn(tier.lag, done, short)))
        return Readiness(tuple(tiers))


NO_STARTS = StartLog()
