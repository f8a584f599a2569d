"""One service: every policy over its knob, each at the setting its user would have had, and what follows.

Settings are chosen by what lay before the tested days; the sweep over the tested days shows what each knob would
have done, and the cheapest of its points that meets the late target is the comparison at equal lateness.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ahpa.simulation import policies
from ahpa.simulation.backtest import POLICIES, Point, PolicyResult, SeriesResult
from ahpa.simulation.oracle import oracle
from ahpa.simulation.policies import Ahpa, Foresight
from ahpa.simulation.run import Run
from ahpa.simulation.scene import Scene
from ahpa.simulation.world import World

UTILIZATIONS = (0.35, 0.5, 0.7, 0.8, 0.9)
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999)
MARGINS = (0.7, 1.0, 1.3, 1.7, 2.2)
DEFAULT_LEVEL = 0.99
"""Where there is too little history to find the level that the late target needs."""
NEARLY = 1.25
"""A late share up to so many times the least is nearly as good."""
FULL_UTILIZATION = 0.9
"""The second lever: what the KPA is told to fill to while the forecast is trusted."""
WITHOUT_PREDICTION = ("kpa", "hpa", "static", "fixed-max")

Play = Callable[[float], Run]
Start = Callable[[int], World]


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


def judge(trial: Trial, question: Question) -> SeriesResult:
    """All policies of `question` on one service."""
    found = {name: _PLAYS[name](trial, question) for name in POLICIES if name in question.policies}
    advice = tuple(_advice(trial, question, found))
    worth, why, saving = worth_of(found, question.late_target)
    return SeriesResult(trial.tested.name, found, advice, _notes(trial), worth, why, saving)


def _result(name: str, run: Run, points: Sequence[Point], late_target: float) -> PolicyResult:
    ordered = tuple(sorted(points, key=lambda p: p.knob))
    meeting = [p for p in ordered if p.outcome.late_ratio <= late_target]
    equal = min(meeting, key=lambda p: p.outcome.replica_hours, default=None)
    return PolicyResult(name, run.outcome, run.knob, ordered, equal, run)


def _swept(name: str, play: Play, own: float, knobs: Sequence[float], question: Question) -> PolicyResult:
    """The run at one's own setting, and the points of all others."""
    run = play(own)
    points = [Point(own, run.knob, run.outcome)]
    for knob in knobs if question.sweep else ():
        if knob != own:
            other = play(knob)
            points.append(Point(knob, other.knob, other.outcome))
    return _result(name, run, points, question.late_target)


def _fewest(
    name: str, scene: Scene, start: Start, play: Play, most: int, question: Question, own: int | None = None
) -> PolicyResult:
    """The smallest count that meets the late target, by bisection; the run at `own`, else at that count.

    Without a sweep a count that fails is not played to its end.
    """
    runs: dict[int, Run] = {}

    def late(count: int) -> bool:
        if not question.sweep:
            return not policies.keeps(scene, start(count), question.late_target)
        runs[count] = play(float(count))
        return runs[count].outcome.late_ratio > question.late_target

    low, high = 0, most
    if late(high):
        low = high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if late(middle) else (low, middle)
    if high == 1 and not late(0):
        high = 0
    for count in {high, high if own is None else own}:
        runs.setdefault(count, play(float(count)))
    points = [Point(float(count), r.knob, r.outcome) for count, r in runs.items()]
    return _result(name, runs[high if own is None else own], points, question.late_target)


def _ahpa(trial: Trial, question: Question) -> PolicyResult:
    utilization = FULL_UTILIZATION if question.manage_target else None
    play = Ahpa(trial.tested, trial.foresight, utilization)
    return _swept("ahpa", play, find_level(trial, question), LEVELS, question)


def find_level(trial: Trial, question: Question) -> float:
    """The least level that kept the late target on the earlier days.

    If none did, the least that did nearly as well as the highest: when bursts come unannounced the last levels
    cost a multiple and help nobody.
    """
    if question.quantile is not None:
        return question.quantile
    if trial.earlier is None:
        return DEFAULT_LEVEL
    play = Ahpa(trial.earlier, trial.foresight, FULL_UTILIZATION if question.manage_target else None)

    def late(index: int) -> float:
        return play(LEVELS[index]).outcome.late_ratio

    accepted, last = question.late_target, len(LEVELS) - 1
    low, high = -1, last
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if late(middle) <= accepted else (middle, high)
    if high == last:
        accepted = max(accepted, NEARLY * late(last))
        while high > 0 and late(high - 1) <= accepted:
            high -= 1
    return LEVELS[high]


