"""Claims about `ahpa backtest` and `ahpa replay` as a person or a script meets them."""

from __future__ import annotations

import csv
import gzip
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ahpa.adapters.files.journal import JournalFile
from ahpa.backtest.run import Job, prepared
from ahpa.backtest.run import run as run_all
from ahpa.backtest.sweep import Question
from ahpa.commands.backtest import command as backtest
from ahpa.commands.forecast import command as forecast
from ahpa.commands.replay import command as replay
from ahpa.core.controller import step
from ahpa.core.observation import Observation, Workload
from ahpa.core.policy.rules import parse_policy
from ahpa.core.readiness import Lag, Readiness
from forecasting.forecast import LEVELS, Outlook
from forecasting.panel import Panel
from tests.backtest.test_contenders import SETTING, Yesterday, waves

T0 = 1_700_006_400
QUICK = "kpa,hpa,static,fixed-max,seasonal,oracle"
"""All that need no model."""


def fleet(folder: Path, days: float = 3.0, names: tuple[str, ...] = ("chat", "../batch")) -> Path:
    rng = np.random.default_rng(0)
    t = np.arange(round(days * 1440))
    rate = 100 + 90 * np.sin(2 * np.pi * t / 1440)
    rows = [f"{T0 + 60 * i}," + ",".join(str(rng.poisson(r)) for _ in names) for i, r in zip(t, rate, strict=True)]
    path = folder / "fleet.csv.gz"
    path.write_bytes(gzip.compress(("timestamp," + ",".join(names) + "\n" + "\n".join(rows)).encode()))
    return path


def run(*arguments: str | Path | int) -> Result:
    return CliRunner().invoke(backtest, [str(a) for a in arguments])


def test_it_leaves_report_json_page_and_ticks_inside_out(tmp_path: Path) -> None:
    """Keys and columns are those that others build on; every number is finite; ticks add up to the report."""
    out = tmp_path / "out"
    done = run(fleet(tmp_path), "--out", out, "--test-days", 1, "--policies", QUICK, "--no-sweep", "--jobs", 1)
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert (report["apiVersion"], report["kind"]) == ("ahpa/v1", "BacktestReport")
    assert report["lagSeconds"] == {"p50": 180.0, "p95": 270.0}
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


def request_list(folder: Path, days: float = 3.0) -> Path:
    """A request of half a minute every ten seconds, one of twenty minutes each hour, in the order of their ends."""
    came = [(T0 + 10 * i + 0.25, 30.0) for i in range(round(days * 8640))]
    came += [(T0 + 3600 * i + 1.5, 1200.0) for i in range(round(days * 24))]
    rows = [f"{at},{held}" for at, held in sorted(came, key=lambda row: row[0] + row[1])]
    path = folder / "log.csv"
    path.write_text("timestamp,duration\n" + "\n".join(rows) + "\n")
    return path


def test_a_list_of_requests_is_simulated_one_by_one(tmp_path: Path) -> None:
    """The report says whose durations count; demand is what the arrivals of a minute ask for: three in flight, and
    twenty more in the minute of the long one."""
    out = tmp_path / "out"
    done = run(request_list(tmp_path), "--out", out, "--test-days", 1, "--policies", "static", "--no-sweep")
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    assert report["assumptions"]["service time"] == "each request's own, 33.2 s in the mean"
    with gzip.open(out / "ticks" / "log.static.csv.gz", "rt") as stream:
        demand = [float(row["demand"]) for row in csv.DictReader(stream)]
    assert sum(demand) == pytest.approx(1440 * 3 + 24 * 20)
    assert demand[1] == 3 + 20  # the list's last minute may have been cut short: the days end before it


@pytest.mark.parametrize("option", [("--unit", "concurrency"), ("--service-time", "2s"), ("--burstiness", "1")])
def test_what_a_list_says_itself_is_not_to_be_given(tmp_path: Path, option: tuple[str, str]) -> None:
    """Even where the value is the default: somebody believes that it counts."""
    done = run(request_list(tmp_path, 0.1), "--out", tmp_path / "out", *option)
    assert done.exit_code == 2
    assert f"{option[0]}: a list of requests says it itself" in done.output


