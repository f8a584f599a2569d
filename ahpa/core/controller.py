"""The one decision function: `step(observation) -> decisions`. No clock, no I/O, no logging.

The service, the backtest, the demo and the replay of a production journal all call it; they differ in who
supplies the observation and who carries out the decisions.

Ground rules, each with a test that switches the others off:
- never below the owner's baseline, never above the owner's maximum or our cap;
- missing is not zero: without fresh data a floor is held, then decays slowly; it is never lowered on data
  that are stale, partial or unbelievable;
- when many services look wrong at once nothing is lowered anywhere;
- the first round after a start lowers nothing;
- a release is a ramp: Knative drops half of what a lowered floor frees per 2 s tick, whatever its
  scale-down-delay says (docs/decisions/0006-release-ramp.md).
"""

from __future__ import annotations

import math

from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.planner import Plan, Supply, plan
from ahpa.core.policy.rules import level_of
from ahpa.core.sentences import needs_of, silence
from ahpa.core.trust import fleet_frozen, of_workload
from forecasting.forecast import Outlook


def step(observation: Observation) -> tuple[Decision, ...]:
    """One decision per workload, in their order."""
    frozen = fleet_frozen(observation)
    return tuple(_decide(workload, observation, frozen) for workload in observation.workloads)


def _decide(workload: Workload, observation: Observation, frozen: bool) -> Decision:
    """The decision for one workload; `frozen`: nothing may be lowered."""
    standing = _standing(workload)
    if standing is not None:
        return standing
    limits, now, outlook = observation.limits, observation.now, observation.outlook(workload.key)
    policy = workload.policy.policy
    low, high = _bounds(workload, limits)
    age = now - workload.observed_until
    if workload.floor > high:  # the owner lowered the maximum: theirs at once, whatever we know
        floor = max(high, workload.floor - max(1, math.ceil(policy.release * workload.floor)))
        text = f"lower {workload.floor} -> {floor}: at most {high} allowed"
        return _decision(workload, floor, Reason.TOO_MANY_REPLICAS, text)
    if outlook is None or outlook.reason is not None or age > limits.hold_seconds:
        may_lower = observation.settled and not frozen
        return _without_opinion(workload, outlook, age, low, limits, may_lower=may_lower)

    assert workload.per_replica is not None
    supply = Supply(workload.per_replica, workload.readiness, workload.ready, workload.present, workload.parts)
    made = plan(outlook, supply, level_of(policy, workload.level), now, observation.tick_seconds, policy.lead)
    needs = needs_of(workload, made)
    wanted = max(low, min(high, made.protected))
    if wanted > workload.floor:
        return _raise(workload, wanted, high, needs, made, outlook, limits)
    if wanted == workload.floor:
        reason = _resting(made, low, high)
        return _decision(workload, wanted, reason, f"keep {wanted}: {needs}", made, outlook)
    distrusted = of_workload(workload, outlook, now, limits)
    blocked = _blocked(distrusted, frozen, observation.settled)
    if blocked is not None:
        why = _WHY_BLOCKED[blocked].format(silence=silence(workload, age), coverage=workload.coverage)
        text = f"hold {workload.floor}: {needs}, but {why}"
        return _decision(workload, workload.floor, blocked, text, made, outlook)
    return _release(workload, wanted, needs, made, outlook)


def _decision(
    workload: Workload,
    floor: int,
    reason: Reason,
    message: str,
    made: Plan | None = None,
    outlook: Outlook | None = None,
) -> Decision:
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


def _standing(workload: Workload) -> Decision | None:
    """The decision where no forecast is asked: restore, refuse, pause, or None to go on."""
    policy = workload.policy.policy
    mode = policy.mode if workload.policy.requested else "off"
    leaving = workload.managed and mode != "apply"
    if mode == "off":  # before all else: one bad annotation beside it must not keep an owner from switching off
        why = "mode is off" if workload.policy.requested else "nobody asked for it"
        return _restore(workload, mode) if leaving else _decision(workload, workload.floor, Reason.OFF, why)
    if workload.policy.problems:
        return _decision(workload, workload.floor, Reason.INVALID_POLICY, "; ".join(workload.policy.problems))
    if workload.refusal is not None:
        return _decision(workload, workload.floor, Reason.REFUSED, workload.refusal)
    if leaving:
        return _restore(workload, mode)
    if policy.paused:
        return _decision(workload, workload.floor, Reason.PAUSED, f"paused by its owner at {workload.floor}")
    if workload.per_replica is None:
        return _decision(
            workload,
            workload.floor,
            Reason.NO_CAPACITY,
            workload.no_capacity or "nobody said what one replica serves; set ahpa.dev/target-per-replica",
        )
    return None


