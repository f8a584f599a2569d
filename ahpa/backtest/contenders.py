"""The contenders: one table of all that a backtest compares, from which names, titles and orders everywhere derive."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from ahpa.backtest import alternatives
from ahpa.backtest.chosen import chooser
from ahpa.backtest.oracle import oracle
from ahpa.backtest.ours import FULL_UTILIZATION, ours
from ahpa.backtest.results import ContenderResult, Point
from ahpa.backtest.sweep import Question, cheapest, closer, fewest, halfway_tail, point_at, result_of, swept
from ahpa.backtest.trial import Trial
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
    predicts: bool = True
    """False: it is what people do without prediction."""
    reactive: bool = False
    """An autoscaler by itself, which follows the load."""
    hindsight: bool = False
    """Its setting in the tables is chosen by the tested days themselves: nobody could have known it."""


def _ahpa(trial: Trial, question: Question) -> ContenderResult:
    utilization = FULL_UTILIZATION if question.manage_target else None
    play, own = ours(trial, utilization), question.quantile
    if own is not None:
        return swept(play, own, LEVELS, question, halfway_tail)
    run = play.play(chooser(trial, question.late_target, question.manage_target))
    mine = Point(math.nan, run.knob, run.outcome)
    if not question.sweep:
        return result_of(run, [mine], question.late_target)
    points = closer([point_at(play, level) for level in LEVELS], play, question.late_target, halfway_tail)
    # What it finds by itself changes from day to day and is on no scale: it is no point of the sweep's line.
    equal = cheapest([*points, mine], question.late_target)
    return replace(result_of(run, points, question.late_target), equal=equal)


def _kpa(trial: Trial, question: Question) -> ContenderResult:
    return swept(partial(alternatives.kpa, trial.tested), _utilization(trial), UTILIZATIONS, question)


def _hpa(trial: Trial, question: Question) -> ContenderResult:
    return swept(partial(alternatives.hpa, trial.tested), _utilization(trial), UTILIZATIONS, question)


def _utilization(trial: Trial) -> float:
    """The service's own."""
    return trial.tested.scaling.utilization


def _static(trial: Trial, question: Question) -> ContenderResult:
    tested = trial.tested
    return fewest(partial(alternatives.static, tested), 2 * tested.most, tested.bounds, question)


def _fixed_max(trial: Trial, question: Question) -> ContenderResult:
    tested = trial.tested
    most = max(2 * tested.most, tested.most_before)
    return fewest(partial(alternatives.fixed_max, tested), most, tested.bounds, question, tested.most_before)


def _seasonal(trial: Trial, question: Question) -> ContenderResult:
    return swept(partial(alternatives.seasonal, trial.tested), 1.0, MARGINS, question)


def _oracle(trial: Trial, question: Question) -> ContenderResult:
    tested, target = trial.tested, question.late_target
    shares = sorted({0.0, target / 10, target, 10 * target} if question.sweep else {target})
    runs = {share: oracle(tested.name, tested.traffic, share, tested.ready) for share in shares if share < 1}
    points = [Point(share, run.knob, run.outcome) for share, run in runs.items()]
    return result_of(runs[target], points, target)


OURS = "ahpa"
CONTENDERS = (
    Contender(OURS, "ahpa", _ahpa),
    Contender("kpa", "kpa alone", _kpa, predicts=False, reactive=True),
    Contender("hpa", "hpa alone", _hpa, predicts=False, reactive=True),
    Contender("static", "cheapest constant floor", _static, predicts=False, hindsight=True),
    Contender("fixed-max", "fixed fleet", _fixed_max, predicts=False),
    Contender("seasonal", "same time yesterday", _seasonal),
    Contender("oracle", "clairvoyant", _oracle, hindsight=True),
)
"""In the order of tables and pictures."""


def beside(own: str) -> tuple[Contender, ...]:
    """All in that order, but of the reactive ones the service's `own` first."""
    return tuple(sorted(CONTENDERS, key=lambda one: (one.name != OURS, one.name != own)))


NAMES = tuple(contender.name for contender in CONTENDERS)
REACTIVE = tuple(contender.name for contender in CONTENDERS if contender.reactive)
UNPREDICTIVE = tuple(contender.name for contender in CONTENDERS if not contender.predicts)
HINDSIGHT = tuple(contender.name for contender in CONTENDERS if contender.hindsight)
_TITLES = {contender.name: contender.title for contender in CONTENDERS}


def title(name: str) -> str:
    """A contender's title; one that is not in the table keeps its name."""
    return _TITLES.get(name, name)
