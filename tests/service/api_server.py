"""An API server on a loopback socket, whose answers a test may spoil."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from urllib.parse import unquote, urlsplit

from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube
from tests.fakes.raw_server import RawServer

LISTS = ("/services", "/revisions", "/horizontalpodautoscalers", "/scaledobjects", "/inferenceservices")
Send = Callable[[bytes], None]


def answer(status: int, body: object, **headers: str) -> bytes:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    said = {"Content-Type": "application/json", "Content-Length": str(len(text)), "Connection": "close", **headers}
    lines = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in said.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + text


def refusal(status: int) -> bytes:
    return answer(status, {"kind": "Status", "message": "no", "code": status}, Retry_After="3600")


class ApiServer(RawServer):
    """The objects of a FakeKube; `fault` may answer instead, or None: it does not."""

    fault: Callable[[str, str, Send, bytes], object]

    def __init__(self, kube: FakeKube) -> None:
        self.kube, self.fault = kube, lambda method, path, send, good: None
        self.asked: list[tuple[str, str]] = []
        self._lock = threading.Lock()
        super().__init__()

    def answer(self, connection: socket.socket, head: bytes, rest: bytes) -> bool:
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        body = rest
        while lengths and len(body) < int(lengths[0]):
            body += connection.recv(65_536)
        path = unquote(urlsplit(target).path)
        self.asked.append((method, path))
        connection.settimeout(10)
        return self._rude(connection, method, path, body)

    def _rude(self, connection: socket.socket, method: str, path: str, body: bytes) -> bool:
        """Answers; True if the connection is to be closed at once."""
        done: list[bytes] = []

        def good() -> bytes:
            if not done:
                with self._lock:
                    done.append(self._good(method, path, body))
            return done[0]

        found = self.fault(method, path, connection.sendall, b"")
        if found == "lost reply":
            good()
        if found in ("reset", "lost reply"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        if found == "truncated":
            connection.sendall(good()[: len(good()) // 2])
        elif found is None:
            connection.sendall(good())
        return False

    def _good(self, method: str, path: str, body: bytes) -> bytes:
        try:
            if method == "PATCH":
                return answer(200, self.kube.merge_patch(path, json.loads(body)))
            if method == "POST":
                return answer(201, self.kube.create(path, json.loads(body)))
            if path.endswith((*LISTS, "/pods")):
                return answer(200, {"kind": "List", "metadata": {}, "items": self.kube.items(path)})
            return answer(200, self.kube.get(path))
        except ClusterError as error:
            return answer(error.status, {"kind": "Status", "message": str(error), "code": error.status})
