"""What became of each target, for people who look: floor, ready and predicted peak by five minutes, and what changed.

The tick writes, the threads of the page read, and nobody waits for anybody: a bucket is written in place and is never
among those that are read while it is reused, and a list of changes is swapped whole. The demand is not here: the
kept history has it. A restart loses all of it.

It is bounded: 13.6 KiB for each target (133 MiB for 10,000), and 25,000 changes of all together (12 MiB), or five of
each target where that is more (25 MiB for 10,000).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ahpa.core.decision import Decision, Reason
from ahpa.ports import TargetRound
from ahpa.service.loop import Jobs
from ahpa.service.settings import Settings
from ahpa.service.showing import Shown
from forecasting.panel import Floats

BUCKET_SECONDS = 300.0
BUCKETS = 8 * 288
"""Eight days."""
_SLACK = 12
"""Buckets that are held and not read: the tick may go on by so many while somebody reads."""
_WIDTH = BUCKETS + _SLACK
_POWER = 0.25
"""A peak is kept as its fourth root, in half precision: to 0.2 %, whatever its unit is."""
MOST_CHANGES = 25_000
EACH = (5, 100)
"""Of one target at least and at most: who flaps takes no room from the others."""


@dataclass(frozen=True, slots=True)
class Change:
    """A decision that moved a floor, or had another reason than the one before."""

    at: float
    """Unix seconds."""
    key: str
    previous: int
    floor: int
    reason: Reason
    message: str
    apply: bool
    """False: it was only thought of."""


@dataclass(frozen=True, eq=False)
class Course:
    """One target, bucket by bucket; NaN where no round looked at it."""

    start: float
    """Unix seconds."""
    step: float
    floor: Floats
    """[t]: decided last."""
    ready: Floats
    """[t]: the fewest."""
    peak: Floats
    """[t]: the largest that was expected within the time that a start takes, at the level planned for."""


class Chronicle:
    """One thread writes (`note`, `forget`); any may read."""

    def __init__(self) -> None:
        self._tables: dict[str, NDArray[np.float16]] = {}
        """By key: floor, ready, root of the peak, [3, width]; bucket `number % width`."""
        self._newest = 0
        """Number of the bucket that is written."""
        self._changes: dict[str, tuple[Change, ...]] = {}
        """By key, the newest first."""
        self._reasons: dict[str, Reason] = {}
        self.since = math.nan
        """Unix seconds of the first round that was noted."""

    def note(self, now: float, rounds: Sequence[TargetRound]) -> None:
        """One round."""
        self.since = now if math.isnan(self.since) else self.since
        self._advance(math.floor(now / BUCKET_SECONDS))
        column = math.floor(now / BUCKET_SECONDS) % _WIDTH
        most = min(max(MOST_CHANGES // max(1, len(rounds)), EACH[0]), EACH[1])
        for each in rounds:
            decision = each.decision
            table = self._tables.get(decision.key)
            if table is None:
                table = self._tables[decision.key] = np.full((3, _WIDTH), np.nan, np.float16)
            _, ready, root = table[:, column].tolist()
            peak = math.nan if decision.plan is None else max(0.0, decision.plan.peak) ** _POWER
            least = each.workload.ready if math.isnan(ready) else min(ready, each.workload.ready)
            table[:, column] = decision.floor, least, peak if math.isnan(root) else max(root, peak)
            self._tell(decision, now, most)

    def forget_all_but(self, here: Collection[str], unlisted: Collection[str]) -> None:
        """Targets that are gone; those of a kind that did not answer (`unlisted`) are not gone."""
        known = frozenset(here)  # a view of a dictionary's values would be looked through for each
        for key in [k for k in self._tables if k not in known and k.partition("/")[0] not in unlisted]:
            for kept in (self._tables, self._changes, self._reasons):
                kept.pop(key, None)

    def course(self, key: str) -> Course | None:
        """What became of one target; None: it is not known."""
        end, table = self._newest, self._tables.get(key)
        if table is None:
            return None
        numbers = np.arange(end - BUCKETS + 1, end + 1)
        floor, ready, root = table[:, numbers % _WIDTH].astype(float)
        return Course(float(numbers[0]) * BUCKET_SECONDS, BUCKET_SECONDS, floor, ready, root ** (1 / _POWER))

    def changes(self, key: str | None = None) -> list[Change]:
        """Of one target, or of all; the newest first."""
        if key is not None:
            return list(self._changes.get(key, ()))
        every = [change for changes in list(self._changes.values()) for change in changes]
        return sorted(every, key=lambda change: change.at, reverse=True)

    def _tell(self, decision: Decision, now: float, most: int) -> None:
        news = decision.change != 0 or decision.restore or self._reasons.get(decision.key) is not decision.reason
        before = self._changes.get(decision.key, ())
        if news:
            self._reasons[decision.key] = decision.reason
            said = Change(now, decision.key, decision.previous, decision.floor, decision.reason, decision.message,
                          decision.apply)  # fmt: skip
            self._changes[decision.key] = (said, *before)[:most]
        elif len(before) > most:
            self._changes[decision.key] = before[:most]

    def _advance(self, newest: int) -> None:
        """What the time enters is not known yet; where the clock was set back by more than an hour, nothing is."""
        passed = newest - self._newest
        if -_SLACK <= passed <= 0:
            return
        columns = np.arange(newest - min(passed, _WIDTH) + 1, newest + 1) % _WIDTH if passed > 0 else slice(None)
        for table in self._tables.values():
            table[:, columns] = np.nan
        self._newest = newest


class Telling(Protocol):
    """Who is told of a fault of ours, as `Telemetry`."""

    def fault(self, event: str, **fields: object) -> None: ...


class Chronicled:
    """The jobs of a service; after each tick the chronicle notes what was `shown`. It never fails a tick."""

    def __init__(self, jobs: Jobs, shown: Callable[[], Shown], chronicle: Chronicle, telling: Telling) -> None:
        self._jobs = jobs
        self._shown = shown
        self._chronicle = chronicle
        self._telling = telling

    @property
    def settings(self) -> Settings:
        return self._jobs.settings

    @property
    def idle(self) -> bool:
        return self._jobs.idle

    def refit(self, now: float) -> None:
        self._jobs.refit(now)

    def tick(self, now: float) -> None:
        try:
            self._jobs.tick(now)
        finally:
            self._note(now)

    def take_wish(self, job: str) -> bool:
        return self._jobs.take_wish(job)

    def _note(self, now: float) -> None:
        shown = self._shown()
        if shown.at != now:  # it failed before anything was decided
            return
        try:
            self._chronicle.note(now, shown.rounds)
            self._chronicle.forget_all_but(shown.listing.keys.values(), shown.listing.unlisted)
        except Exception:  # a fault of ours
            self._telling.fault("chronicle.failed")
