"""The loop in a time of the test's own: its jobs run by the wall clock, as the scheduler runs them, or hurried."""

from __future__ import annotations

from dataclasses import dataclass, field

from ahpa.service.loop import Loop
from tests.service.stage import NOW, Stage


@dataclass
class Virtual:
    """Time passes second by second. What we believe it is (`ahead` of the truth) may be wrong, and our own seconds
    (`asleep`: those that our stopwatch missed) may be fewer."""

    at: Stage
    refit_seconds: float = 0.0
    seconds: int = 0
    """That have truly passed."""
    ahead: float = 0.0
    asleep: int = 0
    loop: Loop = field(init=False)
    _next_tick: float = field(init=False)
    """By the wall clock, as APScheduler keeps it."""
    _refit_ends: float | None = None

    def __post_init__(self) -> None:
        self.loop = Loop(self.at.service, self.at.telemetry, clock=self.wall, monotonic=self.stopwatch)
        self.loop.run_once()
        self._next_tick = self.wall() + 60

    def wall(self) -> float:
        return NOW + self.seconds + self.ahead

    def stopwatch(self) -> float:
        return float(self.seconds - self.asleep)

    def pass_a_second(self) -> bool:
        """Whether there was a tick."""
        self.seconds += 1
        hurried = self.loop.hurried()
        if "refit" in hurried:
            self._refit_ends = self.seconds + self.refit_seconds
        if self._refit_ends is not None and self.seconds >= self._refit_ends:
            self._refit_ends = None
            self.loop.do("refit")
        due = "tick" in hurried or self.wall() >= self._next_tick
        if due:
            self._next_tick = self.wall() + 60
            self.loop.do("tick")
        return due

    def sleep(self, seconds: int) -> None:
        """As a machine does that is suspended: our stopwatch stands still, the wall clock does not."""
        self.seconds += seconds
        self.asleep += seconds
