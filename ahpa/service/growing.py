"""Learn anew when so much more of the history is there that it is worth it, not only when a refit's turn comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from ahpa.service.loop import Jobs
from ahpa.service.settings import Settings

SHARE = 0.25
"""Of the time, that refits may take which come only because more is known."""
FAILED_SECONDS = 60.0
"""After a refit that failed, as where nothing could be listed: it has learned nothing, so the wish still stands."""


class Growing(Protocol):
    """A history that is still being filled."""

    @property
    def grown(self) -> bool:
        """Whether learning anew is worth it."""
        ...


class LearnAsItGrows:
    """The jobs of a service, with one wish more: a refit when its history has grown."""

    def __init__(self, jobs: Jobs, history: Growing, stopwatch: Callable[[], float] = time.monotonic) -> None:
        self._jobs = jobs
        self._history = history
        self._stopwatch = stopwatch
        self._not_before = 0.0
        """By the stopwatch; the next wish of ours."""

    @property
    def settings(self) -> Settings:
        return self._jobs.settings

    @property
    def idle(self) -> bool:
        return self._jobs.idle

    def refit(self, now: float) -> None:
        began = self._stopwatch()
        self._not_before = began + FAILED_SECONDS
        self._jobs.refit(now)
        ended = self._stopwatch()
        self._not_before = ended + (ended - began) * (1 / SHARE - 1)

    def tick(self, now: float) -> None:
        self._jobs.tick(now)

    def take_wish(self, job: str) -> bool:
        wished = self._jobs.take_wish(job)
        return wished or (job == "refit" and self._stopwatch() >= self._not_before and self._history.grown)
