"""The one decision function: `step(observation) -> decisions`. No clock, no I/O, no logging.

The service, the backtest, the demo and the replay of a production journal all call it; they differ in who
supplies the observation and who carries out the decisions.

Ground rules, each with a test that switches the others off:
- never below the owner's baseline, never above the owner's maximum or our cap; what its owner set on the object above
  our cap stays, but nothing is raised there;
- missing is not zero: without fresh data a floor is held, then decays slowly; it is never lowered on data
  that are stale, partial or unbelievable, nor for a failure of ours: no model, one that failed, clocks that differ;
- a peak far beyond everything that was ever seen is believed only so far;
- when many services go bad at once nothing is lowered (trust.py says where);
- the first round after a start lowers nothing;
- every way up is limited: per round and service, and by a budget for all of them;
- a release is a ramp: Knative drops half of what a lowered floor frees per 2 s tick, whatever its
  scale-down-delay says (docs/decisions/0006-release-ramp.md). Only its owner's maximum is obeyed at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ahpa.core.budget import shared
from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.planner import Plan, Supply, plan
from ahpa.core.policy.rules import level_of
from ahpa.core.round import Round, held
from ahpa.core.sentences import needs_of, silence
from ahpa.core.trust import frozen_tenants
from forecasting.forecast import Outlook


def step(observation: Observation) -> tuple[Decision, ...]:
    """One decision per workload, in their order."""
    wished = _wished(observation)
    allowed = _allowed(observation, wished)
    return tuple(
        _decide(workload, Round(observation, frozen, allowed.get(decision.key)))
        if decision.change > allowed.get(decision.key, decision.change)
        else decision
        for workload, decision, frozen in wished
    )


def allowed_in(observation: Observation) -> Mapping[str, int]:
    """By key: how many replicas each may add, of those whose raises the budget cuts; all others may what they want."""
    return _allowed(observation, _wished(observation))


def _wished(observation: Observation) -> list[tuple[Workload, Decision, bool]]:
    """Each workload with what it would be given if the budget had no end, and whether its tenant is frozen."""
    frozen = frozen_tenants(observation)
    return [(w, _decide(w, Round(observation, w.tenant in frozen)), w.tenant in frozen) for w in observation.workloads]


def _allowed(observation: Observation, wished: Sequence[tuple[Workload, Decision, bool]]) -> Mapping[str, int]:
    if observation.allowances is not None:
        return observation.allowances
    raises = {(w.tenant, d.key): d.change for w, d, _ in wished if d.apply and d.change > 0}
    if sum(raises.values()) <= observation.limits.budget:
        return {}
    return shared(raises, observation.limits.budget)


def _decide(workload: Workload, at: Round) -> Decision:
    """The decision for one workload."""
    standing = _standing(workload)
    if standing is not None:
        return standing
    observation, policy = at.observation, workload.policy.policy
    limits, now, outlook = observation.limits, observation.now, observation.outlook(workload.key)
    low, high = _bounds(workload, limits)
    if workload.floor > high:
        return _down_to_maximum(workload, low, high)
    lost = now - workload.observed_until > limits.stale_seconds and not held(workload, observation)
    if outlook is None or outlook.reason is not None or lost:
        return _without_opinion(workload, outlook, low, at)

    assert workload.per_replica is not None
    supply = Supply(
        workload.per_replica, workload.readiness, workload.ready, workload.present, workload.floor, workload.parts
    )
    made = plan(outlook, supply, level_of(policy, workload.level), now, observation.tick_seconds, policy.lead)
    needs = needs_of(workload, made)
    believed = max(workload.floor, _believable(outlook, supply, limits))
    if made.floor > believed:
        needs += f", believed up to {believed}, as no more than {outlook.largest:.4g} was ever seen"
    wanted = max(low, min(high, made.protected, believed))
    if wanted > workload.floor:
        return _raise(workload, wanted, high, needs, made, outlook, at)
    if wanted == workload.floor:
        reason = Reason.UNSEEN_PEAK if believed < min(made.floor, high) else _resting(workload, made, low, high)
        note = f"; {wanted} are still likely to be needed" if made.protected == wanted > made.floor else ""
        return _decision(workload, wanted, reason, f"keep {wanted}: {needs}{note}", made, outlook)
    blocked = at.blocked(workload)
    if blocked is not None:
        text = f"hold {workload.floor}: {needs}, but {at.why(blocked, workload)}"
        return _decision(workload, workload.floor, blocked, text, made, outlook)
    return _release(workload, wanted, needs, made, outlook)


def _believable(outlook: Outlook, supply: Supply, limits: Limits) -> int:
    """The most replicas that a forecast is believed to need; one at least."""
    most = limits.unseen_ratio * outlook.largest
    return max(1, supply.needs(min(most, 1e300)))


def _down_to_maximum(workload: Workload, low: int, high: int) -> Decision:
    """The owner's own maximum at once, whatever we know; an operator's cap by the ramp of a release."""
    policy, current = workload.policy.policy, workload.floor
    owners = min((x for x in (workload.maximum, policy.max) if x is not None), default=current)
    ramp = current - max(1, math.ceil(policy.release * current))
    floor = max(low, min(owners, max(high, ramp)))
    text = f"lower {current} -> {floor}: at most {high} allowed"
    return _decision(workload, floor, Reason.TOO_MANY_REPLICAS, text)


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
    """(lowest, highest) floor. The owner's own minimum stands even above our cap, as far as it is in force: what a
    record says beyond that is not raised to."""
    policy = workload.policy.policy
    high = min(x for x in (limits.cap, workload.maximum, policy.max) if x is not None)
    low = max(min(workload.baseline, max(high, workload.floor)), min(policy.min or 0, high))
    return low, max(low, high)


def _without_opinion(workload: Workload, outlook: Outlook | None, low: int, at: Round) -> Decision:
    """Hold, then decay: no data and no forecast are no opinion, never a zero. How long a hold is: see `held`."""
    limits, now, current = at.observation.limits, at.observation.now, workload.floor
    age = now - workload.observed_until
    reason = Reason.NO_RECENT_DATA if age > limits.stale_seconds else Reason.NO_FORECAST
    if reason is Reason.NO_RECENT_DATA or workload.never or (outlook is None and workload.unread is not None):
        why = silence(workload, age)
    else:
        why = f"no forecast, because {outlook.reason}" if outlook and outlook.reason else "no forecast was made yet"
    if at.skewed:
        reason, why = Reason.CLOCK_SKEW, at.skew
    if low > current:
        floor = min(low, at.reach(workload))
        limited = f"; at most {floor} this round" if floor < low else ""
        text = f"raise {current} -> {floor}, the owner's minimum{limited}: {why}"
        return _decision(workload, floor, Reason.SCALE_UP_LIMITED if limited else Reason.TOO_FEW_REPLICAS, text)
    floor = max(low, current - max(1, math.ceil(limits.decay_ratio * current)))
    if held(workload, at.observation) or not at.may_lower or floor >= current:
        return _decision(workload, current, reason, f"hold {current}: {why}")
    return _decision(workload, floor, reason, f"decay {current} -> {floor}: {why}")


def _raise(workload: Workload, wanted: int, high: int, needs: str, made: Plan, outlook: Outlook, at: Round) -> Decision:
    floor = min(wanted, at.reach(workload))
    reason, note = Reason.PEAK_AHEAD, ""
    if floor < wanted:
        shared = "" if at.allowance is None else " for all services together"
        reason, note = Reason.SCALE_UP_LIMITED, f"; at most {floor} this round{shared}"
    elif made.protected > high:
        reason, note = Reason.TOO_MANY_REPLICAS, f"; at most {high} allowed"
    elif made.floor > wanted:
        reason = Reason.UNSEEN_PEAK
    elif made.protected > made.floor and wanted > made.floor:
        reason, note = Reason.STARTING_PROTECTED, f"; {wanted} are asked for and still likely to be needed"
    elif wanted > made.protected:
        reason, note = Reason.TOO_FEW_REPLICAS, f"; at least {wanted} wanted by its owner"
    moves = f"raise {workload.floor} -> {floor}" if floor > workload.floor else f"keep {floor}"
    return _decision(workload, floor, reason, f"{moves}: {needs}{note}", made, outlook)


def _resting(workload: Workload, made: Plan, low: int, high: int) -> Reason:
    if made.floor > high:
        return Reason.TOO_MANY_REPLICAS
    if made.protected > max(made.floor, low):
        return _kept(workload, Reason.DESIRED_WITHIN_RANGE)
    return Reason.TOO_FEW_REPLICAS if made.floor < low else Reason.DESIRED_WITHIN_RANGE


def _kept(workload: Workload, otherwise: Reason) -> Reason:
    """Why there is more than the plan asks for: replicas are starting, or what is held is let go late."""
    return Reason.STARTING_PROTECTED if workload.present > workload.ready else otherwise


def _release(workload: Workload, wanted: int, needs: str, made: Plan, outlook: Outlook) -> Decision:
    current = workload.floor
    floor = max(wanted, current - max(1, math.ceil(workload.policy.policy.release * current)))
    reason, note = Reason.RELEASED, ""
    if floor > wanted:
        reason, note = Reason.SCALE_DOWN_STABILIZED, f"; on the way to {wanted}"
    elif made.protected > made.floor and wanted == made.protected:
        reason, note = _kept(workload, reason), f"; {wanted} are still likely to be needed"
    return _decision(workload, floor, reason, f"lower {current} -> {floor}: {needs}{note}", made, outlook)
