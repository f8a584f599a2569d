"""All contenders on one service, and what follows: what to set, and whether prediction pays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ahpa.backtest.chosen import chooser
from ahpa.backtest.contenders import NAMES, OURS, REACTIVE, UNPREDICTIVE, beside
from ahpa.backtest.ours import FULL_UTILIZATION, ours
from ahpa.backtest.results import ContenderResult, SeriesResult
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Trial
from ahpa.core.policy.values import PREFIX, Policy
from ahpa.core.setting import DEFAULT_SETTING
from ahpa.core.words import percent

HINDSIGHT = "with hindsight, each at its best setting"
"""A sweep compares what each would have cost had its owner known the tested days; nobody did."""
WITHOUT_SWEEP = "of one setting each, without a sweep"


def verdict_on(trial: Trial, question: Question, contenders: Sequence[str] = NAMES) -> SeriesResult:
    """These contenders on one service."""
    table = beside(trial.tested.scaling.name)
    found = {c.name: c.play(trial, question) for c in table if c.name in contenders}
    advice = tuple(_advice(trial, question, found))
    worth, why, saving = worth_of(found, question.late_target)
    if OURS in found:
        why = f"{HINDSIGHT if question.sweep else WITHOUT_SWEEP}: {why}"
    asked = _annotations(trial, question) if worth else {}
    return SeriesResult(trial.tested.name, found, advice, _notes(trial), worth, why, saving, asked)


def _advice(trial: Trial, question: Question, found: Mapping[str, ContenderResult]) -> Iterator[str]:
    """What the owner should set: what was known before the tested days, then what only they showed."""
    mine = found.get(OURS)
    if mine is None:
        return
    target, own = question.late_target, mine.outcome
    more = f", more than the {percent(target)} wanted" if own.late_ratio > target else ""
    yield (
        f"Known before: {mine.label}, {_origin(trial, question)}. It took {own.replica_hours:.1f} replica-hours and "
        f"left {percent(own.late_ratio)} late{more}."
    )
    if mine.equal is not None and question.sweep:
        yield (
            f"Known only afterwards: the cheapest setting that kept {percent(target)} late was {mine.equal.label}, for "
            f"{mine.equal.outcome.replica_hours:.1f} replica-hours."
        )
    elif mine.equal is None and question.sweep:
        least = min(mine.points, key=lambda p: p.outcome.late_ratio)
        yield (
            f"Known only afterwards: no setting that was tried kept {percent(target)} late; the least was "
            f"{percent(least.outcome.late_ratio)} at {least.label}."
        )
    if question.sweep and not question.manage_target:
        yield from _second_lever(trial, question, mine)


def _origin(trial: Trial, question: Question) -> str:
    """Where the setting came from that was in force."""
    if question.quantile is not None:
        return "as it was asked for"
    return "taken for want of history" if trial.earlier is None else "each day from what lay before it"


def _annotations(trial: Trial, question: Question) -> Mapping[str, str]:
    """What to annotate the service with: only what the service acts on, and to begin with `observe`."""
    asked = {"mode": "observe"}
    if question.quantile is None:
        asked["late-target"] = f"{100 * question.late_target:g}%"
    else:
        asked["quantile"] = f"{question.quantile:g}"
    if trial.foresight.model != Policy().model:
        asked["model"] = trial.foresight.model
    return {f"{PREFIX}{name}": value for name, value in asked.items()}


def _second_lever(trial: Trial, question: Question, mine: ContenderResult) -> Iterator[str]:
    """Whether manage-target would pay: one more run."""
    target, play = question.late_target, ours(trial, FULL_UTILIZATION)
    if question.quantile is None:
        filled = play.play(chooser(trial, target, manage_target=True)).outcome
    else:
        filled = play(question.quantile).outcome
    saved = mine.outcome.replica_hours - filled.replica_hours
    if saved > 0.01 * mine.outcome.replica_hours and filled.late_ratio <= max(target, mine.outcome.late_ratio):
        yield (
            f"With manage-target the scaler would fill replicas to {percent(FULL_UTILIZATION)} while the forecast is "
            f"trusted: {saved:.1f} replica-hours less ({percent(saved / mine.outcome.replica_hours)}), with "
            f"{percent(filled.late_ratio)} late (in the backtest; the service does not do it yet)."
        )


def worth_of(found: Mapping[str, ContenderResult], late_target: float) -> tuple[bool, str, float]:
    """(whether prediction pays, why, replica-hours saved at equal lateness)."""
    mine = found.get(OURS)
    others = {n: found[n].equal for n in UNPREDICTIVE if n in found}
    reached = {name: point for name, point in others.items() if point is not None}
    if mine is None:
        return False, "ahpa was not played", 0.0
    if mine.equal is None:
        if not reached:
            return False, f"nothing that was tried kept {percent(late_target)} late", 0.0
        name = min(reached, key=lambda n: reached[n].outcome.replica_hours)
        return False, f"ours kept {percent(late_target)} late at no setting; {name} at {reached[name].label} did", 0.0
    cost = mine.equal.outcome.replica_hours
    if not reached:
        if left_out := [name for name in UNPREDICTIVE if name not in found]:
            missed = f"{', '.join(others)} did not keep the target, " if others else ""
            return False, f"not known: {missed}{', '.join(left_out)} were left out", 0.0
        return True, f"nothing without prediction kept {percent(late_target)} late", 0.0
    name = min(reached, key=lambda n: reached[n].outcome.replica_hours)
    other = reached[name].outcome.replica_hours
    saving = other - cost
    if not other:
        return False, "there was no load", 0.0
    part = saving / other
    if part >= 0.02:
        fewer = f"{saving:.1f} replica-hours ({percent(part)}) fewer than {name} at {reached[name].label}"
        return True, f"{fewer}, with as few late", saving
    never = ": it never has to start a replica" if name in REACTIVE and not reached[name].outcome.scale_ups else ""
    return False, f"{name} at {reached[name].label} keeps the target for no more{never}", saving


def _notes(trial: Trial) -> tuple[str, ...]:
    tested = trial.tested
    demand = tested.demand.between(tested.start, tested.start + tested.traffic.seconds).values
    missing = float(1 - np.isfinite(demand).mean())
    notes = []
    service, (_, most) = tested.service, tested.bounds
    held = tested.per_replica
    if held > service.concurrency:
        notes.append(
            f"the scaler's target asks a replica to hold {held:.3g} requests at once, but it has {service.concurrency} "
            "slots: requests wait although nothing looks too full"
        )
    if most < tested.most:
        notes.append(
            f"the owner's maximum is {most}, but the busiest minute needs {tested.most} replicas: whoever scales, "
            "requests wait"
        )
    if missing > 0.001:
        notes.append(f"{percent(missing)} of the tested steps were not observed; their requests lie on a straight line")
    if trial.earlier is None:
        notes.append(f"too little history to choose by on the first tested day; {DEFAULT_SETTING} was taken")
    return tuple(notes)
