"""Whether a floor that was written is followed: a write that arrives and moves nothing is worth a word."""

from __future__ import annotations

from ahpa.service.memory import Memory
from ahpa.targets import Target

PATIENCE_SECONDS = 90.0
"""An autoscaler follows within seconds (Knative 0.2, an HPA 15); the cluster's status comes a round later."""


def ignored(target: Target, memory: Memory, now: float) -> str:
    """Why the floor that we hold is not followed, once it has not been for a while; empty: it is, or it is too early.
    Fewer *ready* than the floor is no sign of it: replicas take their time. Fewer *asked for* is."""
    held = target.managed and target.floor > target.baseline and target.refusal is None
    if not held or target.present >= target.floor:
        memory.unfollowed.pop(target.key, None)
        return ""
    if now - memory.unfollowed.setdefault(target.key, now) < PATIENCE_SECONDS:
        return ""
    why = f": {target.inertia}" if target.inertia else ""
    return f"the floor of {target.floor} is in force, and {target.present} are asked for{why}"
