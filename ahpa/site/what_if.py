"""What if: what one service would have had in the last days with other wishes, for whoever asks the page.

The backtest plays it, in the background (docs/decisions/0083-what-if-in-the-background.md).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Way:
    """One thing that its owner could wish for, and what would have come of it."""

    name: str
    """The wish, in words: `late target 0.5 %`, `quantile 0.99`, `no floor`."""
    setting: str
    """What was played for it: `quantile 0.95, then floor 4`."""
    replica_hours: float
    late_ratio: float
    """Share of the requests."""
    chosen: bool = False
    """What its owner has now."""
    annotations: tuple[tuple[str, str], ...] = ()
    """What to annotate it with; empty where that is not done by annotations."""


@dataclass(frozen=True)
class Pending:
    """It is worked out."""

    ahead: int
    """So many services come before this one; 0: it is being played."""


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
