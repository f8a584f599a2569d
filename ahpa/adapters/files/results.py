"""What a backtest leaves on disk: `report.json` and one CSV per series and policy under `ticks/`.

Nothing is written outside the output directory, no symlink is followed, and a file is whole or absent. A series
may be called `../../etc/passwd`; its file is not.
"""

from __future__ import annotations

import gzip
import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ahpa.adapters.files.text import InputError
from ahpa.backtest.results import Backtest, PolicyResult, SeriesResult
from ahpa.simulation.outcome import Outcome, Run

API_VERSION = "ahpa/v1"
TICK_COLUMNS = ("timestamp", "demand", "ready", "starting", "floor", "desired", "late")


def safe_name(name: str) -> str:
    """`name` as a file name: letters, digits, dot, dash, underscore; never hidden, never a path."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", name, flags=re.ASCII).strip("._")[:100] or "series"


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A file name for each series, different ones for different series also where case does not count."""
    out: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        wanted = candidate = safe_name(name)
        count = 1
        while candidate.lower() in taken:
            count += 1
            candidate = f"{wanted}-{count}"
        taken.add(candidate.lower())
        out[name] = candidate
    return out


def directory(out: Path, *parts: str) -> Path:
    """`out/parts`, made if need be. Raises InputError where it is a symlink, a file or not to be written."""
    for part in (out, out.joinpath(*parts)):
        if part.exists() and not part.is_dir():
            raise InputError(f"{part} is a file, not a folder")
    try:
        out.mkdir(parents=True, exist_ok=True)
        inner = out.joinpath(*parts)
        if parts:
            if inner.is_symlink():
                raise InputError(f"{inner} is a symlink; nothing is written through it")
            inner.mkdir(exist_ok=True)
        if not os.access(inner, os.W_OK):
            raise InputError(f"{inner} cannot be written to")
    except OSError as error:
        raise InputError(f"{out}: {error.strerror}") from error
    return inner


def write_whole(path: Path, content: bytes) -> None:
    """The file appears complete or not at all; an old one, or a symlink in its place, is replaced."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    try:
        with part.open("xb") as out:
            out.write(content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: {error.strerror}") from error


def write_ticks(folder: Path, file_name: str, run: Run, per_unit: float) -> None:
    """`<series>.<policy>.csv.gz`; demand in the unit of the input, of which `per_unit` make one request in flight.

    Byte for byte the same for the same run (no time stamp in the gzip header).
    """
    columns = (run.timestamp, run.demand / per_unit, run.ready, run.starting, run.floor, run.desired, run.late)
    digits = (15, *[10] * (len(columns) - 1))
    cells = [[f"{x:.{n}g}" for x in np.asarray(c, dtype=float).tolist()] for c, n in zip(columns, digits, strict=True)]
    rows = [",".join(TICK_COLUMNS), *map(",".join, zip(*cells, strict=True)), ""]
    packed = gzip.compress("\n".join(rows).encode(), compresslevel=6, mtime=0)
    write_whole(folder / f"{file_name}.{safe_name(run.contender)}.csv.gz", packed)


def report(backtest: Backtest) -> dict[str, Any]:
    """`report.json`. Keys are stable; numbers are finite or null."""
    return {
        "apiVersion": API_VERSION,
        "kind": "BacktestReport",
        "lagSeconds": {"p50": backtest.lag_p50_seconds, "p95": backtest.lag_p95_seconds},
        "lateTarget": backtest.late_target,
        "start": backtest.start,
        "end": backtest.end,
        "assumptions": dict(backtest.assumptions),
        "series": [_series(series) for series in backtest.series],
        "failed": dict(backtest.failed),
    }


def _series(series: SeriesResult) -> dict[str, Any]:
    return {
        "name": series.name,
        "worth": series.worth,
        "why": series.why,
        "savingReplicaHours": _finite(series.saving_hours),
        "advice": list(series.advice),
        "notes": list(series.notes),
        "policies": {name: _policy(result) for name, result in series.policies.items()},
    }


def _policy(result: PolicyResult) -> dict[str, Any]:
    equal = result.equal
    return {
        **_outcome(result.outcome),
        "knob": result.label,
        "atLateTarget": None if equal is None else {"knob": equal.label, **_outcome(equal.outcome)},
        "sweep": [{"knob": point.label, "value": point.knob, **_outcome(point.outcome)} for point in result.points],
    }


def _outcome(o: Outcome) -> dict[str, Any]:
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
