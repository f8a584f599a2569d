"""The page on a real port: it only shows, in bounds, and its headers let a browser do nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests

from ahpa.adapters.telemetry.http import MOST_AT_ONCE, Answer
from ahpa.commands.pages import Listening, serve_pages
from ahpa.service.loop import Loop
from tests.site.stage import Shop, served
from tests.waiting import until


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with served(Shop().live(1).site) as address:
        yield address


@pytest.mark.parametrize(
    "path", ["/", "/decisions", "/service/knative/shop/chat", "/api/v1/services", "/nothing", "/?sort=x"]
)
def test_each_answer_has_the_headers(root: str, path: str) -> None:
    said = requests.get(f"{root}{path}", timeout=60)
    headers = said.headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cache-Control"] == "no-store"
    assert "Python" not in headers["Server"]
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy.replace("style-src 'unsafe-inline'", "")


def test_the_one_script_is_the_one_that_the_policy_names(root: str) -> None:
    said = requests.get(f"{root}/", timeout=60)
    (script,) = re.findall(r"<script>(.*?)</script>", said.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in said.headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/decisions", "/service/knative/shop/chat"])
def test_nothing_is_loaded_from_anywhere(root: str, path: str) -> None:
    markup = requests.get(f"{root}{path}", timeout=60).text
    assert not re.search(r"<(link|img|iframe|object|embed|script\s)", markup)
    assert not re.search(r"(src|href|action)=\"?(https?:|//)|url\(\s*['\"]?(https?:|//|data:)|@import", markup)
    assert not re.search(r"\son\w+=", markup)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_only_what_shows_is_served(root: str, method: str) -> None:
    said = requests.request(method, f"{root}/", data=b"x", timeout=60)
    assert (said.status_code, said.headers["Allow"]) == (405, "GET, HEAD")


def test_head_is_get_without_its_body(root: str) -> None:
    said, whole = requests.head(f"{root}/", timeout=60), requests.get(f"{root}/", timeout=60)
    assert (said.status_code, said.content) == (200, b"")
    assert said.headers["Content-Length"] == str(len(whole.content))


def test_what_is_too_long_is_refused(root: str) -> None:
    assert requests.get(f"{root}/?q={'a' * 5000}", timeout=60).status_code == 414
    assert requests.get(f"{root}/service/knative/shop/{'a' * 3000}", timeout=60).status_code == 404


def test_further_connections_than_it_bears_are_closed_and_it_goes_on() -> None:
    """Who opens them and says nothing keeps nobody else out for longer than it holds them."""
    with served(lambda asked: Answer(200, "text/plain", b"here")) as address:
        port = int(address.rpartition(":")[2])
        with ExitStack() as open_ones:
            held = [open_ones.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(MOST_AT_ONCE)]

            def refused() -> bool:
                with socket.create_connection(("127.0.0.1", port)) as one:
                    one.settimeout(0.5)
                    try:
                        one.sendall(b"GET / HTTP/1.0\r\n\r\n")
                        return not one.recv(1)
                    except OSError:
                        return True

            until(refused, "a connection is closed", 30)
            assert len(held) == MOST_AT_ONCE

        def answers() -> bool:
            try:
                return requests.get(address, timeout=60).text == "here"
            except requests.ConnectionError:  # it has not seen yet that they are gone
                return False

        until(answers, "it answers again", 30)


def test_who_asks_a_byte_at_a_time_is_cut_off_when_its_time_is_over() -> None:
    """A time limit for each byte would let it hold its place for days."""
    with served(lambda asked: Answer(200, "text/plain", b"here"), most_seconds=0.5) as address:
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as one:
            one.settimeout(0.05)

            def cut() -> bool:
                try:
                    one.sendall(b"G")
                    return not one.recv(1)
                except TimeoutError:
                    return False
                except OSError:
                    return True

            until(cut, "it is cut off", 30)


def test_a_fault_of_ours_is_in_the_log_with_what_was_asked_for(caplog: pytest.LogCaptureFixture) -> None:
    def broken(asked: str) -> Answer:
        raise ZeroDivisionError("an inside")

    shop = Shop()
    servers = serve_pages(Loop(shop.jobs, shop.at.telemetry), shop.at.telemetry, broken, Listening(-1, -1, 0))
    try:
        asked = f"http://127.0.0.1:{servers[0].server_port}/decisions"
        assert requests.get(asked, timeout=60).status_code == 500
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
    (told,) = (record for record in caplog.records if record.getMessage() == "http.failed")
    assert vars(told)["fields"] == {"asked": "/decisions"}
    assert told.exc_info is not None


def test_a_fault_of_ours_tells_nothing_of_the_inside() -> None:
    def broken(asked: str) -> Answer:
        raise ZeroDivisionError("/a/path/of/ours")

    with served(broken) as address:
        said = requests.get(address, timeout=60)
    assert (said.status_code, said.text) == (500, "a fault of ours\n")


def test_the_port_of_the_metrics_points_to_the_page() -> None:
    """The page has a port of its own, so that a scrape needs no way to it, and who may see it can be told apart."""
    shop = Shop().live(1)
    loop = Loop(shop.jobs, shop.at.telemetry)
    servers = serve_pages(loop, shop.at.telemetry, shop.site, Listening(0, -1, 0))
    try:
        metrics, page = (f"http://127.0.0.1:{server.server_port}" for server in servers)
        said = requests.get(metrics, timeout=60)
        assert "metrics are at /metrics; the page for people is on a port of its own" in said.text
        assert "ahpa_floor_replicas" in requests.get(f"{metrics}/metrics", timeout=60).text
        assert "5 services" in requests.get(page, timeout=60).text
        assert requests.get(f"{page}/metrics", timeout=60).status_code == 404
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
