"""A model that is fitted elsewhere, and answers here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from forecasting.choice.placed import placed
from forecasting.executor import Executor
from forecasting.fleet.calendar import Calendar
from forecasting.model import Forecaster, Model
from forecasting.panel import Panel


@dataclass(frozen=True)
class Elsewhere:
    """A fit is one piece of work, as a fleet learns together; what comes back advances and forecasts where it is asked,
    so that a tick waits for nobody."""

    model: Model
    executor: Executor = field(compare=False, repr=False)

    @property
    def name(self) -> str:
        return self.model.name

    def placed(self, calendars: Mapping[str, Calendar | None]) -> Elsewhere:
        """As `Placed` says, if the model can be told."""
        return replace(self, model=placed(self.model, calendars))

    def fit(self, history: Panel) -> Forecaster:
        """As the model does. Raises what the executor raises where the work was lost."""
        return self.executor.submit(self.model.fit, history).result()
