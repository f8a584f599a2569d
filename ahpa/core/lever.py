"""The second lever: to which share the scaler above the floor should fill replicas now.

A scaler that fills replicas to 70 % keeps the rest for what it does not know. While the forecast is trusted the floor
covers what is foreseen, so its owner may let us raise the target. It is the owner's own again in the very round in
which anything is doubted (docs/decisions/0057-the-second-lever.md).
"""

from __future__ import annotations

from dataclasses import replace

from ahpa.core.decision import Decision, Reason
from ahpa.core.observation import Workload
from ahpa.core.policy.rules import level_of
from ahpa.core.round import Round
from ahpa.core.setting import Setting
from ahpa.core.words import percent


def setting_of(workload: Workload) -> Setting:
    """What its floor follows: the level that its owner names, or else its own setting; at the scaler's own fill where
    the target is not ours to raise."""
    level = level_of(workload.policy.policy)
    setting = workload.setting if level is None else Setting.fill(level)
    if setting.utilization is None or _may_raise(workload, setting.utilization):
        return setting
    return replace(setting, utilization=None, record=None)


def fills_of(workload: Workload) -> tuple[float, ...]:
    """The shares that are worth trying: where its owner lets us raise the target. Whom we only watch has none: others
    may read that floor, and nobody would raise the target beside it."""
    policy = workload.policy.policy
    return workload.lever.fills if policy.manage_target and policy.mode == "apply" else ()


def _may_raise(workload: Workload, share: float) -> bool:
    return workload.lever.free and share in fills_of(workload)


def with_lever(decision: Decision, workload: Workload, at: Round) -> Decision:
    """The decision with the share that is to be in force beside its floor, and said so."""
    share = _trusted(decision, workload, at)
    lever = workload.lever
    if decision.reason is Reason.REFUSED:  # nothing is written to what is not ours
        return decision
    if share is not None:
        note = f"; target {percent(share)} while foreseen"
    elif lever.raised is not None:
        note = "; target back to its own"
    elif workload.policy.policy.manage_target and decision.plan is not None and not lever.free:
        note = f"; its target stays as it is: {lever.fixed or 'it is not known'}"
    else:
        return decision
    return replace(decision, utilization=share, message=decision.message + note)


def _trusted(decision: Decision, workload: Workload, at: Round) -> float | None:
    """The share that the setting wants, if the floor is what the plan asks for, nothing is doubted, and no event is
    ahead: on such days nothing was tried."""
    made = decision.plan
    if made is None or not decision.apply or decision.floor < made.floor or at.blocked(workload) is not None:
        return None
    if made.lift.value != 1:
        return None
    return made.setting.utilization
