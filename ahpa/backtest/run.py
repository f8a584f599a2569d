"""A backtest from beginning to end: demand in, every series judged, results as they are done.

The slow parts are the fit, which takes whole panels at once, and the worlds, one series each: those run in
`jobs` processes. Results come in the order in which they are done; who takes them may stop at any time.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np

from ahpa.adapters.files.results import write_ticks
from ahpa.backtest.contenders import Foresight
from ahpa.backtest.results import SeriesResult
from ahpa.backtest.sweep import Question
from ahpa.backtest.trial import Each, NotEnoughError, Setting, Span, foresee, span_of, trial, windows_of
from ahpa.backtest.verdict import judge
from ahpa.simulation.counts import Counted, Source, aligned, minutes
from ahpa.simulation.requests import Requests
from forecasting.model import Model
from forecasting.panel import Floats, Panel, beside

MOST_IN_FLIGHT = 100_000
"""What one step of a service may ask for; a hundred times the busiest that we know of."""
MOST_PER_FIT = 100
"""Series that are fitted together; more would cost memory and change little."""


class TooMuchError(ValueError):
    """A series asks for more than can be simulated; the message says where."""


@dataclass(frozen=True, eq=False)
class Series:
    """One service to be tested, its demand as mean concurrency."""

    name: str
    panel: Panel
    """One row, whole minutes: what policies and model see."""
    span: Span
    source: Source
    """The requests of the played days."""


@dataclass(frozen=True)
class Job:
    """What every worker needs to know."""

    setting: Setting
    question: Question
    ticks: Path | None
    """Where the courses are written; None: nowhere."""
    per_unit: float
    """Requests in flight that one unit of the input makes."""
    keep_runs: bool = True
    """False: courses are written and dropped."""


def prepared(
    inputs: Sequence[Panel | Requests], per_unit: float, test_days: float
) -> tuple[list[Series], dict[str, str]]:
    """The series that can be tested, and why the others cannot. Names become unique.

    `per_unit` are the requests in flight that one unit of a panel makes; a list of requests needs none. Raises
    ValueError for steps that cannot be tested.
    """
    out: list[Series] = []
    failed: dict[str, str] = {}
    taken: set[str] = set()
    for given in inputs:
        for key, row, source in _rows(given, per_unit):
            name = next(n for n in _names(key) if n not in taken)
            taken.add(name)
            try:
                span = _span(row, test_days)
            except (NotEnoughError, TooMuchError) as error:
                failed[name] = str(error)
                continue
            out.append(Series(name, replace(row, keys=(name,)), span, source.between(span.first, span.end)))
    return out, failed


def _names(key: str) -> Iterator[str]:
    """The name, then others like it."""
    yield key
    yield from (f"{key} ({number})" for number in count(2))


def _rows(given: Panel | Requests, per_unit: float) -> Iterator[tuple[str, Panel, Source]]:
    """(name, mean concurrency on whole minutes, requests) of every service."""
    if isinstance(given, Requests):
        return iter([(given.name, given.demand, given)])
    fine = aligned(given)
    whole = minutes(fine)

    def row(panel: Panel, i: int) -> Panel:
        return Panel.of(panel.start, panel.step, panel.values[i] * per_unit, (panel.keys[i],))

    return ((key, row(whole, i), Counted(row(fine, i))) for i, key in enumerate(fine.keys))


def _span(row: Panel, test_days: float) -> Span:
    span = span_of(row, test_days)
    if not np.isfinite(row.between(span.start, span.end).values).any():
        raise NotEnoughError("nothing was observed in the tested days")
    largest = int(np.nanargmax(row.values[0]))
    if row.values[0, largest] > MOST_IN_FLIGHT:
        raise TooMuchError(
            f"the step that begins at {row.start + row.step * largest:.0f} (unix seconds) asks for "
            f"{row.values[0, largest]:.3g} requests in flight; at most {MOST_IN_FLIGHT:,} can be simulated. Is it a "
            "counter's reset, or another --unit?"
        )
    if not np.isfinite(row.until(span.start).values).any():
        raise NotEnoughError("nothing was observed before the tested days")
    return span


def fleets(series: Sequence[Series]) -> Iterator[list[Series]]:
    """Series on the same grid with the same tested days: they are fitted together, whatever the order of files."""
    groups: dict[tuple[float, float, float], list[Series]] = {}
    for one in sorted(series, key=lambda one: one.name):
        groups.setdefault((one.panel.step, one.panel.start % one.panel.step, one.panel.end), []).append(one)
    for group in groups.values():
        for first in range(0, len(group), MOST_PER_FIT):
            yield group[first : first + MOST_PER_FIT]


def joined(fleet: Sequence[Series]) -> tuple[Panel, Span]:
    """One panel of a fleet, NaN before a series begins; the span of which the longest history allows."""
    earliest = min((one.span for one in fleet), key=lambda span: span.first)
    return beside([one.panel for one in fleet]), earliest


def run(
    series: Sequence[Series], model: Model, levels: Floats, job: Job, files: dict[str, str], jobs: int
) -> Iterator[tuple[str, SeriesResult | str]]:
    """(name, result or why there is none) of every series, in the order in which they are done.

    Closing the iterator drops what has not begun.
    """
    if jobs == 1:
        for fleet in fleets(series):
            for one, foresight in zip(fleet, _foreseen(model, levels, fleet, job), strict=True):
                yield one.name, tested(one, foresight, job, files[one.name])
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts)
    try:
        pending: dict[Future[SeriesResult | str], str] = {}
        for fleet in fleets(series):
            # While nobody plays, the pool learns; else the parent does beside it.
            each: Each = map if pending else pool.map
            for one, foresight in zip(fleet, _foreseen(model, levels, fleet, job, each), strict=True):
                pending[pool.submit(tested, one, foresight, job, files[one.name])] = one.name
            for done in [future for future in pending if future.done()]:
                yield pending.pop(done), done.result()
        for done in as_completed(list(pending)):
            yield pending.pop(done), done.result()
    except (KeyboardInterrupt, GeneratorExit) as stop:
        for worker in multiprocessing.active_children():
            worker.terminate()  # a series takes many seconds; files are written whole or not at all
        if isinstance(stop, KeyboardInterrupt):  # what was done while a further fleet was learned
            for future in [f for f in pending if f.done() and not f.cancelled() and f.exception() is None]:
                yield pending.pop(future), future.result()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _leave_interrupts() -> None:
    """Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _foreseen(model: Model, levels: Floats, fleet: Sequence[Series], job: Job, each: Each = map) -> list[Foresight]:
    if "ahpa" not in job.question.policies:
        nothing = Foresight(np.empty(0), levels, np.ones(1), np.empty((0, 1, len(levels))), "")
        return [nothing] * len(fleet)
    panel, span = joined(fleet)
    return foresee(model, levels, panel, span, windows_of(job.setting, panel.step), each)


def tested(one: Series, foresight: Foresight, job: Job, file_name: str) -> SeriesResult | str:
    """One series judged, its courses written."""
    prepared = trial(one.name, one.panel, one.span, foresight, job.setting, one.source)
    result = judge(prepared, job.question)
    if job.ticks is not None:
        for policy in result.policies.values():
            if policy.run is not None:
                write_ticks(job.ticks, file_name, policy.run, job.per_unit)
    if job.keep_runs:
        return result
    return replace(result, policies={name: replace(found, run=None) for name, found in result.policies.items()})
