"""The metrics of a round, the counters of what happens, and the log lines beside them."""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from ahpa.adapters.telemetry.http import serve_http
from ahpa.adapters.telemetry.logs import LOG, log_to_stderr
from ahpa.adapters.telemetry.memory import spare_bytes
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.controller import step
from ahpa.core.observation import Observation, Workload
from ahpa.core.readiness import Lag, Readiness, Tier
from ahpa.core.starts import PHASES, Start, StartLog
from ahpa.ports import TargetRound
from ahpa.targets import Target
from forecasting.forecast import Coverage, Outlook
from tests.core.conftest import NOW, outlook_of, workload_of

LABELS = 'kind="knative",name="chat",namespace="shop"'


def round_of(workload: Workload, outlook: Outlook | None = None) -> TargetRound:
    kind, namespace, name = workload.key.split("/")
    target = Target(kind, namespace, name, {}, {}, 1, 1, 1, 1, None, (), False, "")
    outlooks = {} if outlook is None else {workload.key: outlook}
    (decision,) = step(Observation(NOW, 60.0, (workload,), outlooks))
    return TargetRound(target, workload, outlook, decision)


def lines(telemetry: Telemetry, name: str) -> list[str]:
    return [line for line in telemetry.text().decode().splitlines() if line.startswith(name + "{")]


def test_the_lag_of_every_tier_is_shown() -> None:
    """Several under one name would show the last of them."""
    tiers = (Tier("warm", Lag.of(45, 45), replicas=2, nodes="warm-*"), Tier("new", Lag.of(300, 300)))
    telemetry = Telemetry()
    telemetry.show([round_of(workload_of(readiness=Readiness(tiers)))], None)
    shown = lines(telemetry, "ahpa_readiness_seconds")
    assert [line.rpartition(" ")[0].partition('quantile="0.9",')[2] for line in shown] == [
        'tier="warm"}',
        'tier="new"}',
    ]
    assert [float(line.rpartition(" ")[2]) for line in shown] == pytest.approx([45.0, 300.0])


def test_a_scrape_sees_a_round_whole() -> None:
    """A new round is swapped in, not filled in; a scrape meanwhile sees all of the last one."""
    telemetry = Telemetry()
    rounds = [round_of(workload_of(key=f"knative/shop/{name}")) for name in ("chat", "other", "third")]
    telemetry.show(rounds[:2], None)
    scraped: list[int] = []

    class ScrapedInBetween(list[TargetRound]):
        def __iter__(self) -> Iterator[TargetRound]:
            for each in super().__iter__():
                scraped.append(len(lines(telemetry, "ahpa_floor_replicas")))
                yield each

    telemetry.show(ScrapedInBetween(rounds), None)
    scraped.append(len(lines(telemetry, "ahpa_floor_replicas")))
    assert scraped == [2, 2, 2, 3]


def test_a_round_shows_what_was_decided_and_foreseen() -> None:
    telemetry = Telemetry()
    levels, windows = np.array([0.5, 0.99]), np.array([60.0, 3600.0])
    coverage = Coverage(("knative/shop/chat",), windows, levels, np.full((1, 2, 2), 0.97))
    telemetry.show([round_of(workload_of(), outlook_of(11.0))], coverage)
    for name, value in {
        "ahpa_floor_replicas": 3.0,
        "ahpa_baseline_replicas": 1.0,
        "ahpa_ready_replicas": 1.0,
        "ahpa_forecast_timestamp_seconds": NOW,
    }.items():
        (line,) = lines(telemetry, name)
        assert line.startswith(f"{name}{{{LABELS}}}")
        assert float(line.rpartition(" ")[2]) == value
    for name, value in {"ahpa_forecast_peak": 11.0, "ahpa_forecast_coverage_ratio": 0.97}.items():
        assert [float(line.rpartition(" ")[2]) for line in lines(telemetry, name)] == [value, value]


def test_what_is_gone_is_shown_no_more_and_counts_stay() -> None:
    telemetry = Telemetry()
    telemetry.show([round_of(workload_of())], None)
    telemetry.show([], None)
    assert lines(telemetry, "ahpa_floor_replicas") == []
    assert lines(telemetry, "ahpa_readiness_seconds") == []
    assert len(lines(telemetry, "ahpa_decisions_total")) == 1


def test_who_leads_is_shown_lease_by_lease_and_each_gain_counted() -> None:
    telemetry = Telemetry()
    for holds in (False, True, False, True):
        telemetry.led("ahpa-0", holds)
    telemetry.led("ahpa-1", False)
    assert lines(telemetry, "ahpa_leader") == ['ahpa_leader{lease="ahpa-0"} 1.0', 'ahpa_leader{lease="ahpa-1"} 0.0']
    counted = lines(telemetry, "ahpa_leader_transitions_total")
    assert [line.rpartition(" ")[2] for line in counted] == ["2.0", "0.0"]


def test_what_happens_is_counted() -> None:
    telemetry = Telemetry()
    telemetry.read_failed()
    telemetry.wrote("done")
    telemetry.job_failed("tick")
    telemetry.ticked(NOW, 0.5)
    telemetry.refitted(2.0)
    text = telemetry.text().decode()
    for line in (
        "ahpa_metrics_errors_total 1.0",
        'ahpa_writes_total{result="done"} 1.0',
        'ahpa_job_errors_total{job="tick"} 1.0',
        "ahpa_last_tick_timestamp_seconds 1.7e+09",
        "ahpa_tick_duration_seconds_sum 0.5",
        "ahpa_refit_duration_seconds_sum 2.0",
    ):
        assert line in text.splitlines()


