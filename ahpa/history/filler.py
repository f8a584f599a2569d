"""Who reads what is missing beside the rounds, at a pace that the source bears, and keeps a copy on a volume."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ahpa.history.kept import COMPLETE, Kept

IDLE_SECONDS = 10.0
"""Between two looks for work where there is none."""
MOST_SECONDS = 60.0
"""Of one reading."""
SAVE_SECONDS = 3600.0
"""Between two copies."""
_PAUSE_SECONDS = 1.0
"""Until it is asked again whether others have the processor."""


class Telling(Protocol):
    """What is said of a history."""

    def log(self, event: str, level: int = logging.INFO, **fields: object) -> None:
        """As `Telemetry` has it."""
        ...

    def fault(self, event: str, **fields: object) -> None:
        """As `Telemetry` has it."""
        ...

    def history(self, complete: float) -> None:
        """How much of it was read, 0 to 1."""
        ...


class Filler:
    """Runs in a thread of its own until it is told to stop."""

    def __init__(
        self,
        kept: Kept,
        telling: Telling,
        share: Callable[[], float],
        save: Callable[[], None] | None = None,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """`share`: of the time, in which it may read at present; 0 while others would wait for the interpreter after
        each small step (docs/decisions/0090). `save` writes the copy, and raises OSError."""
        self._kept = kept
        self._telling = telling
        self._share = share
        self._save = save
        self._stopwatch = stopwatch
        self._saved = stopwatch()
        self._complete = True
        """As it was said last; nobody is asked for yet."""

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; then a last copy."""
        rest = 0.0
        while not stop.wait(rest):
            rest = self.step()
        self.save()

    def step(self) -> float:
        """Read once, and say how complete it is. Seconds until the next. Raises nothing."""
        began = self._stopwatch()
        if began - self._saved >= SAVE_SECONDS:
            self.save()
        share = self._share()
        if share <= 0:
            return _PAUSE_SECONDS
        try:
            found = self._kept.fill(began + MOST_SECONDS)
            self._say()
        except Exception:  # a fault of ours; what is held is still true
            self._telling.fault("history.failed")
            found = False
        took = self._stopwatch() - began
        return took * (1 / share - 1) if found else max(IDLE_SECONDS, took)

    def save(self) -> None:
        """Write the copy, where one is wanted; what fails is told of."""
        self._saved = self._stopwatch()
        if self._save is None:
            return
        try:
            self._save()
        except OSError as error:
            self._telling.log("history.not_saved", logging.WARNING, problem=str(error))
        except Exception:  # a fault of ours; without this thread nothing would be read any more
            self._telling.fault("history.failed")

    def _say(self) -> None:
        ratio = self._kept.complete
        self._telling.history(ratio)
        if (ratio >= COMPLETE) != self._complete:
            self._complete = not self._complete
            self._telling.log("history.complete" if self._complete else "history.filling", ratio=round(ratio, 3))
