"""No scaler: the service has as many replicas as its floor says."""

from __future__ import annotations

from collections.abc import Iterable

from ahpa.simulation.scalers.scaler import until_other


class Fixed:
    """No scaler: as many replicas as the floor says."""

    tick_seconds = 60
    desired = 0

    def calm(self, tick: int, last: int, ready: int, floor: int, present: int) -> int:
        return last if present == floor else tick

    def tick(self, tick: int, now: float, ready: int, floor: int) -> int:
        return floor

    def rush(
        self, tick: int, now: float, ready: int, floor: int, present: int, counts: Iterable[list[int]]
    ) -> tuple[int, int]:
        return until_other(tick, present, counts, lambda at, units: floor)

    def settle(self, tick: int) -> None:
        pass

    def reconcile(self, now: float, ready: int, floor: int) -> int:
        return floor
