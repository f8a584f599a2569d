"""Prometheus: demand histories as a `Panel`; what was not observed stays NaN.

The named library makes the call; `session.py` bounds what it may cost. What the library lacks besides is here:
`warnings` kept (a partial answer has HTTP 200), chunks that share no point, one deadline for a whole reading, and one
error type.
"""

from __future__ import annotations

import math
import re
import reprlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import CancelledError
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import requests
from urllib3.exceptions import HTTPError

from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.recollection import Recollection
from ahpa.adapters.prometheus.refusals import tls_refusal_of, way_to
from ahpa.adapters.prometheus.session import BoundedSession, MetricsUnavailable, NoAnswer
from ahpa.core.counters import WAY_OUT, Course, course
from ahpa.core.turns import in_turn
from ahpa.ports import Reading
from ahpa.transport import NEVER, cause_of, innermost
from forecasting.executor import Executor, Serial, run_all
from forecasting.panel import Floats, Panel

MAX_POINTS = 10_000
"""Per query; Prometheus refuses more than 11,000."""
MOST_SERIES = 100
"""That a server is asked for (`limit`); more than one is a mistake in the query."""
PATIENCE = 8
"""If the server gave no answer to so many queries and to no other, the rest of a reading is not asked."""
LAST_STAMP = 253_402_300_800
"""Seconds: the year 10,000."""
_NUMBER = re.compile(r"\+?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, eq=False)
class Demand:
    """One service's demand on a grid, and how far it may be trusted."""

    values: Floats
    """Shape [t]; NaN where nothing was observed or the value was unbelievable."""
    problem: str | None = None
    """Why nothing was read, or None."""
    partial: bool = False
    """The server warned that the answer may be incomplete."""
    asked: bool = True
    remarks: tuple[str, ...] = ()
    """What the server said of its answer, in words."""


class Prometheus:
    """The DemandSource of one server: range queries. `executor` must run in this process, as threads do."""

    def __init__(
        self,
        url: str,
        connection: Connection | None = None,
        *,
        timeout_seconds: tuple[float, float] = (3.05, 10.0),
        total_seconds: float = 20.0,
        executor: Executor | None = None,
    ) -> None:
        """`timeout_seconds`: to connect, and for one whole answer; `total_seconds`: for a query with all its tries."""
        from prometheus_api_client import PrometheusConnect

        connect, answer = timeout_seconds
        self._limits = (connect, total_seconds)
        self._session = BoundedSession(connection or Connection(), answer)
        self._client = PrometheusConnect(url.rstrip("/"), session=self._session)
        self._executor = executor or Serial()
        self._remember_anew()

    def apart(self) -> Prometheus:
        """Another reader of the same server, by the same connections. Neither knows what the other was told: what is
        read of the same targets with other queries must not be held against their demand."""
        other = copy(self)
        other._remember_anew()
        return other

    def _remember_anew(self) -> None:
        self._left_over: dict[int, tuple[str, ...]] = {}
        """By a reading's length in seconds, which tells a tick's from a refit's: the keys that it could not ask for."""
        self._recollection = Recollection()

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = NEVER
    ) -> Reading:
        """The demand of every key on the grid [start, end), problems by key, and the keys with partial answers.

        A sample at time T is the mean over (T - step, T], so column j holds the sample at start + (j + 1) * step.
        One failing query leaves its row NaN and harms no other. If the server gave no answer to the first few,
        the others are not asked: a thousand time-outs in a row would stop the loop. Nor is anything asked after the
        `deadline`; who had to go without then comes first in the next reading of this length.
        """
        length = round(end - start)
        start, end = math.floor(start / step) * step, math.floor(end / step) * step
        values = np.full((len(queries), round((end - start) / step)), np.nan)
        asking = _Asking(self, self._session, start, end, step, deadline)
        order = in_turn(queries, self._left_over.get(length, ()))
        row_of = dict(zip(queries, values, strict=True))
        try:
            demands = run_all(self._executor, asking.ask, [(queries[key], row_of[key]) for key in order])
        except CancelledError:  # a thread that is still at it must not write into what we hand out
            values = np.full_like(values, np.nan)
            demands = [Demand(values[0], "reading was stopped") for _ in order]
        found = dict(zip(order, demands, strict=True))
        rows = {key: found[key] for key in queries}
        self._left_over[length] = tuple(key for key, row in found.items() if not row.asked)
        values.setflags(write=False)  # not copied: a thousand fortnights are 160 MiB
        panel = Panel(start, step, values, tuple(queries))
        problems = {key: row.problem for key, row in rows.items() if row.problem is not None}
        warned = frozenset(key for key, row in rows.items() if row.partial)
        panel, partial = self._recollection.weighed(queries, panel, warned)
        remarks = {key: row.remarks for key, row in rows.items() if row.remarks}
        return Reading(panel, problems, partial, asking.skew, remarks)

    def demand(self, query: str, start: float, end: float, step: float, deadline: float = NEVER) -> Demand:
        """One series on the grid [start, end). Raises MetricsUnavailable."""
        values = np.full(round((end - start) / step), np.nan)
        partial, name = False, ""
        remarks: dict[str, None] = {}
        for first in range(0, len(values), MAX_POINTS):
            last = min(first + MAX_POINTS, len(values))
            # Chunks share no point: a chunk asks for the samples that close its own steps.
            span = (start + (first + 1) * step, start + last * step)
            rows, warned = self._query_range(query, span, step, deadline)
            partial |= warned
            remarks |= dict.fromkeys(self._session.remarks)
            if len(rows) > 1:
                raise MetricsUnavailable(f"the query gave {len(rows)} series; aggregate them to one, with sum() say")
            if rows:
                name, samples = rows[0]
                _fill(values, samples, start, step)
        if course(values, name) is Course.COUNTER:
            raise MetricsUnavailable(f"the query {WAY_OUT}")
        return Demand(values, None, partial, remarks=tuple(remarks))

    def _query_range(
        self, query: str, span: tuple[float, float], step: float, deadline: float
    ) -> tuple[list[tuple[str, list[Any]]], bool]:
        """The metric's name and the values of each series, and whether the server warned. Every way to fail is
        MetricsUnavailable."""
        connect, total = self._limits
        total = min(total, deadline - time.monotonic())
        if total <= 0:
            raise NoAnswer("the round's time was over")
        try:
            result = self._client.custom_query_range(
                query,
                datetime.fromtimestamp(span[0], UTC),
                datetime.fromtimestamp(span[1], UTC),
                f"{step:g}s",
                params={"timeout": f"{math.ceil(min(total, 15.0))}s", "limit": MOST_SERIES},
                timeout=(connect, total),
            )
            if not isinstance(result, list):
                raise MetricsUnavailable("the answer is not a list of series")
            return [(_name(series), _samples(series)) for series in result], self._session.warned
        except MetricsUnavailable:
            raise
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise NoAnswer(_cause(error)) from error
        except Exception as error:  # KeyError, PrometheusApiClientException, ...
            raise MetricsUnavailable(f"{type(error).__name__}: {str(error)[:200]}") from error


