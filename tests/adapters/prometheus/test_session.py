"""Prometheus misbehaves, on real sockets: each fault gives a reason within the time allowed, never a number."""

from __future__ import annotations

import gzip
import json
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.ranges import Ranges
from ahpa.adapters.prometheus.session import MetricsUnavailable
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.transport import NEVER
from tests.adapters.prometheus.server import END, LONG_SECONDS, START, STEP, Answer, Server, client, hang, matrix, say


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
    "a sample without a value": matrix([[60]]),
    "a sample at no time": matrix([["noon", "1"]]),
    "a sample at the end of time": matrix([[float("inf"), "1"]]),
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


def test_the_token_is_read_anew_for_each_request(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    server.answer = matrix()
    reader = Prometheus(server.url, Connection(token_file=str(token)))
    for text in ("first\n", "second\n"):
        token.write_text(text)
        reader.demand("up", START, END, STEP)
    assert [headers["Authorization"] for _, headers in server.requests] == ["Bearer first", "Bearer second"]


def test_a_token_that_no_header_can_carry_is_not_quoted(server: Server, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("s3cr3t\nmore\n")
    server.answer = matrix()
    with pytest.raises(MetricsUnavailable, match="does not hold one token") as caught:
        Prometheus(server.url, Connection(token_file=str(token))).demand("up", START, END, STEP)
    assert "s3cr3t" not in str(caught.value)
    assert server.requests == []


def test_a_packed_answer_is_read(server: Server) -> None:
    body = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[60, "1"]]}]}}
    packed = gzip.compress(json.dumps(body).encode())
    server.answer = say(200, packed, {"Content-Type": "application/json", "Content-Encoding": "gzip"})
    assert client(server).demand("up", START, END, STEP).values[0] == 1.0


def test_no_proxy_of_the_environment_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    server.answer = matrix([[60, "1"]])
    assert client(server).demand("up", START, END, STEP).values[0] == 1.0


def test_a_long_query_arrives_to_the_letter(server: Server) -> None:
    """As the body of a form; again too, when it is known how it is written there."""
    server.answer = matrix([[60, "1"]])
    asked = [
        f"sum(y{{n=~'{'|'.join(f'ä {i}' for i in range(500))}'}})",
        'sum by (a) (rate(x{n=~"a|b+c&d=e%20ü\\\\."}[1m]))',
        "up",
    ]
    ranges = Ranges(server.url, Connection(), (1.0, 5.0), 5.0)
    for text in (*asked, *asked):
        ranges.ask(text, (START, END), STEP, NEVER, limit=10, long=True)
    sent = [(parse_qs(path.partition("?")[2], strict_parsing=True), headers) for path, headers in server.requests]
    assert [form["query"] for form, _ in sent] == [[text] for text in (*asked, *asked)]
    assert {headers["Content-Type"] for _, headers in sent} == {"application/x-www-form-urlencoded"}
    assert {form["limit"][0] for form, _ in sent} == {"10"}


def test_a_redirect_is_not_followed(server: Server) -> None:
    """It would carry the token to whoever the answer names."""
    server.answer = say(302, b"", {"Location": f"{server.url}/elsewhere"})
    with pytest.raises(MetricsUnavailable, match="302"):
        client(server).demand("up", START, END, STEP)
    assert [path.partition("?")[0] for path, _ in server.requests] == ["/api/v1/query_range"]
