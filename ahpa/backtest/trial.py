"""From a service's history to a trial: which days are tested, on which settings are found, what a model foresaw."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ahpa.backtest.foresight import Foresight
from ahpa.backtest.scaling import Scaling
from ahpa.backtest.scenario import Scenario
from ahpa.backtest.trust import NEVER, Freeze
from ahpa.core.known.knowledge import Known
from ahpa.simulation.counts import Counted, RequestHistory
from ahpa.simulation.stream import SimulatedService
from forecasting.panel import DAY_SECONDS, Panel

LEAST_HISTORY_DAYS = 1.0
EARLIER_DAYS = 3.0
"""At most so many days before the tested ones serve to find settings."""


class NotEnoughError(ValueError):
    """A series is too short; the message says how long it should be."""


@dataclass(frozen=True)
class Setting:
    """The world of a backtest."""

    service: SimulatedService
    scaling: Scaling
    """The service's own autoscaler."""
    test_days: float = 3.0
    seed: int = 0
    dispersion: float = 1.0
    """Variance over mean of the requests per second."""
    known: Known = field(default_factory=Known)
    """What is known of the services beforehand."""

    @property
    def per_replica(self) -> float:
        """Requests in flight that one replica serves at the scaler's target."""
        return self.scaling.per_replica(self.service.service_seconds)

    def scenario(
        self, demand: Panel, start: float, end: float, luck: int = 0, source: RequestHistory | None = None
    ) -> Scenario:
        """The only row of `demand` on `[start, end)`, whole minutes and steps, with requests from `source` (None: from
        that row). What the source bridges the contenders see as missing."""
        seed = self.seed + luck
        rng = np.random.default_rng([seed, 1])
        traffic = (source or Counted(demand)).traffic(start, end, self.service, rng, self.dispersion)
        return Scenario(demand.keys[0], demand, traffic, self.scaling, seed, self.known)


@dataclass(frozen=True)
class Span:
    """Unix seconds: settings are found on [earlier, start), contenders are tested on [start, end)."""

    earlier: float | None
    start: float
    end: float

    @classmethod
    def of(cls, panel: Panel, test_days: float) -> Span:
        """The days of a panel whose step divides a minute or is whole minutes. Raises NotEnoughError."""
        grain = max(60.0, panel.step)
        end = panel.start + grain * np.floor((panel.end - panel.start) / grain)
        tested = grain * round(test_days * DAY_SECONDS / grain)
        start = end - tested
        before = (start - panel.start) / DAY_SECONDS
        if before < LEAST_HISTORY_DAYS:
            have, need = (panel.end - panel.start) / DAY_SECONDS, test_days + LEAST_HISTORY_DAYS
            raise NotEnoughError(
                f"{have:.2g} days of data; {test_days:g} tested days and {LEAST_HISTORY_DAYS:g} before them need "
                f"{need:g}"
            )
        days = min(EARLIER_DAYS, before - LEAST_HISTORY_DAYS)
        earlier = start - grain * np.floor(days * DAY_SECONDS / grain)
        return cls(float(earlier) if days >= 0.5 else None, float(start), float(end))

    @property
    def first(self) -> float:
        """The first moment that is played; the model is fitted on what lies before."""
        return self.start if self.earlier is None else self.earlier


@dataclass(frozen=True, eq=False)
class Trial:
    """One service: the tested days, the days before on which settings are found, and what was foreseen of both."""

    tested: Scenario
    earlier: Scenario | None
    """None: too little history to find settings on."""
    foresight: Foresight
    freeze: Freeze = NEVER
    """Of the fleet that the service is one of."""

    @classmethod
    def of(
        cls,
        demand: Panel,
        span: Span,
        setting: Setting,
        foresight: Foresight,
        freeze: Freeze = NEVER,
        source: RequestHistory | None = None,
    ) -> Trial:
        """The only row of a panel as a trial; for `source` see `Setting.scenario`."""
        tested = setting.scenario(demand, span.start, span.end, 0, source)
        earlier = None if span.earlier is None else setting.scenario(demand, span.earlier, span.start, 1, source)
        return cls(tested, earlier, foresight, freeze)
