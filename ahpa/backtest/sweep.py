"""A contender over its knob on one service: at the setting that its user has, and at the one they would have found.

What the days before the tested ones suggest is the cheapest setting that kept the late target there; where none did,
the least late. What only the tested days show is the cheapest that kept it on them. Either way, between it and the
dearest cheaper one that fails the knob is halved a few times more, and each of these settings is played too: a grid's
own coarseness would count as a saving (19 % instead of 6 % on data/chat).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
    """False: only the settings that users have, and the counts that the days before suggest."""


def result_of(run: Run, points: Sequence[Point], late_target: float) -> ContenderResult:
    """`run` was played at the setting that its user has."""
    ordered = tuple(sorted(points, key=lambda p: p.knob))
    return ContenderResult(run.contender, run.outcome, run.knob, ordered, cheapest(ordered, late_target), run)


def swept(
    play: Play,
    own: float,
    knobs: Sequence[float],
    question: Question,
    between: Between = halfway,
    earlier: Play | None = None,
) -> ContenderResult:
    """The run at one's own setting, and the points of all others. `earlier` plays the days before, which say what would
    have been set; without them, or without a sweep, one's own was."""
    run = play(own)
    points = [Point(own, run.knob, run.outcome)]
    found = own
    if question.sweep:
        others = [knob for knob in knobs if knob != own]
        points = closer([*points, *(point_at(play, knob) for knob in others)], play, question.late_target, between)
        if earlier is not None:
            tried = [point_at(earlier, knob) for knob in (own, *others)]
            found = suggested(closer(tried, earlier, question.late_target, between), question.late_target).knob
            if all(point.knob != found for point in points):
                points.append(point_at(play, found))
    before = next(point for point in points if point.knob == found)
    return replace(result_of(run, points, question.late_target), before=before)


def suggested(points: Sequence[Point], late_target: float) -> Point:
    """What these days suggest for the next: the cheapest point that meets the target, else the least late."""
    return cheapest(points, late_target) or min(points, key=lambda p: (p.outcome.late_ratio, p.outcome.replica_hours))


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


@dataclass(frozen=True)
class Counts:
    """A number of replicas as the knob, on some days."""

    play: Callable[[float, float], Run]
    """`play(count, most_late)` may end early when more than `most_late` are late."""
    most: int
    """No larger count is tried."""
    bounds: tuple[int, int]
    """The owner's own."""

    def within(self, count: int) -> int:
        """The nearest count that the owner allows."""
        least, largest = self.bounds
        return max(least, min(count, largest))

    def fewest(self, late_target: float, most_late: float) -> tuple[int, dict[int, Run]]:
        """The smallest count that meets the target (the largest tried, where none does), by bisection, and by count the
        runs that were played to their end: where more than `most_late` are late one is not."""
        runs: dict[int, Run] = {}

        def late(count: int) -> bool:
            run = self.play(count, most_late)
            misses = run.outcome.late_ratio > late_target
            if most_late >= 1 or not misses:
                runs[count] = run
            return misses

        least, high = self.bounds[0], self.within(self.most)
        if not late(high):
            high = first_kept(late, least, high)
        if high == least + 1 and not late(least):
            high = least
        return high, runs


def counted(tested: Counts, earlier: Counts | None, question: Question, own: int | None = None) -> ContenderResult:
    """A count as the knob: the run at one's `own`, or at the smallest that kept the late target on the days before;
    where there are none, at the smallest that kept it on the tested days, known only afterwards.

    Without a sweep a count that fails is not played to its end, and the tested days are searched only where nothing
    else says a count.
    """
    target, runs = question.late_target, dict[int, Run]()
    own = None if own is None else tested.within(own)
    known = own if earlier is None else earlier.fewest(target, target)[0]
    shown = own if own is not None else known
    if question.sweep:
        best, runs = tested.fewest(target, 1.0)
    elif shown is None:
        best, found = tested.fewest(target, target)
        runs = {count: run for count, run in found.items() if count == best}
    shown = best if shown is None else shown
    for count in (shown, shown if known is None else known):
        if count not in runs:
            runs[count] = tested.play(count, 1.0)
    points = {count: Point(float(count), run.knob, run.outcome) for count, run in runs.items()}
    result = result_of(runs[shown], list(points.values()), target)
    return replace(result, before=None if known is None else points[known], hindsight=own is known is None)


def first_kept(fails: Callable[[int], bool], low: int, high: int) -> int:
    """The least above `low` that does not fail, by bisection, where `high` does not."""
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fails(middle) else (low, middle)
    return high
