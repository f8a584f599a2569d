"""What `ahpa serve` shows over HTTP: metrics and the page on one port, health on another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.server import ThreadingHTTPServer

import click

from ahpa.adapters.telemetry.http import Page, serve_http
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.render.page import page
from ahpa.service.loop import Loop
from ahpa.service.rounds import Service, Shown


def serve_pages(
    service: Service, loop: Loop, telemetry: Telemetry, metrics_port: int, health_port: int
) -> list[ThreadingHTTPServer]:
    """A server for each port that is not negative; 0 is any that is free. Raises UsageError where one is taken."""

    def say(good: bool) -> Page:
        return (200, "text/plain", b"ok\n") if good else (503, "text/plain", b"no\n")

    def metrics() -> Page:
        return 200, "text/plain; version=0.0.4; charset=utf-8", telemetry.text()

    servers = []
    if metrics_port >= 0:
        shown = {"/": lambda: _page(service.shown), "/metrics": metrics}
        servers.append(_server("--metrics-port", metrics_port, shown))
    if health_port >= 0:
        alive = {name: (lambda: say(loop.alive)) for name in ("/healthz", "/livez")}
        servers.append(_server("--health-port", health_port, {**alive, "/readyz": lambda: say(loop.ready)}))
    return servers


def _server(option: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> ThreadingHTTPServer:
    try:
        return serve_http(port, pages)
    except OSError as error:
        raise click.UsageError(f"{option} {port}: {error.strerror}; 0 takes any that is free, -1 none") from error


def _page(shown: Shown) -> Page:
    rows = [(each.workload, each.decision) for each in shown.rounds]
    return 200, "text/html; charset=utf-8", page(rows, shown.at).encode()
