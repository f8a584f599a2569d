"""What a server's answers say of the time."""

from __future__ import annotations

import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler

import pytest

from ahpa.ports import Reading
from tests.adapters.prometheus.server import END, START, STEP, Answer, Server, client

BODY = b'{"status": "success", "data": {"resultType": "matrix", "result": []}}'


def dated(ahead: float, **headers: str) -> Answer:
    """An answer with the date of a clock that ours is ahead of."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        date = formatdate(time.time() - ahead, usegmt=True)
        for name, value in {"Date": date, "Content-Length": str(len(BODY)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(BODY)

    return send


@pytest.mark.parametrize("ahead", [0.0, 3600.0, -3600.0, 45.0])
def test_a_servers_date_tells_how_far_our_clock_is_ahead(server: Server, ahead: float) -> None:
    server.answer = dated(ahead)
    assert client(server).read({"a": "up"}, START, END, STEP).skew == pytest.approx(ahead, abs=10)


def test_an_answer_out_of_a_cache_tells_no_time(server: Server) -> None:
    server.answer = dated(3600.0, Age="3600")
    assert client(server).read({"a": "up"}, START, END, STEP).skew == 0.0


def test_a_server_that_is_gone_tells_no_time_any_more(server: Server) -> None:
    server.answer = dated(3600.0)
    asked = client(server)
    assert asked.read({"a": "up"}, START, END, STEP).skew > 3000
    server.close()
    assert asked.read({"a": "up"}, START, END, STEP).skew == 0.0


def test_two_readings_at_once_tell_each_what_their_own_answers_said(server: Server) -> None:
    """A refit reads for minutes beside the ticks: what one forgot or found was the other's skew."""
    asked, over = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "waits" in handler.path:
            asked.set()
            assert over.wait(30)
        dated(3600.0, **({} if "dated" in handler.path else {"Age": "1"}))(handler)

    server.answer = answer
    both = client(server)
    refit: list[Reading] = []
    thread = threading.Thread(
        target=lambda: refit.append(both.read({"dated": "dated", "waits": "waits"}, START, END, STEP))
    )
    thread.start()
    assert asked.wait(30)
    tick = both.read({"a": "up"}, START, END, STEP)
    over.set()
    thread.join()
    assert tick.skew == 0.0
    assert refit[0].skew == pytest.approx(3600.0, abs=10)


def test_of_several_answers_the_worst_tells_whatever_their_order(server: Server) -> None:
    server.answer = lambda handler: dated(-3600.0 if "far" in handler.path else 0.0)(handler)
    for queries in (("far", "near"), ("near", "far")):
        reading = client(server).read({query: query for query in queries}, START, END, STEP)
        assert reading.skew == pytest.approx(-3600.0, abs=10)


def test_a_refusal_tells_the_time_too(server: Server) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(422)
        handler.send_header("Date", formatdate(time.time() - 3600, usegmt=True))
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    server.answer = refuse
    reading = client(server).read({"a": "up"}, START, END, STEP)
    assert list(reading.problems) == ["a"]
    assert reading.skew == pytest.approx(3600.0, abs=10)
