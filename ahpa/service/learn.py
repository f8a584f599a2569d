"""Learn: the refit. It reads the whole history and gives one immutable `Learned`, which is swapped whole."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from typing import TypeVar, TypeVarTuple

import numpy as np

from ahpa.core.known.knowledge import Known, usual
from ahpa.core.observation import Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy.values import Policy
from ahpa.core.served import largest_lately
from ahpa.ports import DemandSource, Reading, ServerClock, Telemetry
from ahpa.service.choose import Tried
from ahpa.service.doubts import NO_DOUBTS, Doubts, used_to_zero
from ahpa.service.listing import Listing, summary
from ahpa.service.rehearse import Rehearsal, has_past, rehearsal
from ahpa.service.settings import FURTHEST_SECONDS, RECENT_SECONDS, Settings
from forecasting.choice.per_series import PerSeriesForecaster, PerSeriesModel
from forecasting.choice.placed import placed
from forecasting.fleet.calendar import Calendar
from forecasting.forecast import Ahead, Coverage, Forecast, Outlook
from forecasting.levels import LEVELS
from forecasting.model import Model
from forecasting.panel import Panel, Room
from forecasting.windows import windows_up_to

Done = TypeVar("Done")
Args = TypeVarTuple("Args")

BAND_LEVELS = (0.05, *LEVELS)
"""Of a picture: with a lower edge."""


@dataclass(frozen=True, eq=False)
class Learned:
    """What a refit found, and what ticks have added to it since."""

    forecaster: PerSeriesForecaster | None = None
    """None: there is nobody to forecast for, or no history was read yet."""
    largest: Mapping[str, float] = field(default_factory=dict)
    """By series: the largest demand of the last days."""
    known: frozenset[str] = frozenset()
    """Series of which a history was read, now or before."""
    seen: frozenset[str] = frozenset()
    """Those in whose history anything was observed."""
    past: frozenset[str] = frozenset()
    """Those on whose history settings can be tried."""
    doubts: Doubts = NO_DOUBTS
    planned: Mapping[str, Known] = field(default_factory=dict)
    """By series: the events that it was learned with, as they were known then."""

    def observed(self, recent: Reading) -> Learned:
        """After the steps of `recent` that are newer than what the forecaster has seen. Of one in which nothing could
        be read there are none: what comes later must still find them missing."""
        panel = recent.panel
        if self.forecaster is None or not panel.values.shape[0] or recent.problems.keys() >= set(panel.keys):
            return self
        return replace(self, forecaster=self.forecaster.observe(panel))

    def outlooks(
        self, workloads: Sequence[Workload], series: Mapping[str, str], settings: Settings, now: float
    ) -> dict[str, Outlook]:
        """What is foreseen of each workload, as far as the longest lead of any needs it; `series` by workload's key."""
        if self.forecaster is None:
            return {}
        leads = [w.policy.policy.lead or w.readiness.longest(LAG_LEVEL) for w in workloads]
        furthest = max(leads, default=0.0) + settings.tick_seconds + max(0.0, now - self.forecaster.origin)
        windows = windows_up_to(min(furthest, FURTHEST_SECONDS), settings.step_seconds)
        forecast = self.forecaster.forecast(1, windows)
        known = ((w.key, forecast.outlook(series[w.key])) for w in workloads)
        return {key: outlook for key, outlook in known if outlook is not None}

    def steps(self, seconds: float, step: float) -> Forecast | None:
        """What is foreseen of every series for so long, in steps of `step` seconds; None where nothing was learned."""
        return None if self.forecaster is None else self.forecaster.forecast(max(1, round(seconds / step)), (step,))

    def sketch(self, series: str, seconds: float, step: float) -> Forecast | None:
        """What is foreseen of one series, for a picture; None where nothing was learned of it."""
        if self.forecaster is None or series not in self.known:
            return None
        return self.forecaster.sketch(series, max(1, round(seconds / step)), BAND_LEVELS)

    def ahead(self, seconds: Sequence[float], levels: Sequence[float], step: float, most: int) -> Ahead | None:
        """What is foreseen of the steps that will be the newest observed ones so many seconds from now, as the origin
        is the end of the newest now; of the first so many series by name. None where nothing was learned."""
        if self.forecaster is None:
            return None
        return self.forecaster.ahead([max(1, round(each / step)) - 1 for each in seconds], levels, most)

    def coverage(self, keys: Mapping[str, str]) -> Coverage | None:
        """How often what was said has held, by the target's key; `keys` has it by series."""
        if self.forecaster is None:
            return None
        said = self.forecaster.realised()
        return replace(said, keys=tuple(keys.get(series, series) for series in said.keys))


@dataclass(frozen=True)
class Refit:
    """One attempt to learn."""

    at: float
    """Unix seconds."""
    learned: Learned | None
    """None: nothing could be read, and what was learned before is still true."""
    asked: frozenset[str] = frozenset()
    """Series whose history it tried to read."""
    rehearsal: Rehearsal | None = None
    """Of settings, on the days that it learned from."""
    seconds: float = 0.0
    """It took so long."""


