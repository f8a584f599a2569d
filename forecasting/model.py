"""What every model promises. The service, the backtest and the bench know models only by this.

A model is fitted slowly (a refit, minutes to hours apart) and then advanced quickly (a tick):

    forecaster = model.fit(history)
    forecaster = forecaster.observe(newer)
    forecast = forecaster.forecast(horizon=60, windows=(120.0, 240.0))

Nothing changes in place that a caller can see: `observe` returns the advanced forecaster.

`TicksFast`, `RollsFast`, `Sketches`, `LooksFar` and `Remembers` are what some can do beside that. One place
asks for each, with `isinstance`, and has another way for all others (`rolling.py`, `far.py`, `choice/per_series.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from forecasting.forecast import Coverage, Forecast
from forecasting.levels import LEVELS
from forecasting.panel import Floats, Panel


class Forecaster(Protocol):
    """A fitted model that knows the demand up to its `origin`."""

    @property
    def origin(self) -> float:
        """Unix seconds: the end of the last step seen; the next forecast begins here."""
        ...

    def observe(self, panel: Panel) -> Forecaster:
        """The forecaster after the steps of `panel` that are newer than its origin (tick: fast).

        Older steps and unknown keys are ignored; steps between the origin and the panel, and rows the
        panel lacks, count as not observed. Raises ValueError if the panel's grid does not fit.
        """
        ...

    def forecast(self, horizon: int, windows: Sequence[float], levels: Sequence[float] = LEVELS) -> Forecast:
        """Quantiles at `levels` of the next `horizon` steps, and of the largest step in each window.

        `windows` are seconds from the origin; one that ends inside a step includes that step.
        """
        ...

    def realised(self) -> Coverage:
        """How often what was said since the fit, and in its rehearsal, has held."""
        ...


class Model(Protocol):
    """A way to forecast. Holds settings only, no data."""

    @property
    def name(self) -> str:
        """For people, metrics and the `model` annotation."""
        ...

    def fit(self, history: Panel) -> Forecaster:
        """Learn from `history` (refit: slow). Never raises on bad data: such rows get a reason."""
        ...


@runtime_checkable
class TicksFast(Protocol):
    """A forecaster that goes through many steps at once, and then says the same as after `observe` at each."""

    def ticked(self, panel: Panel, every: int) -> Iterator[Forecaster]:
        """As `rolling.ticked`."""
        ...


@runtime_checkable
class RollsFast(Protocol):
    """A forecaster that says at once what it would say at each step, the same as `observe` and `forecast` in turn."""

    def rolled_peaks(self, panel: Panel, windows: Sequence[float], levels: Sequence[float]) -> Floats:
        """As `rolling.rolled_peaks`."""
        ...


@runtime_checkable
class Sketches(Protocol):
    """A forecaster of many series that can be asked about one, for a picture, without the work for all."""

    def sketch(self, key: str, horizon: int, levels: Sequence[float] = LEVELS) -> Forecast:
        """What `forecast` says of this series and of no other; far ahead perhaps only of some steps, and a line between
        them. Raises ValueError or KeyError for a key that it does not know."""
        ...


@runtime_checkable
class LooksFar(Protocol):
    """A forecaster that says of single steps what `forecast` says, without all that lie between."""

    def at(self, steps: Sequence[int], levels: Sequence[float], rows: int) -> Floats:
        """`forecast(...).steps` of these alone, and of the first so many rows: [rows, steps, q]."""
        ...


@runtime_checkable
class Remembers(Protocol):
    """A model that goes on from what an earlier fit of it had found."""

    def after(self, earlier: Forecaster) -> Model:
        """This model, remembering `earlier`; unchanged if that is another model's."""
        ...
