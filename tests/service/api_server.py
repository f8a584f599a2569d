"""An API server on a loopback socket, whose answers a test may spoil: lists in pages, watches, gets, patches."""

from __future__ import annotations

import contextlib
import copy
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from ahpa.adapters.kubernetes.api import Object
from ahpa.ports import ClusterError
from tests.fakes.kube import FakeKube, written
from tests.fakes.raw_server import RawServer

LISTS = ("/services", "/revisions", "/horizontalpodautoscalers", "/scaledobjects", "/inferenceservices")
Send = Callable[[bytes], None]
_COLLECTION = re.compile(r"/(api/v1|apis/[^/]+/[^/]+)(/namespaces/[^/]+)?/[^/]+")


def answer(status: int, body: object, **headers: str) -> bytes:
    text = body if isinstance(body, bytes) else written(body)
    said = {"Content-Type": "application/json", "Content-Length": str(len(text)), "Connection": "close", **headers}
    lines = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in said.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + text


def refusal(status: int) -> bytes:
    return answer(status, {"kind": "Status", "message": "no", "code": status}, Retry_After="3600")


def chunk(text: bytes) -> bytes:
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


def event(kind: str, item: object) -> bytes:
    return chunk(written({"type": kind, "object": item}) + b"\n")


def among(where: str, collection: str) -> bool:
    """Whether an object is in a collection, be that of one namespace or of all."""
    parent = where.rpartition("/")[0]
    return parent == collection or re.sub(r"/namespaces/[^/]+", "", parent) == collection


STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
"""The head of a watch."""


class ApiServer(RawServer):
    """The objects of a FakeKube; `fault` may answer instead, or None: it does not. What is asked is a GET, PATCH, POST
    or WATCH."""

    fault: Callable[[str, str, Send, bytes], object]

    def __init__(self, kube: FakeKube) -> None:
        self.kube, self.fault = kube, lambda method, path, send, good: None
        self.asked: list[tuple[str, str]] = []
        self.told: list[tuple[int, str, str, Object]] = []
        """What happened: version, where, kind of event, object."""
        self.known_since = 0
        """A watch from an older version is answered 410."""
        self._seen: dict[str, Object] = {}
        self._lock = threading.RLock()
        self._streams: list[socket.socket] = []
        super().__init__()

    def answer(self, connection: socket.socket, head: bytes, rest: bytes) -> bool:
        method, target, _ = head.split(b"\r\n")[0].decode().split(" ")
        lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        body = rest
        while lengths and len(body) < int(lengths[0]):
            body += connection.recv(65_536)
        path = unquote(urlsplit(target).path)
        query = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        method = "WATCH" if query.get("watch") else method
        self.asked.append((method, path))
        connection.settimeout(10)
        return self._rude(connection, method, path, query, body)

    def cut(self) -> None:
        """Every stream, as by a server that dies."""
        streams, self._streams = self._streams, []
        for stream in streams:
            with contextlib.suppress(OSError):
                stream.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        super().close()
        self.cut()

    def forget(self) -> None:
        """Compaction: what happened until now is no longer known."""
        with self._lock:
            self._record()
            self.known_since = self.kube.version

    def _rude(self, connection: socket.socket, method: str, path: str, query: dict[str, str], body: bytes) -> bool:
        """Answers; True if the connection is to be closed at once."""
        done: list[bytes] = []

        def good() -> bytes:
            if not done:
                with self._lock:
                    done.append(self._good(method, path, query, body))
            return done[0]

        found = self.fault(method, path, connection.sendall, b"")
        if found == "lost reply":
            good()
        if found in ("reset", "lost reply"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return True
        if found == "truncated":
            connection.sendall(good()[: len(good()) // 2])
        elif found is None and method == "WATCH":
            self._stream(connection, path, query)
        elif found is None:
            connection.sendall(good())
        return False

    def _good(self, method: str, path: str, query: dict[str, str], body: bytes) -> bytes:
        try:
            if method == "PATCH":
                return answer(200, self.kube.merge_patch(path, json.loads(body)))
            if method == "POST":
                return answer(201, self.kube.create(path, json.loads(body)))
            if method == "WATCH":
                return STREAM + event("BOOKMARK", {"metadata": {"resourceVersion": str(self.kube.version)}})
            if _COLLECTION.fullmatch(path):
                return answer(200, self._page(path, query))
            return answer(200, self.kube.get(path))
        except ClusterError as error:
            return answer(error.status, {"kind": "Status", "message": str(error), "code": error.status})

    def _page(self, path: str, query: dict[str, str]) -> Object:
        self._record()
        items = self.kube.items(path)
        begin, limit = int(query.get("continue", "0")), query.get("limit")
        whole = limit is None or query.get("resourceVersion") == "0"
        end = len(items) if whole else begin + int(limit or 0)
        more = {"continue": str(end)} if end < len(items) else {}
        meta = {"resourceVersion": str(self.kube.version), **more}
        return {"kind": "List", "metadata": meta, "items": items[begin:end]}

    def _stream(self, connection: socket.socket, path: str, query: dict[str, str]) -> None:
        at, until = int(query["resourceVersion"]), time.monotonic() + float(query["timeoutSeconds"])
        refused = self.kube.fail("WATCH", path)
        if refused is not None:
            connection.sendall(refusal(refused.status))
            return
        self._streams.append(connection)
        connection.sendall(STREAM)
        if at < self.known_since:
            gone = {"kind": "Status", "code": 410, "message": "too old resource version"}
            connection.sendall(event("ERROR", gone) + chunk(b""))
            return
        while time.monotonic() < until:
            newest = self.told[-1][0] if self.told else 0
            for version, kind, item in self._news(path, at):
                at = version
                connection.sendall(event(kind, item))
            if newest > at:  # elsewhere, that is
                at = newest
                connection.sendall(event("BOOKMARK", {"metadata": {"resourceVersion": str(at)}}))
            time.sleep(0.005)
        last = {"kind": "Bookmark", "metadata": {"resourceVersion": str(at)}}
        connection.sendall(event("BOOKMARK", last) + chunk(b""))

    def _news(self, path: str, after: int) -> Iterator[tuple[int, str, Object]]:
        with self._lock:
            self._record()
            told = list(self.told)
        return ((version, kind, item) for version, where, kind, item in told if version > after and among(where, path))

    def _record(self) -> None:
        """Note what has changed since the last time, as tests change the objects in any way they like."""
        now = {where: item for where, item in self.kube.objects.items() if "metadata" in item}
        for where, item in now.items():
            before, version = self._seen.get(where), item["metadata"].get("resourceVersion")
            if before is None or before["metadata"].get("resourceVersion") != version:
                kept = copy.deepcopy(item)
                self.told.append((int(version or 0), where, "ADDED" if before is None else "MODIFIED", kept))
                self._seen[where] = kept
        for where in self._seen.keys() - now.keys():
            gone = self._seen.pop(where)
            meta = {**gone["metadata"], "resourceVersion": self.kube.bump()}
            self.told.append((self.kube.version, where, "DELETED", {**gone, "metadata": meta}))
        self.told.sort(key=lambda row: row[0])
