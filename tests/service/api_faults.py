"""The ways in which an API server fails, as faults of the one in `api_server.py`."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.service.api_server import LISTS, Send, answer, refusal

Fault = Callable[[str, str, Send], object]


def with_answer(data: bytes) -> Fault:
    def fault(method: str, path: str, send: Send) -> object:
        send(data)
        return "answered"

    return fault


def drip(before: bytes) -> Fault:
    def fault(method: str, path: str, send: Send) -> object:
        send(before)
        for _ in range(300):
            send(b" ")
            time.sleep(0.1)
        return "answered"

    return fault


def flood(method: str, path: str, send: Send) -> object:
    """A list of 1 GiB."""
    send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _ in range(1024):
        send(b" " * 2**20)
    return "answered"


def hang(method: str, path: str, send: Send) -> object:
    time.sleep(30)
    return "answered"


def listing(**meta: object) -> Fault:
    return with_answer(answer(200, {"kind": "List", "items": [], **meta}))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
FAULTS: dict[str, Fault] = {
    **{str(status): with_answer(refusal(status)) for status in (401, 403, 404, 409, 422, 429, 500, 503)},
    "reset": lambda method, path, send: "reset",
    "lost reply": lambda method, path, send: "lost reply",
    "truncated": lambda method, path, send: "truncated",
    "html": with_answer(answer(200, b"<html>login</html>", Content_Type="text/html")),
    "empty body": with_answer(answer(200, b"")),
    "redirect": with_answer(answer(302, b"", Location="http://127.0.0.1:1/x")),
    "410 on continue": listing(metadata={"continue": "x"}),
    "no metadata": listing(),
    "metadata is null": listing(metadata=None),
    "metadata is a list": listing(metadata=[]),
    "items are null": with_answer(answer(200, {"metadata": {}, "items": None})),
    "items are no objects": with_answer(answer(200, {"metadata": {}, "items": [1, None, [], {"metadata": 3}]})),
    "nested 200,000 times": with_answer(answer(200, b"[" * 200_000 + b"]" * 200_000)),
    "a huge number": with_answer(answer(200, b'{"metadata":{},"items":[],"x":' + b"9" * 5000 + b"}")),
    "utf-8 that is none": with_answer(answer(200, b'{"metadata":{},"items":[{"metadata":{"name":"\xff"}}]}')),
    "5 million values": with_answer(answer(200, b'{"metadata":{},"items":[' + b"{}," * 5_000_000 + b"{}]}")),
    "1 GiB": flood,
}
HEAVY = ("1 GiB", "5 million values")
LEFT_OUT = "items are no objects"
"""Each is left out by itself, and the list has not failed."""
SLOW: dict[str, Fault] = {
    "hangs": hang,
    "drips its headers": drip(b"HTTP/1.1 200 OK\r\nX-a: "),
    "drips its body": drip(HEAD + b"Content-Length: 1000000\r\n\r\n"),
}
SCOPES: dict[str, Callable[[str, str], bool]] = {
    "every call": lambda method, path: True,
    "lists": lambda method, path: method == "GET" and path.endswith(LISTS),
    "patches": lambda method, path: method == "PATCH",
    "events": lambda method, path: method == "POST",
    "pods and scaled objects": lambda method, path: path.endswith("/pods") or "/deployments" in path,
}
