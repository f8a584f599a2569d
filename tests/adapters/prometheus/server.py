"""A Prometheus whose answers the test sets, on a real socket."""

from __future__ import annotations

import contextlib
import json
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ahpa.adapters.prometheus.source import Prometheus

Answer = Callable[[BaseHTTPRequestHandler], None]
START, END, STEP = 0.0, 600.0, 60.0
LONG_SECONDS = 120.0
"""What a server that hangs would make us wait; a busy machine delays nothing by so much."""


class Server:
    """A loopback server whose answer the test sets."""

    def __init__(self, protocol: str = "HTTP/1.0") -> None:
        self.answer: Answer = lambda handler: None
        self.requests: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = protocol

            def do_GET(self) -> None:
                outer.requests.append((self.path, dict(self.headers)))
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    outer.answer(self)

            def do_POST(self) -> None:
                """As if the body were in the path."""
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                self.path = f"{self.path}?{body}"
                self.do_GET()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}"

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """From now on. Each connection is greeted in its own thread."""
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True, do_handshake_on_connect=False)
        self.url = self.url.replace("http://", "https://")

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()


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


def client(server: Server) -> Prometheus:
    """It waits long enough for every answer that comes."""
    return Prometheus(server.url, timeout_seconds=(30.0, 30.0), total_seconds=30.0)
