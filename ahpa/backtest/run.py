"""A backtest from beginning to end: demand in, a verdict on every series, results as they are done.

The slow parts are the fits, which take a whole fleet at once, and the worlds, one series each. Both go to an executor
that is given from outside; the fits of the next fleet before the worlds of this one, so that nobody waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from ahpa.backtest.contenders import NAMES, OURS
from ahpa.backtest.foresight import Foresight, Learning, windows_of_all
from ahpa.backtest.results import SeriesResult
from ahpa.backtest.series import Series, fleets, joined
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Setting, Trial
from ahpa.backtest.trust import NEVER, Freeze, freeze_of
from ahpa.backtest.verdict import verdict_on
from ahpa.core.known.knowledge import usual
from ahpa.simulation.outcome import Run
from forecasting.executor import Executor
from forecasting.model import Model


class Sink(Protocol):
    """Takes the courses of one series. It is sent to wherever they are played."""

    def packed(self, course: Run, /) -> Mapping[str, bytes]:
        """There: a course as files, by name."""
        ...

    def write(self, files: Mapping[str, bytes], /) -> None:
        """Here, where the results are taken: another machine has other folders."""
        ...


@dataclass(frozen=True)
class Job:
    """What every worker needs to know."""

    setting: Setting
    question: Question
    contenders: tuple[str, ...] = NAMES
    keep_runs: bool = True
    """False: courses go to the sink and are dropped."""


@dataclass(frozen=True)
class Tested:
    """One series played, as it comes back from wherever that was."""

    result: SeriesResult
    files: dict[str, bytes]
    """Of its courses, until they are written: whoever holds the task holds its result."""


def run(
    series: Sequence[Series],
    model: Model,
    job: Job | Mapping[str, Job],
    executor: Executor,
    sink_of: Callable[[str], Sink] | None = None,
) -> Iterator[SeriesResult]:
    """The result of every series, in the order in which they are done; the courses of one go to `sink_of(its name)`.
    `job` is that of all, or by the name of each.

    Who takes the results may stop at any time, and then stops the executor too. On Ctrl-C what is done already still
    comes, and then KeyboardInterrupt.
    """
    jobs = job if isinstance(job, Mapping) else {one.name: job for one in series}
    waiting = list(fleets(series))
    learning = _learning(model, waiting[0], jobs, executor) if waiting else None
    for number, fleet in enumerate(waiting, 1):
        foresights, freeze = _known(fleet, learning)
        learning = _learning(model, waiting[number], jobs, executor) if number < len(waiting) else None
        tasks = [
            executor.submit(tested, one, foresight, freeze, jobs[one.name], sink_of(one.name) if sink_of else None)
            for one, foresight in zip(fleet, foresights, strict=True)
        ]
        left = list(tasks)
        try:
            for task in executor.as_completed(tasks):
                left.remove(task)
                yield _taken(task.result(), sink_of)
        except KeyboardInterrupt:
            yield from (_taken(task.result(), sink_of) for task in left if task.done())
            raise


def _taken(tested: Tested, sink_of: Callable[[str], Sink] | None) -> SeriesResult:
    if sink_of is not None:
        sink_of(tested.result.name).write(tested.files)
        tested.files.clear()
    return tested.result


def _learning(model: Model, fleet: Sequence[Series], jobs: Mapping[str, Job], executor: Executor) -> Learning | None:
    """The fits of a fleet, handed in; None where nobody asks the model."""
    if not any(OURS in jobs[one.name].contenders for one in fleet):
        return None
    panel, span = joined(fleet)
    windows = windows_of_all([jobs[one.name].setting.service for one in fleet], panel.step)
    known = {one.name: jobs[one.name].setting.known for one in fleet}
    return Learning.of(model, usual(panel, known), span.first, span.end, windows, executor)


def _known(fleet: Sequence[Series], learning: Learning | None) -> tuple[list[Foresight], Freeze]:
    """What was foreseen of each series, and when the fleet was frozen."""
    if learning is None:
        return [Foresight.none()] * len(fleet), NEVER
    foresights = learning.foresights()
    panel, span = joined(fleet)
    return foresights, freeze_of(panel, foresights, span.first, span.end)


def tested(one: Series, foresight: Foresight, freeze: Freeze, job: Job, sink: Sink | None) -> Tested:
    """One series played under every contender, its courses packed."""
    trial = Trial.of(one.panel, one.span, job.setting, foresight, freeze, one.source)
    result = verdict_on(trial, job.question, job.contenders)
    files: dict[str, bytes] = {}
    for found in result.contenders.values():
        if sink is not None and found.run is not None:
            files |= sink.packed(found.run)
    if not job.keep_runs:
        without = {name: replace(found, run=None) for name, found in result.contenders.items()}
        result = replace(result, contenders=without)
    return Tested(result, files)