@dataclass(eq=False)
class _Asking:
    """One reading of many queries, on several threads; knows whether the server answers at all."""

    prometheus: Prometheus
    session: BoundedSession
    start: float
    end: float
    step: float
    deadline: float
    answered: threading.Event = field(default_factory=threading.Event)
    unanswered: list[str] = field(default_factory=list)
    skews: list[float] = field(default_factory=list)

    @property
    def skew(self) -> float:
        """As `Reading` says: the worst that any answer told."""
        return max(self.skews, key=abs, default=0.0)

    def ask(self, asked: tuple[str, Floats]) -> Demand:
        """The demand of one query, laid into its own row, which is NaN before."""
        query, row = asked
        if len(self.unanswered) >= PATIENCE and not self.answered.is_set():
            why = f"not asked: no answer to the first {len(self.unanswered)} queries"
            return Demand(row, why, asked=False)
        if time.monotonic() >= self.deadline:
            return Demand(row, "not asked: the round's time was over", asked=False)
        self.session.forget_skew()
        try:
            found = self.prometheus.demand(query, self.start, self.end, self.step, self.deadline)
        except NoAnswer as error:
            self.unanswered.append(query)
            return Demand(row, str(error))
        except MetricsUnavailable as error:
            self.answered.set()
            return Demand(row, str(error))
        finally:
            self.skews.append(self.session.skew)
        self.answered.set()
        row[:] = found.values
        return replace(found, values=row)


def _name(series: Any) -> str:
    """The metric's own, which only a query without any function keeps."""
    metric = series.get("metric") if isinstance(series, dict) else None
    return str(metric.get("__name__", "")) if isinstance(metric, dict) else ""


def _samples(series: Any) -> list[Any]:
    """What one series of a matrix holds. Raises MetricsUnavailable."""
    values = series.get("values") if isinstance(series, dict) else None
    if not isinstance(values, list):
        kind = (
            "a native histogram, of which histogram_count(rate(...)) counts"
            if isinstance(series, dict) and "histograms" in series
            else "no series of numbers"
        )
        raise MetricsUnavailable(f"the query gave {kind}; it must give one number a step, with sum(rate(...)) say")
    return values


def _fill(values: Floats, samples: list[Any], start: float, step: float) -> None:
    """Lay samples on the grid; of two for one step the larger counts, so the order does not matter.

    A sample is `[seconds, "value"]`; one of another shape makes the whole answer one that nobody should believe.
    """
    for sample in samples:
        if not (isinstance(sample, list) and len(sample) == 2 and type(sample[0]) in (int, float)):
            raise MetricsUnavailable(f'a sample is not [seconds, "value"]: {reprlib.repr(sample)[:60]}')
        stamp, text = sample
        if not -LAST_STAMP < stamp < LAST_STAMP:  # also NaN, and digits that no float holds
            raise MetricsUnavailable(f"a sample is of no time: {str(stamp)[:40]}")
        column = (stamp - start) / step - 1
        index = round(column)
        if 0 <= index < len(values) and abs(column - index) < 0.01:
            values[index] = np.fmax(values[index], _believable(text))


def _cause(error: BaseException) -> str:
    """Why there was no answer, and what helps."""
    inner = innermost(error)
    helps = tls_refusal_of(f"{inner!r} {inner}") or way_to(str(inner))
    return f"{type(error).__name__}: {cause_of(error)}" + (f": {helps}" if helps else "")


def _believable(text: Any) -> float:
    """A demand as Prometheus writes one, a number in quotes; NaN for anything else: `false` is not 0."""
    if not (isinstance(text, str) and _NUMBER.fullmatch(text)):
        return math.nan
    value = float(text)
    return value if math.isfinite(value) else math.nan
