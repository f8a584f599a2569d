"""What `ahpa backtest` is given to read, and in which unit."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from click.core import ParameterSource

from ahpa.adapters.files.demand import read_demand
from ahpa.adapters.files.parts import Joining
from ahpa.adapters.files.text import NOT_ENOUGH, InputError
from ahpa.commands.options import JOINING_OPTIONS, PROMETHEUS_OPTIONS, named_once
from ahpa.core.counters import Course, course
from ahpa.core.units import IN_FLIGHT
from ahpa.simulation.counts import check_step
from ahpa.simulation.requests import Requests
from forecasting.panel import Panel

if TYPE_CHECKING:
    from ahpa.adapters.prometheus.connection import Connection

UNITS = ("requests-per-minute", "requests-per-second", "requests-per-step", "concurrency")
FILES_COUNT = UNITS[0]
"""What the values of a file are taken to count, unless --unit says otherwise."""
_BY_MEANING = {**{unit: unit for unit in UNITS}, IN_FLIGHT.name: "concurrency"}
"""Our name for what a query counts."""
FOR_COUNTS = ("unit", "service_time", "burstiness")
"""Options that say of counts what a list of requests says of each."""


@dataclass(frozen=True)
class Source:
    """Where demand comes from, as it was said on the command line."""

    files: tuple[Path, ...]
    unit: str | None
    """One of UNITS; None: not said."""
    service_time: float
    from_prometheus: str | None
    connection: Connection | None
    """How that is reached."""
    query: tuple[str, ...]
    history: float
    """Seconds to ask a Prometheus for."""
    joining: Joining
    """What series of a file are that look like parts of one."""


@dataclass(frozen=True)
class Counting:
    """What the values count, and who says so."""

    unit: str
    """One of UNITS."""
    why: str = ""
    """How that is known where nobody said it, in words."""

    @property
    def words(self) -> str:
        plain = "requests in flight" if self.unit == "concurrency" else self.unit.replace("-", " ")
        return f"{plain} ({self.why})" if self.why else plain


@dataclass(frozen=True, eq=False)
class Demand:
    """What was read: counts or lists of requests, never both."""

    panels: tuple[Panel, ...]
    lists: tuple[Requests, ...]
    counts: str
    """What a value counts, in words: requests per second, or `requests, one by one`."""
    service_seconds: float
    """How long a request holds a slot: as given, or the mean of all in lists."""
    per_unit: float
    """Requests in flight that one unit of a panel makes: 30 requests a minute of 2 s are 1."""
    remarks: tuple[str, ...] = ()
    """What the reader must know of the input: an answer may be incomplete, say."""

    @classmethod
    def of(
        cls, found: Sequence[Panel | Requests], source: Source, counting: Counting, remarks: Sequence[str] = ()
    ) -> Demand:
        """What was found, in the terms of the command line. Raises UsageError where they do not fit."""
        panels = tuple(one for one in found if isinstance(one, Panel))
        lists = tuple(one for one in found if isinstance(one, Requests))
        if panels and lists:
            raise click.UsageError("lists of requests (timestamp,duration) and counts do not go into one run")
        if lists:
            refuse(FOR_COUNTS, "a list of requests says it itself")
            refuse(JOINING_OPTIONS, "a list of requests has no labels")
            mean = sum(one.mean_seconds * len(one.held) for one in lists) / sum(len(one.held) for one in lists)
            return cls((), lists, "requests, one by one", mean, 1.0, tuple(remarks))
        per_unit = _per_unit(counting.unit, source.service_time, panels)
        return cls(panels, (), counting.words, source.service_time, per_unit, tuple(remarks))


def read(source: Source) -> Demand:
    """What FILES or a Prometheus hold. Raises InputError, UsageError."""
    if source.from_prometheus:
        if source.files or not source.query:
            raise click.UsageError("--from-prometheus needs --query, and no files")
        refuse(JOINING_OPTIONS, "in --query, PromQL's own sum() does it")
        queries, remarks = _named(source.query), list[str]()
        panel = _from_prometheus(source.from_prometheus, queries, source, remarks.append)
        return Demand.of([panel], source, _counting(queries, source.unit), remarks)
    if not source.files:
        raise click.UsageError("name at least one file, or --from-prometheus with --query")
    if source.query:
        raise click.UsageError("--query needs --from-prometheus")
    refuse(PROMETHEUS_OPTIONS, "there is no --from-prometheus")
    named_once(source.files)
    remarks = []
    try:
        found = [one for file in source.files for one in _read(file, source.joining, remarks.append)]
    except MemoryError as error:
        raise InputError("the input is too large for this machine's memory") from error
    assumed = Counting(FILES_COUNT, "taken so: --unit says otherwise")
    return Demand.of(found, source, assumed if source.unit is None else Counting(source.unit), remarks)


def _read(file: Path, joining: Joining, remark: Callable[[str], None]) -> Sequence[Panel | Requests]:
    """What one file holds, in steps that can be tested."""
    found = read_demand(file, joining, remark)
    if isinstance(found, Requests):
        return [found]
    try:
        for panel in found:
            check_step(panel.step)
    except ValueError as error:
        raise InputError(f"{file}: {error}") from error
    return found


def refuse(names: tuple[str, ...], why: str) -> None:
    """Options that would have no effect are refused where somebody gave them."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name.replace('_', '-')}: {why}; leave it out")


