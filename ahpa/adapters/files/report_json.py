"""`report.json`: what a backtest found, for programs. Keys are stable; others build on them."""

from __future__ import annotations

import json
import math
from pathlib import Path

from ahpa.adapters.files.writing import write_whole
from ahpa.backtest.results import Backtest, ContenderResult, Point, SeriesResult
from ahpa.simulation.outcome import Outcome

API_VERSION = "ahpa/v1"

Json = dict[str, object]


def report(backtest: Backtest) -> Json:
    """`report.json`. Keys are stable; numbers are finite or null."""
    return {
        "apiVersion": API_VERSION,
        "kind": "BacktestReport",
        "lagSeconds": {"p50": backtest.lag_p50_seconds, "p95": backtest.lag_p95_seconds},
        "lateTarget": backtest.late_target,
        "scaler": backtest.scaler,
        "start": backtest.start,
        "end": backtest.end,
        "assumptions": dict(backtest.assumptions),
        "series": [_series(series) for series in backtest.series],
        "failed": dict(backtest.failed),
    }


def _series(series: SeriesResult) -> Json:
    return {
        "name": series.name,
        "worth": series.worth,
        "why": series.why,
        "savingReplicaHours": _finite(series.saving_hours),
        "advice": list(series.advice),
        "notes": list(series.notes),
        "annotations": dict(series.annotations),
        "policies": {name: _contender(result) for name, result in series.contenders.items()},
    }


def _contender(result: ContenderResult) -> Json:
    return {
        **_outcome(result.outcome),
        "knob": result.label,
        "hindsight": result.hindsight,
        "knownBefore": _point(result.before),
        "atLateTarget": _point(result.equal),
        "sweep": [
            {"knob": point.label, "value": _finite(point.knob), **_outcome(point.outcome)} for point in result.points
        ],
    }


def _point(point: Point | None) -> Json | None:
    return None if point is None else {"knob": point.label, **_outcome(point.outcome)}


def _outcome(o: Outcome) -> Json:
    return {
        "replicaHours": _finite(o.replica_hours),
        "lateRatio": _finite(o.late_ratio),
        "unservedRatio": _finite(o.unserved_ratio),
        "scaleUps": o.scale_ups,
        "churn": o.churn,
        "coldHits": o.cold_hits,
        "waitSeconds": {
            "p50": _finite(o.wait_p50_seconds),
            "p95": _finite(o.wait_p95_seconds),
            "p99": _finite(o.wait_p99_seconds),
        },
        "requests": _finite(o.requests),
        "money": None if o.money is None else _finite(o.money),
        "coverage": {level: _finite(share) for level, share in o.coverage.items()},
    }


def _finite(value: float) -> float | None:
    return round(float(value), 9) if math.isfinite(value) else None


def write_report_json(out: Path, backtest: Backtest) -> None:
    text = json.dumps(report(backtest), indent=1, allow_nan=False, ensure_ascii=False)
    write_whole(out / "report.json", text.encode() + b"\n")
