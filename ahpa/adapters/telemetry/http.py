"""A read-only HTTP server: GET and HEAD, bounded in time, size and number, with headers that let a browser do nothing.

A handler gets what was asked for as text and never touches a file.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType

Page = tuple[int, str, bytes]
"""Status, content type, body."""

MOST_AT_ONCE = 32
"""Connections of one server; further ones are closed."""
MOST_SECONDS = 60.0
"""Of one connection, however slowly somebody asks or reads."""
MOST_ASKED = 4096
"""Characters of a path and its query."""
CLOSED = "default-src 'none'; frame-ancestors 'none'"
"""The policy of an answer that says nothing else: nothing of it runs, loads or is framed."""
HEADERS = MappingProxyType({
    "Content-Security-Policy": CLOSED,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
})  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    kind: str
    """Content type."""
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Beside `HEADERS`, or in their place."""


Respond = Callable[[str], Answer]
"""From the path and query, as they were sent, to the answer."""

Failed = Callable[[str], None]
"""Told of what was asked for where that was a fault of ours, while the exception is handled."""


def _untold(asked: str) -> None:
    """To nobody."""


def serve_http(
    port: int, pages: Mapping[str, Callable[[], Page]], host: str = "", failed: Failed = _untold
) -> ThreadingHTTPServer:
    """Answer these paths, in daemon threads. `port` 0 picks a free one. Raises OSError where it is taken."""

    def respond(asked: str) -> Answer:
        page = pages.get(asked.partition("?")[0])
        return Answer(*(page() if page else (404, "text/plain", b"not found\n")))

    return serve(port, respond, host, failed)


def serve(
    port: int, respond: Respond, host: str = "", failed: Failed = _untold, most_seconds: float = MOST_SECONDS
) -> ThreadingHTTPServer:
    """Answer whatever is asked for, in daemon threads; as `serve_http`."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10
        server_version, sys_version = "ahpa", ""

        def do_GET(self) -> None:
            self._send(_answer(respond, self.path, failed))

        def do_HEAD(self) -> None:
            self._send(_answer(respond, self.path, failed), with_body=False)

        def __getattr__(self, name: str) -> Callable[[], None]:
            """Of any other method: it is not served. (The library looks a method up as `do_POST`.)"""
            if not name.startswith("do_"):
                raise AttributeError(name)
            words = b"this server only shows: GET and HEAD\n"
            return lambda: self._send(Answer(405, "text/plain", words, {"Allow": "GET, HEAD"}))

        def _send(self, answer: Answer, with_body: bool = True) -> None:
            self.send_response(answer.status)
            size = {"Content-Type": answer.kind, "Content-Length": str(len(answer.body))}
            for name, value in {**HEADERS, **size, **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_body:
                self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            """Silent: scrapes and probes are not news."""

    server = _Bounded((host, port), Handler, most_seconds)
    threading.Thread(target=server.serve_forever, name=f"http-{port}", daemon=True).start()
    return server


def _answer(respond: Respond, asked: str, failed: Failed) -> Answer:
    if len(asked) > MOST_ASKED:
        return Answer(414, "text/plain", b"what was asked for is too long\n")
    try:
        return respond(asked)
    except Exception:  # a fault of ours; who looks must not be told its inside
        failed(asked)
        return Answer(500, "text/plain", b"a fault of ours\n")


Asker = socket.socket | tuple[bytes, socket.socket]


class _Bounded(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler], most_seconds: float) -> None:
        super().__init__(address, handler)
        self._free = threading.Semaphore(MOST_AT_ONCE)
        self._most_seconds = most_seconds

    def process_request(self, request: Asker, client_address: object) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Asker, client_address: object) -> None:
        """The library's own time limit is that of a single byte."""
        end = threading.Timer(self._most_seconds, _cut, (request,))
        end.daemon = True
        end.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._free.release()

    def handle_error(self, request: Asker, client_address: object) -> None:
        """Who asked is gone: no news either."""


def _cut(request: Asker) -> None:
    if isinstance(request, socket.socket):
        with suppress(OSError):  # it is closed already
            request.shutdown(socket.SHUT_RDWR)
