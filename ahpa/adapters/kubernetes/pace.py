"""How often an API server is asked by those who keep its objects in memory, whatever it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rhythm:
    """Seconds, but where it says otherwise. The defaults are meant for any cluster; tests have shorter ones."""

    patience: float = 60.0
    """So long after the last word of the server what is held still counts. After half of it a list is tried instead of
    a watch."""
    stream: tuple[float, float] = (20.0, 30.0)
    """A watch is asked for so long, drawn anew each time. Its end is a sign of life: a connection that is dead and says
    so to nobody is noticed after this, before the patience is over."""
    pauses: tuple[float, float] = (1.0, 30.0)
    """After a failure, and at most, as each is twice the last one. Shorter than the patience, so that one that breaks
    again and again is still heard of in between."""
    refused: float = 60.0
    """What is not there, or not allowed, is asked for again after this."""
    lists_per_second: float = 1.0
    """Lists, over all collections. Further pages of one are free as long as they are full."""
    lists_at_once: int = 10
    """What was not asked for a while may be made up for, up to so many."""
    pages_per_second: float = 10.0
    """Of one collection on the average: after a list of many pages its next one comes so much later."""
    departed: float = 600.0
    """So long replicas are remembered that are gone: longer than a round that looks for them is late."""


USUAL = Rhythm()


class Pace:
    """Lets through so many a second, after a few at once."""

    def __init__(self, per_second: float, at_once: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._every, self._ahead = 1 / per_second, (at_once - 1) / per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at = clock()
        """When what was let through would be over, had it kept the rate."""

    def take(self, stopping: threading.Event) -> None:
        """Count one, and wait for its turn; not once it is `stopping`."""
        with self._lock:
            now = self._clock()
            free_at = max(self._free_at, now)
            self._free_at = free_at + self._every
        if free_at - now > self._ahead:
            stopping.wait(free_at - now - self._ahead)
