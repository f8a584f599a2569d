"""Prometheus: demand histories as a `Panel`; what was not observed stays NaN.

Queries of a whole fleet are asked in few requests (`questions.py`), each failing by itself (`asking.py`), within one
deadline for a whole reading.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from concurrent.futures import CancelledError
from copy import copy
from functools import lru_cache

import numpy as np

from ahpa.adapters.prometheus.asking import Asking, Demand
from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.questions import questions
from ahpa.adapters.prometheus.ranges import Ranges
from ahpa.adapters.prometheus.recollection import Recollection
from ahpa.adapters.prometheus.session import MetricsUnavailable
from ahpa.core.turns import in_turn
from ahpa.ports import Reading
from ahpa.transport import NEVER
from forecasting.executor import Executor, Serial, run_all
from forecasting.panel import Panel

MOST_LENGTHS = 3
"""Of readings whose questions are remembered: a round has two, and a filler's go on changing."""
MOST_ALONE = 500
"""Queries that are remembered as bad company; of more the newest."""


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
        """`timeout_seconds`: to connect, and for a whole answer; `total_seconds`: for a request with all its tries."""
        self._ranges = Ranges(url, connection or Connection(), timeout_seconds, total_seconds)
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
        self._alone: dict[str, None] = {}
        """Queries that made a request of many fail, and failed by themselves: they are asked so until they answer."""
        self._learning = threading.Lock()
        self._recollection = Recollection()
        self._questions = lru_cache(maxsize=MOST_LENGTHS)(questions)
        """What is asked again is not put together again: of ten thousand services that takes a tenth of a second."""

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = NEVER
    ) -> Reading:
        """The demand of every key on the grid [start, end), problems by key, and the keys with partial answers.

        A sample at time T is the mean over (T - step, T], so column j holds the sample at start + (j + 1) * step.
        One failing query leaves its row NaN and harms no other. If the server gave no answer to the first few
        requests, the others are not asked: time-outs in a row would stop the loop. Nor is anything asked after the
        `deadline`; who had to go without then comes first in the next reading of this length.
        """
        length = round(end - start)
        start, end = math.floor(start / step) * step, math.floor(end / step) * step
        values = np.full((len(queries), round((end - start) / step)), np.nan)
        order = in_turn(queries, self._left_over.get(length, ()))
        row_of = dict(zip(queries, values, strict=True))
        rows = {query: row_of[key] for key, query in queries.items()}
        asking = Asking(self._ranges, rows, start, step, deadline)
        turn = {queries[key]: place for place, key in reversed([*enumerate(order)])}
        with self._learning:
            alone = frozenset(self._alone)
        asked = self._questions(tuple(turn), alone, values.shape[1])
        asked = sorted(asked, key=lambda question: min(turn[one.text] for one in question.members))
        found: dict[str, Demand] = {}
        try:
            for answered in run_all(self._executor, asking.ask, asked):
                found |= answered
        except CancelledError:  # a thread that is still at it must not write into what we hand out
            values = np.full_like(values, np.nan)
            found = {query: Demand(np.empty(0), "reading was stopped") for query in turn}
        else:
            self._learn_of(asking, found)
            for key, query in queries.items():
                if row_of[key] is not rows[query]:  # two keys ask the same
                    row_of[key][:] = rows[query]
        demands = {key: found[query] for key, query in queries.items()}
        self._left_over[length] = tuple(key for key in order if not demands[key].asked)
        values.setflags(write=False)  # not copied: a thousand fortnights are 160 MiB
        panel = Panel(start, step, values, tuple(queries))
        problems = {key: one.problem for key, one in demands.items() if one.problem is not None}
        warned = frozenset(key for key, one in demands.items() if one.partial)
        panel, partial = self._recollection.weighed(queries, panel, warned)
        remarks = {key: one.remarks for key, one in demands.items() if one.remarks}
        return Reading(panel, problems, partial, asking.skew, remarks)

    def _learn_of(self, asking: Asking, found: Mapping[str, Demand]) -> None:
        """Who is asked alone in the next reading. A round and a refit may read at once."""
        with self._learning:
            for query, demand in found.items():
                if query in asking.guilty:
                    self._alone[query] = None
                elif demand.problem is None:
                    self._alone.pop(query, None)
            while len(self._alone) > MOST_ALONE:
                del self._alone[next(iter(self._alone))]

    def demand(self, query: str, start: float, end: float, step: float, deadline: float = NEVER) -> Demand:
        """One series on the grid [start, end). Raises MetricsUnavailable."""
        values = np.full(round((end - start) / step), np.nan)
        asking = Asking(self._ranges, {query: values}, start, step, deadline)
        (question,) = questions([query], (), len(values))
        found = asking.answer(question)[query]
        if found.problem is not None:
            raise MetricsUnavailable(found.problem)
        return found
