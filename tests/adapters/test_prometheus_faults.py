"""Prometheus misbehaves, on real sockets: each fault gives a reason within the time allowed, never a number.

The library's own behaviour under some of them is asserted beside ours, to keep the proof that the boundary is needed.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ahpa.adapters import prometheus as adapter
from ahpa.adapters.prometheus import MetricsUnavailable, Prometheus

Answer = Callable[[BaseHTTPRequestHandler], None]
START, END, STEP = 0.0, 600.0, 60.0
LONG_SECONDS = 120.0
"""What a server that hangs would make us wait; a busy machine delays nothing by so much."""


class Server:
    """A loopback server whose answer the test sets."""

    def __init__(self) -> None:
        self.answer: Answer = lambda handler: None
        self.requests: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append((self.path, dict(self.headers)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    outer.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def say(status: int, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            handler.send_header(key, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def matrix(*series: list[list[object]], **more: object) -> Answer:
    result = [{"metric": {}, "values": values} for values in series]
    body = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return say(200, json.dumps(body).encode(), {"Content-Type": "application/json"})


def hang(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(LONG_SECONDS)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(round(LONG_SECONDS / 0.1)):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.1)


def cut(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b'{"status":"succ')
    handler.close_connection = True


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b" " * (1 << 20))


def client(server: Server) -> Prometheus:
    """It waits long enough for every answer that comes."""
    return Prometheus(server.url, timeout_seconds=(30.0, 30.0), total_seconds=30.0)


FAULTS: dict[str, Answer] = {
    "401": say(401, b"who are you"),
    "403": say(403, b"no"),
    "404": say(404, b"nothing here"),
    "422": say(422, b'{"status":"error","error":"bad query"}'),
    "429 for an hour": say(429, b"slow down", {"Retry-After": "3600"}),
    "500": say(500, b"oops"),
    "503 for an hour": say(503, b"later", {"Retry-After": "3600"}),
    "html": say(200, b"<html>login</html>"),
    "status error": say(200, b'{"status":"error","error":"query timed out"}'),
    "not an object": say(200, b"[1, 2]"),
    "no values": say(200, b'{"status":"success","data":{"result":[{"metric":{}}]}}'),
    "truncated": cut,
    "hang": hang,
    "slow drip": drip,
    "64 MiB": endless,
    "redirect": say(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}),
    "two series": matrix([[60, "1"]], [[60, "2"]]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_a_reason_within_the_time_allowed(server: Server, fault: str) -> None:
    server.answer = FAULTS[fault]
    began = time.monotonic()
    with pytest.raises(MetricsUnavailable) as caught:
        Prometheus(server.url, timeout_seconds=(0.5, 1.0), total_seconds=1.5).demand("up", START, END, STEP)
    assert str(caught.value)
    assert time.monotonic() - began < LONG_SECONDS / 2  # three tries of at most two seconds and their pauses


def test_nobody_listens() -> None:
    with pytest.raises(MetricsUnavailable, match="Connection"):
        Prometheus("http://127.0.0.1:1", timeout_seconds=(0.5, 1.0)).demand("up", START, END, STEP)


def test_one_failing_query_leaves_its_row_unknown_and_harms_no_other(server: Server) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        (say(500, b"x") if "bad" in handler.path else matrix([[60, "1"], [120, "2"]]))(handler)

    server.answer = answer
    panel, problems, partial = client(server).panel({"good": "up", "bad": "bad"}, START, END, STEP)
    assert panel.keys == ("good", "bad")
    assert panel.values[0, :2].tolist() == [1.0, 2.0]
    assert np.isnan(panel.values[1]).all()
    assert list(problems) == ["bad"]
    assert partial == frozenset()


def test_samples_land_on_the_step_that_they_close_and_gaps_stay_unknown(server: Server) -> None:
    server.answer = matrix([[60, "1"], [180, "3"], [600, "10"], [660, "11"]])
    values = client(server).demand("up", START, END, STEP).values
    assert values[[0, 2, 9]].tolist() == [1.0, 3.0, 10.0]
    assert np.isnan(values).sum() == 7


def test_samples_may_arrive_in_any_order_and_twice(server: Server) -> None:
    """Of two values for one step the larger counts, whichever came first."""
    rows: list[list[object]] = [[60, "1"], [120, "2"], [180, "3"], [180, "4"], [180, "NaN"], [600, "10"]]
    found = set()
    for order in itertools.islice(itertools.permutations(rows), 0, 720, 48):
        server.answer = matrix(list(order))
        found.add(client(server).demand("up", START, END, STEP).values.tobytes())
    assert len(found) == 1
    assert np.frombuffer(found.pop())[2] == 4.0


@pytest.mark.parametrize("text", ["NaN", "+Inf", "-Inf", "1e400", "-3", "abc", None])
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
    from datetime import UTC, datetime

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


def test_the_token_is_read_anew_for_each_request(server: Server, tmp_path) -> None:
    token = tmp_path / "token"
    server.answer = matrix()
    reader = Prometheus(server.url, token_file=str(token))
    for text in ("first\n", "second\n"):
        token.write_text(text)
        reader.demand("up", START, END, STEP)
    assert [headers["Authorization"] for _, headers in server.requests] == ["Bearer first", "Bearer second"]


def test_a_token_that_no_header_can_carry_is_not_quoted(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cr3t\nmore\n")
    server.answer = matrix()
    with pytest.raises(MetricsUnavailable, match="does not hold one token") as caught:
        Prometheus(server.url, token_file=str(token)).demand("up", START, END, STEP)
    assert "s3cr3t" not in str(caught.value)
    assert server.requests == []


def test_a_silent_server_is_not_asked_for_every_service(server: Server) -> None:
    """With two workers the first four wait in vain; a hundred more must not, or the loop stands still."""
    server.answer = hang
    reader = Prometheus(server.url, timeout_seconds=(0.2, 0.2), total_seconds=0.5, workers=2)
    panel, problems, _ = reader.panel({f"s{i}": f"up{i}" for i in range(100)}, START, END, STEP)
    assert len(problems) == 100
    assert np.isnan(panel.values).all()
    assert "not asked" in problems["s99"]
    assert len({path for path, _ in server.requests}) <= 6


def test_bad_queries_do_not_silence_the_good_ones_after_them(server: Server) -> None:
    server.answer = lambda handler: (matrix([[60, "1"]]) if "good" in handler.path else say(400, b"bad"))(handler)
    queries = {**{f"bad{i}": f"bad{i}" for i in range(20)}, "good": "good"}
    _, problems, _ = client(server).panel(queries, START, END, STEP)
    assert set(problems) == set(queries) - {"good"}


def test_a_packed_answer_is_read(server: Server) -> None:
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[60, "1"]]}]}}
    packed = gzip.compress(json.dumps(body).encode())
    server.answer = say(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert client(server).demand("up", START, END, STEP).values[0] == 1.0


def test_no_proxy_of_the_environment_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answer = matrix([[60, "1"]])
    assert client(server).demand("up", START, END, STEP).values[0] == 1.0
