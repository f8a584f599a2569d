"""What the world asks of the scaler of a simulated service.

A scaler averages the concurrency that it sees. While nobody waits that concurrency is known beforehand, so the
averages of all ticks are taken at once; and where inputs that lie between known bounds cannot change anything,
`calm` lets the world pass over the ticks. What is left is the exact tick. While somebody waits each second has to be
played, and `rush` takes what the queue counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol


class Scaler(Protocol):
    """A scaler with a tick of so many seconds; tick i comes at the end of second (i + 1) * tick_seconds - 1."""

    @property
    def tick_seconds(self) -> int:
        """A divisor of 60."""
        ...

    @property
    def desired(self) -> int:
        """What it wants by itself, before floors and bounds."""
        ...

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        """The first tick of `[tick, last)` that may change something; those before it count as done."""
        ...

    def tick(self, tick: int, now: float, ready: int, floor: int) -> int:
        """Replicas wanted, where nobody has waited."""
        ...

    def rush(
        self, tick: int, now: float, ready: int, floor: int, present: int, counts: Iterable[list[int]]
    ) -> tuple[int, int]:
        """Ticks in which somebody waits, the first at `now`: up to the first that wants another number than `present`,
        or as many as `counts` has, at least one. Each has the concurrency of its seconds in 1/GRAIN requests.
        Returns (the tick after the last, replicas wanted); no more was taken from `counts`."""
        ...

    def settle(self, tick: int) -> None:
        """From this tick on the concurrency is that of the open loop again."""
        ...

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        """Replicas wanted when only the floor has moved."""
        ...


def until_other(
    tick: int, present: int, counts: Iterable[list[int]], play: Callable[[int, list[int]], int]
) -> tuple[int, int]:
    """A `rush` that plays each tick by `play(tick, units)`, which says how many replicas are wanted."""
    wanted = present
    for units in counts:
        wanted = play(tick, units)
        tick += 1
        if wanted != present:
            break
    return tick, wanted
