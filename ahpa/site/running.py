"""What the page looks at. All of it may be asked from any thread, and none of it keeps a round waiting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ahpa.core.savings import Saving
from ahpa.service.chronicle import Chronicle
from ahpa.service.settings import Settings
from ahpa.service.showing import Shown
from ahpa.site.what_if import Answer
from forecasting.forecast import Forecast
from forecasting.panel import Panel


@dataclass(frozen=True)
class Running:
    """One running service, as it is seen."""

    shown: Callable[[], Shown]
    """The last round."""
    chronicle: Chronicle
    held: Callable[[Mapping[str, str], float, float], Panel]
    """Of series with their queries, from one moment to another: the demand that is kept in memory. Prometheus is not
    asked."""
    sketch: Callable[[str, float], Forecast | None]
    """What is foreseen of a series for so many seconds, step by step; None: nothing was learned of it."""
    savings: Callable[[], Mapping[str, Saving]]
    """By key: what each had, and would have had otherwise. Of ten thousand that is most of a second's work."""
    saving: Callable[[str], Saving | None]
    """Of one, by key; None where it is not counted yet."""
    settings: Settings
    leads: Callable[[str], bool]
    """By an object's uid: whether this process writes to it, and no other copy."""
    what_if: Callable[[str], Answer] | None = None
    """By key: what there is of what would have been; asking begins the work. None: nobody works it out."""
    dry: bool = False
    """It writes to nobody."""
