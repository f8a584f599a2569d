"""The main job on a simulated cluster: two weeks of history, one live day, ours beside the alternatives.

What is decided about floors is decided by `controller.step`, the very function that the service runs, on what the fleet
model foresaw, and the simulated world carries it out. The demo's own part is the stage (which services, which requests,
a fixed fleet's size), the round of a minute, and what a frame and a report show of it. It has no clock and no terminal:
who shows it, and how fast, is the command's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ahpa.backtest.contenders import NAMES, OURS
from ahpa.backtest.results import ContenderResult, SeriesResult
from ahpa.backtest.scenario import TICK_SECONDS
from ahpa.core.capacity import replicas
from ahpa.core.controller import step
from ahpa.core.decision import Decision
from ahpa.core.observation import Observation, Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.served import KPA, largest_lately
from ahpa.core.setting import Setting
from ahpa.core.units import IN_FLIGHT
from ahpa.core.words import moment, percent, seconds
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.render import live
from ahpa.render.report import Chapter, Report, meaning
from ahpa.service.choose import wish
from ahpa.service.rehearse import has_past, rehearsal
from ahpa.simulation.outcome import Move
from ahpa.simulation.scalers.fixed import Fixed
from ahpa.simulation.scalers.kpa import KpaLoop
from ahpa.simulation.scalers.kpa_inputs import KpaInputs
from ahpa.simulation.stream import SimulatedService
from ahpa.simulation.traffic import Traffic, spread_over_seconds
from ahpa.simulation.workloads import BATCH, BURSTY, CHAT, DAY_MINUTES, MONDAY, Pattern, fleet
from ahpa.simulation.world import World
from forecasting.forecast import Outlook
from forecasting.model import Model
from forecasting.panel import Floats, Panel

SHOWN = tuple(name for name in NAMES if name in (OURS, "kpa", "fixed-max"))
"""The contenders that need no setting to be found first."""
HISTORY_DAYS = 14
UTILIZATION = 0.7
"""Knative's default: the KPA fills replicas to 70 %."""
ANNOTATIONS = {"ahpa.dev/mode": "apply", "ahpa.dev/late-target": "0.1%"}
GPU_NODES = Readiness((Tier("warm node", Lag.of(45, 70), replicas=3), Tier("new node", Lag.of(270, 420))))
"""The first three replicas find a node that holds the image; every further one waits for a new machine."""


@dataclass(frozen=True)
class Example:
    """One service of the demo."""

    pattern: Pattern
    service: SimulatedService
    annotations: Mapping[str, str] = field(default_factory=lambda: ANNOTATIONS)

    @property
    def name(self) -> str:
        return self.pattern.name

    @property
    def per_replica(self) -> float:
        """Requests in flight that one replica serves at the KPA's target."""
        return self.service.concurrency * UTILIZATION


EXAMPLES = (
    Example(CHAT, SimulatedService(service_seconds=6.0, concurrency=4, readiness=GPU_NODES)),
    Example(BATCH, SimulatedService(service_seconds=20.0, concurrency=4, readiness=GPU_NODES)),
    Example(BURSTY, SimulatedService(service_seconds=8.0, concurrency=4, readiness=GPU_NODES)),
)


