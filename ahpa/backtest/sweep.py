"""Every policy over its knob on one service, each also at the setting its user would have had.

Settings are chosen by what lay before the tested days; the sweep over the tested days shows what each knob would
have done. The comparison at equal lateness is the cheapest setting that meets the late target; between it and the
dearest cheaper one that fails the knob is halved a few times more, and each of these settings is played too: a grid's
own coarseness would count as a saving (19 % instead of 6 % on data/chat).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

from ahpa.backtest import contenders as policies
from ahpa.backtest.contenders import Ahpa, Foresight
from ahpa.backtest.oracle import oracle
from ahpa.backtest.results import POLICIES, Point, PolicyResult
from ahpa.backtest.scenario import Scene
from ahpa.simulation.outcome import Run

UTILIZATIONS = (0.35, 0.5, 0.7, 0.8, 0.9)
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
MARGINS = (0.7, 1.0, 1.3, 1.7, 2.2)
DEFAULT_LEVEL = 0.99
"""Where there is too little history to find the level that the late target needs."""
NEARLY = 1.25
"""A late share up to so many times the least is nearly as good."""
AIMED_SHARE = 0.5
"""Of the late target, on the earlier days: three days tell a rate of 0.1 % only roughly. On twenty real services
four more kept the target than when all of it was aimed at, for 1 to 11 % more replica-hours (docs/results.md has
how many do)."""
LATE_IN_A_MISS = 0.01
"""Late requests are at least such a share of those in windows that exceed their quantile. So 0.1 % late is not to be
had below the 0.9 quantile, whatever three days without a burst say."""
CLOSER = 3
"""How often the gap in which the late target lies is halved."""
FULL_UTILIZATION = 0.9
"""The second lever: what the KPA is told to fill to while the forecast is trusted."""

Play = Callable[[float], Run]
Between = Callable[[float, float], float]


def halfway(a: float, b: float) -> float:
    """Between two utilisations or margins, to a hundredth of them."""
    return float(f"{(a + b) / 2:.3g}")


def halfway_tail(a: float, b: float) -> float:
    """Between two quantile levels: 0.99 and 0.999 have 0.9968 between them, not 0.9945."""
    tail = math.sqrt((1 - a) * (1 - b))
    return 1 - float(f"{tail:.2g}")


@dataclass(frozen=True)
class Question:
    """What the user wants to know."""

    late_target: float = 0.001
    quantile: float | None = None
    """A fixed level instead of one found from the late target."""
    policies: tuple[str, ...] = POLICIES
    manage_target: bool = False
    sweep: bool = True
    """False: only the settings that users would have had, and what static and fixed-max need."""


@dataclass(frozen=True, eq=False)
class Trial:
    """One service: the tested days, the days before on which settings are found, and what was foreseen of both."""

    tested: Scene
    earlier: Scene | None
    """None: too little history to find settings on."""
    foresight: Foresight


def _result(name: str, run: Run, points: Sequence[Point], late_target: float) -> PolicyResult:
    ordered = tuple(sorted(points, key=lambda p: p.knob))
    return PolicyResult(name, run.outcome, run.knob, ordered, cheapest(ordered, late_target), run)


def _swept(
    name: str, play: Play, own: float, knobs: Sequence[float], question: Question, between: Between = halfway
) -> PolicyResult:
    """The run at one's own setting, and the points of all others."""
    run = play(own)
    points = [Point(own, run.knob, run.outcome)]
    if question.sweep:
        points += [point_at(play, knob) for knob in knobs if knob != own]
        points = closer(points, play, question.late_target, between)
    return _result(name, run, points, question.late_target)


def point_at(play: Play, knob: float) -> Point:
    """One setting, played."""
    run = play(knob)
    return Point(knob, run.knob, run.outcome)


def closer(points: Sequence[Point], play: Play, late_target: float, between: Between = halfway) -> list[Point]:
    """With the knob halved between the cheapest point that meets the target and the dearest cheaper one that fails."""
    out = list(points)
    for _ in range(CLOSER):
        best = cheapest(out, late_target)
        if best is None:
            break
        dear = best.outcome.replica_hours
        failing = [p for p in out if p.outcome.replica_hours < dear and p.outcome.late_ratio > late_target]
        near = max(failing, key=lambda p: p.outcome.replica_hours, default=None)
        if near is None or near.outcome.replica_hours > 0.99 * dear:
            break
        knob = between(near.knob, best.knob)
        if any(p.knob == knob for p in out):
            break
        out.append(point_at(play, knob))
    return out


def cheapest(points: Sequence[Point], late_target: float) -> Point | None:
    """The comparison at equal lateness: the cheapest of the points that meet the target."""
    meeting = [p for p in points if p.outcome.late_ratio <= late_target]
    return min(meeting, key=lambda p: p.outcome.replica_hours, default=None)


