"""What the world asks for while somebody waits, and how long each request waited.

A queue runs only while the open loop of its stream does not hold, and both agree to the last bit where they meet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from forecasting.panel import Floats


@dataclass(frozen=True, eq=False)
class Waits:
    """What the queue left behind: late requests per second and the quantiles of the waiting time."""

    late: Floats
    """Shape [n]: late requests by the second in which they arrived."""
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float


class Queue(Protocol):
    """The queue of one run. It is asked to `run` only from a `begin` until it `is_calm`; in between nobody waits."""

    waiting: float
    """Requests that wait now."""
    dropped: float
    """Requests that have left unserved so far."""

    def begin(self, second: int) -> None:
        """Somebody may have to wait from this second on; before it the open loop held."""
        ...

    def run(self, seconds: int, slots: int, until: int) -> Iterator[list[int]]:
        """Play on slots that stay the same, so many seconds at a time: the concurrency of each of these seconds in
        1/GRAIN requests, those who wait included. Ends as soon as it `is_calm` and second `until` has come; it can be
        left after any of them."""
        ...

    def is_calm(self) -> bool:
        """Whether the open loop holds again."""
        ...

    def late(self, first: int, last: int) -> Floats:
        """Shape [last - first]: requests of these seconds that are known to be late by now."""
        ...

    def waits(self) -> Waits:
        """The waiting times of all requests of the stream, which should have come to its end."""
        ...
