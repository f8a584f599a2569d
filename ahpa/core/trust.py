"""Whether the data behind a plan may be lowered on: service by service, and the fleet as a whole.

Missing is not zero: what is stale, partial or unknown may raise a floor and never lower it. And when many services look
wrong at once it is more likely that we see badly than that all of them changed.
"""

from __future__ import annotations

from ahpa.core.decision import Reason
from ahpa.core.observation import Limits, Observation, Workload
from forecasting.forecast import Outlook


def distrust(
    observed_until: float, coverage: float, outlook: Outlook | None, now: float, limits: Limits
) -> Reason | None:
    """Why one service's data are not to be lowered on, or None. See `Workload` for the first two."""
    if now - observed_until > limits.stale_seconds:
        return Reason.NO_RECENT_DATA
    if outlook is None or outlook.reason is not None:
        return Reason.NO_FORECAST
    if coverage < limits.coverage:
        return Reason.PARTIAL_DATA
    return None


def of_workload(workload: Workload, outlook: Outlook | None, now: float, limits: Limits) -> Reason | None:
    """`distrust` of one workload. Where this round read nothing, how much was observed is not known at all."""
    if workload.unread is not None:
        return Reason.NO_RECENT_DATA
    return distrust(workload.observed_until, workload.coverage, outlook, now, limits)


def freezes(asked: int, untrusted: int, limits: Limits) -> bool:
    """Whether so many of those who asked are untrusted that nothing may be lowered anywhere.

    Of 20 services 6 untrusted still release, 7 do not (0.3 of 20 is 6); of 4 all may be untrusted (at least 5).
    """
    return untrusted >= limits.freeze_least and untrusted > limits.freeze_ratio * asked


def fleet_frozen(observation: Observation) -> bool:
    """What the observation says of the whole fleet, or else what follows from its own workloads."""
    if observation.frozen is not None:
        return observation.frozen
    asked = [w for w in observation.workloads if _wants_plan(w)]
    untrusted = sum(
        of_workload(w, observation.outlook(w.key), observation.now, observation.limits) is not None for w in asked
    )
    return freezes(len(asked), untrusted, observation.limits)


def _wants_plan(workload: Workload) -> bool:
    policy = workload.policy
    return policy.requested and policy.policy.mode != "off" and not policy.problems and workload.refusal is None
