"""What the operator sets for the whole service."""

from __future__ import annotations

from dataclasses import dataclass, field

from ahpa.core.observation import Limits
from ahpa.core.policy.values import Policy
from ahpa.core.readiness import Lag, Readiness

RECENT_SECONDS = 3600.0
"""Each tick reads the last hour: it fills the steps since the last tick and tells how much of it was observed."""

FURTHEST_SECONDS = 86_400.0
"""No plan looks further ahead, whatever an owner writes as a lead or our clock says of the last data's age: everybody's
forecast would be as long."""


@dataclass(frozen=True)
class Settings:
    """Seconds throughout. Raises ValueError for what cannot work."""

    tick_seconds: float = 60.0
    refit_seconds: float = 3600.0
    step_seconds: float = 60.0
    history_seconds: float = 14 * 86_400.0
    readiness: Readiness = field(default_factory=lambda: Readiness.single(Lag.of(180, 300)))
    """Assumed of every service until its own replicas have shown better."""
    limits: Limits = Limits()
    most_targets: int = 1000
    """Of one namespace that are served; a namespace that has more takes nothing from the others."""
    most_library_fits: int = 100
    """Of one namespace, by another model than the one that learns all together: a fit may take ten seconds."""
    most_foretold: int = 1000
    """Targets whose forecast is shown as series, twelve for each; 0: nobody's."""
    defaults: Policy = field(default_factory=Policy)
    """What holds where an owner says nothing: the time zone and the holidays of the load."""

    def __post_init__(self) -> None:
        for name in ("tick_seconds", "refit_seconds", "step_seconds"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least one second, got {getattr(self, name):g}")
        if not self.step_seconds <= RECENT_SECONDS <= self.history_seconds:
            raise ValueError(f"need step_seconds <= {RECENT_SECONDS:g} <= history_seconds")
