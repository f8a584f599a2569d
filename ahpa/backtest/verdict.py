"""All contenders on one service, and what follows: what to set, and whether prediction pays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ahpa.backtest.chosen import chooser
from ahpa.backtest.contenders import NAMES, OURS, beside
from ahpa.backtest.ours import FULL_UTILIZATION, ours
from ahpa.backtest.results import ContenderResult, SeriesResult
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Trial
from ahpa.backtest.worth import afterwards, judge
from ahpa.core.policy.values import PREFIX, Policy
from ahpa.core.setting import DEFAULT_SETTING
from ahpa.core.words import percent


def verdict_on(trial: Trial, question: Question, contenders: Sequence[str] = NAMES) -> SeriesResult:
    """These contenders on one service."""
    table = beside(trial.tested.scaling.name)
    found = {c.name: c.play(trial, question) for c in table if c.name in contenders}
    judged = judge(found, question.late_target)
    why = f"{judged.why}; {_compared(trial, question)}" if OURS in found else judged.why
    return SeriesResult(
        trial.tested.name,
        found,
        tuple(_advice(trial, question, found)),
        _notes(trial),
        judged.worth,
        why,
        judged.saving_hours,
        _annotations(trial, question) if judged.worth else {},
    )


def _compared(trial: Trial, question: Question) -> str:
    """How each was set that is compared."""
    if trial.earlier is None:
        return "each as it is, with too few days before to find another setting"
    days = trial.earlier.minutes / 1440
    before = f"the {days:.2g} days before" if days != 1 else "the day before"
    if question.sweep:
        return f"each as it is and as {before} would have set it"
    return f"each as it is, floors and fleets also as {before} would have set them"


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
    if question.sweep:
        yield afterwards(found, target)
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
    known = trial.tested.known
    if known.windows:
        asked["windows"] = "; ".join(window.line for window in known.windows)
    if known.events:
        asked["events"] = "; ".join(event.line for event in known.events)
    if known.windows or known.events:
        asked["time-zone"] = known.clock
    if trial.foresight.model != Policy().model:
        asked["model"] = trial.foresight.model
    return {f"{PREFIX}{name}": value for name, value in asked.items()}


def _second_lever(trial: Trial, question: Question, mine: ContenderResult) -> Iterator[str]:
    """Whether manage-target would pay: one more run."""
    target, play = question.late_target, ours(trial, FULL_UTILIZATION)
    if question.quantile is None:
        run = play.play(chooser(trial, target, manage_target=True))
    else:
        run = play(question.quantile)
    filled = run.outcome
    saved = mine.outcome.replica_hours - filled.replica_hours
    if saved > 0.01 * mine.outcome.replica_hours and filled.late_ratio <= max(target, mine.outcome.late_ratio):
        yield (
            f"With manage-target ({run.knob}) the scaler would fill replicas further while the forecast is trusted: "
            f"{saved:.1f} replica-hours less ({percent(saved / mine.outcome.replica_hours)}), with "
            f"{percent(filled.late_ratio)} late (in the backtest; the service does not do it yet)."
        )


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
