"""What `ahpa backtest` is given to read, and in which unit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ahpa.commands.options import named_once

if TYPE_CHECKING:
    from ahpa.simulation.requests import Requests
    from forecasting.panel import Panel

UNITS = ("requests-per-minute", "requests-per-second", "requests-per-step", "concurrency")
FOR_COUNTS = ("unit", "service_time", "burstiness")
"""Options that say of counts what a list of requests says of each."""


def read_all(given: dict[str, Any]) -> list[Panel | Requests]:
    """What FILES or a Prometheus hold: counts, or lists of requests, not both. Raises InputError, UsageError."""
    from ahpa.adapters.files.text import InputError
    from ahpa.simulation.requests import Requests

    if given["from_prometheus"]:
        if given["files"] or not given["queries"]:
            raise click.UsageError("--from-prometheus needs --query, and no files")
        return [_from_prometheus(given["from_prometheus"], given["queries"], given["history"])]
    if not given["files"]:
        raise click.UsageError("name at least one file, or --from-prometheus with --query")
    if given["queries"]:
        raise click.UsageError("--query needs --from-prometheus")
    found: list[Panel | Requests] = []
    named_once(given["files"])
    try:
        for file in given["files"]:
            found += _read(file)
    except MemoryError as error:
        raise InputError("the input is too large for this machine's memory") from error
    lists = sum(isinstance(one, Requests) for one in found)
    if 0 < lists < len(found):
        raise click.UsageError("lists of requests (timestamp,duration) and counts do not go into one run")
    if lists:
        refuse(FOR_COUNTS, "a list of requests says it itself")
    return found


def _read(file: Path) -> Sequence[Panel | Requests]:
    """What one file holds, in steps that can be tested."""
    from ahpa.adapters.files.read import inputs
    from ahpa.adapters.files.text import InputError
    from ahpa.simulation.counts import check_step
    from ahpa.simulation.requests import Requests

    found = inputs(file)
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


def _from_prometheus(url: str, queries: tuple[str, ...], history: float) -> Panel:
    import re
    import time

    from ahpa.adapters.files.text import NOT_ENOUGH, InputError
    from ahpa.adapters.prometheus.source import Prometheus

    named: dict[str, str] = {}
    for i, text in enumerate(queries):
        found = re.fullmatch(r"([a-zA-Z0-9._/-]{1,100})=(?!=)(.+)", text, re.DOTALL)
        name, query = (found[1], found[2]) if found else (f"query-{i + 1}", text)
        if not query.strip():
            raise click.UsageError(f"--query: {name} is empty")
        if name in named:
            raise click.UsageError(f"--query: the name {name} comes twice")
        named[name] = query
    shown = re.sub(r"//[^/@]*@", "//***@", url)  # never a password
    now = time.time()  # noqa: TID251  (a command is an edge)
    reading = Prometheus(url).read(named, now - history, now, 60.0)
    if reading.problems:
        name, why = next(iter(reading.problems.items()))
        raise InputError(f"{shown}: {name}: {why.replace(url, shown)}", 3)
    import numpy as np

    panel = reading.panel
    seen = np.isfinite(panel.values)
    if not seen.any():
        raise InputError(f"{shown}: the queries gave no samples in the last {history / 86_400:g} days", NOT_ENOUGH)
    return panel.between(panel.start + 60.0 * int(seen.any(axis=0).argmax()), panel.end)


def service_seconds(given: dict[str, Any], inputs: Sequence[Panel | Requests]) -> float:
    """How long a request holds a slot: as given, or the mean of all in lists."""
    from ahpa.simulation.requests import Requests

    lists = [one for one in inputs if isinstance(one, Requests)]
    if not lists:
        return float(given["service_time"])
    return sum(one.mean_seconds * len(one.held) for one in lists) / sum(len(one.held) for one in lists)


def per_unit(unit: str, service_seconds: float, inputs: Sequence[Panel | Requests]) -> float:
    """Requests in flight that one unit of the input makes: 30 requests a minute of 2 s are 1."""
    from forecasting.panel import Panel

    panels = [one for one in inputs if isinstance(one, Panel)]
    if not panels:
        return 1.0
    if unit == "requests-per-step":
        steps = {panel.step for panel in panels}
        if len(steps) > 1:
            raise click.UsageError("--unit requests-per-step needs inputs of the same step")
        return service_seconds / steps.pop()
    return {UNITS[0]: service_seconds / 60, UNITS[1]: service_seconds}.get(unit, 1.0)