def _kpa(trial: Trial, question: Question) -> PolicyResult:
    return _swept("kpa", partial(policies.kpa, trial.tested), _utilization(trial), UTILIZATIONS, question)


def _hpa(trial: Trial, question: Question) -> PolicyResult:
    return _swept("hpa", partial(policies.hpa, trial.tested), _utilization(trial), UTILIZATIONS, question)


def _utilization(trial: Trial) -> float:
    kpa = trial.tested.kpa
    return round(kpa.target_value / kpa.total_value, 6)


def _static(trial: Trial, question: Question) -> PolicyResult:
    tested = trial.tested
    start = partial(tested.kpa_world, tested.kpa)
    return _fewest("static", tested, start, partial(policies.static, tested), 2 * tested.most, question)


def _fixed_max(trial: Trial, question: Question) -> PolicyResult:
    tested = trial.tested
    most, play = max(2 * tested.most, tested.most_before), partial(policies.fixed_max, tested)
    return _fewest("fixed-max", tested, tested.fixed_world, play, most, question, tested.most_before)


def _seasonal(trial: Trial, question: Question) -> PolicyResult:
    return _swept("seasonal", partial(policies.seasonal, trial.tested), 1.0, MARGINS, question)


def _oracle(trial: Trial, question: Question) -> PolicyResult:
    tested, target = trial.tested, question.late_target
    shares = sorted({0.0, target / 10, target, 10 * target} if question.sweep else {target})
    runs = {share: oracle(tested.name, tested.traffic, share, tested.ready) for share in shares if share < 1}
    points = [Point(share, run.knob, run.outcome) for share, run in runs.items()]
    return _result("oracle", runs[target], points, target)


_PLAYS: dict[str, Callable[[Trial, Question], PolicyResult]] = {
    "ahpa": _ahpa,
    "kpa": _kpa,
    "hpa": _hpa,
    "static": _static,
    "fixed-max": _fixed_max,
    "seasonal": _seasonal,
    "oracle": _oracle,
}


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
    if not question.manage_target and ours.run is not None:
        level = float(ours.label.rpartition(" ")[2])
        filled = Ahpa(trial.tested, trial.foresight, FULL_UTILIZATION)(level).outcome
        saved = ours.outcome.replica_hours - filled.replica_hours
        if saved > 0.01 * ours.outcome.replica_hours:
            out.append(
                f"With manage-target the scaler would fill replicas to {FULL_UTILIZATION:.0%} while the forecast is "
                f"trusted: {saved:.1f} replica-hours less ({saved / ours.outcome.replica_hours:.0%}), "
                f"{share(filled.late_ratio)} late instead of {share(ours.outcome.late_ratio)}."
            )
    return out


def worth_of(found: dict[str, PolicyResult], late_target: float) -> tuple[bool, str, float]:
    """(whether prediction pays, why, replica-hours saved at equal lateness)."""
    ours = found.get("ahpa")
    others = {n: found[n].equal for n in WITHOUT_PREDICTION if n in found}
    reached = {name: point for name, point in others.items() if point is not None}
    if ours is None:
        return True, "", 0.0
    if ours.equal is None:
        if not reached:
            return False, f"no policy kept {share(late_target)} late: the bursts come faster than any start", 0.0
        name = min(reached, key=lambda n: reached[n].outcome.replica_hours)
        return False, f"the bursts come unannounced; {name} at {reached[name].label} kept the target", 0.0
    cost = ours.equal.outcome.replica_hours
    if not reached:
        return True, f"nothing without prediction kept {share(late_target)} late", 0.0
    name = min(reached, key=lambda n: reached[n].outcome.replica_hours)
    other = reached[name].outcome.replica_hours
    saving = other - cost
    part = saving / other if other else 0.0
    if part >= 0.02:
        return True, f"{part:.0%} fewer replica-hours than {name} at {reached[name].label}, as few late", saving
    if name in ("kpa", "hpa"):
        return False, f"{name} at {reached[name].label} keeps the target by itself: starts are fast enough", saving
    return False, f"{name} at {reached[name].label} costs no more: the load hardly falls between its peaks", saving


def _notes(trial: Trial) -> tuple[str, ...]:
    tested = trial.tested
    demand = tested.demand.between(tested.start, tested.start + tested.traffic.seconds).values
    missing = float(1 - np.isfinite(demand).mean())
    notes = []
    if missing > 0.001:
        notes.append(f"{missing:.1%} of the tested steps were not observed; their requests lie on a straight line")
    if trial.earlier is None:
        notes.append(f"too little history to find a level; {DEFAULT_LEVEL:g} was taken")
    return tuple(notes)
