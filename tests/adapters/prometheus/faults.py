"""Answers of a Prometheus that nobody should believe, or wait for, each written to the socket by itself: T4 of the
reliability list, and what was found since.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
import zlib
from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, urlsplit

from tests.fakes.raw_server import RawServer

DRIPS = 1200
"""So many bytes, ten a second: two minutes."""
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"

NOTHING: Mapping[str, object] = {}

Send = Callable[[bytes], None]
Fault = Callable[[Send, dict[str, list[str]]], None]
Demand = Callable[[float], float]


def response(status: int, body: bytes, **headers: str) -> bytes:
    said = {"Content-Length": str(len(body)), "Connection": "close", **headers}
    lines = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in said.items())
    return f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode() + body


def alone(name: str) -> str:
    """A query that is never asked together with others: `@` is none that we put into another one."""
    return f"{name} @ 1"


def samples(query: Mapping[str, list[str]], demand: Demand) -> list[list[object]]:
    """What a good Prometheus says for one query_range."""
    start, end, step = (float(query[key][0].rstrip("s")) for key in ("start", "end", "step"))
    return [[start + i * step, repr(demand(start + (i - 1) * step))] for i in range(round((end - start) / step) + 1)]


def metrics(query: Mapping[str, list[str]]) -> list[dict[str, str]]:
    """The labels of the series that a query asks for: one by itself, those of a lifted one, those of several side by
    side. They are told apart by one label."""
    text = query["query"][0]
    lifted = re.findall(r'(\w+)=~"([^"]+)"', text)
    if lifted:
        label, names = lifted[0]
        return [{label: name.replace("\\\\", "")} for name in names.split("|")]
    side_by_side = re.findall(r'"(ahpa_key)", "(\d+)"', text)
    return [{label: key} for label, key in side_by_side] or [{}]


def matrix(
    query: Mapping[str, list[str]], values: object, times: int = 1, more: Mapping[str, object] = NOTHING
) -> bytes:
    """The same for all series that are asked for, each as often."""
    result = [{"metric": {**metric, "n": str(i)}, "values": values} for metric in metrics(query) for i in range(times)]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).encode()


def zero(now: float) -> float:
    """A demand on which everything would be lowered."""
    return 0.0


def says(status: int, body: bytes = b"no", **headers: str) -> Fault:
    return lambda send, query: send(response(status, body, **headers))


def of_zeros(**more: object) -> Fault:
    return lambda send, query: send(response(200, matrix(query, samples(query, zero), more=more)))


def of_samples(change: Callable[[list[list[object]]], object]) -> Fault:
    """Zeros, changed."""
    return lambda send, query: send(response(200, matrix(query, change(samples(query, zero)))))


def of_value(value: object) -> Fault:
    """This for every value."""
    return of_samples(lambda rows: [[t, value] for t, _ in rows])


def _error_with_data(send: Send, query: dict[str, list[str]]) -> None:
    send(response(200, matrix(query, samples(query, zero)).replace(b'"success"', b'"error"')))


def _truncated(send: Send, query: dict[str, list[str]]) -> None:
    whole = response(200, matrix(query, samples(query, zero)))
    send(whole[: len(whole) // 2])


def _drip(before: bytes) -> Fault:
    def fault(send: Send, query: dict[str, list[str]]) -> None:
        send(before)
        for _ in range(DRIPS):
            send(b" ")
            time.sleep(0.1)

    return fault


def _drip_chunks(send: Send, query: dict[str, list[str]]) -> None:
    send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(DRIPS):
        send(b"1\r\n \r\n")
        time.sleep(0.1)


def _continues(send: Send, query: dict[str, list[str]]) -> None:
    for _ in range(DRIPS):
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


def _hangs(send: Send, query: dict[str, list[str]]) -> None:
    time.sleep(DRIPS / 10)


def _floods(block: bytes) -> Fault:
    def fault(send: Send, query: dict[str, list[str]]) -> None:
        send(HEAD + b"\r\n")
        for _ in range(1024):
            send(block)

    return fault


def _gzip_bomb(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * 2**20) for _ in range(mebibytes)) + packer.flush()


def _packed(send: Send, query: dict[str, list[str]]) -> None:
    send(response(200, _gzip_bomb(64), Content_Encoding="gzip"))


def _packed_eight_times(send: Send, query: dict[str, list[str]]) -> None:
    body = matrix(query, samples(query, zero))
    for _ in range(8):
        body = gzip.compress(body)
    send(response(200, body, Content_Encoding=", ".join(["gzip"] * 8)))


def of_values(values: bytes) -> Fault:
    """One series with these very bytes as its samples."""
    return says(
        200, b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":%s}]}}' % values
    )


MALFORMED: dict[str, bytes] = {
    "NaN as a stamp": b'[[NaN,"0"]]',
    "infinity as a stamp": b'[[1e999,"0"]]',
    "minus infinity as a stamp": b'[[-1e999,"0"]]',
    "text as a stamp": b'[["60","0"]]',
    "true as a stamp": b'[[true,"0"]]',
    "null as a stamp": b'[[null,"0"]]',
    "400 digits as a stamp": b'[[%s,"0"]]' % (b"9" * 400),
    "5,000 digits as a stamp": b'[[%s,"0"]]' % (b"9" * 5000),
    "a huge float as a stamp": b'[[1e300,"0"]]',
    "triples": b'[[60,"0",1]]',
    "a pair of one": b"[[60]]",
    "an empty pair": b"[[]]",
    "numbers for pairs": b"[1,2,3]",
    "null for pairs": b"[null]",
    "texts for pairs": b'["ab"]',
    "objects for pairs": b'[{"60":1,"0":2}]',
    "null for all": b"null",
    "text for all": b'"ab"',
    "an object for all": b'{"60":"0"}',
    "nested a thousand times": b"[" * 1000 + b"]" * 1000,
    "nested 200,000 times": b"[" * 200_000 + b"]" * 200_000,
}
"""The `values` of one series, none of which can be read."""

UNBELIEVABLE: dict[str, object] = {
    "NaN": "NaN", "+Inf": "+Inf", "negative": "-5", "false": False, "true": True, "null": None, "a number": 0,
    "a list": [0], "an object": {}, "huge digits": "9" * 400, "no number": "x", "empty": "", "underscores": "1_0",
    "other digits": "１２", "spaces": " 0 ", "hex": "0x0", "a huge number": 10**400,
}  # fmt: skip
"""Values that are not a demand; none of them is 0."""

FAULTS: dict[str, Fault] = {
    **{str(status): says(status) for status in (204, 401, 403, 404, 422, 500, 501)},
    "429 for an hour": says(429, Retry_After="3600"),
    "503 for an hour": says(503, Retry_After="3600"),
    "html": says(200, b"<html>login</html>", Content_Type="text/html"),
    "redirect": says(302, b"", Location="http://127.0.0.1:1/elsewhere"),
    "redirect to a file": says(301, b"", Location="file:///etc/passwd"),
    "status error": says(200, b'{"status":"error","error":"query timed out"}'),
    "status error with data": _error_with_data,
    "no status": says(200, b'{"data":{"resultType":"matrix","result":[]}}'),
    "warnings": of_zeros(warnings=["one shard did not answer"]),
    "partial, as VictoriaMetrics says it": of_zeros(isPartial=True),
    "truncated": _truncated,
    "empty body": says(200, b""),
    "a list": says(200, b"[1, 2]"),
    "null result": says(200, b'{"status":"success","data":{"resultType":"matrix","result":null}}'),
    "no result": says(200, b'{"status":"success"}'),
    "a scalar": says(200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"0"]}}'),
    "histograms": says(200, b'{"status":"success","data":{"result":[{"histograms":[[60,{"count":"3"}]]}]}}'),
    "two series": lambda send, query: send(response(200, matrix(query, samples(query, zero), times=2))),
    "no series": says(200, b'{"status":"success","data":{"resultType":"matrix","result":[]}}'),
    "the future": of_samples(lambda rows: [[float(str(t)) + 1e6, v] for t, v in rows]),
    "milliseconds": of_samples(lambda rows: [[1000 * float(str(t)), v] for t, v in rows]),
    "half of the hour": of_samples(lambda rows: rows[len(rows) // 2 :]),
    "utf-8 that is none": of_values(b'[[60,"\xff"]]'),
    "utf-16": lambda send, query: send(response(200, matrix(query, samples(query, zero)).decode().encode("utf-16"))),
    "garbage": lambda send, query: send(b"\x00\xff\x16\x03garbage\r\n\r\n"),
    "http/0.9": lambda send, query: send(b'{"status":"success"}'),
    "a header of 10 MB": lambda send, query: send(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 10_000_000 + b"\r\n\r\n"),
    "100,000 headers": lambda send, query: send(b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 100_000 + b"\r\n"),
    "bad gzip": says(200, b"abcd", Content_Encoding="gzip"),
    "64 MiB in 64 KiB": _packed,
    "packed eight times": _packed_eight_times,
    "1 GiB": _floods(b" " * 2**20),
    "1 GiB of samples": _floods(b'[1,"1"],' * 2**17),
    "15 MiB of tiny samples": of_values(b"[" + b'[1,"1"],' * 2_000_000 + b'[1,"1"]]'),
    "4 MiB of braces": of_values(b"[" + b"{}," * 1_300_000 + b"{}]"),
    **{f"value: {name}": of_value(value) for name, value in UNBELIEVABLE.items()},
    **{f"malformed: {name}": of_values(values) for name, values in MALFORMED.items()},
}  # fmt: skip
"""All that answer at once."""

SLOW: dict[str, Fault] = {
    "hangs": _hangs,
    "drips its headers": _drip(b"HTTP/1.1 200 OK\r\nX-a: "),
    "drips its status": _drip(b"HTTP/1.1 "),
    "drips its body": _drip(HEAD + b"Content-Length: 1000000\r\n\r\n"),
    "drips its chunks": _drip_chunks,
    "goes on and on": _continues,
}
"""All that would make us wait two minutes."""


class FaultyPrometheus(RawServer):
    """A Prometheus whose faults can be switched on and off; it counts its answers."""

    def __init__(self, demand: Demand) -> None:
        self.fault: Callable[[str], Fault | None] = lambda query: None
        """By the query that is asked."""
        self.demand = demand
        self.asked: list[str] = []
        super().__init__()

    def answer(self, connection: socket.socket, head: bytes, rest: bytes) -> bool:
        query = parse_qs(urlsplit(head.split(b" ", 2)[1].decode()).query) or parse_qs(
            self._body(connection, head, rest)
        )
        self.asked.append(query["query"][0])
        fault = self.fault(query["query"][0])
        if fault is not None:
            fault(connection.sendall, query)
        else:
            connection.sendall(response(200, matrix(query, samples(query, self.demand))))
        return False

    @staticmethod
    def _body(connection: socket.socket, head: bytes, rest: bytes) -> str:
        length = re.search(rb"content-length: (\d+)", head.lower())
        assert length is not None
        while len(rest) < int(length[1]):
            rest += connection.recv(65_536)
        return rest.decode()
