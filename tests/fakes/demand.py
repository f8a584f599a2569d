"""A Prometheus' answers, in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from ahpa.ports import Reading
from forecasting.panel import Panel


class FakePrometheus:
    """Answers from functions of time; a query without one fails, as an unreachable server would."""

    def __init__(self, demands: dict[str, Callable[[float], float]]) -> None:
        self.demands = demands
        """By a text that the filled query contains, say "chat"."""
        self.down = False
        self.warns = False
        self.skew = 0.0
        """Seconds that the asker's clock is ahead of ours: it gets nothing of what is still to come."""
        self.meanwhile: Callable[[], object] | None = None
        """What happens once, while it is asked the next time."""

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        happens, self.meanwhile = self.meanwhile, None
        if happens is not None:
            happens()
        truth = end - self.skew
        first, last = math.floor(start / step) * step, math.floor(end / step) * step
        times = np.arange(first, last, step)
        rows, problems = [], {}
        for key, query in queries.items():
            demand = next((f for text, f in self.demands.items() if text in query), None)
            if self.down or demand is None:
                problems[key] = "nobody listens"
                rows.append(np.full(len(times), np.nan))
            else:
                rows.append(np.array([demand(t) if t + step <= truth else math.nan for t in times]))
        values = np.array(rows).reshape(len(rows), len(times))
        return Reading(
            Panel(first, step, values, tuple(queries)), problems, frozenset(queries if self.warns else ()), self.skew
        )