@dataclass(frozen=True)
class Learner:
    """Holds its ports and nothing else."""

    settings: Settings
    demand: DemandSource
    models: Mapping[str, Model]
    telemetry: Telemetry
    cluster_clock: ServerClock | None = None
    room: Room | None = None
    """Where copies of histories are laid for whoever learns; None: nowhere in particular."""

    def refit(
        self, listing: Listing, earlier: Learned, tried: Tried | None, now: float, deadline: float = math.inf
    ) -> Refit:
        """Read the whole history of every target that wants a plan, and learn from it.

        What cannot be read, or comes with a warning, is not learned from: what was known of it goes on. Of those that
        were `tried` for less than a day a rehearsal is made ready.
        """
        queries, keys = _by_model(listing), listing.keys
        asked = frozenset(queries)
        since = now - self.settings.history_seconds
        reading = self.demand.read(queries, since, now, self.settings.step_seconds, deadline)
        skew = worst_skew(reading, self.cluster_clock)
        if abs(skew) > self.settings.limits.skew_seconds:
            self.telemetry.log("refit.clock_skew", logging.WARNING, seconds=round(skew))
            return Refit(now, None)
        better = (reading.partial & earlier.known) - earlier.doubts.warned
        left_out = {
            **reading.problems,
            **dict.fromkeys(better, "its history came with a warning, or is not all read yet"),
        }
        if left_out:
            said = {keys[series]: problem for series, problem in left_out.items()}
            self.telemetry.log("refit.no_history", logging.WARNING, of=len(queries), **summary(said))
        usable = [series for series in reading.panel.keys if series not in left_out]
        if (queries or listing.unlisted) and not usable:
            return Refit(now, None, asked)
        if not usable:
            return Refit(now, Learned(), asked)
        found = reading.panel.copied(usable, self.room) if left_out and self.room else reading.panel.select(usable)
        history, partial = usual(found, listing.planned, self.room), reading.partial
        del reading, found  # where rows were left out, or had events, its panel is a second fleet's fortnight
        learned = self._learned(listing, partial, history, earlier)
        return Refit(now, learned, asked, self._ready(tried, history, learned))

    def _ready(self, tried: Tried | None, history: Panel, learned: Learned) -> Rehearsal | None:
        if tried is None:
            return None
        return self._unless_it_fails(rehearsal, tried, history, learned.past, self.room)

    def rehearsed(self, ready: Rehearsal, calendars: Mapping[str, Calendar]) -> Tried | None:
        """What it taught; None: it failed."""
        return self._unless_it_fails(ready.lived, placed(self.models[Policy().model], calendars))

    def _unless_it_fails(self, work: Callable[[*Args], Done], *args: *Args) -> Done | None:
        """Settings never cost what was learned."""
        try:
            return work(*args)
        except CancelledError:  # who had it done is told to stop
            raise
        except Exception:  # a fault of ours, or of a library
            self.telemetry.fault("settings.failed")
            return None

    def _learned(self, listing: Listing, partial: frozenset[str], history: Panel, earlier: Learned) -> Learned:
        chosen = _chosen(listing)
        unlisted = {series for series in earlier.known if series.partition("/")[0] in listing.unlisted}
        unread = (listing.queries.keys() - set(history.keys)) | unlisted
        model = PerSeriesModel(self.models, chosen, Policy().model, earlier.forecaster, unread, listing.calendars)
        forecaster = model.fit(history)
        for name, reasons in forecaster.failed.items():
            said = {listing.keys[series]: reason for series, reason in reasons.items()}
            self.telemetry.log("refit.model_failed", logging.WARNING, model=name, of=len(history.keys), **summary(said))
        going_on = unread & forecaster.kept.keys()
        known = {*history.keys, *going_on}
        before = earlier.doubts
        doubts = Doubts(
            warned=(partial & set(history.keys)) | (before.warned & going_on),
            used_to_zero={
                **{series: hours for series, hours in before.used_to_zero.items() if series in going_on},
                **used_to_zero(history.until(history.end - RECENT_SECONDS)),
            },
        )
        seen = {key for key, row in zip(history.keys, history.values, strict=True) if np.isfinite(row).any()}
        seen |= earlier.seen & going_on
        largest = {key: value for key, value in earlier.largest.items() if key in going_on}
        largest |= dict(zip(history.keys, largest_lately(history).tolist(), strict=True))
        past = frozenset(key for key in has_past(history) if chosen.get(key, Policy().model) == Policy().model)
        planned = {series: said for series, said in earlier.planned.items() if series in going_on}
        planned |= {series: said for series, said in listing.planned.items() if series in known}
        return Learned(forecaster, largest, frozenset(known), frozenset(seen), past, doubts, planned)


def _chosen(listing: Listing) -> dict[str, str]:
    """By series: the model that its owner chose."""
    return {a.series: a.parsed.policy.model for a in listing.asked if a.query is not None}


def _by_model(listing: Listing) -> dict[str, str]:
    """The queries in the order in which the models want their rows, so that none of them needs a copy."""
    chosen = _chosen(listing)
    return dict(sorted(listing.queries.items(), key=lambda each: (chosen[each[0]], each[0])))


def worst_skew(reading: Reading, cluster_clock: ServerClock | None) -> float:
    """Seconds that our clock is ahead of the servers' (negative: behind); where they differ, the worst. One that did
    not answer says nothing of it, so that each alone must be enough."""
    return max(reading.skew, cluster_clock.skew if cluster_clock else 0.0, key=abs)
