"""Samples become steps, faults stay with their key, and what was not observed stays unknown.

The library's own behaviour is asserted beside ours where it differs, to keep the proof that the boundary is needed.
"""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Collection
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.prometheus import asking as adapter
from ahpa.adapters.prometheus import source
from ahpa.adapters.prometheus.questions import Question, questions
from ahpa.adapters.prometheus.source import Prometheus
from forecasting.executor import Executor, Serial
from tests.adapters.prometheus.faults import alone
from tests.adapters.prometheus.server import END, START, STEP, Server, client, hang, matrix, say


def test_one_failing_query_leaves_its_row_unknown_and_harms_no_other(server: Server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        (say(500, b"x") if "bad" in handler.path else matrix([[60, "1"], [120, "2"]]))(handler)

    server.answer = answer
    reading = client(server).read({"good": "up", "bad": "bad"}, START, END, STEP)
    assert reading.panel.keys == ("good", "bad")
    assert reading.panel.values[0, :2].tolist() == [1.0, 2.0]
    assert np.isnan(reading.panel.values[1]).all()
    assert list(reading.problems) == ["bad"]
    assert reading.partial == frozenset()


def test_what_is_asked_again_is_not_put_together_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A round has readings of two lengths where somebody cannot be trusted, and who fails is asked alone after that."""
    made: list[int] = []

    def counting(texts: Collection[str], alone: Collection[str], points: int) -> list[Question]:
        made.append(points)
        return questions(texts, alone, points)

    monkeypatch.setattr(source, "questions", counting)
    server.answer = matrix([[60, "1"]])
    reader, queries = client(server), {"a": "up", "b": "load"}
    for _ in range(4):
        for end in (END, END / 2):
            assert not reader.read(queries, START, end, STEP).problems
    assert made == [10, 5]
    server.answer = lambda handler: (say(400, b"no") if "load" in handler.path else matrix([[60, "1"]]))(handler)
    for _ in range(4):
        assert list(reader.read(queries, START, END, STEP).problems) == ["b"]
    assert made == [10, 5, 10], "after it was found who fails; the reading that found it had the old ones"


def test_samples_land_on_the_step_that_they_close_and_gaps_stay_unknown(server: Server) -> None:
    server.answer = matrix([[60, "1"], [180, "3"], [600, "10"], [660, "11"]])
    values = client(server).demand("up", START, END, STEP).values
    assert values[[0, 2, 9]].tolist() == [1.0, 3.0, 10.0]
    assert np.isnan(values).sum() == 7


def test_a_raw_counter_is_a_problem_of_its_query_alone(server: Server) -> None:
    """A day of it that began anew once; the hour of a tick tells nothing yet."""
    counted = [[60 * i, str(7 * i if i < 900 else 7 * (i - 900))] for i in range(1, 1441)]
    load = [[60 * i, str(50 + i * 7919 % 31)] for i in range(1, 1441)]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (matrix(counted) if "visits" in handler.path else matrix(load))(handler)

    server.answer = answer
    queries = {"a": "visits", "b": "load"}
    day = client(server).read(queries, 0.0, 86_400.0, 60.0)
    assert list(day.problems) == ["a"]
    assert day.problems["a"].startswith("the query only rises, as a raw counter does: wrap it in rate(), as sum(")
    assert np.isnan(day.panel.values[0]).all()
    assert np.isfinite(day.panel.values[1]).all()
    assert client(server).read(queries, 0.0, 3600.0, 60.0).problems == {}


def test_native_histograms_are_named_with_the_way_out(server: Server) -> None:
    """Also where a week of them is more than an answer may hold."""
    for count in (3, 20_000):
        rows = [[60 * i, {"count": "1", "sum": "1"}] for i in range(1, count)]
        body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "histograms": rows}]}}
        server.answer = say(200, json.dumps(body).encode())
        reading = client(server).read({"a": "h"}, START, END, STEP)
        assert "histogram_count(rate(...))" in reading.problems["a"]


def test_samples_may_arrive_in_any_order_and_twice(server: Server) -> None:
    """Of two values for one step the larger counts, whichever came first."""
    rows: list[list[object]] = [[60, "1"], [120, "2"], [180, "3"], [180, "4"], [180, "NaN"], [600, "10"]]
    found = set()
    for order in itertools.islice(itertools.permutations(rows), 0, 720, 48):
        server.answer = matrix(list(order))
        found.add(client(server).demand("up", START, END, STEP).values.tobytes())
    assert len(found) == 1
    assert np.frombuffer(found.pop())[2] == 4.0


@pytest.mark.parametrize(
    "text", ["NaN", "+Inf", "-Inf", "1e400", "-3", "abc", None, pytest.param(10**400, id="10**400")]
)
def test_a_value_that_cannot_be_a_demand_is_not_observed(server: Server, text: object) -> None:
    server.answer = matrix([[60, text], [120, "2"]])
    values = client(server).demand("up", START, END, STEP).values
    assert np.isnan(values[0])
    assert values[1] == 2.0


def test_no_series_is_no_data_and_not_zero(server: Server) -> None:
    server.answer = matrix()
    assert np.isnan(client(server).demand("up", START, END, STEP).values).all()


def test_an_answer_with_warnings_is_partial(server: Server) -> None:
    server.answer = matrix([[60, "1"]], warnings=["one shard did not answer"])
    assert client(server).demand("up", START, END, STEP).partial
    server.answer = matrix([[60, "1"]])
    assert not client(server).demand("up", START, END, STEP).partial


def test_the_library_alone_takes_the_partial_answer_for_a_whole_one(server: Server) -> None:
    from prometheus_api_client import PrometheusConnect

    server.answer = matrix([[60, "1"]], warnings=["one shard did not answer"])
    epoch = datetime.fromtimestamp(0, UTC)
    got = PrometheusConnect(server.url).custom_query_range("up", epoch, epoch, "60s")
    assert got == [{"metric": {}, "values": [[60, "1"]]}]


def test_a_long_range_is_asked_in_chunks_that_share_no_point(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "MAX_POINTS", 4)
    server.answer = matrix([[60 * (i + 1), str(i)] for i in range(10)])
    values = client(server).demand("up", START, END, STEP).values
    assert values.tolist() == [float(i) for i in range(10)]
    asked = [path.partition("?")[2] for path, _ in server.requests]
    spans = [dict(pair.split("=") for pair in query.split("&")) for query in asked]
    assert [(span["start"], span["end"]) for span in spans] == [("60", "240"), ("300", "480"), ("540", "600")]


def test_a_silent_server_is_not_asked_for_every_service(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two workers the first four wait in vain; a hundred more must not, or the loop stands still."""
    monkeypatch.setattr(adapter, "PATIENCE", 4)
    server.answer = hang
    with Threads(2) as threads:
        reader = Prometheus(server.url, timeout_seconds=(0.2, 0.2), total_seconds=0.5, executor=threads)
        reading = reader.read({f"s{i}": alone(f"up{i}") for i in range(100)}, START, END, STEP)
    assert len(reading.problems) == 100
    assert np.isnan(reading.panel.values).all()
    assert "not asked" in reading.problems["s99"]
    assert len({path for path, _ in server.requests}) <= 6


@pytest.mark.parametrize("executor", [Serial(), Threads(4)], ids=["serial", "threads"])
def test_bad_queries_do_not_silence_the_good_ones_after_them(server: Server, executor: Executor) -> None:
    server.answer = lambda handler: (matrix([[60, "1"]]) if "good" in handler.path else say(400, b"bad"))(handler)
    queries = {**{f"bad{i}": f"bad{i}" for i in range(20)}, "good": "good"}
    reading = Prometheus(server.url, executor=executor).read(queries, START, END, STEP)
    executor.stop()
    assert set(reading.problems) == set(queries) - {"good"}
    assert reading.panel.values[-1, 0] == 1.0


def test_an_answer_of_the_wrong_shape_harms_no_other(server: Server) -> None:
    server.answer = lambda handler: (matrix([["noon", "1"]] if "bad" in handler.path else [[60, "1"]]))(handler)
    reading = client(server).read({"bad": "bad", "good": "good"}, START, END, STEP)
    assert list(reading.problems) == ["bad"]
    assert reading.panel.values[1, 0] == 1.0


def test_with_nobody_to_read_for_nothing_is_read(server: Server) -> None:
    reading = client(server).read({}, START, END, STEP)
    assert (reading.panel.keys, reading.panel.start, reading.panel.end) == ((), START, END)
    assert server.requests == []


def test_a_reading_that_is_stopped_raises_nothing(server: Server) -> None:
    """On the way out of the process; what was not read is not known."""
    asked = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        asked.set()
        time.sleep(0.3)
        matrix([[60, "1"]])(handler)

    server.answer = slow
    threads = Threads(1)

    def stop() -> None:
        asked.wait(5)
        time.sleep(0.1)  # until all are handed in
        threads.stop()

    stopper = threading.Thread(target=stop)
    stopper.start()
    reading = Prometheus(server.url, executor=threads).read(
        {f"s{i}": alone(f"s{i}") for i in range(5)}, START, END, STEP
    )
    stopper.join()
    assert set(reading.problems.values()) == {"reading was stopped"}
    assert np.isnan(reading.panel.values).all()