def test_lists_and_counts_do_not_go_into_one_run(tmp_path: Path) -> None:
    done = run(request_list(tmp_path, 0.1), fleet(tmp_path, 0.1), "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "do not go into one run" in done.output


def test_a_service_that_scales_on_request_rate_is_simulated(tmp_path: Path) -> None:
    """50 requests per second at 20 x 70 % each: the KPA keeps 4 replicas, whose slots could take 20 each."""
    text = "timestamp,value\n" + "".join(f"{T0 + 60 * i},3000\n" for i in range(3 * 1440))
    counts, service = tmp_path / "one.csv", tmp_path / "svc.yaml"
    counts.write_text(text)
    service.write_text(
        "{apiVersion: serving.knative.dev/v1, kind: Service, metadata: {name: a}, spec: {template: {metadata: "
        '{annotations: {autoscaling.knative.dev/metric: rps, autoscaling.knative.dev/target: "20"}}, '
        "spec: {containerConcurrency: 4}}}}"
    )
    out = tmp_path / "out"
    done = run(counts, "--service", service, "--out", out, "--test-days", 1, "--policies", "kpa,static", "--no-sweep",
               "--service-time", "0.2s")  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text())
    fills = report["assumptions"]["the scaler fills replicas to"]
    assert fills == "14 requests per second each, of 20 that its slots can serve"
    with gzip.open(out / "ticks" / "one.kpa.csv.gz", "rt") as stream:
        desired = [float(row["desired"]) for row in csv.DictReader(stream)]
    assert np.median(desired) == 4


def test_money_counts_the_tiers_prices(tmp_path: Path) -> None:
    tiers = tmp_path / "tiers.yaml"
    tiers.write_text(
        "- {name: warm, replicas: 1, lag-p50: 20s, lag-p95: 40s, price: 1}\n"
        "- {name: new, lag-p50: 5m, lag-p95: 8m, price: 3}\n"
    )
    done = run(fleet(tmp_path, names=("a",)), "--tiers", tiers, "--out", tmp_path / "o", "--test-days", 1,
               "--policies", "kpa", "--no-sweep", "-o", "json")  # fmt: skip
    assert done.exit_code == 0, done.output
    policy = json.loads((tmp_path / "o" / "report.json").read_text())["series"][0]["policies"]["kpa"]
    assert policy["replicaHours"] < policy["money"] < 3 * policy["replicaHours"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--policies", "magic"), 2, "choose from"),
        (("--late-target", "0.1%", "--quantile", "0.9"), 2, "give one of them"),
        (("--lag-p50", "300s", "--lag-p95", "60s"), 2, "p50 <= p95"),
        (("--service-time", "soon"), 2, "duration"),
        (("--query", "up"), 2, "--from-prometheus"),
        (("--from-prometheus", "ftp://localhost", "--query", "up"), 2, "http://prometheus"),
        (("--from-prometheus", "http://localhost:port", "--query", "up"), 2, "http://prometheus"),
        (("--test-days", "30"), 4, "days of data"),
        (("--service", "absent.yaml"), 2, "absent.yaml"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, tuple) else None,
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int, says: str
) -> None:
    done = run(fleet(tmp_path, days=2.2, names=("a",)), "--out", tmp_path / "out", *arguments)
    assert done.exit_code == code
    assert says in done.output
    assert not (tmp_path / "out").exists()


OWNED = """
apiVersion: serving.knative.dev/v1
kind: Service
metadata: {name: chat}
spec:
  template:
    metadata: {annotations: {autoscaling.knative.dev/min-scale: "1", autoscaling.knative.dev/max-scale: "2"}}
    spec: {containerConcurrency: 4}
"""


