"""The service: a tick decides for every target, a refit learns anew. It is told the time (`loop.py` owns the clock)."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ahpa.adapters.kubernetes.api import Kube, KubeError, collection, path
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.pods import Starts
from ahpa.adapters.kubernetes.target import Actuator, Target
from ahpa.adapters.prometheus.queries import DEFAULTS, Query, QueryError
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.adapters.telemetry import Metrics, log
from ahpa.core.controller import Decision, step
from ahpa.core.observation import Limits, Observation, Workload
from ahpa.core.planner import LAG_LEVEL
from ahpa.core.policy import Parsed, Policy, parse_policy
from ahpa.core.readiness import Lag
from forecasting.choice.per_series import PerSeriesForecaster, PerSeriesModel
from forecasting.forecast import Forecast
from forecasting.model import Model
from forecasting.panel import Panel

RECENT_SECONDS = 3600.0
"""Each tick reads the last hour: it fills the steps since the last tick and tells how much of it was observed."""
NEW_TARGET_REFIT_SECONDS = 300.0
"""A new target brings the next refit forward, but not more often than this."""
BACKOFF_SECONDS = (60.0, 3600.0)
"""First and longest pause after the API refused a write for good (403, 404, 422)."""


@dataclass(frozen=True)
class Settings:
    """What the operator sets. Seconds throughout."""

    tick_seconds: float = 60.0
    refit_seconds: float = 3600.0
    step_seconds: float = 60.0
    history_seconds: float = 14 * 86_400.0
    dry_run: bool = False
    """True: write nothing, whatever the annotations say."""
    lag: Lag = field(default_factory=lambda: Lag.of(180, 300))
    """Assumed until pods have shown better."""
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        for name in ("tick_seconds", "refit_seconds", "step_seconds"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be at least one second, got {getattr(self, name):g}")
        if not self.step_seconds <= RECENT_SECONDS <= self.history_seconds:
            raise ValueError(f"need step_seconds <= {RECENT_SECONDS:g} <= history_seconds")


@dataclass(frozen=True)
class Seen:
    """One target with its parsed wishes and its query (None: it wants none, or its wishes have problems)."""

    target: Target
    parsed: Parsed
    query: str | None


Journal = Callable[[Observation, tuple[Decision, ...]], None]


class Service:
    """Finds targets, reads demand, forecasts, decides, acts. Holds nothing that a restart could lose."""

    def __init__(
        self,
        settings: Settings,
        kube: Kube,
        actuators: Mapping[str, Actuator],
        prometheus: Prometheus,
        queries: Mapping[str, Query],
        models: Mapping[str, Model],
        metrics: Metrics,
        events: Events,
        journal: Journal | None = None,
    ) -> None:
        self.settings = settings
        self.metrics = metrics
        self.last: tuple[tuple[Target, Workload, Decision], ...] = ()
        """The last round, for the page."""
        self.decided_at = math.nan
        self.wants_refit = False
        """True after a tick that saw a new target: the next refit should not wait for its turn."""
        self._kube = kube
        self._actuators = actuators
        self._prometheus = prometheus
        self._queries = queries
        self._models = models
        self._events = events
        self._journal = journal
        self._forecaster: PerSeriesForecaster | None = None
        self._known: frozenset[str] = frozenset()
        self._refitted_at = -math.inf
        self._starts: dict[str, Starts] = {}
        self._observed_until: dict[str, float] = {}
        self._would_be: dict[str, int] = {}
        self._backoff: dict[str, tuple[float, float]] = {}
        self._settled = False
        self._refitting = threading.Lock()
        self._swap = threading.Lock()

    def refit(self, now: float) -> None:
        """Read the whole history of every target and learn from it. Raises KubeError if nothing can be listed."""
        with self._refitting:
            targets, _ = self._list()
            seen = [s for s in self._seen(targets) if s.query is not None]
            queries = {s.target.key: s.query for s in seen if s.query is not None}
            began = time.monotonic()
            settings = self.settings
            panel, problems, _ = self._prometheus.panel(
                queries, now - settings.history_seconds, now, settings.step_seconds
            )
            for key, problem in problems.items():
                log("refit.no_history", logging.WARNING, target=key, problem=problem)
            usable = [key for key in panel.keys if key not in problems]
            chosen = {s.target.key: s.parsed.policy.model for s in seen}
            model = PerSeriesModel(self._models, chosen, Policy().model, self._forecaster)
            if usable or not queries:  # else nothing could be read, and what was learned before is still true
                fitted = model.fit(panel.select(usable)) if usable else None
                with self._swap:
                    self._forecaster = fitted
                self._known = frozenset(usable)
            self._refitted_at = now
            self.metrics.refit_seconds.observe(time.monotonic() - began)
            log("refit.done", targets=len(usable), failed=len(problems), seconds=round(time.monotonic() - began, 3))

    def tick(self, now: float) -> tuple[Decision, ...]:
        """One round: observe, decide, act. Raises KubeError if no kind of target can be listed."""
        began = time.monotonic()
        targets, unlisted = self._list()
        seen = self._seen(targets)
        queries = {s.target.key: s.query for s in seen if s.query is not None}
        recent, problems, partial = self._prometheus.panel(
            queries, now - RECENT_SECONDS, now, self.settings.step_seconds
        )
        for key, problem in problems.items():
            self.metrics.read_errors.inc()
            log("tick.no_data", logging.WARNING, target=key, problem=problem)
        due = now - self._refitted_at >= NEW_TARGET_REFIT_SECONDS and not self._refitting.locked()
        # A target whose query fails has nothing to learn from; it must not make the whole fleet learn anew for ever.
        self.wants_refit = due and not set(queries) - self._known <= set(problems)
        self._forget(seen, unlisted)
        workloads = self._workloads(seen, recent, partial, now)
        forecast = self._forecast(recent, workloads, now)
        observation = Observation(
            now, self.settings.tick_seconds, tuple(workloads), forecast, self.settings.limits, self._settled
        )
        decisions = step(observation)
        self._carry_out(seen, observation, decisions, now)
        self._settled = True
        self.decided_at = now
        self.metrics.tick_at.set(now)
        self.metrics.tick_seconds.observe(time.monotonic() - began)
        log("tick.done", targets=len(decisions), seconds=round(time.monotonic() - began, 3))
        return decisions

    def _list(self) -> tuple[list[Target], frozenset[str]]:
        """All targets of every kind that answers, and the kinds that do not; one without its CRD harms no other."""
        targets: list[Target] = []
        failures: dict[str, KubeError] = {}
        for kind, actuator in self._actuators.items():
            try:
                targets += actuator.targets()
            except KubeError as error:
                failures[kind] = error
                log("targets.unavailable", logging.WARNING, kind=kind, problem=str(error))
        if len(failures) == len(self._actuators):
            raise next(iter(failures.values()))
        return targets, frozenset(failures)

    def _seen(self, targets: list[Target]) -> list[Seen]:
        out = []
        for target in targets:
            parsed = parse_policy(target.annotations)
            query = None
            if parsed.requested and parsed.policy.mode != "off":
                try:
                    query = self._query(target, parsed.policy)
                except QueryError as error:
                    parsed = replace(parsed, problems=(*parsed.problems, str(error)))
            out.append(Seen(target, parsed, query))
        return out

    def _query(self, target: Target, policy: Policy) -> str:
        """The filled query; raises QueryError for wishes that this service cannot serve."""
        if policy.model not in self._models:
            raise QueryError(f"ahpa.dev/model: no model {policy.model!r}; there are {', '.join(sorted(self._models))}")
        name = DEFAULTS.get(target.kind) if policy.demand == "auto" else policy.demand
        if name is None:
            raise QueryError(f"ahpa.dev/demand: name the query that measures this {target.kind}")
        if name not in self._queries:
            raise QueryError(f"ahpa.dev/demand: no query {name!r}; there are {', '.join(sorted(self._queries))}")
        return self._queries[name].fill(target.namespace, target.name, self.settings.step_seconds)

    def _forget(self, seen: list[Seen], unlisted: frozenset[str]) -> None:
        """Drop what was remembered of targets that are gone; those of a kind that did not answer are not gone."""
        here = {s.target.key for s in seen}
        for memory in (self._starts, self._observed_until, self._would_be, self._backoff):
            for key in [k for k in memory if k not in here and k.partition("/")[0] not in unlisted]:
                del memory[key]

    def _workloads(self, seen: list[Seen], recent: Panel, partial: frozenset[str], now: float) -> list[Workload]:
        # A server that does not answer shows nothing, also not that there was nothing: what was seen stays seen,
        # and a target that we never saw data of has the same patience from the moment we began to look.
        observed = dict(zip(recent.keys, recent.last_observed().tolist(), strict=True))
        keys = [s.target.key for s in seen]
        known = {k: max(self._observed_until.get(k, -math.inf), observed.get(k, -math.inf)) for k in keys}
        self._observed_until |= {k: until if math.isfinite(until) else now for k, until in known.items()}
        finite = np.isfinite(recent.values)
        coverage = dict(zip(recent.keys, finite.mean(axis=1) if finite.size else (), strict=False))
        return [
            self._workload(s, self._observed_until[s.target.key],
                           0.0 if s.target.key in partial else float(coverage.get(s.target.key, 0.0)), now)
            for s in seen
        ]  # fmt: skip

    def _workload(self, seen: Seen, observed_until: float, coverage: float, now: float) -> Workload:
        target, policy = seen.target, seen.parsed.policy
        starts = self._starts.setdefault(target.key, Starts())
        if target.selector and seen.query is not None:
            self._see_pods(target, starts, now)
        hypothetical = (policy.mode == "observe" and not target.managed) or self.settings.dry_run
        return Workload(
            key=target.key,
            policy=seen.parsed,
            baseline=target.baseline,
            floor=self._would_be.get(target.key, target.floor) if hypothetical else target.floor,
            ready=target.ready,
            present=target.present,
            per_replica=policy.target_per_replica or target.per_replica,
            readiness=starts.readiness(self.settings.lag),
            observed_until=observed_until,
            coverage=coverage,
            maximum=target.maximum,
            managed=target.managed,
            refusal=target.refusal,
        )

    def _see_pods(self, target: Target, starts: Starts, now: float) -> None:
        where = path(*collection("v1", "pods", target.namespace))
        try:
            starts.see(self._kube.items(where, labelSelector=target.selector), now)
        except KubeError as error:
            log("pods.unavailable", logging.DEBUG, target=target.key, problem=str(error))

    def _forecast(self, recent: Panel, workloads: list[Workload], now: float) -> Forecast | None:
        forecaster = self._forecaster
        if forecaster is None:
            return None
        if recent.values.shape[0]:
            advanced = forecaster.observe(recent)
            with self._swap:
                if self._forecaster is forecaster:  # else a refit came in between and is newer
                    self._forecaster = advanced
            forecaster = advanced
        leads = [w.policy.policy.lead or w.readiness.leads(LAG_LEVEL)[-1][1] for w in workloads] or [0.0]
        furthest = max(leads) + self.settings.tick_seconds + max(0.0, now - forecaster.origin)
        return forecaster.forecast(1, windows_up_to(furthest, self.settings.step_seconds))

    def _carry_out(
        self, seen: list[Seen], observation: Observation, decisions: tuple[Decision, ...], now: float
    ) -> None:
        self.last = tuple((s.target, w, d) for s, w, d in zip(seen, observation.workloads, decisions, strict=True))
        if self._journal is not None:
            self._journal(observation, decisions)
        forecaster = self._forecaster
        coverage = forecaster.realised() if forecaster is not None else None
        for decision in decisions:
            self._would_be.pop(decision.key, None)
            if not decision.apply or self.settings.dry_run:
                self._would_be[decision.key] = decision.floor
        self.metrics.begin_round()
        for entry, workload, decision in zip(seen, observation.workloads, decisions, strict=True):
            self.metrics.show(entry.target, workload, observation.outlook(decision.key), decision, coverage)
        for entry, decision in zip(seen, decisions, strict=True):  # slow: a scrape in between must see all values
            log("decision", **_fields(decision))
            if decision.apply and not self.settings.dry_run:
                self._act(entry.target, decision, now)
            self._events.tell(entry.target, decision, now)
            for warning in entry.parsed.warnings:
                self._events.say(entry.target, "UnknownParameter", warning, now, warning=True)

    def _act(self, target: Target, decision: Decision, now: float) -> None:
        until, pause = self._backoff.get(target.key, (-math.inf, BACKOFF_SECONDS[0] / 2))
        acts = decision.restore or decision.plan is not None or decision.change != 0
        if not acts or now < until:
            return
        actuator = self._actuators[target.kind]
        try:
            if decision.restore:
                actuator.restore(target)
            else:
                actuator.write(target, decision.floor)
        except KubeError as error:
            self.metrics.writes.labels("conflict" if error.status == 409 else "failed").inc()
            log("write.failed", logging.WARNING, target=target.key, problem=str(error))
            if error.status in (403, 404, 422):
                pause = min(2 * pause, BACKOFF_SECONDS[1])
                self._backoff[target.key] = (now + pause, pause)
                self._events.say(target, "WriteRefused", str(error), now, warning=True)
        except Exception:  # a fault of ours in one write must not end the round for everybody after it
            self.metrics.writes.labels("failed").inc()
            logging.getLogger("ahpa").exception("write.failed", extra={"fields": {"target": target.key}})
        else:
            self.metrics.writes.labels("done").inc()
            self._backoff.pop(target.key, None)


def windows_up_to(seconds: float, step_seconds: float) -> tuple[float, ...]:
    """Window lengths for the whole fleet, growing by a quarter from one step up to at least `seconds`."""
    windows = [step_seconds]
    while windows[-1] < seconds:
        windows.append(math.ceil(windows[-1] * 1.25 / step_seconds) * step_seconds)
    return tuple(windows)


def _fields(decision: Decision) -> dict[str, Any]:
    return {
        "target": decision.key,
        "reason": str(decision.reason),
        "floor": decision.floor,
        "previous": decision.previous,
        "baseline": decision.baseline,
        "apply": decision.apply,
        "message": decision.message,
    }