def _restore(workload: Workload, mode: str) -> Decision:
    return Decision(
        workload.key,
        workload.baseline,
        workload.floor,
        workload.baseline,
        True,
        Reason.RESTORED,
        f"restore {workload.floor} -> {workload.baseline}, as its owner had it: mode is {mode}",
        restore=True,
    )


def _bounds(workload: Workload, limits: Limits) -> tuple[int, int]:
    """(lowest, highest) floor. The owner's own minimum stands even above our cap."""
    policy = workload.policy.policy
    high = min(x for x in (limits.cap, workload.maximum, policy.max) if x is not None)
    low = max(workload.baseline, min(policy.min or 0, high))
    return low, max(low, high)


_WHY_BLOCKED = {
    Reason.NO_RECENT_DATA: "{silence}",
    Reason.PARTIAL_DATA: "only {coverage:.0%} of the last hour was observed",
    Reason.NO_FORECAST: "there is no forecast",
    Reason.FLEET_FROZEN: "too many services look wrong at once, so nothing is lowered",
    Reason.SETTLING: "this is the first round after a start",
}


def _blocked(distrust: Reason | None, frozen: bool, settled: bool) -> Reason | None:
    """Why nothing may be lowered now, or None."""
    if distrust is not None:
        return distrust
    if frozen:
        return Reason.FLEET_FROZEN
    return None if settled else Reason.SETTLING


def _without_opinion(
    workload: Workload, outlook: Outlook | None, age: float, low: int, limits: Limits, *, may_lower: bool
) -> Decision:
    """Hold, then decay: no data and no forecast are no opinion, never a zero.

    A model that has looked and has no opinion ends the hold at once; one that could not look yet does not.
    """
    reason = Reason.NO_RECENT_DATA if age > limits.stale_seconds else Reason.NO_FORECAST
    if reason is Reason.NO_RECENT_DATA or workload.never or (outlook is None and workload.unread is not None):
        why = silence(workload, age)
    else:
        why = f"no forecast, because {outlook.reason}" if outlook and outlook.reason else "no forecast was made yet"
    current = workload.floor
    floor = max(low, current - max(1, math.ceil(limits.decay_ratio * current)))
    looked = outlook is not None and reason is Reason.NO_FORECAST
    within_hold = age <= limits.hold_seconds and not looked
    if low > current:
        return _decision(
            workload, low, Reason.TOO_FEW_REPLICAS, f"raise {current} -> {low}, the owner's minimum: {why}"
        )
    if within_hold or not may_lower or floor >= current:
        return _decision(workload, current, reason, f"hold {current}: {why}")
    return _decision(workload, floor, reason, f"decay {current} -> {floor}: {why}")


def _raise(
    workload: Workload, wanted: int, high: int, needs: str, made: Plan, outlook: Outlook, limits: Limits
) -> Decision:
    present = max(workload.floor, workload.present)
    reach = present + max(limits.raise_least, math.ceil(limits.raise_ratio * present))
    floor = min(wanted, reach)
    reason, note = Reason.PEAK_AHEAD, ""
    if floor < wanted:
        reason, note = Reason.SCALE_UP_LIMITED, f"; at most {reach} this round"
    elif made.protected > high:
        reason, note = Reason.TOO_MANY_REPLICAS, f"; at most {high} allowed"
    elif made.protected > made.floor and wanted > made.floor:
        reason, note = Reason.STARTING_PROTECTED, f"; {wanted} are asked for and still likely to be needed"
    elif wanted > made.protected:
        reason, note = Reason.TOO_FEW_REPLICAS, f"; at least {wanted} wanted by its owner"
    return _decision(workload, floor, reason, f"raise {workload.floor} -> {floor}: {needs}{note}", made, outlook)


def _resting(made: Plan, low: int, high: int) -> Reason:
    if made.floor > high:
        return Reason.TOO_MANY_REPLICAS
    if made.protected > made.floor:
        return Reason.STARTING_PROTECTED
    return Reason.TOO_FEW_REPLICAS if made.floor < low else Reason.DESIRED_WITHIN_RANGE


def _release(workload: Workload, wanted: int, needs: str, made: Plan, outlook: Outlook) -> Decision:
    current = workload.floor
    floor = max(wanted, current - max(1, math.ceil(workload.policy.policy.release * current)))
    reason, note = Reason.RELEASED, ""
    if floor > wanted:
        reason, note = Reason.SCALE_DOWN_STABILIZED, f"; on the way to {wanted}"
    elif made.protected > made.floor and wanted == made.protected:
        reason, note = Reason.STARTING_PROTECTED, f"; {wanted} are asked for and still likely to be needed"
    return _decision(workload, floor, reason, f"lower {current} -> {floor}: {needs}{note}", made, outlook)
