"""From what was read to series that can be tested, and to fleets of them that are learned and played together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np

from ahpa.backtest.trial import NotEnoughError, Span
from ahpa.simulation.counts import Counted, RequestHistory, aligned, minutes
from ahpa.simulation.requests import Requests
from forecasting.panel import Panel, beside

MOST_IN_FLIGHT = 100_000
"""What one step of a service may ask for; a hundred times the busiest that we know of."""
MOST_PER_FLEET = 100
"""Series that are learned together and freeze together; more would cost memory and change little."""


class TooMuchError(ValueError):
    """A series asks for more than can be simulated; the message says where."""


@dataclass(frozen=True, eq=False)
class Series:
    """One service to be tested, its demand as mean concurrency."""

    name: str
    panel: Panel
    """One row, whole minutes: what contenders and model see."""
    span: Span
    source: RequestHistory
    """The requests of the played days."""


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


def _rows(given: Panel | Requests, per_unit: float) -> Iterator[tuple[str, Panel, RequestHistory]]:
    """(name, mean concurrency on whole minutes, requests) of every service."""
    if isinstance(given, Requests):
        return iter([(given.name, given.demand, given)])
    fine = aligned(given)
    whole = minutes(fine)

    def row(panel: Panel, i: int) -> Panel:
        return Panel.of(panel.start, panel.step, panel.values[i] * per_unit, (panel.keys[i],))

    return ((key, row(whole, i), Counted(row(fine, i))) for i, key in enumerate(fine.keys))


def _span(row: Panel, test_days: float) -> Span:
    span = Span.of(row, test_days)
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
    """Series on the same grid with the same tested days: a fleet, whatever the order of files."""
    groups: dict[tuple[float, float, float], list[Series]] = {}
    for one in sorted(series, key=lambda one: one.name):
        groups.setdefault((one.panel.step, one.panel.start % one.panel.step, one.panel.end), []).append(one)
    for group in groups.values():
        for first in range(0, len(group), MOST_PER_FLEET):
            yield group[first : first + MOST_PER_FLEET]


def joined(fleet: Sequence[Series]) -> tuple[Panel, Span]:
    """One panel of a fleet, NaN before a series begins; the span that the longest history allows."""
    earliest = min((one.span for one in fleet), key=lambda span: span.first)
    return beside([one.panel for one in fleet]), earliest