class Lane:
    """One contender on one service: its world, and what happened in it minute by minute."""

    def __init__(self, example: Example, contender: str, traffic: Traffic, seed: int, largest: float) -> None:
        self.example = example
        self.contender = contender
        need = replicas(float(traffic.demand[0]), example.per_replica)
        if contender == "fixed-max":
            fleet_size = replicas(largest, example.per_replica)
            self.world = World(traffic, Fixed(), np.random.default_rng(seed), fleet_size, fleet_size)
            self.setting = f"{fleet_size} replicas"
        else:
            config = KpaConfig.from_annotations({}, container_concurrency=example.service.concurrency)
            loop = KpaLoop(config, KpaInputs(traffic, config), traffic.start, need)
            self.world = World(traffic, loop, np.random.default_rng(seed), need)
            self.setting = f"target {percent(UTILIZATION)}" if contender != OURS else ""
        minutes = len(traffic.demand)
        self.ready, self.floor, self.late, self.peak, self.median = np.full((5, minutes), np.nan)
        self.window_minutes = np.zeros(minutes, dtype=int)
        self.level = 0.0
        self.paid_hours = 0.0
        self.moves: list[Move] = []

    def advance(self, minute: int) -> None:
        """Let `minute` (0-based) pass and note what an observer saw at its end."""
        self.world.advance(self.world.traffic.start + 60.0 * (minute + 1))
        seen = self.world.snapshot()
        self.ready[minute], self.floor[minute] = seen.ready, seen.floor
        self.paid_hours += (seen.ready + seen.starting) / 60
        # A request of the minute before may have become late since.
        self.late[minute] = self.world.late(seen.now - 60.0, seen.now)
        if minute:
            self.late[minute - 1] = self.world.late(seen.now - 120.0, seen.now - 60.0)

    def workload(self, now: float) -> Workload:
        """The service as an observer in its cluster would see it."""
        seen = self.world.snapshot()
        return Workload(
            key=self.example.name,
            policy=parse_policy(self.example.annotations),
            baseline=0,
            floor=seen.floor,
            ready=seen.ready,
            present=seen.ready + seen.starting,
            per_replica=self.example.per_replica,
            readiness=self.example.service.readiness,
            observed_until=now,
            unit=IN_FLIGHT.words,
            utilization=UTILIZATION,
        )

    def obey(self, decision: Decision, outlook: Outlook | None, minute: int) -> None:
        """Move the floor if that is what was decided; the decision holds for the minute that begins."""
        if decision.apply:
            self.world.floor = decision.floor
        if decision.plan is not None and outlook is not None and minute < len(self.peak):
            self.peak[minute] = decision.plan.peak
            self.median[minute] = min(decision.plan.peak, outlook.peak(decision.plan.window_seconds, 0.5))
            self.window_minutes[minute] = round(decision.plan.window_seconds / 60.0)
            self.level = decision.plan.level
            self.setting = str(decision.plan.setting)
        if decision.change:
            self.moves.append(Move(self.world.now, decision.previous, decision.floor, decision.message))

    def coverage(self) -> dict[str, float]:
        """How often the predicted peak held, by its nominal level; windows that end with the day or before."""
        demand = self.world.traffic.demand
        held = [
            demand[m : m + width].max() <= self.peak[m]
            for m, width in enumerate(self.window_minutes)
            if width and m + width <= len(demand)
        ]
        return {f"{self.level:g}": float(np.mean(held))} if held else {}

    def result(self) -> ContenderResult:
        run = self.world.run(self.example.name, self.contender, self.setting)
        if self.contender == OURS:
            outcome = replace(run.outcome, coverage=self.coverage())
            run = replace(run, outcome=outcome, peak=self.peak, moves=tuple(self.moves))
        return ContenderResult(self.contender, run.outcome, self.setting, (), None, run)


