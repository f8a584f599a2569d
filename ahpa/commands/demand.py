"""What `ahpa backtest` is given to read, and in which unit."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
from click.core import ParameterSource

from ahpa.adapters.files.demand import read_demand
from ahpa.adapters.files.text import NOT_ENOUGH, InputError
from ahpa.commands.options import PROMETHEUS_OPTIONS, named_once
from ahpa.simulation.counts import check_step
from ahpa.simulation.requests import Requests
from forecasting.panel import Panel

if TYPE_CHECKING:
    from ahpa.adapters.prometheus.connection import Connection

UNITS = ("requests-per-minute", "requests-per-second", "requests-per-step", "concurrency")
FOR_COUNTS = ("unit", "service_time", "burstiness")
"""Options that say of counts what a list of requests says of each."""


@dataclass(frozen=True)
class Source:
    """Where demand comes from, as it was said on the command line."""

    files: tuple[Path, ...]
    unit: str
    service_time: float
    from_prometheus: str | None
    connection: Connection | None
    """How that is reached."""
    query: tuple[str, ...]
    history: float
    """Seconds to ask a Prometheus for."""


@dataclass(frozen=True, eq=False)
class Demand:
    """What was read: counts or lists of requests, never both."""

    panels: tuple[Panel, ...]
    lists: tuple[Requests, ...]
    counts: str
    """What a value counts: one of UNITS, or `requests, one by one`."""
    service_seconds: float
    """How long a request holds a slot: as given, or the mean of all in lists."""
    per_unit: float
    """Requests in flight that one unit of a panel makes: 30 requests a minute of 2 s are 1."""

    @classmethod
    def of(cls, found: Sequence[Panel | Requests], source: Source) -> Demand:
        """What was found, in the terms of the command line. Raises UsageError where they do not fit."""
        panels = tuple(one for one in found if isinstance(one, Panel))
        lists = tuple(one for one in found if isinstance(one, Requests))
        if panels and lists:
            raise click.UsageError("lists of requests (timestamp,duration) and counts do not go into one run")
        if lists:
            refuse(FOR_COUNTS, "a list of requests says it itself")
            mean = sum(one.mean_seconds * len(one.held) for one in lists) / sum(len(one.held) for one in lists)
            return cls((), lists, "requests, one by one", mean, 1.0)
        counts = "requests in flight" if source.unit == "concurrency" else source.unit.replace("-", " ")
        return cls(panels, (), counts, source.service_time, _per_unit(source.unit, source.service_time, panels))


def read(source: Source) -> Demand:
    """What FILES or a Prometheus hold. Raises InputError, UsageError."""
    if source.from_prometheus:
        if source.files or not source.query:
            raise click.UsageError("--from-prometheus needs --query, and no files")
        return Demand.of([_from_prometheus(source.from_prometheus, source)], source)
    if not source.files:
        raise click.UsageError("name at least one file, or --from-prometheus with --query")
    if source.query:
        raise click.UsageError("--query needs --from-prometheus")
    refuse(PROMETHEUS_OPTIONS, "there is no --from-prometheus")
    named_once(source.files)
    try:
        found = [one for file in source.files for one in _read(file)]
    except MemoryError as error:
        raise InputError("the input is too large for this machine's memory") from error
    return Demand.of(found, source)


def _read(file: Path) -> Sequence[Panel | Requests]:
    """What one file holds, in steps that can be tested."""
    found = read_demand(file)
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


def _from_prometheus(url: str, source: Source) -> Panel:
    from ahpa.adapters.prometheus.source import Prometheus

    named, history = _named(source.query), source.history
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
    return panel.between(panel.start + 60.0 * int(seen.any(axis=0).argmax()), panel.end)


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
    return {UNITS[0]: service_seconds / 60, UNITS[1]: service_seconds}.get(unit, 1.0)