def _fewest(
    name: str,
    play: Callable[[float, float], Run],
    most: int,
    bounds: tuple[int, int],
    question: Question,
    own: int | None = None,
) -> PolicyResult:
    """The smallest count up to `most` that meets the late target, by bisection; the run at `own`, else at that count.
    No count is beyond the owner's `bounds`.

    Without a sweep a count that fails is not played to its end.
    """
    target = question.late_target
    runs: dict[int, Run] = {}

    def late(count: int) -> bool:
        run = play(count, 1.0 if question.sweep else target)
        misses = run.outcome.late_ratio > target
        if question.sweep or not misses:
            runs[count] = run
        return misses

    fewest, largest = bounds
    high = max(fewest, min(most, largest))
    if not late(high):
        high = first_kept(late, fewest, high)
    if high == fewest + 1 and not late(fewest):
        high = fewest
    chosen = high if own is None else max(fewest, min(own, largest))
    for count in {high, chosen} - set(runs):
        runs[count] = play(count, 1.0)
    # Without a sweep only the result and the fewest are shown; others were tried on the way, not all.
    shown = runs if question.sweep else {count: runs[count] for count in (high, chosen)}
    points = [Point(float(count), run.knob, run.outcome) for count, run in shown.items()]
    return _result(name, runs[chosen], points, target)


def _ahpa(trial: Trial, question: Question) -> PolicyResult:
    utilization = FULL_UTILIZATION if question.manage_target else None
    play = Ahpa(trial.tested, trial.foresight, utilization)
    return _swept("ahpa", play, find_level(trial, question), LEVELS, question, halfway_tail)


def find_level(trial: Trial, question: Question) -> float:
    """The least believable level that kept half of the late target on the earlier days.

    If none did, the least that did nearly as well as the highest: when bursts come unannounced the last levels
    cost a multiple and help nobody.
    """
    if question.quantile is not None:
        return question.quantile
    if trial.earlier is None:
        return DEFAULT_LEVEL
    play = Ahpa(trial.earlier, trial.foresight, FULL_UTILIZATION if question.manage_target else None)
    levels = [level for level in LEVELS if (1 - level) * LATE_IN_A_MISS <= question.late_target * 1.001] or [LEVELS[-1]]

    def late(index: int) -> float:
        return play(levels[index]).outcome.late_ratio

    return levels[least(late, len(levels), AIMED_SHARE * question.late_target)]


def first_kept(fails: Callable[[int], bool], low: int, high: int) -> int:
    """The least above `low` that does not fail, by bisection, where `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high


def least(late: Callable[[int], float], count: int, aim: float) -> int:
    """The least index, of `count`, that is at most `aim` late, by bisection; if none is, the least that is nearly as
    little late as the last."""
    known = cache(late)
    last = count - 1
    if known(last) > aim:
        index = last
        while index > 0 and known(index - 1) <= NEARLY * known(last):
            index -= 1
        return index
    return first_kept(lambda index: known(index) > aim, -1, last)


def _kpa(trial: Trial, question: Question) -> PolicyResult:
    return _swept("kpa", partial(policies.kpa, trial.tested), _utilization(trial), UTILIZATIONS, question)


def _hpa(trial: Trial, question: Question) -> PolicyResult:
    return _swept("hpa", partial(policies.hpa, trial.tested), _utilization(trial), UTILIZATIONS, question)


def _utilization(trial: Trial) -> float:
    kpa = trial.tested.kpa
    return round(kpa.target_value / kpa.total_value, 6)


def _static(trial: Trial, question: Question) -> PolicyResult:
    tested = trial.tested
    return _fewest("static", partial(policies.static, tested), 2 * tested.most, tested.bounds, question)


def _fixed_max(trial: Trial, question: Question) -> PolicyResult:
    tested = trial.tested
    most = max(2 * tested.most, tested.most_before)
    return _fewest("fixed-max", partial(policies.fixed_max, tested), most, tested.bounds, question, tested.most_before)


def _seasonal(trial: Trial, question: Question) -> PolicyResult:
    return _swept("seasonal", partial(policies.seasonal, trial.tested), 1.0, MARGINS, question)


def _oracle(trial: Trial, question: Question) -> PolicyResult:
    tested, target = trial.tested, question.late_target
    shares = sorted({0.0, target / 10, target, 10 * target} if question.sweep else {target})
    runs = {share: oracle(tested.name, tested.traffic, share, tested.ready) for share in shares if share < 1}
    points = [Point(share, run.knob, run.outcome) for share, run in runs.items()]
    return _result("oracle", runs[target], points, target)


PLAYS: dict[str, Callable[[Trial, Question], PolicyResult]] = {
    "ahpa": _ahpa,
    "kpa": _kpa,
    "hpa": _hpa,
    "static": _static,
    "fixed-max": _fixed_max,
    "seasonal": _seasonal,
    "oracle": _oracle,
}
