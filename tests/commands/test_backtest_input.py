"""Claims about what `ahpa backtest` and `ahpa forecast` are given: units, parts, counters, half answers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
from click.testing import CliRunner, Result

from ahpa.commands.forecast import command as forecast
from tests.adapters.prometheus.faults import metrics
from tests.adapters.prometheus.server import Server, say
from tests.commands.examples import T0, run

QUICK = ("--test-days", "1", "--policies", "fixed-max", "--no-sweep", "--jobs", "1")
RATE = "cart=sum(rate(http_requests_total[5m]))"


def load(at: float) -> float:
    return 5 + 4 * math.sin(at / 86_400 * 2 * math.pi) + at // 60 % 7 / 10


def answering(value: Callable[[float], float], metric: dict[str, str], **more: object) -> Callable[..., None]:
    """A query_range of one series, for each of the queries in it, on the grid that was asked for."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = parse_qs(urlsplit(handler.path).query)
        start, end, step = (float(asked[key][0].rstrip("s")) for key in ("start", "end", "step"))
        values = [[t, f"{value(t):.4f}"] for t in np.arange(start, end + 1, step)]
        result: list[dict[str, object]] = [
            {"metric": {**metric, **labels}, "values": values} for labels in metrics(asked)
        ]
        body = {"data": {"resultType": "matrix", "result": result}}
        say(200, json.dumps({"status": "success", **more, **body}).encode())(handler)

    return answer


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.answer = answering(load, {})
    yield server
    server.close()


def live(server: Server, out: Path, *more: str) -> Result:
    return run("--from-prometheus", server.url, "--history", "3d", "--out", out, *QUICK, *more)


def told(out: Path, what: str) -> str:
    words: str = json.loads((out / "report.json").read_text())["assumptions"][what]
    return words


def hours(out: Path) -> float:
    found: float = json.loads((out / "report.json").read_text())["series"][0]["policies"]["fixed-max"]["replicaHours"]
    return found


def test_a_rate_is_per_second_and_the_table_says_so(tmp_path: Path, server: Server) -> None:
    """It was taken for requests per minute: a sixtieth of the replicas."""
    inferred, given = (
        live(server, tmp_path / "a", "--query", RATE),
        live(server, tmp_path / "b", "--query", RATE, "--unit", "requests-per-second"),
    )
    assert inferred.exit_code == given.exit_code == 0, inferred.output
    assert hours(tmp_path / "a") == hours(tmp_path / "b")
    assert told(tmp_path / "a", "the input counts") == "requests per second (inferred: rate() is per second)"
    assert "demand in requests per second (inferred: rate() is per second)" in inferred.output
    assert "demand in requests per second  " in given.output
    assert "The input was read as requests per second (inferred" in (tmp_path / "a" / "report.html").read_text()


def test_where_a_query_does_not_say_its_unit_it_is_asked_for(tmp_path: Path, server: Server) -> None:
    done = live(server, tmp_path / "a", "--query", "cart=inflight")
    assert done.exit_code == 2
    assert "cart does not say what it counts: say it with --unit (requests-per-minute," in done.output
    done = live(server, tmp_path / "a", "--query", RATE, "--query", "b=sum(increase(x_total[1m]))")
    assert done.exit_code == 2
    assert "the queries count different things (cart requests/s, b requests/min)" in done.output


