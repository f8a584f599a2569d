"""HTTP that ends: one time limit for a whole answer and a bound on its bytes, for every server that we talk to.

A socket's own time limit counts from byte to byte, so a server that drips, its headers too, escapes it. Here the read
time limit of urllib3 counts for the whole answer: from the request that was sent to the last byte of the body.
"""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import SSLError
from urllib3.response import BaseHTTPResponse
from urllib3.util.ssl_ import resolve_cert_reqs

from ahpa.tls import Trust

_BLANKS = re.compile(r"[ \t\n\r]*")
Raised = TypeVar("Raised", bound=BaseException)
NEVER = float("inf")
"""A deadline (a moment of `time.monotonic`) that does not come."""


class TooMuch(Exception):
    """An answer beyond its bounds; the message says which."""


def ending(manager: urllib3.PoolManager) -> None:
    """Let the read time limit of every request through `manager` count for the whole answer. Before the first one."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


def body_of(response: BaseHTTPResponse, most_bytes: int) -> bytes:
    """The whole body, unpacked. Raises TooMuch; urllib3's HTTPError and OSError, the time limit's among them."""
    body = bytearray()
    while chunk := response.read1(65_536, decode_content=True):  # what is there; `read` waits for all
        body += chunk
        if len(body) > most_bytes:
            response.close()
            raise TooMuch(f"the answer is over {most_bytes >> 20} MiB")
    return bytes(body)


def lines_of(response: BaseHTTPResponse, most_bytes: int) -> Iterator[bytes]:
    """The lines of a body as they come, without empty ones and without a last one that was cut off. Raises as
    `body_of`, TooMuch for one line."""
    rest = b""
    while chunk := response.read1(65_536, decode_content=True):
        *lines, rest = (rest + chunk).split(b"\n")
        yield from filter(bytes.strip, lines)
        if len(rest) > most_bytes:
            raise TooMuch(f"a line of the answer is over {most_bytes >> 20} MiB")


def no_constant(text: str) -> object:
    """For `NaN` and `Infinity`, which Python's parser knows. Raises ValueError."""
    raise ValueError(f"{text} is not JSON")


def parsed(body: bytes, most_values: int, constant: Callable[[str], object] = no_constant) -> object:
    """JSON, of which nothing is built if it holds far more than `most_values` values: parsed, a byte can cost 20.

    Raises TooMuch; ValueError for what is no JSON; RecursionError. `constant` says what a `NaN` is.
    """
    bounded(body, most_values)
    found: object = json.loads(body.decode("utf-8"), parse_constant=constant)
    return found


def parsed_one_by_one(body: bytes, most_values: int, name: str, take: Callable[[object], object]) -> object:
    """As `parsed`, but the elements of the list of this name, at the top of an object, are told to `take` as each is
    parsed, and the list that is returned is empty: all at once they can be twenty times as large as the text. (Python
    holds text with a character beyond Latin-1 in two or four bytes each.)

    What is not written as Go's encoder writes it (`"items":[`) is parsed whole before any is told. Of fields of the
    same name the first is told, and the last returned. Raises as `parsed`, also after some were told; and what `take`
    raises.
    """
    bounded(body, most_values)
    text = body.decode("utf-8")
    mark = f'"{name}":['
    begin = text.find(mark)
    first = begin + len(mark)
    head = text[:first]
    if begin < 0 or not _opens(head, name):
        return _told_of_the_whole(json.loads(text, parse_constant=no_constant), name, take)
    end = _told(text, first, take)
    found: object = json.loads(head + text[end:], parse_constant=no_constant)
    return found


def _opens(head: str, name: str) -> bool:
    """Whether the list of that name begins where `head` ends: in the object itself, not within a field of it."""
    try:
        found = json.loads(head + "]}")
    except ValueError:
        return False
    return isinstance(found, dict) and found.get(name) == []


def _told(text: str, at: int, take: Callable[[object], object]) -> int:
    """Of a list that begins there, after its bracket; returns where the other one is. Raises ValueError."""
    decoder = json.JSONDecoder(parse_constant=no_constant)
    at = _after_blanks(text, at)
    if text.startswith("]", at):
        return at
    while True:
        found, at = decoder.raw_decode(text, at)
        take(found)
        at = _after_blanks(text, at)
        if text.startswith("]", at):
            return at
        if not text.startswith(",", at):
            raise ValueError("the list does not go on")
        at = _after_blanks(text, at + 1)


