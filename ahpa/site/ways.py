"""The ways that one service could go, each played by the backtest on its own last days.

It is the world of `ahpa survey`: the service's own scaler with its owner's bounds, its own starts, demand as it was
measured. The model learns from the days before, of this service and some others, so that nothing is foreseen by
hindsight. Pure, and all that it needs is in the `Case`: it is played in another process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ahpa.backtest import alternatives
from ahpa.backtest.chosen import chooser
from ahpa.backtest.foresight import foresee, windows_of
from ahpa.backtest.ours import ours
from ahpa.backtest.series import Series, joined, prepared
from ahpa.backtest.trial import Trial
from ahpa.core.known.knowledge import usual
from ahpa.core.policy.rules import level_of
from ahpa.core.policy.values import PREFIX, Policy
from ahpa.core.words import percent
from ahpa.simulation.outcome import Run
from ahpa.survey.candidates import Candidate
from ahpa.survey.worlds import Scaler, World, world_of
from forecasting.model import Model
from forecasting.panel import Panel

LATE_TARGETS = (0.001, 0.005, 0.01, 0.05)
QUANTILES = (0.9, 0.95, 0.99, 0.999)
DAYS = 2.0
"""So many are played."""


class NoCaseError(ValueError):
    """Nothing can be played for this service; the message says why."""


@dataclass(frozen=True)
class Way:
    """One thing that its owner could wish for, and what would have come of it."""

    name: str
    """The wish, in words: `late target 0.5 %`, `quantile 0.99`, `no floor`."""
    setting: str
    """What was played for it: `quantile 0.95, then floor 4`."""
    replica_hours: float
    late_ratio: float
    """Share of the requests."""
    chosen: bool = False
    """What its owner has now."""
    annotations: tuple[tuple[str, str], ...] = ()
    """What to annotate it with; empty where that is not done by annotations."""


@dataclass(frozen=True, eq=False)
class Case:
    """One service, and all that is needed to play it."""

    series: tuple[Series, ...]
    """The service first, then others that the model learns from beside it."""
    world: World
    policy: Policy
    model: Model

    @staticmethod
    def of(candidate: Candidate, start: float, step: float, others: Panel, scaler: Scaler, model: Model) -> Case:
        """`start` (unix seconds) and `step` (seconds) are those of the candidate's demand, and of what is known of
        `others`. Raises NoCaseError."""
        world, name = world_of(candidate, scaler, DAYS), candidate.target.key
        own = Panel.of(start, step, candidate.demand * world.in_flight, (name,))
        found, failed = prepared([own, others], 1.0, DAYS)
        if name in failed or not found:
            raise NoCaseError(failed.get(name, "nothing was observed of it"))
        mine = next(one for one in found if one.name == name)
        beside = tuple(one for one in found if one.name != name and one.span.end == mine.span.end)
        return Case((mine, *beside), world, candidate.workload.policy.policy, model)


def ways(case: Case) -> tuple[Way, ...]:
    """All of them, in the order in which they are shown."""
    return tuple(_ways(case, _trial(case)))


def _trial(case: Case) -> Trial:
    mine, setting = case.series[0], case.world.now
    panel, span = joined(case.series)
    windows = windows_of(setting.service, panel.step)
    known = {mine.name: setting.known}
    foresight = foresee(case.model, usual(panel, known), span.first, span.end, windows)[panel.keys.index(mine.name)]
    return Trial.of(mine.panel, mine.span, setting, foresight, source=mine.source)


def _ways(case: Case, trial: Trial) -> Iterator[Way]:
    policy, level = case.policy, level_of(case.policy)
    lever, target = policy.manage_target, policy.late_target
    by_target = level is None and not lever
    for wish in sorted({*LATE_TARGETS, target}):
        run = ours(trial).play(chooser(trial, wish))
        said = ("late-target", f"{100 * wish:g}%")
        yield _way(f"late target {percent(wish)}", run, by_target and wish == target, said)
    for wish in sorted({*QUANTILES} if level is None else {*QUANTILES, level}):
        yield _way(f"quantile {wish:g}", ours(trial)(wish), wish == level and not lever, ("quantile", f"{wish:g}"))
    run = ours(trial).play(chooser(trial, target, manage_target=True))
    yield _way("second lever", run, lever, ("manage-target", "true"))
    tested, alone = trial.tested, case.world.now.scaling
    play = alternatives.kpa if alone.name == "kpa" else alternatives.hpa
    yield _way("no floor", play(tested, alone.utilization), False)
    yield _way("fixed fleet", alternatives.fixed_max(tested, tested.most_before), False)


def _way(name: str, run: Run, chosen: bool, *said: tuple[str, str]) -> Way:
    outcome = run.outcome
    annotations = tuple((f"{PREFIX}{key}", value) for key, value in said)
    return Way(name, run.knob, outcome.replica_hours, outcome.late_ratio, chosen, annotations)


def notes_on(candidate: Candidate, world: World) -> Sequence[str]:
    """What the reader must know of what was assumed."""
    said = ["Each way met the same requests in a simulated cluster, with the minimum that its owner has now."]
    if not world.counted:
        said.append("Its demand counts no requests, so shares of late ones can be compared and mean no more.")
    elif candidate.workload.policy.policy.service_time is None:
        said.append(f"How long a request takes is not said ({PREFIX}service-time): it is taken to be 2 s.")
    if not candidate.workload.readiness.learned:
        said.append("How long a start takes is assumed, as none was seen.")
    return said
