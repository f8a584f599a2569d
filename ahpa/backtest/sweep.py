"""A contender over its knob on one service, also at the setting that its user would have had.

Settings are chosen by what lay before the tested days; the sweep over the tested days shows what each knob would
have done. The comparison at equal lateness is the cheapest setting that meets the late target; between it and the
dearest cheaper one that fails the knob is halved a few times more, and each of these settings is played too: a grid's
own coarseness would count as a saving (19 % instead of 6 % on data/chat).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ahpa.backtest.results import ContenderResult, Point
from ahpa.simulation.outcome import Run

CLOSER = 3
"""How often the gap in which the late target lies is halved."""

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
    """A fixed level for ours, instead of one found from the late target."""
    manage_target: bool = False
    sweep: bool = True
    """False: only the settings that users would have had, and what static and fixed-max need."""


def result_of(run: Run, points: Sequence[Point], late_target: float) -> ContenderResult:
    """`run` was played at the setting that its user would have had."""
    ordered = tuple(sorted(points, key=lambda p: p.knob))
    return ContenderResult(run.contender, run.outcome, run.knob, ordered, cheapest(ordered, late_target), run)


def swept(
    play: Play, own: float, knobs: Sequence[float], question: Question, between: Between = halfway
) -> ContenderResult:
    """The run at one's own setting, and the points of all others."""
    run = play(own)
    points = [Point(own, run.knob, run.outcome)]
    if question.sweep:
        points += [point_at(play, knob) for knob in knobs if knob != own]
        points = closer(points, play, question.late_target, between)
    return result_of(run, points, question.late_target)


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


def fewest(
    play: Callable[[float, float], Run],
    most: int,
    bounds: tuple[int, int],
    question: Question,
    own: int | None = None,
) -> ContenderResult:
    """The smallest count up to `most` that meets the late target, by bisection; the run at `own`, else at that count.
    No count is beyond the owner's `bounds`.

    `play(count, most_late)` may end early when more than `most_late` are late: without a sweep a count that fails is
    not played to its end.
    """
    target = question.late_target
    runs: dict[int, Run] = {}

    def late(count: int) -> bool:
        run = play(count, 1.0 if question.sweep else target)
        misses = run.outcome.late_ratio > target
        if question.sweep or not misses:
            runs[count] = run
        return misses

    least, largest = bounds
    high = max(least, min(most, largest))
    if not late(high):
        high = first_kept(late, least, high)
    if high == least + 1 and not late(least):
        high = least
    chosen = high if own is None else max(least, min(own, largest))
    for count in {high, chosen} - set(runs):
        runs[count] = play(count, 1.0)
    # Without a sweep only the result and the fewest are shown; others were tried on the way, not all.
    shown = runs if question.sweep else {count: runs[count] for count in (high, chosen)}
    points = [Point(float(count), run.knob, run.outcome) for count, run in shown.items()]
    return result_of(runs[chosen], points, target)


def first_kept(fails: Callable[[int], bool], low: int, high: int) -> int:
    """The least above `low` that does not fail, by bisection, where `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high