def _from_prometheus(url: str, named: dict[str, str], source: Source, remark: Callable[[str], None]) -> Panel:
    from ahpa.adapters.prometheus.source import Prometheus

    history = source.history
    shown = re.sub(r"//[^/@]*@", "//***@", url)  # never a password
    now = time.time()  # noqa: TID251  (a command is an edge)
    reading = Prometheus(url, source.connection).read(named, now - history, now, 60.0)
    if reading.problems:
        name, why = next(iter(reading.problems.items()))
        raise InputError(f"{shown}: {name}: {why.replace(url, shown)}", 3)
    panel = reading.panel
    seen = np.isfinite(panel.values)
    if not seen.any():
        raise InputError(f"{shown}: the queries gave no samples in the last {history / 86_400:g} days", NOT_ENOUGH)
    for name, row in zip(panel.keys, panel.values, strict=True):
        said = "; ".join(reading.remarks.get(name, ()))
        if name in reading.partial:
            remark(f"{name}: Prometheus warned that its answer may be incomplete: {said}")
        elif said:
            remark(f"{name}: Prometheus notes: {said}")
        if course(row) is Course.NEVER_FALLS:
            remark(f"{name}: {Course.NEVER_FALLS.value}")
    return panel.between(panel.start + 60.0 * int(seen.any(axis=0).argmax()), panel.end)


def _counting(queries: dict[str, str], unit: str | None) -> Counting:
    """What these count: as it was said, or as each query's text plainly says. Raises UsageError."""
    from ahpa.adapters.prometheus.meaning import meaning_of

    if unit is not None:
        return Counting(unit)
    found = {name: meaning_of(query) for name, query in queries.items()}
    known = {name: one for name, one in found.items() if one is not None and one.unit.name in _BY_MEANING}
    unclear = next((name for name in queries if name not in known), None)
    if unclear is not None:
        units = ", ".join(one for one in UNITS if one != "requests-per-step")
        raise click.UsageError(f"{unclear} does not say what it counts: say it with --unit ({units})")
    if len({one.unit for one in known.values()}) > 1:
        said = ", ".join(f"{name} {one.unit.words}" for name, one in known.items())
        raise click.UsageError(f"the queries count different things ({said}); in one run all count the same")
    one = next(iter(known.values()))
    return Counting(_BY_MEANING[one.unit.name], f"inferred: {one.why}")


def _named(queries: tuple[str, ...]) -> dict[str, str]:
    """Queries by the names that were given to them, or by number. Raises UsageError."""
    named: dict[str, str] = {}
    for i, text in enumerate(queries):
        found = re.fullmatch(r"([a-zA-Z0-9._/-]{1,100})=(?!=)(.+)", text, re.DOTALL)
        name, query = (found[1], found[2]) if found else (f"query-{i + 1}", text)
        if not query.strip():
            raise click.UsageError(f"--query: {name} is empty")
        if name in named:
            raise click.UsageError(f"--query: the name {name} comes twice")
        named[name] = query
    return named


def _per_unit(unit: str, service_seconds: float, panels: Sequence[Panel]) -> float:
    """As `Demand.per_unit`."""
    if unit == "requests-per-step":
        steps = {panel.step for panel in panels}
        if len(steps) > 1:
            raise click.UsageError("--unit requests-per-step needs inputs of the same step")
        return service_seconds / steps.pop()
    return {FILES_COUNT: service_seconds / 60, UNITS[1]: service_seconds}.get(unit, 1.0)
