"""Made-up results in the shapes that a backtest returns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ahpa.backtest.results import ContenderResult, Point, SeriesResult
from ahpa.render.report import Chapter
from ahpa.simulation.outcome import Move, Outcome, Run

MIDNIGHT = 1_772_409_600.0

OUTCOME = Outcome(
    replica_hours=137.0,
    late_ratio=0.0008,
    unserved_ratio=0.0,
    scale_ups=41,
    churn=39,
    cold_hits=0,
    wait_p50_seconds=0.0,
    wait_p95_seconds=0.2,
    wait_p99_seconds=0.9,
    requests=100_000.0,
)


def run(contender: str, minutes: int = 1440, name: str = "chat", seed: int = 1) -> Run:
    ours = contender == "ahpa"
    rng = np.random.default_rng(seed)
    at = np.arange(minutes)
    demand = 12 + 10 * np.sin(2 * np.pi * at / 1440) + rng.normal(0, 1, minutes)
    ready = np.ceil(np.maximum(demand, 0) / 2.8) + ours
    late = np.where(rng.random(minutes) < 0.02, rng.poisson(9, minutes), 0.0) * (not ours)
    return Run(
        series=name,
        contender=contender,
        knob="quantile 0.99" if ours else "",
        outcome=OUTCOME if ours else replace(OUTCOME, replica_hours=121.0, late_ratio=0.042, cold_hits=7),
        step=60.0,
        timestamp=MIDNIGHT + 60.0 * at,
        demand=demand,
        ready=ready,
        starting=np.zeros(minutes),
        floor=ready - (not ours),
        desired=ready,
        late=late,
        peak=demand * 1.3 if ours else None,
        moves=(Move(MIDNIGHT + 600.0, 3, 5, "raise 3 -> 5: peak 11 (p99) within 300 s needs 5"),) if ours else (),
    )


def result(name: str = "chat", contenders: tuple[str, ...] = ("ahpa", "kpa"), swept: bool = False) -> SeriesResult:
    found = {}
    for contender in contenders:
        course = run(contender, name=name)
        points = tuple(
            Point(
                factor,
                f"× {factor}",
                replace(
                    course.outcome,
                    replica_hours=course.outcome.replica_hours * factor,
                    late_ratio=course.outcome.late_ratio / factor**12,
                ),
            )
            for factor in (0.8, 1.0, 1.3)
        )
        equal = next((p for p in points if p.outcome.late_ratio <= 0.001), None)
        found[contender] = ContenderResult(
            contender,
            course.outcome,
            course.knob,
            points if swept else (),
            equal if swept else None,
            course,
            Point(1.0, "as before", course.outcome),
            hindsight=contender == "oracle",
        )
    return SeriesResult(name, found, ("Set quantile 0.99 for 0.1 % late.",), (), True, "Prediction pays.", 12.0)


def chapter(name: str = "chat", contenders: tuple[str, ...] = ("ahpa", "kpa"), swept: bool = False) -> Chapter:
    return Chapter(result(name, contenders, swept), 2.8)
