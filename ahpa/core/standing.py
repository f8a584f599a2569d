"""Decisions for which no forecast is asked: what its owner switched off, paused or got wrong, and what is not ours."""

from __future__ import annotations

from ahpa.core.decision import Decision, Reason, decided
from ahpa.core.observation import Workload


def standing(workload: Workload) -> Decision | None:
    """The decision where no forecast is asked: restore, refuse, pause, or None to go on."""
    policy = workload.policy.policy
    mode = policy.mode if workload.policy.requested else "off"
    leaving = workload.managed and mode != "apply"
    if mode == "off":  # before all else: one bad annotation beside it must not keep an owner from switching off
        why = "mode is off" if workload.policy.requested else "nobody asked for it"
        return _restore(workload, mode) if leaving else decided(workload, workload.floor, Reason.OFF, why)
    if workload.policy.problems:
        return decided(workload, workload.floor, Reason.INVALID_POLICY, "; ".join(workload.policy.problems))
    if workload.refusal is not None:
        return decided(workload, workload.floor, Reason.REFUSED, workload.refusal)
    if leaving:
        return _restore(workload, mode)
    if policy.paused:
        return decided(workload, workload.floor, Reason.PAUSED, f"paused by its owner at {workload.floor}")
    if workload.per_replica is None:
        return decided(
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