def test_the_owners_bounds_bind_every_policy(tmp_path: Path) -> None:
    """At most two replicas where more are needed: nobody gets further, and the report says why; one at least."""
    service = tmp_path / "svc.yaml"
    service.write_text(OWNED)
    done = run(fleet(tmp_path, names=("a",)), "--service", service, "--out", tmp_path / "o", "--test-days", 1,
               "--policies", "static,fixed-max", "--service-time", "6s", "--no-sweep")  # fmt: skip
    assert done.exit_code == 0, done.output
    (series,) = json.loads((tmp_path / "o" / "report.json").read_text())["series"]
    assert series["policies"]["static"]["knob"] == "floor 2"
    assert series["policies"]["fixed-max"]["knob"] == "2 replicas"
    assert any("max-scale is 2, but the busiest minute needs" in note for note in series["notes"])
    quiet = run(fleet(tmp_path, names=("a",)), "--service", service, "--out", tmp_path / "q", "--test-days", 1,
                "--policies", "fixed-max", "--service-time", "0.1s", "--late-target", "0.5", "--no-sweep")  # fmt: skip
    assert quiet.exit_code == 0, quiet.output
    (series,) = json.loads((tmp_path / "q" / "report.json").read_text())["series"]
    assert series["policies"]["fixed-max"]["atLateTarget"]["knob"] == "1 replica"


@pytest.mark.parametrize("option", [("--concurrency", "2"), ("--target-utilization", "0.2")], ids=lambda o: o[0])
def test_what_a_service_says_itself_is_not_to_be_given(tmp_path: Path, option: tuple[str, str]) -> None:
    service = tmp_path / "svc.yaml"
    service.write_text(OWNED)
    done = run(fleet(tmp_path, names=("a",)), "--service", service, "--out", tmp_path / "out", *option)
    assert done.exit_code == 2
    assert f"{option[0]}: the Service of --service says it" in done.output


def test_a_password_in_a_url_is_not_shown(tmp_path: Path) -> None:
    done = run(
        "--from-prometheus", "http://u:secret@127.0.0.1:9", "--query", "up", "--history", "1d", "--out", tmp_path
    )
    assert done.exit_code == 3
    assert "secret" not in done.output
    assert "Connection refused" in done.output


