"""Prometheus: demand histories as a `Panel`; what was not observed stays NaN.

The named library makes the call; `session.py` bounds what it may cost. What the library lacks besides is here:
`warnings` kept (a partial answer has HTTP 200), chunks that share no point, and one error type.
"""

from __future__ import annotations

import math
import ssl
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import requests
from urllib3.exceptions import HTTPError

from ahpa.adapters.prometheus.session import BoundedSession, MetricsUnavailable, NoAnswer
from ahpa.ports import Reading
from forecasting.executor import Executor, Serial, run_all
from forecasting.panel import Floats, Panel

MAX_POINTS = 10_000
"""Per query; Prometheus refuses more than 11,000."""
PATIENCE = 8
"""If the server gave no answer to so many queries and to no other, the rest of a reading is not asked."""


@dataclass(frozen=True, eq=False)
class Demand:
    """One service's demand on a grid, and how far it may be trusted."""

    values: Floats
    """Shape [t]; NaN where nothing was observed or the value was unbelievable."""
    problem: str | None = None
    """Why nothing was read, or None."""
    partial: bool = False
    """The server warned that the answer may be incomplete."""


class Prometheus:
    """The DemandSource of one server: range queries. `executor` must run in this process, as threads do."""

    def __init__(
        self,
        url: str,
        *,
        token_file: str | None = None,
        ca_file: str | None = None,
        insecure: bool = False,
        timeout_seconds: tuple[float, float] = (3.05, 10.0),
        total_seconds: float = 20.0,
        executor: Executor | None = None,
    ) -> None:
        from prometheus_api_client import PrometheusConnect

        self._session = BoundedSession(token_file, total_seconds)
        self._session.verify = False if insecure else (ca_file or True)
        if ca_file:
            ssl.create_default_context(cafile=ca_file)  # a bad file is an error now, not at the first tick
        self._client = PrometheusConnect(url.rstrip("/"), session=self._session, timeout=timeout_seconds)
        self._executor = executor or Serial()

    def read(self, queries: Mapping[str, str], start: float, end: float, step: float) -> Reading:
        """The demand of every key on the grid [start, end), problems by key, and the keys with partial answers.

        A sample at time T is the mean over (T - step, T], so column j holds the sample at start + (j + 1) * step.
        One failing query leaves its row NaN and harms no other. If the server gave no answer to the first few,
        the others are not asked: a thousand time-outs in a row would stop the loop.
        """
        start, end = math.floor(start / step) * step, math.floor(end / step) * step
        asking = _Asking(self, start, end, step)
        try:
            demands = run_all(self._executor, asking.ask, queries.values())
        except CancelledError:
            demands = [Demand(asking.unknown, "reading was stopped") for _ in queries]
        rows = dict(zip(queries, demands, strict=True))
        values = np.array([row.values for row in rows.values()]).reshape(len(rows), len(asking.unknown))
        panel = Panel.of(start, step, values, tuple(rows)) if rows else Panel(start, step, values, ())
        problems = {key: row.problem for key, row in rows.items() if row.problem is not None}
        return Reading(panel, problems, frozenset(key for key, row in rows.items() if row.partial))

    def demand(self, query: str, start: float, end: float, step: float) -> Demand:
        """One series on the grid [start, end). Raises MetricsUnavailable."""
        values = np.full(round((end - start) / step), np.nan)
        partial = False
        for first in range(0, len(values), MAX_POINTS):
            last = min(first + MAX_POINTS, len(values))
            # Chunks share no point: a chunk asks for the samples that close its own steps.
            rows, warned = self._query_range(query, start + (first + 1) * step, start + last * step, step)
            partial |= warned
            if len(rows) > 1:
                raise MetricsUnavailable(f"the query gave {len(rows)} series; aggregate them to one, with sum() say")
            if rows:
                _fill(values, rows[0], start, step)
        return Demand(values, None, partial)

    def _query_range(self, query: str, start: float, end: float, step: float) -> tuple[list[list[Any]], bool]:
        """The values of each series, and whether the server warned. Every way to fail is MetricsUnavailable."""
        try:
            result = self._client.custom_query_range(
                query,
                datetime.fromtimestamp(start, UTC),
                datetime.fromtimestamp(end, UTC),
                f"{step:g}s",
                params={"timeout": "15s"},
            )
            if not isinstance(result, list):
                raise MetricsUnavailable("the answer is not a list of series")
            return [list(series["values"]) for series in result], self._session.warned
        except MetricsUnavailable:
            raise
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise NoAnswer(_cause(error)) from error
        except Exception as error:  # RetryError, JSONDecodeError, KeyError, PrometheusApiClientException, ...
            raise MetricsUnavailable(f"{type(error).__name__}: {str(error)[:200]}") from error


@dataclass(eq=False)
class _Asking:
    """One reading of many queries, on several threads; knows whether the server answers at all."""

    prometheus: Prometheus
    start: float
    end: float
    step: float
    answered: threading.Event = field(default_factory=threading.Event)
    unanswered: list[str] = field(default_factory=list)

    @property
    def unknown(self) -> Floats:
        return np.full(round((self.end - self.start) / self.step), np.nan)

    def ask(self, query: str) -> Demand:
        if len(self.unanswered) >= PATIENCE and not self.answered.is_set():
            return Demand(self.unknown, f"not asked: no answer to the first {len(self.unanswered)} queries")
        try:
            found = self.prometheus.demand(query, self.start, self.end, self.step)
        except NoAnswer as error:
            self.unanswered.append(query)
            return Demand(self.unknown, str(error))
        except MetricsUnavailable as error:
            self.answered.set()
            return Demand(self.unknown, str(error))
        self.answered.set()
        return found


def _fill(values: Floats, samples: list[Any], start: float, step: float) -> None:
    """Lay samples on the grid; of two for one step the larger counts, so the order does not matter."""
    try:
        for stamp, text in samples:
            column = (float(stamp) - start) / step - 1
            index = round(column)
            if 0 <= index < len(values) and abs(column - index) < 0.01:
                values[index] = np.fmax(values[index], _believable(text))
    except (TypeError, ValueError, OverflowError) as error:
        raise MetricsUnavailable(f"a sample is not a time with a value: {error}"[:200]) from error


def _cause(error: BaseException) -> str:
    """The innermost reason, which is what a person can act on: "[Errno 111] Connection refused"."""
    inner = error
    for _ in range(10):
        deeper = getattr(inner, "reason", None) or next((a for a in inner.args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = str(inner) or type(inner).__name__
    return f"{type(error).__name__}: {text.rpartition(': ')[2]}"[:200]


def _believable(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError, OverflowError):
        return math.nan
    return value if math.isfinite(value) and value >= 0 else math.nan
