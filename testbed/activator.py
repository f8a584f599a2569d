"""Plays Knative's activator towards the real autoscaler: reports each Revision's concurrency once a second.

The protocol is the one of knative.dev/serving pkg/autoscaler/statserver and metrics/stat.proto: binary protobuf
over a websocket. No queue-proxy runs here, so this is the only source of load; it counts for Revisions with
`target-burst-capacity: "-1"`, whose requests would all pass the activator.
"""

from __future__ import annotations

import struct
import threading

import websocket

REPORT_SECONDS = 1.0


class Activator:
    """Reports the loads that are set until closed, from a thread of its own that starts with the first load."""

    def __init__(self, port: int) -> None:
        self._url = f"ws://127.0.0.1:{port}/"
        self._loads: dict[tuple[str, str], float] = {}
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def set(self, namespace: str, revision: str, concurrency: float) -> None:
        """From now on this many requests are always in flight for the Revision; 0 ends the reports."""
        if concurrency > 0:
            self._loads[namespace, revision] = concurrency
        else:
            self._loads.pop((namespace, revision), None)
        if self._thread is None:
            self._thread = threading.Thread(target=self._report, daemon=True)
            self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._thread:
            self._thread.join()

    def _report(self) -> None:
        connection: websocket.WebSocket | None = None
        while not self._closed.wait(REPORT_SECONDS):
            try:
                connection = connection or websocket.create_connection(self._url, timeout=2)
                if loads := dict(self._loads):
                    connection.send_binary(encode_loads(loads))
            except (OSError, websocket.WebSocketException):
                connection = None  # the autoscaler went away; try again with the next report
        if connection:
            connection.close()


def encode_loads(loads: dict[tuple[str, str], float]) -> bytes:
    """`WireStatMessages` for these {(namespace, revision): concurrency}.

    Field numbers from stat.proto: WireStatMessages.messages = 1; WireStatMessage namespace = 1, name = 2,
    stat = 3; Stat pod_name = 1, average_concurrent_requests = 2 (double), request_count = 4 (double).
    """
    messages = []
    for (namespace, revision), concurrency in loads.items():
        stat = _bytes(1, b"activator-testbed") + _double(2, concurrency) + _double(4, concurrency)
        message = _bytes(1, namespace.encode()) + _bytes(2, revision.encode()) + _bytes(3, stat)
        messages.append(_bytes(1, message))
    return b"".join(messages)


def _bytes(field: int, value: bytes) -> bytes:
    """A length-delimited field (wire type 2)."""
    return bytes([field << 3 | 2]) + _varint(len(value)) + value


def _double(field: int, value: float) -> bytes:
    """A double field (wire type 1: 64 bits, little endian)."""
    return bytes([field << 3 | 1]) + struct.pack("<d", value)


def _varint(number: int) -> bytes:
    """Seven bits per byte, the lowest first; the high bit says that more follow (300 -> ac 02)."""
    low = bytearray()
    while number > 0x7F:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*low, number])
