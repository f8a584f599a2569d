"""The survey of a cluster: everybody's demand is read at once and learned from together, then each is played by itself,
as it is and with ahpa.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ahpa.backtest.contenders import OURS
from ahpa.backtest.results import SeriesResult
from ahpa.backtest.run import Job, run
from ahpa.backtest.series import Series, prepared
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.words import seconds
from ahpa.survey.candidates import Candidate, Candidates
from ahpa.survey.gains import Gain, ranked
from ahpa.survey.worlds import ScalerOf, World, world_of
from forecasting.executor import Executor
from forecasting.model import Model
from forecasting.panel import Panel

MANY = 100
"""With more services than this each is tested on fewer days, and their courses are not kept."""
FEW_DAYS = 1.0


@dataclass(frozen=True, eq=False)
class Surveyed:
    """What a survey found."""

    gains: tuple[Gain, ...]
    """Ranked."""
    left_out: Mapping[str, str]
    """By key: why it could not be judged, and what to do."""
    start: float
    """Unix seconds: the tested days begin."""
    end: float
    test_days: float
    cut: str = ""
    """What was left out to be done in time, in words."""
    unread: str = ""
    """Why no demand at all could be read; empty: some could, or none was asked for."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Who is tested, in which world."""

    series: tuple[Series, ...]
    worlds: Mapping[str, World]
    candidates: Mapping[str, Candidate]
    left_out: Mapping[str, str]
    test_days: float
    cut: str
    unread: str


def prepare(found: Candidates, scalers: Mapping[str, ScalerOf], test_days: float) -> Prepared:
    """The series and the worlds of all that have enough history; `scalers` by the name of a kind."""
    cut = ""
    if len(found.judged) > MANY and test_days > FEW_DAYS:
        cut = f"with {len(found.judged)} services each was tested on the last {FEW_DAYS:g} day instead of {test_days:g}"
        test_days = FEW_DAYS
    worlds = {one.target.key: world_of(one, scalers[one.target.kind](one.target), test_days) for one in found.judged}
    panels = [
        Panel.of(found.start, found.step, one.demand * worlds[one.target.key].in_flight, (one.target.key,))
        for one in found.judged
    ]
    series, failed = prepared(panels, 1.0, test_days)
    known = {one.target.key: one for one in found.judged}
    failed = {name: f"{why} (see --test-days)" if "days of data" in why else why for name, why in failed.items()}
    return Prepared(tuple(series), worlds, known, {**found.left_out, **failed}, test_days, cut, found.unread)


def survey(
    ready: Prepared, model: Model, executor: Executor, tell: Callable[[str], object] = lambda name: None
) -> Surveyed:
    """Play all of them; `tell` is told each that is done."""
    results = {}
    for result in _played(ready, model, executor):
        results[result.name] = result
        tell(result.name)
    as_it_is = _as_they_are(ready, model, executor)
    gains = [_gain(ready, result, as_it_is.get(name)) for name, result in results.items()]
    span = [one.span for one in ready.series]
    return Surveyed(
        tuple(ranked(gains)),
        ready.left_out,
        min((one.start for one in span), default=0.0),
        max((one.end for one in span), default=0.0),
        ready.test_days,
        ready.cut,
        ready.unread,
    )


def _played(ready: Prepared, model: Model, executor: Executor) -> Iterator[SeriesResult]:
    """Ours, and beside it the scaler alone where it has the same bounds."""
    keep = len(ready.series) <= MANY

    def job(world: World) -> Job:
        others = () if world.lowered else (world.ours.scaling.name,)
        return Job(world.ours, world.question, (OURS, *others), keep)

    return run(ready.series, model, {one.name: job(ready.worlds[one.name]) for one in ready.series}, executor)


def _as_they_are(ready: Prepared, model: Model, executor: Executor) -> dict[str, SeriesResult]:
    """The scaler alone with its owner's minimum, where ours was played with a lower one; nothing is learned for it."""
    keep = len(ready.series) <= MANY
    series = [one for one in ready.series if ready.worlds[one.name].lowered]
    worlds = [ready.worlds[one.name] for one in series]
    jobs = {
        one.name: Job(world.now, world.question, (world.now.scaling.name,), keep)
        for one, world in zip(series, worlds, strict=True)
    }
    return {result.name: result for result in run(series, model, jobs, executor)}


def _gain(ready: Prepared, result: SeriesResult, as_it_is: SeriesResult | None) -> Gain:
    candidate, world = ready.candidates[result.name], ready.worlds[result.name]
    own = world.now.scaling.name
    now = (as_it_is or result).contenders[own]
    played = {OURS: result.contenders[OURS], own: now}
    contenders = {name: replace(one, points=(), equal=None) for name, one in played.items()}  # no knob was turned
    gain = Gain(candidate, world, result, now.outcome, contenders[OURS].outcome)
    told = replace(
        result,
        contenders=contenders,
        advice=(),
        notes=(*_notes(candidate, world), *result.notes),
        worth=gain.worth,
        why=gain.verdict,
        saving_hours=gain.saved,
        annotations=gain.annotations,
    )
    return replace(gain, result=told)


def _notes(candidate: Candidate, world: World) -> Iterator[str]:
    """What the reader must know of what was inferred and assumed."""
    readiness, takes = candidate.workload.readiness, seconds(world.ours.service.service_seconds)
    learned = f"learned from {readiness.learned} of its pods" if readiness.learned else "assumed, as none was seen"
    yield (
        f"Measured by {candidate.asked.words or candidate.asked.query}. In nine of ten cases a start takes "
        f"{seconds(readiness.longest(LAG_LEVEL))}, {learned}."
    )
    if not world.counted:
        yield (
            "What it is scaled by counts no requests: it is played as if a full replica held ten. Shares of late "
            "requests can be compared; their number would mean nothing."
        )
    elif candidate.workload.policy.policy.service_time is None:
        yield f"A request is taken to last {takes}; ahpa.dev/service-time says it better."
    if candidate.target.in_git:
        yield (
            f"{candidate.target.in_git} keeps its minimum as Git has it: before mode=apply let it ignore that field, "
            "or let the object read the floor (docs/without-writing.md)."
        )
    if others := [said for said in candidate.workload.assumed if said != "lag assumed"]:
        yield f"Taken for granted: {'; '.join(others)}."
