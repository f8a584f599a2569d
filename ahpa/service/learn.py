"""Learn: the refit. It reads the whole history and gives one immutable `Learned`, which is swapped whole."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.core.level import DEFAULT_LEVEL
from ahpa.core.observation import Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy.values import Policy
from ahpa.ports import DemandSource, Telemetry
from ahpa.service.observe import Listing, summary
from ahpa.service.settings import Settings
from forecasting.choice.per_series import PerSeriesForecaster, PerSeriesModel
from forecasting.forecast import Coverage, Outlook
from forecasting.model import Model
from forecasting.panel import Panel, frozen


@dataclass(frozen=True, eq=False)
class Learned:
    """What a refit found, and what ticks have added to it since."""

    forecaster: PerSeriesForecaster | None = None
    """None: there is nobody to forecast for, or no history was read yet."""
    levels: Mapping[str, float] = field(default_factory=dict)
    """By target's key: the quantile level that its owner's late-target needs."""
    fitted_at: float = -math.inf
    """Unix seconds of the refit."""
    known: frozenset[str] = frozenset()
    """Targets of which a history was read."""
    seen: frozenset[str] = frozenset()
    """Those in whose history anything was observed."""
    history: Panel | None = None
    """What was read, in float32, so that levels can be found from it."""

    def observed(self, recent: Panel) -> Learned:
        """After the steps of `recent` that are newer than what the forecaster has seen."""
        if self.forecaster is None or not recent.values.shape[0]:
            return self
        return replace(self, forecaster=self.forecaster.observe(recent))

    def outlooks(self, workloads: tuple[Workload, ...], settings: Settings, now: float) -> dict[str, Outlook]:
        """What is foreseen of each workload, as far as the longest lead of any needs it."""
        if self.forecaster is None:
            return {}
        leads = [w.policy.policy.lead or w.readiness.longest(LAG_LEVEL) for w in workloads]
        furthest = max(leads, default=0.0) + settings.tick_seconds + max(0.0, now - self.forecaster.origin)
        forecast = self.forecaster.forecast(1, windows_up_to(furthest, settings.step_seconds))
        known = ((w.key, forecast.outlook(w.key)) for w in workloads)
        return {key: outlook for key, outlook in known if outlook is not None}

    def coverage(self) -> Coverage | None:
        """How often what was said has held."""
        return self.forecaster.realised() if self.forecaster is not None else None


@dataclass(frozen=True)
class Refit:
    """One attempt to learn."""

    at: float
    """Unix seconds."""
    learned: Learned | None
    """None: nothing could be read, and what was learned before is still true."""


@dataclass(frozen=True)
class Learner:
    """Holds its ports and nothing else."""

    settings: Settings
    demand: DemandSource
    models: Mapping[str, Model]
    telemetry: Telemetry

    def refit(self, listing: Listing, earlier: Learned, now: float, deadline: float = math.inf) -> Refit:
        """Read the whole history of every target that wants a plan, and learn from it."""
        queries = listing.queries
        since = now - self.settings.history_seconds
        reading = self.demand.read(queries, since, now, self.settings.step_seconds, deadline)
        if reading.problems:
            self.telemetry.log("refit.no_history", logging.WARNING, of=len(queries), **summary(reading.problems))
        usable = [key for key in reading.panel.keys if key not in reading.problems]
        if queries and not usable:
            return Refit(now, None)
        if not usable:
            return Refit(now, Learned(fitted_at=now))
        history = reading.panel.select(usable)
        chosen = {a.target.key: a.parsed.policy.model for a in listing.asked if a.query is not None}
        model = PerSeriesModel(self.models, chosen, Policy().model, earlier.forecaster)
        levels = dict.fromkeys(usable, DEFAULT_LEVEL)
        kept = replace(history, values=frozen(history.values, np.float32))
        seen = [key for key, row in zip(history.keys, history.values, strict=True) if np.isfinite(row).any()]
        return Refit(now, Learned(model.fit(history), levels, now, frozenset(usable), frozenset(seen), kept))


def windows_up_to(seconds: float, step_seconds: float) -> tuple[float, ...]:
    """Window lengths for the whole fleet, growing by a quarter from one step up to at least `seconds`."""
    windows = [step_seconds]
    while windows[-1] < seconds:
        windows.append(math.ceil(windows[-1] * 1.25 / step_seconds) * step_seconds)
    return tuple(windows)
