"""The fleet model: every service of a panel at once, from one ensemble of small networks.

Refit: sample origins of the whole fleet, describe each by its recent past and by the same window on earlier
days (features.py), learn quantiles of the coming window's maximum and of single steps (network.py), then
walk through the last days and calibrate each service's quantiles by what came (calibration.py).
What was learned goes with the time as a `FleetForecaster` (forecaster.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from forecasting.executor import Executor, Serial, run_all
from forecasting.fleet.calendar import Calendar, Calendars, Seasons
from forecasting.fleet.clock import find_clock
from forecasting.fleet.forecaster import FleetForecaster
from forecasting.fleet.learning import Source, chunks, learn, least_floor, settled_rows
from forecasting.fleet.network import Networks, Training
from forecasting.fleet.periods import find_periods
from forecasting.fleet.synthetic import services
from forecasting.history import History
from forecasting.panel import DAY_SECONDS, Floats, Ints, Panel
from forecasting.pending import PendingPredictions
from forecasting.windows import Window, tracked

PEAKS = Training()
STEPS = Training(members=3, epochs=4, rate=6e-3, decay=1.0)

_OTHERS_DAYS = 9.0
_SEARCHED_ROWS = 64
"""Rows that are searched together for what repeats, in some 30 MiB."""
_LEARNED_LEAD_SECONDS = (60, 180, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 57_600, 86_400, 172_800)
"""How far ahead the single steps lie that are learned."""


@dataclass(frozen=True)
class FleetModel:
    """Settings of the fleet model; the defaults were chosen on the tuning half of the traces."""

    calendar: Calendar | None = None
    """The clock and the holidays of the people who make the load; None: UTC, and every day alike."""
    own: Mapping[str, Calendar | None] = field(default_factory=dict, hash=False)
    """By series: those of its own people. All learn together; each row is described by its own calendar."""
    seed: int = 0
    memory_days: float = 28.0
    samples: int = 120_000
    samples_per_service: int = 12_000
    others: int = 24
    """How many made-up services lend their shapes to a fleet that is small or young."""
    peaks: Training = PEAKS
    steps: Training = STEPS
    executor: Executor = field(default_factory=Serial, compare=False, repr=False)
    """Where blocks of services are worked on and networks learn; says nothing about what comes out. Of this process:
    each network is handed all samples."""

    @property
    def name(self) -> str:
        return "fleet"

    def placed(self, calendars: Mapping[str, Calendar | None]) -> FleetModel:
        """As `Placed` says."""
        return replace(self, own=calendars)

    def fit(self, history: Panel) -> FleetForecaster:
        """Learn from `history` [n, t]; the same history and seed give the same forecaster."""
        step = history.step
        own = History.of(history, round(self.memory_days * DAY_SECONDS / step))
        rng = np.random.default_rng(self.seed)
        made_up = services(self.others, _OTHERS_DAYS, step, rng)
        everyone = np.arange(len(made_up))
        others = self._source(made_up, 0.0, step, Calendars((None,), np.zeros_like(everyone)), everyone)
        settled, calendars = settled_rows(own.values, step), Calendars.of(own.keys, self.calendar, self.own)
        fleet = self._source(own.values, own.start, step, calendars, settled)
        budget = min(self.samples, self.samples_per_service * len(settled))
        windows = [window for window in tracked(step) if window.lead == 0]
        singles = [Window(lead, 1) for lead in sorted({max(1, round(s / step)) for s in _LEARNED_LEAD_SECONDS})]
        peaks = learn(fleet, others, windows, budget, self.peaks, rng, self.executor)
        steps = learn(fleet, others, singles, budget, self.steps, rng, self.executor)
        fitted = FleetForecaster(
            history=own,
            names=tuple(_named(own)),
            least=least_floor(own.values),
            periods=fleet.periods,
            clock=fleet.clock,
            calendars=calendars,
            networks=Networks(peaks, steps),
            pending=PendingPredictions.fresh(len(own.keys), step),
            executor=self.executor,
        )
        return fitted.rehearsed(settled).awaiting()

    def _source(self, values: Floats, start: float, step: float, calendars: Calendars, settled: Ints) -> Source:
        """With what repeats in each row [n, t] found."""
        parts = [values[rows] for rows in chunks(len(values), _SEARCHED_ROWS)] or [values]
        periods = run_all(self.executor, partial(find_periods, step=step), parts)
        clocks = run_all(self.executor, partial(find_clock, seasons=Seasons(start, step)), parts)
        return Source(values, np.concatenate(periods), np.concatenate(clocks), start, step, calendars, settled)


def _named(history: History) -> Iterator[str]:
    """The model's name for each row; a row of less than a day says that it borrowed."""
    for row in history.values:
        hours = np.isfinite(row).sum() * history.step / 3600
        yield "fleet" if hours >= 24 else f"fleet, by others' example ({hours:.0f} h of its own)"
