"""`python -m benchmarks.fleet.api --services N`: an API server of so many Knative Services, as a process of its own.

Of the protocol it keeps what a client of lists, watches and patches can see: `limit` and `continue` (410 once the list
has moved on), `resourceVersion` and optimistic locking, watches with bookmarks and 410, managedFields, label selectors,
PUT and POST for Leases. It prints its address. Under `/stand-in/` it is asked for what it counted, and told to edit.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from ahpa.ports import ClusterError
from benchmarks.fleet.objects import SERVING, fleet, place
from benchmarks.fleet.store import Object, Store
from tests.fakes.kube import written

Fault = int | str | None
"""A status with which a request is refused; `reset`, `lost reply`, `html`, `empty`, `truncated`; None: answered."""
BOOKMARK_SECONDS = 10.0
COLLECTIONS = ("services", "revisions", "pods", "horizontalpodautoscalers", "leases", "configmaps", "events")
ABSENT = ("keda.sh", "serving.kserve.io")
"""Groups whose CRDs are not installed."""


class Server(ThreadingHTTPServer):
    """On a free port of loopback, in a daemon thread; a client that goes away is no news."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def close(self) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None: ...


class ApiServer:
    """A Store behind a socket; `fault` may spoil an answer."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.counts: Counter[str] = Counter()
        self.log: list[tuple[float, str, str, str]] = []
        """Every write: when, verb, path, and the body as JSON."""
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = 1 << 16

            def do_GET(self) -> None:
                server.answer(self, "GET")

            def do_POST(self) -> None:
                server.answer(self, "POST")

            def do_PUT(self) -> None:
                server.answer(self, "PUT")

            def do_PATCH(self) -> None:
                server.answer(self, "PATCH")

            def log_message(self, *words: object) -> None: ...

        self._server = Server(Handler)
        self.url, self.close = self._server.url, self._server.close

    def fault(self, verb: str, path: str) -> Fault:
        """What goes wrong with a request."""
        return None

    def answer(self, handler: BaseHTTPRequestHandler, verb: str) -> None:
        where = urlsplit(handler.path)
        path, asked = unquote(where.path), {key: values[0] for key, values in parse_qs(where.query).items()}
        size = int(handler.headers.get("Content-Length") or 0)
        body = json.loads(handler.rfile.read(size)) if size else {}
        if path.startswith("/stand-in/"):
            send(handler, 200, json.dumps(self._stand_in(path, body)).encode())
            return
        watched = asked.get("watch") in ("1", "true")
        self.counts["WATCH" if watched else _verb(verb, path)] += 1
        if verb != "GET":
            self.log.append((time.time(), verb, path, json.dumps(body)))
        try:
            fault = self.fault(verb, path)
            if isinstance(fault, int):
                raise ClusterError(fault, "refused")
            if watched and fault is None:
                self._watch(handler, path, asked)
                return
            done = self.good(verb, path, asked, body) if fault in (None, "lost reply", "truncated") else (200, b"")
            send(handler, *done, fault)
        except ClusterError as error:
            said = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": error.status}
            send(handler, error.status, json.dumps({**said, "message": str(error)}).encode())

    def good(self, verb: str, path: str, asked: dict[str, str], body: Object) -> tuple[int, bytes]:
        if any(group in path for group in ABSENT):
            raise ClusterError(404, "the server could not find the requested resource")
        if verb == "PATCH":
            return 200, json.dumps(self.store.merge_patch(path, body)).encode()
        if verb == "PUT":
            return 200, json.dumps(self.store.replace(path, body)).encode()
        if verb == "POST":
            return 201, json.dumps(self.store.create(path, body)).encode()
        if path.rpartition("/")[2] in COLLECTIONS:
            return 200, self._list(path, asked)
        with self.store.changed:
            if path not in self.store.objects:
                raise ClusterError(404, f"GET {path}: not found")
            return 200, json.dumps(self.store.objects[path]).encode()

    def _list(self, path: str, asked: dict[str, str]) -> bytes:
        """All, or a page of it. A page is of the version at which the list began: one that the store has gone on from
        by more than it keeps answers 410."""
        store = self.store
        found, version = self._selected(path, asked), store.version
        limit = int(asked.get("limit", 0)) if asked.get("resourceVersion") != "0" else 0
        first = 0
        if "continue" in asked:
            began, first = map(int, asked["continue"].split("."))
            store.since(began)
            version = began
        page = found[first : first + limit] if limit else found[first:]
        more = bool(limit) and first + limit < len(found)
        meta = {"resourceVersion": str(version), **({"continue": f"{version}.{first + limit}"} if more else {})}
        head = written({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": []})
        return head[:-2] + b",".join(page) + b"]}"

    def _selected(self, path: str, asked: dict[str, str]) -> list[bytes]:
        collection, namespace = _collection(path)
        found = self.store.texts(collection, namespace)
        wanted = dict(each.split("=", 1) for each in asked.get("labelSelector", "").split(",") if "=" in each)
        if not wanted:
            return [text for _, text in found]

        def labels(path: str) -> dict[str, str]:
            own: dict[str, str] = self.store.objects[path]["metadata"].get("labels") or {}
            return own

        return [text for path, text in found if wanted.items() <= labels(path).items()]

    def _watch(self, handler: BaseHTTPRequestHandler, path: str, asked: dict[str, str]) -> None:
        """Changes since a version, as JSON lines, with a bookmark now and then."""
        collection, namespace = _collection(path)
        inside = f"/namespaces/{namespace}/" if namespace else ""
        version = int(asked.get("resourceVersion") or 0)
        until = time.monotonic() + float(asked.get("timeoutSeconds", 300))
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        marked = 0.0
        try:
            while time.monotonic() < until:
                with self.store.changed:
                    if self.store.version <= version:
                        self.store.changed.wait(1.0)
                    changes, now = self.store.since(version), self.store.version
                for _, where, kind, text in changes:
                    if (
                        where.startswith(collection.rpartition("/")[0])
                        and inside in where
                        and _is_of(where, collection)
                    ):
                        _chunk(handler, b'{"type":"%s","object":%s}\n' % (kind.encode(), text))
                version = now
                if asked.get("allowWatchBookmarks") == "true" and time.monotonic() - marked > BOOKMARK_SECONDS:
                    marked = time.monotonic()
                    _chunk(handler, b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%d"}}}\n' % version)
                handler.wfile.flush()
            handler.wfile.write(b"0\r\n\r\n")
        except ClusterError as error:
            gone = {"kind": "Status", "code": error.status, "reason": "Expired", "message": str(error)}
            _chunk(handler, json.dumps({"type": "ERROR", "object": gone}).encode() + b"\n")
            handler.wfile.write(b"0\r\n\r\n")
        except OSError:
            handler.close_connection = True

    def _stand_in(self, path: str, body: Object) -> Any:
        """`counts`: requests by verb, and writes as (when, verb, path); `edit`: annotations of the first so many."""
        if path.endswith("/counts"):
            return {"counts": self.counts, "writes": [row[:3] for row in self.log]}
        for number in range(int(body["services"])):
            namespace, name = place(number)
            patch = {"metadata": {"annotations": body["annotations"]}}
            self.store.edit(f"{SERVING}/namespaces/{namespace}/services/{name}", patch)
        return {}


def _verb(verb: str, path: str) -> str:
    if verb != "GET":
        return "EVENT" if path.endswith("/events") else "LEASE" if "/leases" in path else verb
    return "LIST" if path.rpartition("/")[2] in COLLECTIONS else "LEASE" if "/leases/" in path else "GET"


def _collection(path: str) -> tuple[str, str | None]:
    """`/apis/GROUP/VERSION/RESOURCE`, and the namespace that is asked for."""
    before, middle, after = path.partition("/namespaces/")
    if not middle:
        return path, None
    namespace, _, resource = after.partition("/")
    return f"{before}/{resource}", namespace


def _is_of(where: str, collection: str) -> bool:
    return _collection(where.rpartition("/")[0])[0] == collection


def _chunk(handler: BaseHTTPRequestHandler, line: bytes) -> None:
    handler.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes, fault: Fault = None) -> None:
    """An answer, or what a fault makes of it."""
    if fault in ("reset", "lost reply"):
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.close_connection = True
        return
    body = b"<html>please log in</html>" if fault == "html" else b"" if fault == "empty" else body
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    if status == 429:
        handler.send_header("Retry-After", "3600")
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2] if fault == "truncated" else body)
    handler.close_connection |= fault == "truncated"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--mode", default="apply")
    given = parser.parse_args()
    store = Store()
    for where, item in fleet(given.services, {"ahpa.dev/mode": given.mode}):
        store.put(where, item)
    print(ApiServer(store).url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
