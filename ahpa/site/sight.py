"""What the page looks at. All of it may be asked from any thread, and none of it keeps a round waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ahpa.service.chronicle import Chronicle
from ahpa.service.rounds import Shown
from ahpa.service.settings import Settings
from forecasting.forecast import Forecast
from forecasting.panel import Panel


@dataclass(frozen=True)
class Sight:
    """One running service, as it is seen."""

    shown: Callable[[], Shown]
    """The last round."""
    chronicle: Chronicle
    held: Callable[[str, str], Panel | None]
    """By series and query: the demand that is kept in memory; None: none is. Prometheus is not asked."""
    sketch: Callable[[str, float], Forecast | None]
    """What is foreseen of a series for so many seconds, step by step; None: nothing was learned of it."""
    settings: Settings
    leads: Callable[[str], bool]
    """By an object's uid: whether this process writes to it, and no other copy."""
    dry: bool = False
    """It writes to nobody."""
