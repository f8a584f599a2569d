"""The metrics, by the names that docs/metrics.md lists."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ahpa import __version__
from ahpa.core.planner import LAG_LEVEL
from ahpa.ports import TargetRound
from forecasting.forecast import Coverage

TARGET = ("kind", "namespace", "name")


class Metrics:
    """Labels are names of objects, never query text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._showing = threading.Lock()
        """A scrape sees a round whole: not the moment in which its values are cleared."""
        gauge, counter = self._gauge, self._counter
        self.floor = gauge("ahpa_floor_replicas", "Floor that should be in force (in observe mode: would be)", TARGET)
        self.baseline = gauge("ahpa_baseline_replicas", "Minimum that the owner had set", TARGET)
        self.filled = gauge(
            "ahpa_target_utilization_ratio",
            "Share to which the scaler is told to fill replicas while the forecast is trusted; none: its owner's own",
            TARGET,
        )
        self.ready = gauge("ahpa_ready_replicas", "Replicas ready at the last tick", TARGET)
        self.ignored = gauge(
            "ahpa_floor_ignored", "1 where fewer replicas are asked for than the floor that is in force", TARGET
        )
        self.peak = gauge(
            "ahpa_forecast_peak", "Predicted peak over the lead window, in the unit of its query", (*TARGET, "level")
        )
        self.lag = gauge("ahpa_readiness_seconds", "Seconds from asked for to ready", (*TARGET, "tier", "quantile"))
        self.starts = gauge("ahpa_readiness_starts", "Completed starts behind it; 0: assumed", (*TARGET, "tier"))
        self.forecast_at = gauge("ahpa_forecast_timestamp_seconds", "Origin of the forecast in use", TARGET)
        self.coverage = gauge(
            "ahpa_forecast_coverage_ratio", "Realised coverage of the predicted peak", (*TARGET, "level")
        )
        self.errors = gauge(
            "ahpa_forecast_error_ratio",
            "Errors of the forecast over those of reacting alone, in the last hours; above 1.5 it loses its say",
            TARGET,
        )
        self.late = gauge(
            "ahpa_late_ratio", "Share of requests that was late lately while the floor followed a setting", TARGET
        )
        self.setting_late = gauge(
            "ahpa_setting_late_ratio",
            "Share of late requests that the chosen setting, or no floor, would have had lately",
            (*TARGET, "floor"),
        )
        self.setting_replicas = gauge(
            "ahpa_setting_replicas", "Replicas on average that either would have had", (*TARGET, "floor")
        )
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
        self.tick_at = gauge("ahpa_last_tick_timestamp_seconds", "When the last tick ended", ())
        self.tick_seconds = Histogram("ahpa_tick_duration_seconds", "Duration of a tick", registry=self.registry)
        self.refit_seconds = Histogram("ahpa_refit_duration_seconds", "Duration of a refit", registry=self.registry)
        self._gauge("ahpa_build_info", "Version of this build", ("version",)).labels(__version__).set(1)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def show(self, rounds: Sequence[TargetRound], coverage: Coverage | None) -> None:
        """All targets of a round. What was shown of a target that is gone goes with it."""
        with self._showing:
            self._show_all(rounds, coverage)

    def _show_all(self, rounds: Sequence[TargetRound], coverage: Coverage | None) -> None:
        by_target = (
            self.floor, self.ignored, self.baseline, self.filled, self.ready, self.late, self.errors,
            self.forecast_at,
        )  # fmt: skip
        others = (self.peak, self.lag, self.starts, self.coverage, self.setting_late, self.setting_replicas)
        for gauge in (*by_target, *others):
            gauge.clear()
        for each in rounds:
            self._show(each, coverage)

    def _show(self, each: TargetRound, coverage: Coverage | None) -> None:
        workload, outlook, decision = each.workload, each.outlook, each.decision
        labels = (each.target.kind, each.target.namespace, each.target.name)
        self.decisions.labels(decision.reason).inc()
        if each.distrust is not None:
            self.distrusted.labels(each.distrust).inc()
        self.floor.labels(*labels).set(decision.floor)
        self.ignored.labels(*labels).set(bool(each.ignored))
        self.baseline.labels(*labels).set(decision.baseline)
        self.ready.labels(*labels).set(workload.ready)
        if decision.utilization is not None:
            self.filled.labels(*labels).set(decision.utilization)
        record = decision.plan.setting.record if decision.plan is not None else None
        if record is not None:
            self.setting_late.labels(*labels, "chosen").set(record.late)
            self.setting_late.labels(*labels, "none").set(record.alone_late)
            self.setting_replicas.labels(*labels, "chosen").set(record.replicas)
            self.setting_replicas.labels(*labels, "none").set(record.alone_replicas)
        if math.isfinite(workload.quality.ratio):
            self.errors.labels(*labels).set(workload.quality.ratio)
        if workload.late is not None:
            self.late.labels(*labels).set(workload.late)
        readiness = workload.readiness
        for tier, (_, seconds) in zip(readiness.tiers, readiness.leads(LAG_LEVEL), strict=True):
            self.lag.labels(*labels, tier.name, f"{LAG_LEVEL:g}").set(seconds)
            self.starts.labels(*labels, tier.name).set(tier.lag.samples)
        if outlook is not None and outlook.reason is None:
            self.forecast_at.labels(*labels).set(outlook.origin)
        if outlook is not None and decision.plan is not None:
            for level in (0.5, decision.plan.level):
                window = decision.plan.window_seconds
                decided = level == decision.plan.level
                peak = decision.plan.peak if decided else outlook.peak(window, level)
                self.peak.labels(*labels, f"{level:g}").set(peak)
                held = coverage.of(each.target.key, window, level) if coverage else math.nan
                if math.isfinite(held):
                    self.coverage.labels(*labels, f"{level:g}").set(held)

    def text(self) -> bytes:
        """The exposition of Prometheus."""
        with self._showing:
            return generate_latest(self.registry)