def test_a_file_is_taken_for_requests_per_minute_aloud(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("timestamp,value\n" + "".join(f"{T0 + 60 * i},{60 + i % 7}\n" for i in range(3 * 1440)))
    done = run(file, "--out", tmp_path / "out", *QUICK)
    assert done.exit_code == 0, done.output
    assert "demand in requests per minute (taken so: --unit says otherwise)" in done.output


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"warnings": ["store-2: deadline exceeded"]}, "may be incomplete: store-2: deadline exceeded"),
        ({"isPartial": True}, "may be incomplete: the answer is partial"),
        ({"infos": ["metric might not be a counter"]}, "Prometheus notes: metric might not be a counter"),
    ],
    ids=["warnings", "isPartial", "infos"],
)
def test_a_partial_answer_is_named(tmp_path: Path, server: Server, more: dict[str, object], says: str) -> None:
    """On stderr and in the report, read live or from a file."""
    server.answer = answering(load, {}, **more)
    done = live(server, tmp_path / "live", "--query", RATE)
    assert done.exit_code == 0, done.output
    assert f"ahpa backtest: cart: Prometheus {'notes' if 'infos' in more else 'warned'}" in done.output
    assert says in told(tmp_path / "live", "of the input")
    file = tmp_path / "saved.json"
    values = [[T0 + 60 * i, f"{load(60 * i):.3f}"] for i in range(3 * 1440)]
    file.write_text(
        json.dumps({**more, "data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}})
    )
    done = run(file, "--out", tmp_path / "file", *QUICK)
    assert done.exit_code == 0, done.output
    assert "saved.json: the server" in done.output
    assert says.rpartition(": ")[0].removeprefix("Prometheus ") in told(tmp_path / "file", "of the input")


@pytest.mark.parametrize("metric", [{"__name__": "visits_total"}, {}], ids=["by its name", "by its resets"])
def test_a_raw_counter_is_no_demand(tmp_path: Path, server: Server, metric: dict[str, str]) -> None:
    first = time.time() - 2 * 86_400
    reset = 10**9 if metric else first
    server.answer = answering(lambda t: int(5 * (t if t < reset else t - reset)) - (0 if t >= reset else 10**9), metric)
    done = live(server, tmp_path / "out", "--query", "cart=visits_total", "--unit", "requests-per-second")
    assert done.exit_code == 3
    assert "cart: the query only rises, as a raw counter does: wrap it in rate()" in done.output


def revisions(folder: Path) -> Path:
    """A service whose traffic goes from one Revision to another."""
    t = np.arange(3 * 1440)
    demand = np.round(100 + 90 * np.sin(2 * np.pi * t / 1440))
    parts = ((1, t < 3000), (2, t >= 2900))
    result = [
        {"metric": {"revision_name": f"cart-{i}"},
         "values": [[T0 + 60 * int(j), f"{demand[j] / (2 if 2900 <= j < 3000 else 1):g}"] for j in t[there]]}
        for i, there in parts
    ]  # fmt: skip
    file = folder / "by-revision.json"
    file.write_text(json.dumps({"data": {"resultType": "matrix", "result": result}}))
    whole = folder / "whole.csv"
    whole.write_text("timestamp,value\n" + "".join(f"{T0 + 60 * j - 60},{demand[j]:g}\n" for j in t))
    return file


def test_revisions_of_a_service_are_summed_when_told(tmp_path: Path) -> None:
    """They were two services with a fleet each; summed, the service costs what it does in one piece."""
    file = revisions(tmp_path)
    done = run(file, "--out", tmp_path / "out", *QUICK)
    assert done.exit_code == 2
    assert "differ only by revision_name: sum them" in done.output
    assert run(file, "--sum", "revision_name", "--out", tmp_path / "sum", *QUICK).exit_code == 0
    assert run(tmp_path / "whole.csv", "--out", tmp_path / "whole", *QUICK).exit_code == 0
    assert hours(tmp_path / "sum") == hours(tmp_path / "whole")
    apart = run(file, "--apart", "revision_name", "--out", tmp_path / "apart", *QUICK, "-o", "json")
    assert "revision_name=cart-2" in apart.output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--sum", "pod", "--apart", "pod"), "--sum and --apart: pod cannot be both"),
        (("--sum", "pod,"), "a label's name is missing"),
        (("--sum", "pot"), "no series has the label 'pot'; labels here are: revision_name"),
    ],
)
def test_parts_that_make_no_sense_are_refused(tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    done = run(revisions(tmp_path), *options, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert says in done.output


def test_a_sum_is_promqls_where_a_prometheus_is_asked(tmp_path: Path, server: Server) -> None:
    done = live(server, tmp_path / "out", "--query", RATE, "--sum", "pod")
    assert done.exit_code == 2
    assert "--sum: in --query, PromQL's own sum() does it" in done.output


def test_an_hourly_answer_is_forecast_from_its_last_stamp(tmp_path: Path) -> None:
    """The sample of 00:00 is of the hour before: the forecast begins there, as it does read live. It began at 01:00."""
    midnight = 1_772_582_400
    values = [[midnight - 3600 * i, f"{5 + i % 24:g}"] for i in reversed(range(72))]
    file = tmp_path / "hourly.json"
    file.write_text(json.dumps({"data": {"resultType": "matrix", "result": [{"metric": {}, "values": values}]}}))
    done = CliRunner().invoke(forecast, [str(file), "--model", "last-value", "--horizon", "2h"])
    assert done.exit_code == 0, done.output
    assert "series from Wed 04 Mar 2026 00:00 UTC" in done.output
    assert "mean of the step (the input's unit)" in done.output


def test_a_forecast_sums_and_tells_too(tmp_path: Path) -> None:
    done = CliRunner().invoke(forecast, [str(revisions(tmp_path)), "--model", "last-value"])
    assert done.exit_code == 2
    assert "differ only by revision_name: sum them" in done.output
    done = CliRunner().invoke(
        forecast, [str(revisions(tmp_path)), "--model", "last-value", "--sum", "revision_name", "--horizon", "5m"]
    )
    assert done.exit_code == 0, done.output
