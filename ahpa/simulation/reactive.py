"""What the world asks of the scaler of a simulated service.

A scaler averages the concurrency that it sees. While nobody waits that concurrency is known beforehand, so the
averages of all ticks are taken at once; and where inputs that lie between known bounds cannot change anything,
`calm` lets the world pass over the ticks. What is left is the exact tick.
"""

from __future__ import annotations

from typing import Protocol


class Reactive(Protocol):
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

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        """Replicas wanted. `units`: the concurrency of each second since the last tick, where it is not that
        of the open loop."""
        ...

    def settle(self, tick: int) -> None:
        """From this tick on the concurrency is that of the open loop again."""
        ...

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        """Replicas wanted when only the floor has moved."""
        ...


class Fixed:
    """No scaler: as many replicas as the floor says."""

    tick_seconds = 60
    desired = 0

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        return last if present == floor else tick

    def tick(self, tick: int, now: float, ready: int, floor: int, units: list[int] | None) -> int:
        return floor

    def settle(self, tick: int) -> None:
        pass

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        return floor