def test_a_file_named_twice_is_refused(tmp_path: Path) -> None:
    """Two services of one load would both be saved, and the saving counted twice."""
    file = fleet(tmp_path, names=("a",))
    done = run(file, tmp_path / "." / file.name, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert "named twice" in done.output


def test_an_unreachable_prometheus_is_exit_code_3(tmp_path: Path) -> None:
    done = run("--from-prometheus", "http://127.0.0.1:9", "--query", "up", "--history", "1d", "--out", tmp_path / "out")
    assert done.exit_code == 3
    assert "query-1" in done.output


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


def test_two_processes_find_what_one_finds(tmp_path: Path) -> None:
    """Learned in the pool or here: the same of every service, to the last bit."""
    panels = [Panel.of(T0 - T0 % 60, 60.0, waves(4, top).values, (f"up to {top}",)) for top in (20.0, 30.0)]
    series, _ = prepared(panels, 1.0, 1.0)
    job = Job(SETTING, Question(policies=("ahpa",), sweep=False), None, 1.0)
    files = {one.name: one.name for one in series}
    found = [dict(run_all(series, Yesterday(), Yesterday.levels, job, files, jobs)) for jobs in (1, 2)]
    outcomes = [{name: result.policies["ahpa"].outcome for name, result in one.items()} for one in found]
    assert len(outcomes[0]) == 2
    assert outcomes[0] == outcomes[1]


@pytest.mark.slow
def test_ours_is_judged_by_the_fleet_model(tmp_path: Path) -> None:
    """The whole way with the real model: two policies, a day, coverage and advice."""
    out = tmp_path / "out"
    done = run(fleet(tmp_path, days=4, names=("a",)), "--out", out, "--test-days", 1, "--policies", "ahpa,kpa",
               "--no-sweep", "--jobs", 1)  # fmt: skip
    assert done.exit_code == 0, done.output
    policy = json.loads((out / "report.json").read_text())["series"][0]["policies"]["ahpa"]
    assert policy["lateRatio"] < 0.05
    assert 0.8 < policy["coverage"]["0.95"] <= 1


def journal(folder: Path) -> Path:
    """Three rounds of the service's own journal."""
    path = folder / "journal.jsonl"
    keep = JournalFile(str(path))
    workload = Workload(
        key="knative/default/chat", policy=parse_policy({"ahpa.dev/mode": "apply"}), baseline=1, floor=1, ready=1,
        present=1, per_replica=2.8, readiness=Readiness.single(Lag.of(180, 270)), observed_until=0.0,
    )  # fmt: skip
    for minute in range(3):
        now = 60.0 * minute
        peaks = np.linspace(5, 10 + 5 * minute, len(LEVELS)).reshape(1, 1, -1)
        outlooks = {workload.key: Outlook(now, np.array(LEVELS), np.array([400.0]), peaks[0], "m", None)}
        seen = Observation(now, 60.0, (replace(workload, observed_until=now),), outlooks)
        keep.write(seen, step(seen))
    return path


def test_a_journal_replays_without_a_difference(tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, [str(journal(tmp_path)), "--wording"])
    assert done.exit_code == 0, done.output
    assert "3 decisions replayed, 0 differ" in done.output


def test_every_decision_that_would_differ_is_shown(tmp_path: Path) -> None:
    """The recorded floor of the second line is another one: line, service, then and today are said; exit code 1."""
    path = journal(tmp_path)
    lines = path.read_text().splitlines()
    row = json.loads(lines[1])
    row["decision"]["floor"] += 7
    path.write_text("\n".join([lines[0], json.dumps(row), lines[2]]))
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == 1
    assert "knative/default/chat (line 2): floor differ" in done.output
    assert "3 decisions replayed, 1 differ" in done.output


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [("", 4, "no decisions"), ("{}\n", 2, ":1: not a decision"), ("[[[\n", 2, ":1: not JSON"), ("x" * 2**21, 2, ":1:")],
    ids=["empty", "another object", "broken", "a long line"],
)
def test_what_is_no_journal_is_refused(tmp_path: Path, text: str, code: int, says: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    done = CliRunner().invoke(replay, [str(path)])
    assert done.exit_code == code
    assert says in done.output


def test_a_journal_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = CliRunner().invoke(replay, [str(tmp_path / "nothere")])
    assert done.exit_code == 2
    assert "nothere: No such file" in done.output


def test_services_of_one_name_become_three_and_none_is_lost() -> None:
    panels = [Panel.of(T0, 60.0, np.ones(4 * 1440), (name,)) for name in ("a", "a", "a (2)")]
    series, failed = prepared(panels, 1.0, 1.0)
    assert [one.name for one in series] == ["a", "a (2)", "a (2) (2)"]
    assert not failed


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


@pytest.mark.slow
def test_a_calendar_changes_what_is_expected(tmp_path: Path) -> None:
    """A shop that opens by a clock that was put back a week ago: told so, the model expects something else."""
    t = 1_698_105_600 + 300 * np.arange(9 * 288)  # 2023-10-24 on; the clocks of Berlin were changed on the 29th
    shop = 20 + 80 * ((t + np.where(t < 1_698_541_200, 7200, 3600)) % 86_400 // 3600 >= 8)
    rows = "".join(f"{at},{demand}\n" for at, demand in zip(t, shop, strict=True))
    (tmp_path / "shop.csv").write_text("timestamp,value\n" + rows)
    words = [str(tmp_path / "shop.csv"), "--horizon", "12h", "--step", "30m"]
    plain, told = (CliRunner().invoke(forecast, [*words, *more]) for more in ([], ["--time-zone", "Europe/Berlin"]))
    assert plain.exit_code == told.exit_code == 0, plain.output + told.output
    assert plain.output.splitlines()[3:] != told.output.splitlines()[3:]