@pytest.fixture
def own_log() -> Iterator[None]:
    """The process has one log; leave it as it was."""
    before = (LOG.handlers[:], LOG.propagate, LOG.level)
    yield
    LOG.handlers[:], LOG.propagate, level = before
    LOG.setLevel(level)


def test_a_line_is_json_with_its_fields(own_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(as_json=True)
    telemetry = Telemetry()
    telemetry.log("write.failed", logging.WARNING, target="hpa/shop/api")
    telemetry.log("quiet", logging.DEBUG)
    try:
        raise ZeroDivisionError("a bug")
    except ZeroDivisionError:
        telemetry.fault("tick.failed", target="hpa/shop/api")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["level"], first["event"], first["target"]) == ("warning", "write.failed", "hpa/shop/api")
    assert (second["level"], second["event"], second["target"]) == ("error", "tick.failed", "hpa/shop/api")
    assert second["error"].endswith("ZeroDivisionError: a bug")


def test_a_person_reads_plain_text(own_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    log_to_stderr(verbose=True, as_json=False)
    Telemetry().log("pods.unavailable", logging.DEBUG, target="hpa/shop/api")
    assert "pods.unavailable" in (said := capsys.readouterr().err)
    assert "target=hpa/shop/api" in said


def test_only_the_given_paths_are_served() -> None:
    server = serve_http(0, {"/metrics": lambda: (200, "text/plain", b"up 1\n")}, "127.0.0.1")
    try:
        root = f"http://127.0.0.1:{server.server_port}"
        with urlopen(f"{root}/metrics?x=1", timeout=5) as answer:
            assert (answer.read(), answer.headers["X-Content-Type-Options"]) == (b"up 1\n", "nosniff")
        with pytest.raises(HTTPError) as caught:
            urlopen(f"{root}/../etc/passwd", timeout=5)
        assert caught.value.code == 404
        caught.value.close()
    finally:
        server.shutdown()
        server.server_close()


def test_how_the_watches_go_is_asked_at_each_scrape() -> None:
    """Whatever they told last: a watch that ends says nothing by itself."""
    telemetry, told = Telemetry(), [("apps/v1/deployments", 3, 0.5, 1)]
    telemetry.watch(lambda: told)
    shown = telemetry.text().decode()
    told[0] = ("apps/v1/deployments", 4, 61.0, 3)
    for text, values in ((shown, (3.0, 0.5, 1.0)), (telemetry.text().decode(), (4.0, 61.0, 3.0))):
        names = ("ahpa_watched_objects", "ahpa_watch_silent_seconds", "ahpa_watch_lists_total")
        for name, value in zip(names, values, strict=True):
            assert f'{name}{{collection="apps/v1/deployments"}} {value}' in text


def test_where_the_minutes_of_a_start_go_is_shown_phase_by_phase() -> None:
    """Nothing where no start told every moment."""
    start = Start("a", NOW, NOW + 10, NOW + 30, NOW + 90, NOW + 200)
    telemetry, seen = Telemetry(), round_of(workload_of())
    telemetry.show([seen, replace(seen, starts=StartLog().seen([start], NOW + 300))], None)
    shown = lines(telemetry, "ahpa_start_phase_seconds")
    assert [float(line.rpartition(" ")[2]) for line in shown] == [10.0, 20.0, 60.0, 110.0]
    assert [re.findall(r'phase="([^"]*)"', line) for line in shown] == [[phase] for phase in PHASES]


@pytest.mark.parametrize(("of_object", "of_owner", "shown"), [(9, None, [9.0]), (9, "5", [5.0]), (None, None, [])])
def test_the_maximum_is_the_lower_of_what_the_owner_has_set(
    of_object: int | None, of_owner: str | None, shown: list[float]
) -> None:
    telemetry = Telemetry()
    annotations = {"ahpa.dev/max": of_owner} if of_owner else {}
    telemetry.show([round_of(workload_of(annotations, maximum=of_object))], None)
    assert [float(line.rpartition(" ")[2]) for line in lines(telemetry, "ahpa_maximum_replicas")] == shown


CONTAINER = {"memory.stat": "anon 5\ninactive_file 100\n", "memory.current": "700\n", "memory.max": "1000\n"}


@pytest.mark.parametrize(
    ("files", "shown"),
    [
        (CONTAINER, {"ahpa_memory_working_set_bytes": 600.0, "ahpa_memory_limit_bytes": 1000.0}),
        (CONTAINER | {"memory.max": "max\n"}, {"ahpa_memory_working_set_bytes": 600.0}),
        ({}, {}),
        ({"memory.stat": "anon 5\n", "memory.current": "x"}, {}),
    ],
    ids=["a container with a limit", "without one", "no container", "damaged"],
)
def test_memory_is_what_the_kernel_counts_for_the_container(
    files: dict[str, str], shown: dict[str, float], tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = re.findall(r"^(ahpa_memory\w+) (\S+)$", Telemetry(tmp_path).text().decode(), re.M)
    assert {name: float(value) for name, value in found} == shown
    both = set(shown) == {"ahpa_memory_working_set_bytes", "ahpa_memory_limit_bytes"}
    assert spare_bytes(tmp_path) == (400 if both else math.inf)