def _after_blanks(text: str, at: int) -> int:
    blanks = _BLANKS.match(text, at)
    return blanks.end() if blanks else at


def _told_of_the_whole(found: object, name: str, take: Callable[[object], object]) -> object:
    if isinstance(found, dict) and isinstance(elements := found.get(name), list):
        for each in elements:
            take(each)
        found[name] = []
    return found


def bounded(body: bytes, most_values: int) -> None:
    """Raises TooMuch for JSON with far more values than so many."""
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > most_values:
        raise TooMuch(f"the answer holds more than {most_values:,} values")


def cause_of(error: BaseException) -> str:
    """The innermost reason, which is what a person can act on: `[Errno 111] Connection refused`.

    A library wraps it several times over, and each wrapping repeats the address.
    """
    inner = innermost(error)
    text = str(inner).rpartition(": ")[2][:300]
    if text and isinstance(inner, OSError | urllib3.exceptions.HTTPError):
        return text
    return f"{type(inner).__name__}: {text}" if text else type(inner).__name__


def innermost(error: BaseException) -> BaseException:
    """What an error of urllib3, requests or http.client was made of."""
    for _ in range(10):
        deeper = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException):
            break
        error = deeper
    return error


def emptied(error: Raised) -> Raised:
    """The same, with nothing left in the frames that a request went through, for whoever has caught it.

    urllib3 keeps its exceptions in variables of the very frames that they point to. Such a ring stands until Python's
    next full collection, in a small controller ten minutes later, and with it the request, its TLS context, and by the
    frames below it the whole round that had asked: some hundred KiB for each call to a server that is down.
    """
    found, ahead = set[int](), list[BaseException | None]([error])
    while ahead:
        one = ahead.pop()
        if one is not None and id(one) not in found:
            found.add(id(one))
            traceback.clear_frames(one.__traceback__)
            ahead += [one.__cause__, one.__context__]
    return error


class _Answer(http.client.HTTPResponse):
    """Read under one deadline: what is the socket's time limit when the request has been sent."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None, url: str | None = None):
        super().__init__(sock, debuglevel, method, url)
        self.fp.close()
        self.fp = io.BufferedReader(_Ending(sock))


class _Ending(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        limit = sock.gettimeout()
        self._deadline = NEVER if limit is None else time.monotonic() + limit
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("the answer took too long")
        if self._deadline != NEVER:
            self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Connection(HTTPConnection):
    response_class = _Answer


class _SecureConnection(HTTPSConnection):
    """By a TLS context that all have who trust the same. urllib3 makes one for each connection: with the public
    authorities that is 680 KiB and 14 ms, and where a server fails, connections come and go by the hundred."""

    response_class = _Answer
    _trust: Trust | None = None

    def connect(self) -> None:
        """Raises as urllib3's own."""
        if self._trust is None and self._is_plain():
            assert self.ca_certs is not None
            verify = resolve_cert_reqs(self.cert_reqs)
            self._trust = Trust(self.ca_certs, verify, self.cert_file, self.key_file)
            # What is left here, urllib3 would load into the context that all have.
            self.ca_certs = self.cert_file = self.key_file = None
        if self._trust is not None:
            try:
                self.ssl_context = self._trust.context()
            except OSError as error:
                raise SSLError(error) from error
        super().connect()

    def _is_plain(self) -> bool:
        """Whether a `Trust` says all there is. By a proxy, whose trust urllib3 takes from here too, with authorities of
        the system, and with whatever else, a connection has a context of its own, as ever."""
        told = (self.proxy, self.ssl_context, self.ca_cert_dir, self.ca_cert_data, self.key_password)
        held = (self.assert_hostname, self.assert_fingerprint)  # urllib3 notes on the context to look at no name
        versions = (self.ssl_version, self.ssl_minimum_version, self.ssl_maximum_version)
        return bool(self.ca_certs) and all(each is None for each in (*told, *held, *versions))


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
