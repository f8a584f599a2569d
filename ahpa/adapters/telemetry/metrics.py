"""The metrics, by the names that docs/metrics.md lists."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from ahpa import __version__
from ahpa.adapters.telemetry.courses import Courses
from ahpa.adapters.telemetry.fleet import Fleet
from ahpa.adapters.telemetry.memory import CGROUP, ContainerMemory
from ahpa.adapters.telemetry.watches import Watches
from ahpa.ports import TargetRound
from forecasting.forecast import Coverage


class Metrics:
    """Labels are names of objects, never query text."""

    def __init__(self, cgroup: Path = CGROUP) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(ContainerMemory(cgroup))
        gauge, counter = self._gauge, self._counter
        self.fleet = Fleet()
        self.registry.register(self.fleet)
        self.courses = Courses()
        self.registry.register(self.courses)
        self.watches = Watches()
        self.registry.register(self.watches)
        self.decisions = counter("ahpa_decisions_total", "Decisions by reason", ("reason",))
        self.distrusted = counter(
            "ahpa_distrusted_total", "Targets, round by round, whose data were not to be lowered on", ("reason",)
        )
        self.writes = counter("ahpa_writes_total", "Writes to targets by result", ("result",))
        self.read_errors = counter("ahpa_metrics_errors_total", "Demand queries without a trustworthy answer", ())
        self.job_errors = counter("ahpa_job_errors_total", "Ticks and refits that failed as a whole", ("job",))
        self.skipped = counter(
            "ahpa_rounds_skipped_total", "Rounds that were due while the last one still ran", ("job",)
        )
        self.leads = gauge("ahpa_leader", "1 where this process holds the lease, and may write", ("lease",))
        self.led = counter("ahpa_leader_transitions_total", "Times that this process came to hold it", ("lease",))
        self.history_complete = gauge(
            "ahpa_history_complete_ratio", "How much of the history to learn from was read since the start", ()
        )
        self.tick_at = gauge("ahpa_last_tick_timestamp_seconds", "When the last tick ended", ())
        self.learned_at = gauge("ahpa_last_refit_timestamp_seconds", "When the last refit began that learned", ())
        self.skew = gauge("ahpa_clock_skew_seconds", "Our clock ahead of the servers' (below 0: behind), the worst", ())
        self.tick_seconds = Histogram("ahpa_tick_duration_seconds", "Duration of a tick", registry=self.registry)
        self.refit_seconds = Histogram("ahpa_refit_duration_seconds", "Duration of a refit", registry=self.registry)
        self._gauge("ahpa_build_info", "Version of this build", ("version",)).labels(__version__).set(1)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def show(self, rounds: Sequence[TargetRound], coverage: Coverage | None) -> None:
        """All targets of a round. What was shown of a target that is gone goes with it."""
        rounds = tuple(rounds)
        for reason, times in Counts(each.decision.reason for each in rounds).items():
            self.decisions.labels(reason).inc(times)
        for rung, times in Counts(each.distrust for each in rounds if each.distrust is not None).items():
            self.distrusted.labels(rung).inc(times)
        self.fleet.show(rounds, coverage)

    def text(self) -> bytes:
        """The exposition of Prometheus."""
        return generate_latest(self.registry)
