"""Models that can be told where the people live who make the load of each series."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from forecasting.fleet.calendar import Calendar
from forecasting.model import Model


@runtime_checkable
class Placed(Protocol):
    """A model that can."""

    def placed(self, calendars: Mapping[str, Calendar | None]) -> Model:
        """This model, going by these calendars; by its own one for series that are not named."""
        ...


def placed(model: Model, calendars: Mapping[str, Calendar | None]) -> Model:
    """The model, told so if it can be and there is something to tell."""
    return model.placed(calendars) if calendars and isinstance(model, Placed) else model
