"""The metrics of the targets: what a round saw, foresaw and decided of each, made into samples when somebody scrapes.

A collector of its own instead of gauges with labels: of ten thousand targets those took three fifths of a round, which
set them whether or not anybody came to read them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ahpa.core.planner import LAG_LEVEL
from ahpa.core.starts import PHASES
from ahpa.ports import AHEAD_LEVELS, HORIZONS, TargetRound
from forecasting.forecast import Ahead, Coverage

TARGET = ("kind", "namespace", "name")
DECISION = (*TARGET, "mode", "reason")

GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ahpa_floor_replicas": ("Floor that should be in force (in observe mode: would be)", TARGET),
        "ahpa_baseline_replicas": ("Minimum that the owner had set", TARGET),
        "ahpa_maximum_replicas": ("Maximum that the owner has set; none: none is set", TARGET),
        "ahpa_decision_info": ("1: the mode that the owner asked for, and the reason of the last decision", DECISION),
        "ahpa_demand": ("Newest observed demand, in the unit of its query; none while there are no data", TARGET),
        "ahpa_target_utilization_ratio": (
            "Share to which the scaler is told to fill replicas while the forecast is trusted; none: its owner's own",
            TARGET,
        ),
        "ahpa_ready_replicas": ("Replicas ready at the last tick", TARGET),
        "ahpa_floor_ignored": ("1 where fewer replicas are asked for than the floor that is in force", TARGET),
        "ahpa_forecast_peak": (
            "Predicted peak over the lead window, in the unit of its query",
            (*TARGET, "level"),
        ),
        "ahpa_forecast_level_ratio": (
            "Level of the predicted peak that the floor follows: its promised coverage",
            TARGET,
        ),
        "ahpa_forecast_demand": (
            "Demand that is predicted for the time that far ahead, in the unit of its query",
            (*TARGET, "level", "horizon"),
        ),
        "ahpa_readiness_seconds": ("Seconds from asked for to ready", (*TARGET, "tier", "quantile")),
        "ahpa_readiness_starts": ("Completed starts behind it; 0: assumed", (*TARGET, "tier")),
        "ahpa_start_phase_seconds": ("Mean seconds of the last starts in each phase", (*TARGET, "phase")),
        "ahpa_forecast_timestamp_seconds": ("Origin of the forecast in use", TARGET),
        "ahpa_forecast_coverage_ratio": ("Realised coverage of the predicted peak", (*TARGET, "level")),
        "ahpa_forecast_error_ratio": (
            "Errors of the forecast over those of reacting alone, in the last hours; above 1.5 it loses its say",
            TARGET,
        ),
        "ahpa_late_ratio": ("Share of requests that was late lately while the floor followed a setting", TARGET),
        "ahpa_setting_late_ratio": (
            "Share of late requests that the chosen setting, or no floor, would have had lately",
            (*TARGET, "floor"),
        ),
        "ahpa_setting_replicas": ("Replicas on average that either would have had", (*TARGET, "floor")),
    }
)
"""By name: what it is, and its labels."""

Sample = tuple[str, tuple[str, ...], float]
"""A metric, the values of the labels that it has beside the target's, and its own."""


class Fleet(Collector):
    """The last round, which a scrape sees whole: it is swapped, not filled."""

    def __init__(self) -> None:
        self._last: tuple[Sequence[TargetRound], Coverage | None] = ((), None)
        self._ahead: Ahead | None = None

    def show(self, rounds: Sequence[TargetRound], coverage: Coverage | None) -> None:
        """All targets of a round. What was shown of a target that is gone goes with it."""
        self._last = (rounds, coverage)

    def foretold(self, ahead: Ahead | None) -> None:
        """What is foreseen at each horizon, by target's key."""
        self._ahead = ahead

    def collect(self) -> Iterator[GaugeMetricFamily]:
        families = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in GAUGES.items()}
        (rounds, coverage), ahead = self._last, self._ahead
        rows = {key: row for row, key in enumerate(ahead.keys)} if ahead is not None else {}
        for each in rounds:
            target = (each.target.kind, each.target.namespace, each.target.name)
            for name, labels, value in _samples(each, coverage):
                families[name].add_metric((*target, *labels), value)
            if ahead is not None and each.target.key in rows:
                for labels, value in _far(ahead, rows[each.target.key]):
                    families["ahpa_forecast_demand"].add_metric((*target, *labels), value)
        yield from families.values()


def _far(ahead: Ahead, row: int) -> Iterator[tuple[tuple[str, str], float]]:
    """The labels `level` and `horizon`, and what is predicted; nothing where there is no forecast."""
    for horizon, said in zip(HORIZONS, ahead.values[row].tolist(), strict=True):
        for level, value in zip(AHEAD_LEVELS, said, strict=True):
            if math.isfinite(value):
                yield (f"{level:g}", horizon), value


def _samples(each: TargetRound, coverage: Coverage | None) -> Iterator[Sample]:
    workload, outlook, decision = each.workload, each.outlook, each.decision
    yield "ahpa_floor_replicas", (), decision.floor
    yield "ahpa_floor_ignored", (), bool(each.ignored)
    yield "ahpa_baseline_replicas", (), decision.baseline
    yield "ahpa_ready_replicas", (), workload.ready
    policy = workload.policy.policy
    yield "ahpa_decision_info", (policy.mode, str(decision.reason)), 1
    most = [limit for limit in (workload.maximum, policy.max) if limit is not None]
    if most:
        yield "ahpa_maximum_replicas", (), min(most)
    if math.isfinite(each.demand):
        yield "ahpa_demand", (), each.demand
    if decision.utilization is not None:
        yield "ahpa_target_utilization_ratio", (), decision.utilization
    record = decision.plan.setting.record if decision.plan is not None else None
    if record is not None:
        yield "ahpa_setting_late_ratio", ("chosen",), record.late
        yield "ahpa_setting_late_ratio", ("none",), record.alone_late
        yield "ahpa_setting_replicas", ("chosen",), record.replicas
        yield "ahpa_setting_replicas", ("none",), record.alone_replicas
    if math.isfinite(workload.quality.ratio):
        yield "ahpa_forecast_error_ratio", (), workload.quality.ratio
    if workload.late is not None:
        yield "ahpa_late_ratio", (), workload.late
    readiness = workload.readiness
    for tier, (_, seconds) in zip(readiness.tiers, readiness.leads(LAG_LEVEL), strict=True):
        yield "ahpa_readiness_seconds", (tier.name, f"{LAG_LEVEL:g}"), seconds
        yield "ahpa_readiness_starts", (tier.name,), tier.lag.samples
    spent = each.starts.spent()
    for phase, seconds in zip(PHASES, spent.seconds, strict=True) if spent is not None else ():
        yield "ahpa_start_phase_seconds", (phase,), seconds
    if outlook is None or outlook.reason is not None:
        return
    yield "ahpa_forecast_timestamp_seconds", (), outlook.origin
    if decision.plan is None:
        return
    window, level = decision.plan.window_seconds, decision.plan.level
    yield "ahpa_forecast_level_ratio", (), level
    peaks = {0.5: outlook.peak(window, 0.5), level: decision.plan.peak}
    for at, peak in peaks.items():
        yield "ahpa_forecast_peak", (f"{at:g}",), peak
        held = coverage.of(each.target.key, window, at) if coverage else math.nan
        if math.isfinite(held):
            yield "ahpa_forecast_coverage_ratio", (f"{at:g}",), held