class Demo:
    """The stage. `advance` minute by minute; `frame` and `report` show what happened."""

    def __init__(
        self,
        model: Model,
        seed: int = 0,
        examples: Sequence[Example] = EXAMPLES,
        contenders: Sequence[str] = SHOWN,
        minutes: int = DAY_MINUTES,
    ) -> None:
        history_minutes = HISTORY_DAYS * DAY_MINUTES
        rng = np.random.default_rng(seed)
        requests = fleet([e.pattern for e in examples], history_minutes + minutes, rng)
        per_request = np.array([[e.service.service_seconds / 60.0] for e in examples])
        demand = Panel.of(requests.start, requests.step, requests.values * per_request, requests.keys)
        self.start = MONDAY + 60.0 * history_minutes
        self.minutes = minutes
        self.minute = 0
        """Minutes that have passed."""
        self._examples = tuple(examples)
        history = demand.until(self.start)
        self._forecaster = model.fit(history)
        self._demand = demand.between(self.start, demand.end)
        leads = {lead for e in examples for _, lead in e.service.readiness.leads(LAG_LEVEL)}
        self._windows = tuple(sorted(lead + TICK_SECONDS for lead in leads))
        self.lanes: list[dict[str, Lane]] = []
        for i, example in enumerate(examples):
            live_day = requests.values[i, history_minutes:]
            traffic = Traffic(self.start, spread_over_seconds(live_day, 60, rng), example.service)
            largest = float(demand.values[i, :history_minutes].max())
            # The same seed for every contender: replicas asked for in the same order meet the same lags.
            lag_seed = int(rng.integers(2**31))
            self.lanes.append({name: Lane(example, name, traffic, lag_seed, largest) for name in contenders})
        self._settings = self._rehearsed(model, history)
        self._decide()

    def advance(self) -> None:
        """One minute: time passes everywhere, then the decisions on what was seen."""
        for lanes in self.lanes:
            for lane in lanes.values():
                lane.advance(self.minute)
        self.minute += 1
        now = self.start + 60.0 * self.minute
        self._forecaster = self._forecaster.observe(self._demand.between(now - 60.0, now))
        self._decide()

    def play(self) -> Iterator[int]:
        """Advance to the end; yields the minutes that have passed."""
        while self.minute < self.minutes:
            self.advance()
            yield self.minute

    def _rehearsed(self, model: Model, history: Panel) -> Mapping[str, Setting]:
        """What the service would follow after a start: found for each in its last days."""
        seen, names = self._observed({}), dict(zip(history.keys, history.keys, strict=True))
        largest = dict(zip(history.keys, largest_lately(history).tolist(), strict=True))
        tried = wish(None, seen, names, largest, dict.fromkeys(names, KPA), {})
        found = tried and rehearsal(tried, history, has_past(history))
        return found.lived(model).chosen({}) if found else {}

    def _observed(self, settings: Mapping[str, Setting]) -> Observation:
        now = self.start + 60.0 * self.minute
        forecast = self._forecaster.forecast(1, self._windows)
        ours = (lanes[OURS].workload(now) for lanes in self.lanes if OURS in lanes)
        workloads = tuple(replace(w, setting=settings.get(w.key, w.setting)) for w in ours)
        outlooks = {w.key: outlook for w in workloads if (outlook := forecast.outlook(w.key)) is not None}
        return Observation(now, TICK_SECONDS, workloads, outlooks)

    def _decide(self) -> None:
        ours = [lanes[OURS] for lanes in self.lanes if OURS in lanes]
        seen = self._observed(self._settings)
        for lane, decision in zip(ours, step(seen), strict=True):
            lane.obey(decision, seen.outlook(lane.example.name), self.minute)

    def frame(self) -> live.Frame:
        """What there is to see now."""
        lanes = tuple(self._live(i, lanes) for i, lanes in enumerate(self.lanes))
        return live.Frame(self.start + 60.0 * self.minute, self.minute / self.minutes, lanes)

    def _live(self, row: int, lanes: Mapping[str, Lane]) -> live.Lane:
        first = next(iter(lanes.values()))
        passed = np.arange(self.minutes) < self.minute
        arrived = float(first.world.traffic.arrived[60 * self.minute])
        courses = tuple(
            live.Course(name, lane.ready, lane.floor, lane.late, arrived, lane.paid_hours)
            for name, lane in lanes.items()
        )
        demand: Floats = np.where(passed, self._demand.values[row], np.nan)
        last = first.moves[-1] if first.moves else None
        sentence = f"{moment(last.at)[-9:-4]} {last.why}" if last else ""
        starting = first.world.snapshot().starting
        return live.Lane(first.example.name, demand, first.example.per_replica, starting, courses, sentence)

    def report(self) -> Report:
        """The page at the end of the day."""
        chapters = []
        for example, lanes in zip(self._examples, self.lanes, strict=True):
            results = {name: lane.result() for name, lane in lanes.items()}
            median = lanes[OURS].median if OURS in lanes else None
            bare = SeriesResult(example.name, results)
            chapters.append(Chapter(replace(bare, advice=(meaning([bare]),)), example.per_replica, median))
        return Report(
            f"ahpa demo: {len(chapters)} GPU services, {moment(self.start)[:15]}",
            tuple(chapters),
            "A simulated cluster: two weeks of generated history to learn from, then this day. Every policy met the "
            "same requests, and replicas that take just as long to start. Kpa alone is Knative's autoscaler as it is; "
            "with ahpa the same autoscaler runs above a floor that moves.",
            tuple(self._assumptions()),
        )

    def _assumptions(self) -> Iterator[tuple[str, str]]:
        for example in self._examples:
            service = example.service
            yield (
                example.name,
                f"{seconds(service.service_seconds)} per request, {service.concurrency} at once per replica, "
                f"late after {seconds(service.late_after_seconds)} of waiting",
            )
        for tier in self._examples[0].service.readiness.tiers:
            held = f"the first {tier.replicas} replicas" if tier.replicas else "every further replica"
            p50, p95 = (seconds(tier.lag.quantile(q)) for q in (0.5, 0.95))
            yield tier.name, f"{held}: ready {p50} after being asked for (median), 95 % within {p95}"
        yield (
            "reactive autoscaler",
            f"Knative's KPA, exactly, at its defaults: fills replicas to {percent(UTILIZATION)}",
        )
        yield "fixed fleet", "as many replicas as the largest minute of the two weeks needs"
        yield "replica-hours", "counted from the moment a replica is asked for until it is gone"
