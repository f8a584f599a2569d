"""The two rhythms: a tick observes, decides and acts for every target; a refit learns anew beside the ticks.

Both are told the time. A refit hands over what it learned as one value; the next tick takes it. So each field here is
written by one of the two threads only, and nothing that both use changes in place.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ahpa.core.controller import step
from ahpa.core.courses import NO_TOTALS, Totals
from ahpa.core.decision import Decision
from ahpa.core.known.knowledge import usual
from ahpa.core.observation import Observation
from ahpa.core.savings import Saving
from ahpa.core.sight import Sight
from ahpa.ports import (
    Actuator,
    DemandQueries,
    DemandSource,
    EventLog,
    Journal,
    Places,
    Reading,
    ServerClock,
    StartSource,
    Telemetry,
)
from ahpa.service.act import Actor, Gate
from ahpa.service.budget import Budget
from ahpa.service.choose import Tried
from ahpa.service.hindsight import Hindsight
from ahpa.service.learn import Learned, Learner, Refit, worst_skew
from ahpa.service.leases import ALONE, Leases, Turn, turn
from ahpa.service.listing import Listing
from ahpa.service.memory import Memory
from ahpa.service.observe import Observer
from ahpa.service.settings import Settings
from ahpa.service.showing import Shown, foretell, rounds_of
from ahpa.service.weigh import weighed
from forecasting.forecast import Forecast
from forecasting.model import Model
from forecasting.panel import Room

REFIT_SHARE = 0.1
"""A new target, or one that is measured in a new way, is learned at once; but refits that are wished for may take no
larger share of the time, as each learns everybody anew."""
NEW_SERIES_REFIT_SECONDS = 300.0
"""Nobody new waits longer than that for such a wish, however long a refit takes."""


@dataclass(frozen=True)
class Ports:
    """The outside world, as the composition root puts it together."""

    actuators: Mapping[str, Actuator]
    """By the name of their kind."""
    starts: StartSource
    demand: DemandSource
    late: DemandSource
    """How late requests were: apart from `demand`, as it has the same keys for other queries."""
    queries: DemandQueries
    models: Mapping[str, Model]
    events: EventLog
    telemetry: Telemetry
    journal: Journal | None = None
    cluster_clock: ServerClock | None = None
    """What the API server says of the time; None: it is not asked."""
    places: Places | None = None
    """Where services may say that their people live; None: nowhere but where the operator says."""
    room: Room | None = None
    """Where what others work on is laid; None: nobody else works."""


def observer_of(settings: Settings, ports: Ports) -> Observer:
    """Whoever looks through these ports."""
    return Observer(
        settings,
        ports.actuators,
        ports.demand,
        ports.late,
        ports.starts,
        ports.queries,
        tuple(ports.models),
        ports.telemetry,
        ports.places,
    )


class Service:
    """Finds targets, reads demand, forecasts, decides, acts. What a restart loses of it stands in memory.py."""

    def __init__(
        self,
        settings: Settings,
        ports: Ports,
        may_write: Gate,
        stopwatch: Callable[[], float] = time.monotonic,
        leases: Leases = ALONE,
        totals: Totals = NO_TOTALS,
    ) -> None:
        """`stopwatch` says how long a refit took; `totals` are what was counted before the start."""
        self.settings = settings
        self.shown = Shown()
        self._telemetry = ports.telemetry
        self._observer = replace(observer_of(settings, ports), plans=leases.plans)
        self._learner = Learner(settings, ports.demand, ports.models, ports.telemetry, ports.cluster_clock, ports.room)
        self._actor = Actor(ports.actuators, ports.events, ports.telemetry, ports.journal, may_write, leases=leases)
        self._hindsight = Hindsight(settings, self._observer, ports.telemetry)
        self._cluster_clock = ports.cluster_clock
        self._may_write, self._leases, self._stopwatch = may_write, leases, stopwatch
        self._refitting = threading.Lock()
        # From the refit to the tick, and from the tick to the loop
        self._refits: queue.SimpleQueue[Refit] = queue.SimpleQueue()
        self._rehearsals: queue.SimpleQueue[tuple[Tried, float]] = queue.SimpleQueue()
        self._wanted = {"refit": threading.Event(), "tick": threading.Event()}
        # The tick's; a refit only reads what was learned, and tried, before it
        self._memory = Memory(totals=totals)
        self._learned = Learned()
        self._wished_at = -math.inf
        self._refit_seconds = 0.0
        self._turn: Turn | None = None
        """Whose targets were ours in the last round; None before the first."""

    def refit(self, now: float) -> None:
        """Read the whole history of every target and learn from it; then, as no round waits for that, try settings on
        it. Raises ClusterError if nothing can be listed."""
        with self._refitting:
            budget = Budget.of_refit(time.monotonic(), self.settings.refit_seconds)
            began = self._stopwatch()
            listing = self._observer.list(budget.listing, self._memory.listed)
            done = self._learner.refit(listing, self._learned, self._memory.tried, now, budget.demand)
            seconds, ready = self._stopwatch() - began, done.rehearsal
            self._refits.put(replace(done, seconds=seconds, rehearsal=None))
            usable = len(done.learned.known) if done.learned is not None else 0
            self._telemetry.refitted(seconds)
            if done.learned is not None:
                self._telemetry.learned(now)
                self._wanted["tick"].set()  # two fleets' fortnights are held until it is taken
            failed = len(listing.queries) - usable
            self._telemetry.log("refit.done", targets=usable, failed=failed, seconds=round(seconds, 3))
            del done  # a fleet's fortnight: the rehearsal has of it what it needs
            if ready is not None and (lived := self._learner.rehearsed(ready, listing.calendars)) is not None:
                self._rehearsals.put((lived, self._stopwatch() - began))

    def tick(self, now: float) -> tuple[Decision, ...]:
        """One round: observe, decide, act. Raises ClusterError if no kind of target can be listed."""
        began = time.monotonic()
        budget = Budget.of_tick(began, self.settings.tick_seconds)
        self._wanted["tick"].clear()
        self._take_refits()
        reigns = self._leases.reigns
        listing = self._observer.list(budget.listing, self._memory.listed)
        listing = listing.until_learned(self._learned.planned, self._learned.known, now)
        mine = turn(self._turn, listing, self._leases, self._may_write(now), reigns)
        self._observer.tell_of_kinds(listing, self._memory)
        self._memory.forget_all_but({*listing.keys, *listing.keys.values()}, listing.unlisted)
        self._memory.looked(now, self.settings.tick_seconds)
        recent = self._observer.recent(listing, self._memory, now, budget.demand)
        self._wish_for_refit(listing, recent, now)
        skew = worst_skew(recent, self._cluster_clock)
        self._telemetry.skewed(skew)
        if abs(skew) <= self.settings.limits.skew_seconds:  # else its columns are not the hours that we think
            of_usual = replace(recent, panel=usual(recent.panel, listing.planned))
            self._learned = self._learned.observed(of_usual)
        observation = self._observation(listing, recent, skew, now, mine, budget.starts)
        decisions = step(observation)
        rounds = rounds_of(listing, recent, observation, decisions, self._memory)
        self.shown = Shown(now, rounds, listing)
        coverage = self._learned.coverage(listing.keys)
        until = budget.writing(time.monotonic())
        self._actor.carry_out(observation, rounds, coverage, self._memory, until, mine.held)
        foretell(self._learned, listing, self.settings, now, self._telemetry)
        self._hindsight.look_back(
            self._memory, listing, recent, self._learned.largest, observation, decisions, mine, until
        )
        self._turn = mine
        seconds = time.monotonic() - began
        self._telemetry.ticked(now, seconds)
        self._telemetry.log("tick.done", targets=len(decisions), seconds=round(seconds, 3))
        return decisions

    def settle(self) -> None:
        """The next round begins from the floors in force, not from those that the last only thought of (observe, dry
        run): it says what a service would decide that has run for a while."""
        self._memory.would_be.clear()

    @property
    def totals(self) -> Totals:
        """What each target had, and would have had otherwise; with those of before the start that were not met yet."""
        saved, earlier = self._memory.saved, self._memory.totals
        return earlier if saved is None else saved.totals.beside(earlier.but(saved.keys))

    @property
    def savings(self) -> Mapping[str, Saving]:
        """By target's key, of those that are counted in this process: what it comes to."""
        saved = self._memory.saved
        return {} if saved is None else saved.totals.savings()

    def saving(self, key: str) -> Saving | None:
        """Of one."""
        saved = self._memory.saved
        return None if saved is None else saved.totals.saving(key)

    @property
    def learning(self) -> bool:
        """Whether a refit runs."""
        return self._refitting.locked()

    def ahead(self, seconds: float) -> Forecast | None:
        """What is foreseen of every series for so long, step by step; None where nothing was learned."""
        return self._learned.steps(seconds, self.settings.step_seconds)

    def sketch(self, series: str, seconds: float) -> Forecast | None:
        """As `ahead` of one, for a picture; any thread may ask."""
        return self._learned.sketch(series, seconds, self.settings.step_seconds)

    @property
    def idle(self) -> bool:
        """Nobody asked for a plan in the last round."""
        return math.isfinite(self.shown.at) and not any(each.workload.policy.requested for each in self.shown.rounds)

    @property
    def sight(self) -> Sight:
        """Whether it can read any demand, by its last rounds."""
        return self._memory.sight

    def take_wish(self, job: str) -> bool:
        """Whether the next `refit` or `tick` should not wait for its turn; asked once, it is forgotten. A tick that saw
        a new target wishes for a refit, and that for the tick that takes what it learned; who comes to lead ticks at
        once."""
        wanted = self._wanted[job].is_set()
        self._wanted[job].clear()
        return (job == "tick" and self._leases.gained()) or wanted

    def _take_refits(self) -> None:
        refits = [self._refits.get() for _ in range(self._refits.qsize())]
        lived = [self._rehearsals.get() for _ in range(self._rehearsals.qsize())]
        for refit in refits:
            self._learned = refit.learned or self._learned
            self._memory.look_ahead_anew()
            self._refit_seconds = refit.seconds
            self._memory.not_learned(refit.asked, self._learned.known, refit.at, NEW_SERIES_REFIT_SECONDS)
        for rehearsed, seconds in lived:
            self._choose(rehearsed)
            self._refit_seconds = seconds
        if refits and not lived:
            self._choose(None)

    def _choose(self, rehearsed: Tried | None) -> None:
        """Never at the cost of a round: what a floor follows is no reason to lose it."""
        try:
            if self._memory.tried is not None:
                if rehearsed is not None:
                    self._memory.tried = self._memory.tried.relived(rehearsed)
                self._memory.settings |= self._memory.tried.choose(self._memory.settings, self._telemetry)
        except Exception:  # a fault of ours
            self._telemetry.fault("settings.failed")

    def _wish_for_refit(self, listing: Listing, recent: Reading, now: float) -> None:
        """A target whose query fails has nothing to learn from, and one whose history cannot be read is tried again
        less and less often; neither must make all others learn anew for ever. One that has just been planned for the
        first time has its settings tried on its past by another refit."""
        pause = max(self.settings.tick_seconds, self._refit_seconds / REFIT_SHARE)
        lately = 0 <= now - self._wished_at < min(pause, NEW_SERIES_REFIT_SECONDS)
        unknown = (set(listing.queries) - self._learned.known - set(recent.problems)) | listing.changed
        if lately or self._refitting.locked():
            return
        untried = self._memory.untried(self._learned.past)
        waiting = any(self._memory.may_learn(key, now) for key in unknown)
        if untried or waiting:
            self._memory.rehearsed |= untried
            self._wished_at = now
            self._wanted["refit"].set()

    def _observation(
        self, listing: Listing, recent: Reading, skew: float, now: float, mine: Turn, deadline: float
    ) -> Observation:
        settings, learned = self.settings, self._learned
        self._memory.seen |= learned.seen & listing.keys.keys()
        workloads = self._observer.workloads(listing, recent, learned.doubts, self._memory, now, mine.writes, deadline)
        series = listing.series
        outlooks = learned.outlooks(workloads, series, settings, now)
        limits = replace(settings.limits, budget=max(1, math.floor(settings.limits.budget * mine.share)))
        seen = Observation(now, settings.tick_seconds, workloads, outlooks, limits, mine.settled, skew=skew)
        return weighed(seen, series, recent.panel, learned, self._memory)
