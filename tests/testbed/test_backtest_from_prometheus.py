"""`ahpa backtest --from-prometheus` on a real Prometheus finds what the same numbers in a file give."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ahpa.commands.backtest import command as backtest
from testbed import Series, Testbed

pytestmark = pytest.mark.testbed

DAYS = 3


def test_from_prometheus_is_as_from_a_file(bed: Testbed, tmp_path: Path) -> None:
    """Three days of counters, with a hole of an hour: requests per second by `rate`, the hole is not zero."""
    end = time.time() // 60 * 60
    times = end - 60.0 * np.arange(DAYS * 1440, -1, -1)
    rate = 20 + 15 * np.sin(2 * np.pi * times / 86_400)
    counter = np.concatenate([[0.0], np.cumsum(60 * rate[1:])])
    counter[-600:-540] = np.nan
    bed.backfill([Series("requests_total", {"app": "chat"}, times, counter)])
    flags = ["--test-days", "1", "--policies", "kpa,fixed-max", "--no-sweep", "--jobs", "1", "-o", "json"]
    asked = ["--query", 'chat=sum(rate(requests_total{app="chat"}[2m]))', "--unit", "requests-per-second"]
    source = ["--from-prometheus", bed.prometheus_url, "--history", f"{DAYS}d", "--out", str(tmp_path / "a")]
    live = CliRunner().invoke(backtest, [*source, *asked, *flags])
    assert live.exit_code == 0, live.output

    shown = rate.copy()
    shown[-601:-539] = np.nan
    rows = [f"{t:.0f},{'' if np.isnan(v) else f'{v:.6f}'}" for t, v in zip(times[:-1], shown[1:], strict=True)]
    (tmp_path / "chat.csv").write_text("timestamp,value\n" + "\n".join(rows) + "\n")
    filed = CliRunner().invoke(
        backtest, [str(tmp_path / "chat.csv"), "--unit", "requests-per-second", "--out", str(tmp_path / "b"), *flags]
    )
    assert filed.exit_code == 0, filed.output

    theirs, ours = (json.loads((tmp_path / where / "report.json").read_text())["series"][0] for where in "ab")
    assert theirs["name"] == ours["name"] == "chat"
    assert any("not observed" in note for note in theirs["notes"])
    for policy in ("kpa", "fixed-max"):
        a, b = theirs["policies"][policy], ours["policies"][policy]
        assert a["requests"] == pytest.approx(b["requests"], rel=0.01)
        assert a["replicaHours"] == pytest.approx(b["replicaHours"], rel=0.03)


def test_a_query_without_samples_says_so(bed: Testbed, tmp_path: Path) -> None:
    source = ["--from-prometheus", bed.prometheus_url, "--query", "nothing=absent_metric", "--out", str(tmp_path)]
    found = CliRunner().invoke(backtest, source)
    assert found.exit_code == 4
    assert "no samples in the last 14 days" in found.output
