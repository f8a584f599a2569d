"""Fits of libraries in parcels, at an executor that may be other machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from forecasting.executor import Executor, Task
from forecasting.libraries.calibrated import FitAll, Fitted
from forecasting.libraries.strategies import Strategy
from forecasting.panel import Floats


@dataclass(frozen=True)
class Spread:
    """A `FitAll`: each parcel is fitted by `fit_all`, wherever the executor has it run."""

    fit_all: FitAll
    executor: Executor
    rows: int = 64
    """Of a parcel: enough that starting the library's processes there does not matter."""

    def __call__(self, strategy: Strategy, rows: Sequence[Floats], step: float) -> list[Fitted]:
        """Fit `strategy` to each row; that a parcel was lost is its rows' reason. Raises nothing."""
        parcels = [rows[first : first + self.rows] for first in range(0, len(rows), self.rows)]
        tasks = [self.executor.submit(self.fit_all, strategy, parcel, step) for parcel in parcels]
        return [fit for parcel, task in zip(parcels, tasks, strict=True) for fit in _fits(strategy, parcel, task)]


def _fits(strategy: Strategy, parcel: Sequence[Floats], task: Task[list[Fitted]]) -> list[Fitted]:
    try:
        return task.result()
    except Exception as error:  # it was lost with its worker, or could not be sent
        return [f"{strategy.name} failed: {type(error).__name__}: {error}"[:200]] * len(parcel)
