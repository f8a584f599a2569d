"""What becomes of a floor while there is no opinion: no data, no forecast, or one that is worth nothing. Never a zero.

It is held, then it decays slowly to its owner's own minimum, and on the way it stays at, and may rise to, what was
foreseen of this time while there were data (docs/decisions/0070-a-plan-outlives-its-data.md). What people know holds
all the same.
"""

from __future__ import annotations

from ahpa.core.bounds import Bounds
from ahpa.core.decision import Decision, Reason, decided
from ahpa.core.known.knowledge import Said
from ahpa.core.observation import Workload
from ahpa.core.rollout import step_down
from ahpa.core.round import Round, held, stale
from ahpa.core.sentences import silence
from forecasting.forecast import Outlook

NOTHING_FORESEEN = Said(0)


def without_opinion(workload: Workload, outlook: Outlook | None, bounds: Bounds, at: Round, foreseen: Said) -> Decision:
    """Hold, follow what was `foreseen` (replicas, within the bounds, and why) upwards, or decay. How long a hold is:
    see `held`."""
    current, low = workload.floor, max(bounds.low, foreseen.replicas)
    reason, why = _silence(workload, outlook, at)
    if foreseen.replicas > bounds.low and foreseen.replicas >= current:
        reason, why = Reason.FOLLOWS_PLAN, f"{foreseen.words}; {why}"
    if low > current:
        return _raise(workload, low, bounds, at, reason, why)
    floor = max(low, step_down(current, at.observation.limits.decay_ratio))
    if held(workload, at.observation) or not at.may_lower or floor >= current:
        return decided(workload, current, reason, f"hold {current}: {why}")
    return decided(workload, floor, reason, f"decay {current} -> {floor}: {why}")


def _raise(workload: Workload, low: int, bounds: Bounds, at: Round, reason: Reason, why: str) -> Decision:
    """As fast as a round may: to what was foreseen, or to what people want."""
    current, floor = workload.floor, min(low, at.reach(workload))
    limited = f"; at most {floor} this round" if floor < low else ""
    if reason is Reason.FOLLOWS_PLAN:
        return decided(workload, floor, reason, f"raise {current} -> {floor}{limited}: {why}")
    owners = "the owner's minimum" if low == bounds.own else f"{low} {bounds.wanted}"
    text = f"raise {current} -> {floor}, {owners}{limited}: {why}"
    return decided(workload, floor, Reason.SCALE_UP_LIMITED if limited else Reason.TOO_FEW_REPLICAS, text)


def _silence(workload: Workload, outlook: Outlook | None, at: Round) -> tuple[Reason, str]:
    """Why there is no opinion."""
    if at.skewed:
        return Reason.CLOCK_SKEW, at.skew
    old = stale(workload, at.observation)
    if old or workload.never or (outlook is None and workload.unread is not None):
        why = silence(workload, at.observation.now - workload.observed_until)
        return Reason.NO_RECENT_DATA if old else Reason.NO_FORECAST, why
    if outlook is None:
        return Reason.NO_FORECAST, "no forecast was made yet"
    if outlook.reason is not None:
        return Reason.NO_FORECAST, f"no forecast, because {outlook.reason}"
    return Reason.QUALITY_LOST, f"{workload.quality.words}; it only observes until they are better again"
