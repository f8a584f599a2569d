"""What was decided for one service, and why: log line, Event, metric, table row and journal all derive from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from ahpa.core.observation import Workload
from ahpa.core.planner import Plan
from forecasting.forecast import Outlook


class Severity(Enum):
    """How loudly a reason is told; the one place from which Events, tables and pages take it."""

    QUIET = "quiet"
    """Nothing to look at: a log line and a metric, no Event."""
    NORMAL = "normal"
    WARNING = "warning"
    """Somebody should do something about it."""


class Reason(StrEnum):
    """Why a decision is what it is: event reason, metric label, table cell. HPA's words where it has one."""

    PEAK_AHEAD = "PeakAhead"
    DESIRED_WITHIN_RANGE = "DesiredWithinRange"
    TOO_FEW_REPLICAS = "TooFewReplicas"  # the plan lies below the owner's minimum
    TOO_MANY_REPLICAS = "TooManyReplicas"  # the plan lies above the owner's maximum or our cap
    SCALE_UP_LIMITED = "ScaleUpLimited"
    TRAFFIC_MOVES = "TrafficMoves"  # between Revisions: one has its replicas still, or another has them already
    UNSEEN_PEAK = "UnseenPeak"  # the plan lies far beyond everything that was ever seen
    SCALE_DOWN_STABILIZED = "ScaleDownStabilized"
    STARTING_PROTECTED = "StartingProtected"
    RELEASED = "Released"
    NO_RECENT_DATA = "NoRecentData"
    FOLLOWS_PLAN = "FollowsPlan"  # the data are lost, and their last forecast speaks
    PARTIAL_DATA = "PartialData"
    DOUBTFUL_DATA = "DoubtfulData"
    NO_FORECAST = "NoForecast"
    QUALITY_LOST = "QualityLost"  # reacting alone did better lately
    FLEET_FROZEN = "FleetFrozen"
    CLOCK_SKEW = "ClockSkew"
    SETTLING = "Settling"
    PAUSED = "Paused"
    INVALID_POLICY = "InvalidPolicy"
    NO_CAPACITY = "NoCapacity"
    REFUSED = "Refused"
    RESTORED = "Restored"
    OFF = "Off"

    @property
    def severity(self) -> Severity:
        return _SEVERITY.get(self, Severity.NORMAL)


_SEVERITY = {
    Reason.OFF: Severity.QUIET,
    Reason.DESIRED_WITHIN_RANGE: Severity.QUIET,
    Reason.TOO_FEW_REPLICAS: Severity.QUIET,
    Reason.SETTLING: Severity.QUIET,
    Reason.NO_RECENT_DATA: Severity.WARNING,
    Reason.FOLLOWS_PLAN: Severity.WARNING,
    Reason.QUALITY_LOST: Severity.WARNING,
    Reason.INVALID_POLICY: Severity.WARNING,
    Reason.NO_CAPACITY: Severity.WARNING,
    Reason.REFUSED: Severity.WARNING,
    Reason.DOUBTFUL_DATA: Severity.WARNING,
    Reason.FLEET_FROZEN: Severity.WARNING,
    Reason.CLOCK_SKEW: Severity.WARNING,
    Reason.UNSEEN_PEAK: Severity.WARNING,
    Reason.TOO_MANY_REPLICAS: Severity.WARNING,
}


@dataclass(frozen=True)
class Decision:
    """What to write, what is there, and why."""

    key: str
    floor: int
    """The floor that should be in force."""
    previous: int
    baseline: int
    apply: bool
    """False: only say so."""
    reason: Reason
    message: str
    plan: Plan | None = None
    model: str = ""
    restore: bool = False
    """True: put back what the owner had and forget the object."""
    split: tuple[int, ...] = ()
    """What falls on each part of the workload, in their order; empty where it has none."""
    utilization: float | None = None
    """The second lever: the share to which the scaler above the floor should fill replicas now; None: to its owner's
    own target."""

    @property
    def change(self) -> int:
        return self.floor - self.previous

    @property
    def floors(self) -> tuple[int, ...]:
        """What to write: a number for each part, or the one for all."""
        return self.split or (self.floor,)


def decided(
    workload: Workload,
    floor: int,
    reason: Reason,
    message: str,
    made: Plan | None = None,
    outlook: Outlook | None = None,
) -> Decision:
    """What was decided for a workload; written only where its owner asked for that."""
    return Decision(
        workload.key,
        floor,
        workload.floor,
        workload.baseline,
        workload.policy.policy.mode == "apply",
        reason,
        message,
        made,
        outlook.model if outlook else "",
    )
