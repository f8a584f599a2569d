"""The contenders: one table of all that a backtest compares, from which names, titles and orders everywhere derive."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ahpa.backtest import alternatives
from ahpa.backtest.chosen import chooser
from ahpa.backtest.oracle import oracle
from ahpa.backtest.ours import FULL_UTILIZATION, ours
from ahpa.backtest.results import ContenderResult, Point
from ahpa.backtest.scenario import Scenario
from ahpa.backtest.sweep import (
    Counts,
    Question,
    cheapest,
    closer,
    counted,
    halfway_tail,
    point_at,
    result_of,
    swept,
)
from ahpa.backtest.trial import Trial
from ahpa.simulation.outcome import Run
from forecasting.levels import LEVELS

UTILIZATIONS = (0.35, 0.5, 0.7, 0.8, 0.9)
MARGINS = (0.7, 1.0, 1.3, 1.7, 2.2)


@dataclass(frozen=True)
class Contender:
    """One way to decide how many replicas there are."""

    name: str
    """As people write and read it."""
    title: str
    """What it is, for people who do not know the name."""
    play: Callable[[Trial, Question], ContenderResult]
    reactive: bool = False
    """An autoscaler by itself, which follows the load."""
    bound: bool = False
    """No way that anybody could go: nothing is compared with it."""


def _ahpa(trial: Trial, question: Question) -> ContenderResult:
    utilization = FULL_UTILIZATION if question.manage_target else None
    play, own = ours(trial, utilization), question.quantile
    if own is not None:
        return swept(play, own, LEVELS, question, halfway_tail)
    run = play.play(chooser(trial, question.late_target, question.manage_target))
    mine = Point(math.nan, run.knob, run.outcome)
    if not question.sweep:
        return replace(result_of(run, [mine], question.late_target), before=mine)
    points = closer([point_at(play, level) for level in LEVELS], play, question.late_target, halfway_tail)
    # What it finds by itself changes from day to day and is on no scale: it is no point of the sweep's line.
    equal = cheapest([*points, mine], question.late_target)
    return replace(result_of(run, points, question.late_target), equal=equal, before=mine)


def _turned(
    play: Callable[[Scenario, float], Run], own: float, knobs: Sequence[float], trial: Trial, question: Question
) -> ContenderResult:
    """A knob over the tested days, and over the days before."""
    earlier = None if trial.earlier is None else partial(play, trial.earlier)
    return swept(partial(play, trial.tested), own, knobs, question, earlier=earlier)


def _kpa(trial: Trial, question: Question) -> ContenderResult:
    return _turned(alternatives.kpa, trial.tested.scaling.utilization, UTILIZATIONS, trial, question)


def _hpa(trial: Trial, question: Question) -> ContenderResult:
    return _turned(alternatives.hpa, trial.tested.scaling.utilization, UTILIZATIONS, trial, question)


def _seasonal(trial: Trial, question: Question) -> ContenderResult:
    return _turned(alternatives.seasonal, 1.0, MARGINS, trial, question)


def _static(trial: Trial, question: Question) -> ContenderResult:
    def floors(days: Scenario) -> Counts:
        return Counts(partial(alternatives.static, days), 2 * days.most, days.bounds)

    earlier = None if trial.earlier is None else floors(trial.earlier)
    return counted(floors(trial.tested), earlier, question)


def _fixed_max(trial: Trial, question: Question) -> ContenderResult:
    def fleets(days: Scenario) -> Counts:
        most = max(2 * days.most, days.most_before)
        return Counts(partial(alternatives.fixed_max, days), most, days.bounds)

    earlier = None if trial.earlier is None else fleets(trial.earlier)
    return counted(fleets(trial.tested), earlier, question, trial.tested.most_before)


def _oracle(trial: Trial, question: Question) -> ContenderResult:
    tested, target = trial.tested, question.late_target
    shares = sorted({0.0, target / 10, target, 10 * target} if question.sweep else {target})
    runs = {share: oracle(tested.name, tested.traffic, share, tested.ready) for share in shares if share < 1}
    points = [Point(share, run.knob, run.outcome) for share, run in runs.items()]
    return replace(result_of(runs[target], points, target), hindsight=True)


OURS = "ahpa"
CONTENDERS = (
    Contender(OURS, "ahpa", _ahpa),
    Contender("kpa", "kpa alone", _kpa, reactive=True),
    Contender("hpa", "hpa alone", _hpa, reactive=True),
    Contender("static", "constant floor", _static),
    Contender("fixed-max", "fixed fleet", _fixed_max),
    Contender("seasonal", "same time yesterday", _seasonal),
    Contender("oracle", "clairvoyant", _oracle, bound=True),
)
"""In the order of tables and pictures."""


def beside(own: str) -> tuple[Contender, ...]:
    """All in that order, but of the reactive ones the service's `own` first."""
    return tuple(sorted(CONTENDERS, key=lambda one: (one.name != OURS, one.name != own)))


NAMES = tuple(contender.name for contender in CONTENDERS)
REACTIVE = tuple(contender.name for contender in CONTENDERS if contender.reactive)
ALTERNATIVES = tuple(one.name for one in CONTENDERS if one.name != OURS and not one.bound)
"""What people can do without us."""
_TITLES = {contender.name: contender.title for contender in CONTENDERS}


def title(name: str) -> str:
    """A contender's title; one that is not in the table keeps its name."""
    return _TITLES.get(name, name)
