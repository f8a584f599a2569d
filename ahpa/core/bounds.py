"""Within what a floor moves: what its owner wants and allows, at all times or in windows, and our cap."""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.core.known.knowledge import Said
from ahpa.core.observation import Observation, Workload
from ahpa.core.planner import in_tier, leads_of


@dataclass(frozen=True)
class Bounds:
    """The lowest and the highest floor, and who wants that."""

    low: int
    high: int
    own: int
    lasting: int
    """The lowest and the highest at all times: a window wants more, or allows no more."""
    wanted: str
    """In words, who wants `low`."""
    allowed: str
    """In words, who allows no more than `high`."""


def bounds_of(workload: Workload, observation: Observation) -> Bounds:
    """The owner's own minimum stands even above our cap, as far as it is in force: what a record says beyond that is
    not raised to.

    A window's minimum is met when it begins, so it counts a lead ahead; its maximum counts while it lasts, and gives
    way to every minimum, also to that of the next window where that lies higher.
    """
    policy, now = workload.policy.policy, observation.now
    lasting = min(x for x in (observation.limits.cap, workload.maximum, policy.max) if x is not None)
    own = max(min(workload.baseline, max(lasting, workload.floor)), min(policy.min or 0, lasting))
    soon, most = _soon(workload, observation), policy.known.most(now)
    low = max(own, min(soon.replicas, lasting))
    limited = most is not None and most.replicas < lasting
    high = max(low, min(lasting, most.replicas) if most is not None else lasting)
    return Bounds(
        low,
        high,
        own,
        max(low, lasting),
        f"by {soon.words}" if low > own else "wanted by its owner",
        f"allowed by {most.words}" if most is not None and limited else "allowed",
    )


def _soon(workload: Workload, observation: Observation) -> Said:
    """The replicas that must be there or be on their way now, for what is known to begin before others could be
    ready: tier by tier, as the plan has it."""
    policy, found, below = workload.policy.policy, [Said(0)], 0
    if not (policy.windows or policy.events):
        return found[0]
    for last, seconds in leads_of(workload.readiness, policy.lead, observation.tick_seconds):
        said = policy.known.least(observation.now, observation.now + seconds)
        if said is not None:
            found.append(Said(in_tier(said.replicas, below, last), said.words))
        below = last or below
    return max(found, key=lambda each: each.value)
