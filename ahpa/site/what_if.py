"""What if: what one service would have had in the last days with other wishes, for whoever asks the page.

It is worked out in the background, one service at a time, in a process of its own that stands behind everything else
(docs/decisions/0083-what-if-in-the-background.md). Who asks is answered at once: with what there is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from ahpa.ports import Telemetry
from ahpa.site.ways import Case, NoCaseError, Way, ways
from forecasting.executor import Executor, Task

MOST_WAITING = 8
"""So many services may wait to be played; who asks then is asked to come again."""
KEPT_SECONDS, REFUSED_SECONDS = 3600.0, 300.0
"""So long an answer stands, and so long one that says why there is none."""
MOST_KEPT = 200
MOST_SECONDS = 600.0
"""That one service may take."""
LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class Pending:
    """It is worked out."""

    ahead: int
    """So many services come before this one; 0: it is its turn."""


@dataclass(frozen=True)
class Refused:
    """It is not worked out."""

    why: str


@dataclass(frozen=True)
class Played:
    """It was."""

    at: float
    """Unix seconds of the end of the days that were played."""
    days: float
    ways: tuple[Way, ...]
    notes: tuple[str, ...] = ()
    """What the reader must know of what was assumed, in sentences."""


Answer = Pending | Refused | Played


@dataclass(frozen=True, eq=False)
class Question:
    """A service that can be played."""

    case: Case
    at: float
    """As of `Played`."""
    days: float
    notes: tuple[str, ...]


class WhatIf:
    """Its own thread plays (`run`); any other asks."""

    def __init__(
        self,
        known: Callable[[str], bool],
        question: Callable[[str], Question],
        executor: Executor,
        busy: Callable[[], bool],
        telemetry: Telemetry,
        play: Callable[[Case], tuple[Way, ...]] = ways,
        most_seconds: float = MOST_SECONDS,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """`known`: whether there is a service of this key; `question` makes it one that can be played, and raises
        NoCaseError. While it is `busy` (a refit) nothing is begun; what has begun goes on in the `executor`, whose
        processes yield to everybody. `play` is sent there."""
        self._known, self._question, self._executor = known, question, executor
        self._busy, self._telemetry, self._play = busy, telemetry, play
        self._most_seconds, self._stopwatch = most_seconds, stopwatch
        self._lock = threading.Lock()
        self._waiting: list[str] = []
        self._answers: dict[str, tuple[float, Answer]] = {}
        """By key, until when (by the stopwatch) and what; the oldest first."""

    def ask(self, key: str) -> Answer:
        """What there is; and it is worked out if there is nothing."""
        if not self._known(key):
            return Refused("there is no such service")
        with self._lock:
            until, answer = self._answers.get(key, (0.0, None))
            if answer is not None and self._stopwatch() < until:
                return answer
            if key not in self._waiting:
                if len(self._waiting) >= MOST_WAITING:
                    return Refused(f"{MOST_WAITING} services wait to be played: ask again in some minutes")
                self._waiting.append(key)
            return Pending(self._waiting.index(key))

    def run(self, stop: threading.Event) -> None:
        """Play whoever is asked for, until `stop`."""
        while not stop.wait(LOOK_SECONDS):
            self.step(stop)
        self._executor.stop()

    def step(self, stop: threading.Event) -> bool:
        """Play the next. False: there is none, or it is not the time. Raises nothing."""
        with self._lock:
            key = self._waiting[0] if self._waiting else None
        if key is None or self._busy():
            return False
        answer = self._answer(key, stop)
        stands = KEPT_SECONDS if isinstance(answer, Played) else REFUSED_SECONDS
        with self._lock:
            self._waiting.remove(key)
            self._answers.pop(key, None)
            self._answers[key] = self._stopwatch() + stands, answer
            while len(self._answers) > MOST_KEPT:
                del self._answers[next(iter(self._answers))]
        return True

    def _answer(self, key: str, stop: threading.Event) -> Answer:
        began = self._stopwatch()
        try:
            asked = self._question(key)
            found = self._waited_for(self._executor.submit(self._play, asked.case), began, stop)
        except NoCaseError as problem:
            return Refused(str(problem))
        except Exception:  # a fault of ours, or its process was ended for the memory that it took
            self._telemetry.fault("what_if.failed", target=key)
            return Refused("it failed: the log of ahpa serve says why")
        finally:
            self._executor.stop()  # its memory is given back, and the next begins in a process of its own
        if found is None and stop.is_set():
            return Refused("ahpa ends")
        if found is None:
            self._telemetry.log("what_if.slow", logging.WARNING, target=key, seconds=round(self._most_seconds))
            return Refused(f"it took longer than {self._most_seconds:g} s, so it was ended")
        return Played(asked.at, asked.days, found, asked.notes)

    def _waited_for(self, task: Task[tuple[Way, ...]], began: float, stop: threading.Event) -> tuple[Way, ...] | None:
        """None: it took too long, or nobody waits any more."""
        while not task.done():
            if self._stopwatch() - began > self._most_seconds or stop.wait(LOOK_SECONDS):
                return None
        return task.result()
