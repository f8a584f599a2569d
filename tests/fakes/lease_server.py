"""An API server on a loopback socket for leases and for one thing that leaders write to, with the fence before it.

As the real one it knows who asks by the token, refuses a write to an older version of an object (409), and lets only
the holder of the lease write to the thing (422, config/base/fence.yaml). It keeps a log of all writes that reached it,
by its own clock: an independent reader judges by that. What happens to one client's requests a test may spoil.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from tests.fakes.raw_server import RawServer

LEASES = "/apis/coordination.k8s.io/v1/namespaces/ahpa-system/leases"
THING = "/apis/autoscaling/v2/namespaces/team/horizontalpodautoscalers/h"
THINGS = "/apis/autoscaling/v2/horizontalpodautoscalers"
UID = "4cce5ee4-39e6-4519-b844-19d5957b5329"


@dataclass(frozen=True)
class Write:
    """One that reached the thing."""

    at: float
    """Of time.monotonic, which all processes of a machine share."""
    writer: str
    accepted: bool


class LeaseServer(RawServer):
    """`faults`: what happens to all requests of a client: `reset`, `hang`, `error`, `lost reply`, or `conflict` to each
    of its writes of a lease."""

    def __init__(self) -> None:
        self.faults: dict[str, str] = {}
        self.writes: list[Write] = []
        self.seen: dict[str, float] = {}
        """When each client asked for something last."""
        self.objects: dict[str, dict[str, object]] = {}
        self._versions = 0
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._keep(THING, {"metadata": {"name": "h", "uid": UID}, "spec": {}})
        super().__init__()

    def close(self) -> None:
        self._stopped.set()
        super().close()

    def holder(self, name: str = "ahpa-0") -> str:
        """The client that holds a lease; empty: none."""
        lease = self.objects.get(f"{LEASES}/{name}", {})
        return str(_part(lease, "spec").get("holderIdentity") or "").partition("_")[0]

    def answer(self, connection: socket.socket, head: bytes, rest: bytes) -> bool:
        lines = head.split(b"\r\n")
        method, target, _ = lines[0].decode().split(" ")
        said = {key.lower(): value.strip() for key, _, value in (line.decode().partition(":") for line in lines[1:])}
        while len(rest) < int(said.get("content-length", 0)):
            rest += connection.recv(65_536)
        who = said.get("authorization", "").removeprefix("Bearer ")
        where = unquote(urlsplit(target).path)
        self.seen[who] = time.monotonic()
        fault = self.faults.get(who, "")
        if fault == "hang":
            self._stopped.wait(30)
        if fault == "reset" or fault == "hang":
            return _cut(connection)
        if fault == "error":
            status, body = 503, _status("overloaded")
        elif fault == "conflict" and method == "PATCH" and where.startswith(LEASES):
            status, body = 409, _status("the object has been modified")
        else:
            with self._lock:
                status, body = self._done(method, where, json.loads(rest or b"{}"), who)
        if fault == "lost reply":
            return _cut(connection)
        text = json.dumps(body).encode()
        top = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        connection.sendall(f"{top}Connection: close\r\n\r\n".encode() + text)
        return False

    def _done(self, method: str, where: str, body: dict[str, object], who: str) -> tuple[int, dict[str, object]]:
        if method == "GET" and where == LEASES:
            items = [each for at, each in self.objects.items() if at.startswith(f"{LEASES}/")]
            return 200, {"kind": "List", "metadata": {}, "items": items}
        if method == "GET" and where == THINGS:
            return 200, {"kind": "List", "metadata": {"resourceVersion": "1"}, "items": []}  # none of them is annotated
        if method == "POST":
            where = f"{where}/{_part(body, 'metadata')['name']}"
            if where in self.objects:
                return 409, _status("already exists")
            return 201, self._keep(where, body)
        if where not in self.objects:
            return 404, _status("not found")
        there = self.objects[where]
        if method == "GET":
            return 200, there
        if _part(body, "metadata").get("resourceVersion", _version(there)) != _version(there):
            return 409, _status("the object has been modified")
        if where == THING:
            accepted = self.holder() == who
            self.writes.append(Write(time.monotonic(), who, accepted))
            if not accepted:
                return 422, _status("ValidatingAdmissionPolicy 'ahpa-leader' denied request: another process holds it")
        return 200, self._keep(where, _merged(there, body))

    def _keep(self, where: str, body: dict[str, object]) -> dict[str, object]:
        self._versions += 1
        meta = {**_part(body, "metadata"), "resourceVersion": str(self._versions)}
        self.objects[where] = {**body, "metadata": meta}
        return self.objects[where]


def _part(item: Mapping[str, object], name: str) -> dict[str, object]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def _version(item: Mapping[str, object]) -> object:
    return _part(item, "metadata")["resourceVersion"]


def _merged(there: Mapping[str, object], patch: Mapping[str, object]) -> dict[str, object]:
    """RFC 7386."""
    out = dict(there)
    for key, value in patch.items():
        if value is None:
            out.pop(key, None)
        else:
            out[key] = _merged(_part(out, key), value) if isinstance(value, dict) else value
    return out


def _status(message: str) -> dict[str, object]:
    return {"kind": "Status", "message": message}


def _cut(connection: socket.socket) -> bool:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return True
