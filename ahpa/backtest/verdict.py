"""All policies on one service, and what follows: what to set, and whether prediction pays."""

from __future__ import annotations

import numpy as np

from ahpa.backtest.contenders import Ahpa
from ahpa.backtest.results import POLICIES, PolicyResult, SeriesResult
from ahpa.backtest.sweep import DEFAULT_LEVEL, FULL_UTILIZATION, PLAYS, Question, Trial

WITHOUT_PREDICTION = ("kpa", "hpa", "static", "fixed-max")


def judge(trial: Trial, question: Question) -> SeriesResult:
    """All policies of `question` on one service."""
    found = {name: PLAYS[name](trial, question) for name in POLICIES if name in question.policies}
    advice = tuple(_advice(trial, question, found))
    worth, why, saving = worth_of(found, question.late_target)
    return SeriesResult(trial.tested.name, found, advice, _notes(trial), worth, why, saving)


def share(ratio: float) -> str:
    """0.001 as 0.1 %."""
    return f"{100 * ratio:.2g} %"


def _advice(trial: Trial, question: Question, found: dict[str, PolicyResult]) -> list[str]:
    """What the owner should set."""
    out: list[str] = []
    ours = found.get("ahpa")
    if ours is None:
        return out
    target = question.late_target
    if ours.outcome.late_ratio > target:
        out.append(
            f"The setting found beforehand, {ours.label}, left {share(ours.outcome.late_ratio)} late, more than the "
            f"{share(target)} wanted."
        )
    if ours.equal is not None and question.sweep:
        out.append(
            f"{share(target)} late was kept at {ours.equal.label} for {ours.equal.outcome.replica_hours:.1f} "
            f"replica-hours; the days before had suggested {ours.label}."
        )
    elif ours.equal is None:
        least = min(ours.points, key=lambda p: p.outcome.late_ratio)
        out.append(
            f"{share(target)} late was not reached; the least was {share(least.outcome.late_ratio)} at {least.label}."
        )
    if question.sweep and not question.manage_target and ours.run is not None:
        level = next(point.knob for point in ours.points if point.label == ours.label)
        filled = Ahpa(trial.tested, trial.foresight, FULL_UTILIZATION)(level).outcome
        saved = ours.outcome.replica_hours - filled.replica_hours
        if saved > 0.01 * ours.outcome.replica_hours and filled.late_ratio <= max(target, ours.outcome.late_ratio):
            out.append(
                f"With manage-target the scaler would fill replicas to {FULL_UTILIZATION:.0%} while the forecast is "
                f"trusted: {saved:.1f} replica-hours less ({saved / ours.outcome.replica_hours:.0%}), with "
                f"{share(filled.late_ratio)} late (in the backtest; the service does not do it yet)."
            )
    return out


def worth_of(found: dict[str, PolicyResult], late_target: float) -> tuple[bool, str, float]:
    """(whether prediction pays, why, replica-hours saved at equal lateness)."""
    ours = found.get("ahpa")
    others = {n: found[n].equal for n in WITHOUT_PREDICTION if n in found}
    reached = {name: point for name, point in others.items() if point is not None}
    if ours is None:
        return False, "ahpa was not played", 0.0
    if ours.equal is None:
        if not reached:
            return False, f"nothing that was tried kept {share(late_target)} late", 0.0
        name = min(reached, key=lambda n: reached[n].outcome.replica_hours)
        return False, f"the bursts come unannounced; {name} at {reached[name].label} kept the target", 0.0
    cost = ours.equal.outcome.replica_hours
    if not reached:
        return True, f"nothing without prediction kept {share(late_target)} late", 0.0
    name = min(reached, key=lambda n: reached[n].outcome.replica_hours)
    other = reached[name].outcome.replica_hours
    saving = other - cost
    if not other:
        return False, "there was no load", 0.0
    part = saving / other
    if part >= 0.02:
        return True, f"{part:.0%} fewer replica-hours than {name} at {reached[name].label}, as few late", saving
    if name in ("kpa", "hpa"):
        never = "" if reached[name].outcome.scale_ups else ": it never has to start a replica"
        return False, f"{name} at {reached[name].label} keeps the target for no more{never}", saving
    return False, f"{name} at {reached[name].label} keeps the target for no more", saving


def _notes(trial: Trial) -> tuple[str, ...]:
    tested = trial.tested
    demand = tested.demand.between(tested.start, tested.start + tested.traffic.seconds).values
    missing = float(1 - np.isfinite(demand).mean())
    notes = []
    kpa, service = tested.kpa, tested.service
    held = kpa.in_flight(kpa.target_value, service.service_seconds)
    if held > service.concurrency:
        notes.append(
            f"the scaler's target asks a replica to hold {held:.3g} requests at once, but it has {service.concurrency} "
            "slots: requests wait although nothing looks too full"
        )
    if kpa.max_scale and kpa.max_scale < tested.most:
        notes.append(
            f"max-scale is {kpa.max_scale}, but the busiest minute needs {tested.most} replicas: whoever scales, "
            "requests wait"
        )
    if missing > 0.001:
        notes.append(f"{missing:.1%} of the tested steps were not observed; their requests lie on a straight line")
    if trial.earlier is None:
        notes.append(f"too little history to find a level; {DEFAULT_LEVEL:g} was taken")
    return tuple(notes)
