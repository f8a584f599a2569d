"""What a round says of one workload beside itself: how far it may go up, what keeps it from going down, how long."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ahpa.core.decision import Reason
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.rules import level_of
from ahpa.core.sentences import silence
from ahpa.core.setting import Rule
from ahpa.core.trust import distrusted


def nothing_to_go_by(workload: Workload, observation: Observation) -> bool:
    """Whether the data are lost, or a model has looked at them and has no opinion: a hold counts from there."""
    return lost(workload, observation) or _no_opinion(workload, observation)


def held(workload: Workload, observation: Observation) -> bool:
    """Whether a floor with nothing to go by still stands.

    A failure of ours holds without end: a model that failed, or none although the data are fresh. Else the hold counts
    from the first round in which there was nothing to go by; where nobody keeps count, from the newest data, and a
    model that has looked at them and has no opinion ends it at once.
    """
    if _failed(workload, observation):
        return True
    since = workload.doubted_since
    if since is None:
        if _no_opinion(workload, observation) and not stale(workload, observation):
            return False
        since = workload.observed_until
    return observation.now - since <= observation.limits.hold_seconds


def followed(workload: Workload, observation: Observation) -> bool:
    """Whether what was foreseen at its newest data still counts."""
    return observation.now - workload.observed_until <= observation.limits.follow_seconds


def lost(workload: Workload, observation: Observation) -> bool:
    """Whether this round knows nothing of its demand, or nothing new."""
    return workload.unread is not None or stale(workload, observation)


def stale(workload: Workload, observation: Observation) -> bool:
    """Whether its newest data are old."""
    return observation.now - workload.observed_until > observation.limits.stale_seconds


def outdone(workload: Workload) -> bool:
    """Whether its forecasts have no say, as reacting alone did better lately; a constant floor follows none."""
    constant = level_of(workload.policy.policy) is None and workload.setting.rule is Rule.CONSTANT
    return workload.quality.outdone > 0 and not constant


def _no_opinion(workload: Workload, observation: Observation) -> bool:
    outlook = observation.outlook(workload.key)
    silent = outlook is not None and outlook.reason is not None and not outlook.failed
    return silent or (outlook is not None and outlook.reason is None and outdone(workload))


def _failed(workload: Workload, observation: Observation) -> bool:
    outlook = observation.outlook(workload.key)
    return not lost(workload, observation) if outlook is None else outlook.failed


@dataclass(frozen=True, eq=False)
class Round:
    """One round, as it is for the workloads of one tenant."""

    observation: Observation
    frozen: bool
    """Nothing of this tenant may be lowered."""
    allowance: int | None = None
    """Replicas that the cluster's budget lets one workload add; None: as many as it wants."""

    @property
    def skewed(self) -> bool:
        """Our clock and the servers' differ too much to tell how old anything is."""
        return not abs(self.observation.skew) <= self.observation.limits.skew_seconds

    @property
    def skew(self) -> str:
        """In words."""
        skew = self.observation.skew
        return f"our clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the servers'"

    @property
    def may_lower(self) -> bool:
        """Whether anything may be lowered, whatever is known of a workload."""
        return self.halt is None

    @property
    def halt(self) -> Reason | None:
        """Why nothing may be lowered, whatever is known of a workload; None: something may."""
        if self.skewed:
            return Reason.CLOCK_SKEW
        if self.frozen:
            return Reason.FLEET_FROZEN
        return None if self.observation.settled else Reason.SETTLING

    def reach(self, workload: Workload) -> int:
        """The highest floor of this round: it holds on every way up."""
        limits, present = self.observation.limits, max(workload.floor, workload.present)
        reach = present + max(limits.raise_least, math.ceil(limits.raise_ratio * present))
        return reach if self.allowance is None else min(reach, workload.floor + self.allowance)

    def blocked(self, workload: Workload) -> Reason | None:
        """Why a workload with a plan may not be lowered now, or None."""
        distrust = None if self.skewed else distrusted(workload, self.observation)
        return distrust or self.halt

    def why(self, blocked: Reason, workload: Workload) -> str:
        """`blocked` in words."""
        return {
            Reason.CLOCK_SKEW: self.skew,
            Reason.NO_RECENT_DATA: silence(workload, self.observation.now - workload.observed_until),
            Reason.PARTIAL_DATA: f"only {workload.coverage:.0%} of the last hour was observed",
            Reason.DOUBTFUL_DATA: workload.doubt or "",
            Reason.NO_FORECAST: "there is no forecast",
            Reason.FLEET_FROZEN: "too many services look wrong at once, so nothing is lowered",
            Reason.SETTLING: "this is the first round after a start",
        }[blocked]
