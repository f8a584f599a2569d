"""The one decision function: `step(observation) -> decisions`. No clock, no I/O, no logging.

The service, the backtest, the demo and the replay of a production journal all call it; they differ in who
supplies the observation and who carries out the decisions.

Ground rules, each with a test that switches the others off:
- never below the owner's baseline, never above the owner's maximum or our cap; what its owner set on the object above
  our cap stays, but nothing is raised there;
- missing is not zero: without fresh data a floor is held, then decays slowly, but no lower than what was foreseen of
  this time while there were data, to which it also rises (blind.py); it is never lowered on data that are stale,
  partial or unbelievable, nor for a failure of ours: no model, one that failed, clocks that differ;
- forecasts that err more than reacting alone have no say until they are better again (quality.py);
- a peak far beyond everything that was ever seen is believed only so far;
- when many services go bad at once nothing is lowered (trust.py says where);
- the first round after a start lowers nothing;
- the scaler's target is its owner's own in every round in which anything is doubted (lever.py);
- every way up is limited: per round and service, and by a budget for all of them;
- a release is a ramp: Knative drops half of what a lowered floor frees per 2 s tick, whatever its
  scale-down-delay says (docs/decisions/0006-release-ramp.md). Only its owner's maximum is obeyed at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ahpa.core.blind import NOTHING_FORESEEN, without_opinion
from ahpa.core.bounds import Bounds, bounds_of
from ahpa.core.budget import shared
from ahpa.core.decision import Decision, Reason, Severity, decided
from ahpa.core.known.knowledge import Said
from ahpa.core.lever import setting_of, with_lever
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.planner import Plan, Supply, plan
from ahpa.core.rollout import Rollout, step_down
from ahpa.core.round import Round, followed, held, lost, outdone, stale
from ahpa.core.sentences import moves, needs_of, silence
from ahpa.core.standing import standing
from ahpa.core.trust import frozen_tenants
from ahpa.core.words import moment
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
    """The decision for one workload: its floor, and how full the scaler above it fills replicas."""
    return with_lever(_floored(workload, at), workload, at)


def _floored(workload: Workload, at: Round) -> Decision:
    """Its floor, and what falls on each of its parts."""
    stands = standing(workload)
    if stands is not None:
        return stands
    if not workload.parts:
        return _overall(workload, at)[0]
    release = None if at.blocked(workload) else workload.policy.policy.release
    rollout = Rollout.at(at.observation.now, workload.parts, release)
    present = replace(workload, parts=rollout.parts, floor=workload.floor - rollout.given_up)
    decision, needed = _overall(present, at, rollout)
    floor = decision.floor
    if decision.plan is None and decision.change < 0:
        rollout = replace(rollout, release=at.observation.limits.decay_ratio)
    elif decision.plan is None and rollout.comes:  # a hold is one for what comes, too
        needed = max(needed, rollout.held)
        high = bounds_of(present, at.observation).high
        floor = max(floor, min(high, at.reach(present), sum(rollout.claims(needed))))
    return _divided(decision, workload, rollout, rollout.split(floor, needed))


def _divided(decision: Decision, workload: Workload, rollout: Rollout, split: tuple[int, ...]) -> Decision:
    """The decision as its parts make it, and said so."""
    current, floor = workload.floor, sum(split)
    reason, message = decision.reason, decision.message
    if (current, floor) != (decision.previous, decision.floor):
        message = f"{moves(current, floor)}: {message.partition(': ')[2]}"
        reason = Reason.TRAFFIC_MOVES if floor > decision.floor else reason
    if rollout.late:
        message += f"; {', '.join(rollout.late)} did not come in time and has only what is ready of it"
        reason = Reason.TRAFFIC_MOVES if reason.severity is Severity.QUIET else reason
    return replace(decision, previous=current, floor=floor, split=split, reason=reason, message=message)


@dataclass(frozen=True)
class _Aim:
    """Where a plan wants to go, within its bounds."""

    made: Plan
    outlook: Outlook
    bounds: Bounds
    believed: int
    needed: int
    """By the plan, as far as it is believed; bounds do not count."""
    goal: int
    """The floor in the end."""
    wanted: int
    """The floor of this round: more than the goal where Revisions hand over their traffic."""
    needs: str
    """In words."""
    comes: bool
    """A Revision is about to take traffic that it has not."""


def _overall(workload: Workload, at: Round, rollout: Rollout | None = None) -> tuple[Decision, int]:
    """The decision for a workload as a whole, and how many replicas are needed as far as we believe it."""
    outlook, bounds = at.observation.outlook(workload.key), bounds_of(workload, at.observation)
    if workload.floor > bounds.high:
        return _down_to_maximum(workload, bounds, at), workload.floor
    if outlook is None or outlook.reason is not None or outdone(workload):
        decision = without_opinion(workload, outlook, bounds, at, NOTHING_FORESEEN)
        return decision, decision.floor
    aim = _aim(workload, at, outlook, bounds, rollout)
    if stale(workload, at.observation) and not held(workload, at.observation):
        decision = without_opinion(workload, outlook, bounds, at, _foreseen(aim, workload, at))
        return decision, decision.floor
    return _towards(aim, workload, at), aim.needed


def _foreseen(aim: _Aim, workload: Workload, at: Round) -> Said:
    """What was forecast of this time while there were data, for as long as that counts."""
    if at.skewed or not followed(workload, at.observation):
        return NOTHING_FORESEEN
    return Said(aim.goal, f"as was foreseen {moment(workload.observed_until)}, {aim.needs}")


def supply_of(workload: Workload) -> Supply:
    """What a workload of which it is known what one replica serves has and would get."""
    assert workload.per_replica is not None
    return Supply(
        workload.per_replica,
        workload.readiness,
        workload.ready,
        workload.present,
        workload.floor,
        workload.parts,
        workload.utilization or 1.0,
        workload.lever.own,
    )


def _aim(workload: Workload, at: Round, outlook: Outlook, bounds: Bounds, rollout: Rollout | None) -> _Aim:
    policy, low, high, supply = workload.policy.policy, bounds.low, bounds.high, supply_of(workload)
    tick = at.observation.tick_seconds
    made = plan(outlook, supply, setting_of(workload), at.observation.now, tick, policy.lead, policy.known)
    needs = needs_of(workload, made)
    believed = max(workload.floor, _believable(outlook, supply, at.observation.limits, made.lift.value))
    if made.floor > believed:
        needs += f", believed up to {believed}, as no more than {outlook.largest:.4g} was ever seen"
    needed = min(made.protected, believed)
    goal = max(low, min(high, needed))
    wanted = goal if rollout is None else max(goal, min(high, sum(rollout.claims(needed))))
    if wanted > goal:
        needs += f"; {wanted - goal} more stay where traffic was"
    comes = rollout is not None and rollout.comes
    return _Aim(made, outlook, bounds, believed, needed, goal, wanted, needs, comes)


def _towards(aim: _Aim, workload: Workload, at: Round) -> Decision:
    """Raise, hold, keep or release."""
    current, wanted = workload.floor, aim.wanted
    if wanted > current:
        return _raise(aim, workload, at)
    old = stale(workload, at.observation)  # also where there is nothing to lower: an outage must not look like rest
    blocked = at.blocked(workload) if aim.goal < current or old else None
    if blocked is not None:
        text = f"hold {current}: {aim.needs}, but {at.why(blocked, workload)}"
        return decided(workload, current, blocked, text, aim.made, aim.outlook)
    if wanted == current:
        note = f"; {wanted} are still likely to be needed" if aim.made.protected == wanted > aim.made.floor else ""
        text = f"keep {wanted}: {aim.needs}{note or _held_by(aim)}"
        return decided(workload, wanted, _resting(aim, workload), text, aim.made, aim.outlook)
    return _release(aim, workload)


def _held_by(aim: _Aim) -> str:
    """In words, the window or event that keeps a floor from what it needs; empty if none does."""
    bounds, needed = aim.bounds, aim.made.protected
    if needed < aim.wanted == bounds.low > bounds.own:
        return f"; at least {bounds.low} {bounds.wanted}"
    if needed > aim.wanted == bounds.high < bounds.lasting:
        return f"; at most {bounds.high} {bounds.allowed}"
    return ""


def _believable(outlook: Outlook, supply: Supply, limits: Limits, lift: float) -> int:
    """The most replicas that a forecast is believed to need, with what is planned; one at least."""
    most = limits.unseen_ratio * outlook.largest * max(1.0, lift)
    return max(1, supply.needs(min(most, 1e300)))


def _down_to_maximum(workload: Workload, bounds: Bounds, at: Round) -> Decision:
    """The owner's own maximum at once, whatever we know; an operator's cap, and a window's maximum, by the ramp of a
    release; the latter, as the time hangs on it, not where nothing may be lowered."""
    policy, current = workload.policy.policy, workload.floor
    owners = min((x for x in (workload.maximum, policy.max) if x is not None), default=current)
    high = bounds.high if at.may_lower else max(bounds.high, min(bounds.lasting, current))
    floor = max(bounds.low, min(owners, max(high, step_down(current, policy.release))))
    if floor == current and at.halt is not None:
        text = f"hold {current}: at most {bounds.high} {bounds.allowed}, but {at.why(at.halt, workload)}"
        return decided(workload, current, at.halt, text)
    text = f"lower {current} -> {floor}: at most {bounds.high} {bounds.allowed}"
    return decided(workload, floor, Reason.TOO_MANY_REPLICAS, text)


def _raise(aim: _Aim, workload: Workload, at: Round) -> Decision:
    made, wanted = aim.made, aim.wanted
    floor = min(wanted, at.reach(workload))
    reason, note = Reason.PEAK_AHEAD, ""
    if floor < wanted:
        shared = "" if at.allowance is None else " for all services together"
        reason, note = Reason.SCALE_UP_LIMITED, f"; at most {floor} this round{shared}"
    elif made.protected > aim.bounds.high:
        reason, note = Reason.TOO_MANY_REPLICAS, f"; at most {aim.bounds.high} {aim.bounds.allowed}"
    elif aim.comes or wanted > aim.goal:
        reason = Reason.TRAFFIC_MOVES
    elif made.floor > wanted:
        reason = Reason.UNSEEN_PEAK
    elif made.protected > made.floor and wanted > made.floor:
        reason, note = Reason.STARTING_PROTECTED, f"; {wanted} are asked for and still likely to be needed"
    elif wanted > made.protected:
        reason, note = Reason.TOO_FEW_REPLICAS, f"; at least {wanted} {aim.bounds.wanted}"
    elif lost(workload, at.observation):
        age = at.observation.now - workload.observed_until
        reason = Reason.FOLLOWS_PLAN
        note = f", as was foreseen {moment(workload.observed_until)}; {silence(workload, age)}"
    text = f"{moves(workload.floor, floor)}: {aim.needs}{note}"
    return decided(workload, floor, reason, text, made, aim.outlook)


def _resting(aim: _Aim, workload: Workload) -> Reason:
    made = aim.made
    if aim.believed < min(made.floor, aim.bounds.high):
        return Reason.UNSEEN_PEAK
    if aim.wanted > aim.goal:
        return Reason.TRAFFIC_MOVES
    if made.floor > aim.bounds.high:
        return Reason.TOO_MANY_REPLICAS
    if made.protected > max(made.floor, aim.bounds.low):
        return _kept(workload, Reason.DESIRED_WITHIN_RANGE)
    return Reason.TOO_FEW_REPLICAS if made.floor < aim.bounds.low else Reason.DESIRED_WITHIN_RANGE


def _kept(workload: Workload, otherwise: Reason) -> Reason:
    """Why there is more than the plan asks for: replicas are starting, or what is held is let go late."""
    return Reason.STARTING_PROTECTED if workload.present > workload.ready else otherwise


def _release(aim: _Aim, workload: Workload) -> Decision:
    """By a ramp; that of a service of parts is in what they want."""
    current, made = workload.floor, aim.made
    floor = aim.wanted if workload.parts else max(aim.wanted, step_down(current, workload.policy.policy.release))
    reason, note = Reason.RELEASED, ""
    if floor > aim.goal:
        reason, note = Reason.SCALE_DOWN_STABILIZED, f"; on the way to {aim.goal}"
    elif made.protected > made.floor and aim.goal == made.protected:
        reason, note = _kept(workload, reason), f"; {aim.goal} are still likely to be needed"
    text = f"{moves(current, floor)}: {aim.needs}{note}"
    return decided(workload, floor, reason, text, made, aim.outlook)
