"""What the owner of a service asks for, once it has been read; and the names of the annotations that say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ahpa.core.known.events import Event
from ahpa.core.known.knowledge import Known
from ahpa.core.known.windows import Window

PREFIX = "ahpa.dev/"
STATE = PREFIX + "baseline"
"""Where we keep what the owner had set; ours, not a parameter."""
TARGET_STATE = PREFIX + "baseline-target"
"""The same of the utilisation target. Apart from the floor's: a version of before the second lever reads that one, and
leaves this one alone."""
AHPA_STRATEGY = "autoscaling.alibabacloud.com/scaleStrategy"
"""The annotation of Alibaba's AHPA; its users can move over without editing."""
AHPA_CLASS = "ahpa.autoscaling.knative.dev"
"""The class of Knative Revisions that Alibaba's AHPA scales, and no other autoscaler."""


@dataclass(frozen=True)
class Policy:
    """How one service wants to be treated. Durations are seconds, ratios and levels 0-1."""

    mode: str = "observe"
    demand: str = "auto"
    target_per_replica: float | None = None
    service_time: float | None = None
    late_after: float = 1.0
    """Seconds."""
    late_target: float = 0.001
    quantile: float | None = None
    replica_cost: float | None = None
    late_cost: float | None = None
    lead: float | None = None
    min: int | None = None
    max: int | None = None
    windows: tuple[Window, ...] | None = None
    events: tuple[Event, ...] | None = None
    time_zone: str | None = None
    """Name; None: UTC."""
    holidays: str | None = None
    release: float = 0.25
    model: str = "fleet"
    minimum_in_git: str = "kept"
    paused: bool = False
    manage_target: bool = False

    @property
    def known(self) -> Known:
        """What its owner knows beforehand."""
        return Known(self.windows or (), self.events or (), self.time_zone)


@dataclass(frozen=True)
class Parsed:
    """A policy and what was wrong with its annotations. With problems the policy must not be acted on."""

    policy: Policy
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    requested: bool = True
    """False: the object carries no mode of ours, so nobody asked for us."""
    raw: Mapping[str, str] = field(default_factory=dict)
    """The annotations that were read, for the journal: of those that are parameters what may be one."""
    inert: tuple[str, ...] = ()
    """Wishes that are accepted and that this build of the service does not act on."""
