"""What `ahpa serve` shows over HTTP: metrics on one port, health on another, the page for people on a third."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import ThreadingHTTPServer

import click

from ahpa.adapters.telemetry.http import Page, Respond, serve, serve_http
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.service.loop import Loop


@dataclass(frozen=True)
class Listening:
    """The port of each: a negative one is none, 0 any that is free."""

    metrics: int
    health: int
    page: int


def serve_pages(loop: Loop, telemetry: Telemetry, site: Respond, at: Listening) -> list[ThreadingHTTPServer]:
    """A server for each port. Raises UsageError where one is taken."""

    def say(good: bool) -> Page:
        return (200, "text/plain", b"ok\n") if good else (503, "text/plain", b"no\n")

    def metrics() -> Page:
        return 200, "text/plain; version=0.0.4; charset=utf-8", telemetry.text()

    def failed(asked: str) -> None:
        telemetry.fault("http.failed", asked=asked)

    shown = {"/": lambda: _pointer(at.page), "/metrics": metrics}
    alive: Mapping[str, Callable[[], Page]] = {
        **{name: (lambda: say(loop.alive)) for name in ("/healthz", "/livez")},
        "/readyz": lambda: say(loop.ready),
    }
    begins: list[tuple[str, int, Callable[[int], ThreadingHTTPServer]]] = [
        ("--metrics-port", at.metrics, lambda port: serve_http(port, shown, failed=failed)),
        ("--health-port", at.health, lambda port: serve_http(port, alive, failed=failed)),
        ("--page-port", at.page, lambda port: serve(port, site, failed=failed)),
    ]
    return [_server(option, port, begin) for option, port, begin in begins if port >= 0]


def _server(option: str, port: int, begin: Callable[[int], ThreadingHTTPServer]) -> ThreadingHTTPServer:
    try:
        return begin(port)
    except OSError as error:
        raise click.UsageError(f"{option} {port}: {error.strerror}; 0 takes any that is free, -1 none") from error


def _pointer(port: int) -> Page:
    where = f"on port {port}" if port > 0 else "on a port of its own, if at all"
    words = f"ahpa: metrics are at /metrics; the page for people is {where} (--page-port)\n"
    return 200, "text/plain; charset=utf-8", words.encode()
