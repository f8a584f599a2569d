"""Claims about `ahpa backtest` as a person or a script meets it: what it leaves, and that it is the same each time."""

from __future__ import annotations

import csv
import gzip
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ahpa.commands.forecast import command as forecast
from tests.commands.examples import QUICK, T0, fleet, run


def test_it_leaves_report_json_page_and_ticks_inside_out(tmp_path: Path) -> None:
    """Keys and columns are those that others build on; every number is finite; ticks add up to the report."""
    out = tmp_path / "out"
    done = run(fleet(tmp_path), "--out", out, "--test-days", 1, "--policies", QUICK, "--no-sweep", "--jobs", 1)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert (report["apiVersion"], report["kind"]) == ("ahpa/v1", "BacktestReport")
    assert report["lagSeconds"] == {"p50": 180.0, "p95": 300.0}
    assert {s["name"] for s in report["series"]} == {"chat", "../batch"}
    found = next(s for s in report["series"] if s["name"] == "../batch")
    assert list(found["policies"]) == QUICK.split(",")
    for name, policy in found["policies"].items():
        keys = {"replicaHours", "lateRatio", "unservedRatio", "scaleUps", "coldHits", "coverage"}
        assert keys <= policy.keys()
        with gzip.open(out / "ticks" / f"batch.{name}.csv.gz", "rt") as stream:
            rows = list(csv.DictReader(stream))
        assert list(rows[0]) == ["timestamp", "demand", "ready", "starting", "floor", "desired", "late"]
        assert len(rows) == 1440
        assert int(rows[0]["timestamp"]) == T0 + 2 * 86_400
        hours = sum(float(r["ready"]) + float(r["starting"]) for r in rows) / 60
        assert hours == pytest.approx(policy["replicaHours"], rel=1e-6)
    assert "<html" in (out / "report.html").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fleet.csv.gz", "out"]


def test_the_same_command_gives_the_same_report(tmp_path: Path) -> None:
    """Also with two processes: the luck is the series', not the worker's."""
    path = fleet(tmp_path)
    texts = []
    for jobs in (1, 2):
        out = tmp_path / f"out{jobs}"
        done = run(path, "--out", out, "--test-days", 1, "--policies", "kpa,static", "--no-sweep", "--jobs", jobs)
        assert done.exit_code == 0, done.output
        texts.append((out / "report.json").read_bytes())
    assert texts[0] == texts[1]


def test_ticks_demand_has_the_unit_of_the_input(tmp_path: Path) -> None:
    for unit, factor in (("requests-per-minute", 1.0), ("concurrency", 2 / 60)):
        text = "timestamp,value\n" + "".join(f"{T0 + 60 * i},{60 * factor}\n" for i in range(3 * 1440))
        path = tmp_path / "one.csv"
        path.write_text(text)
        out = tmp_path / unit
        done = run(path, "--unit", unit, "--out", out, "--test-days", 1, "--policies", "kpa", "--no-sweep")
        assert done.exit_code == 0, done.output
        with gzip.open(out / "ticks" / "one.kpa.csv.gz", "rt") as stream:
            demand = [float(r["demand"]) for r in csv.DictReader(stream)]
        assert np.mean(demand) == pytest.approx(60 * factor, rel=0.02)


def test_one_short_series_does_not_spoil_the_others(tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("timestamp,value\n" + "".join(f"{T0 + 60 * i},1\n" for i in range(100)))
    out = tmp_path / "out"
    done = run(fleet(tmp_path, names=("a",)), short, "--out", out, "--test-days", 1, "--policies", "kpa", "--no-sweep")
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert [s["name"] for s in report["series"]] == ["a"]
    assert "days of data" in report["failed"]["short"]


def test_ctrl_c_leaves_what_is_done(tmp_path: Path) -> None:
    """Sixty services, interrupted after the first: exit code 130, a report on those done, no half files."""
    path = fleet(tmp_path, names=tuple(f"s{i}" for i in range(60)))
    out = tmp_path / "out"
    arguments = [
        "backtest",
        str(path),
        "--out",
        str(out),
        "--test-days",
        "1",
        "--policies",
        "kpa,static",
        "--jobs",
        "2",
    ]
    # A shell's background job, and so its children, ignore Ctrl-C; a person's command does not.
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    child = subprocess.Popen(
        [sys.executable, "-m", "ahpa", *arguments], stderr=subprocess.PIPE, text=True, preexec_fn=heeding
    )
    ends = time.monotonic() + 200
    while not list(out.glob("ticks/*.static.csv.gz")) and time.monotonic() < ends and child.poll() is None:
        time.sleep(0.05)
    child.send_signal(signal.SIGINT)
    _, words = child.communicate(timeout=100)
    assert child.returncode == 130, words
    assert "interrupted" in words
    assert "Traceback" not in words
    report = json.loads((out / "report.json").read_text())
    assert len(report["series"]) < 60
    assert len(report["series"]) + len(report["failed"]) == 60
    assert set(report["failed"].values()) == {"interrupted before it was done"}
    assert not list(out.rglob(".*"))


def test_a_name_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """An escape sequence in a label, in what is printed of it, tested or not."""
    file = tmp_path / "x.json"
    labels = [{"app": "a\x1b]0;owned\x07[/b]$\\frac$"}, {"app": "short\x1b[31m"}]
    lengths = (3 * 1440, 100)
    result = [
        {"metric": m, "values": [[T0 + 60 * i, str(5 + i % 7)] for i in range(n)]}
        for m, n in zip(labels, lengths, strict=True)
    ]
    file.write_text(json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}}))
    told = run(file, "--out", tmp_path / "out", "--test-days", 1, "--policies", "fixed-max", "--no-sweep", "--jobs", 1)
    assert told.exit_code == 0, told.output
    shown = CliRunner().invoke(forecast, [str(file), "--model", "last-value", "--plot", str(tmp_path / "x.png")])
    assert shown.exit_code == 0, shown.output
    assert "not tested" in told.output
    assert "\x1b" not in told.output + shown.output
