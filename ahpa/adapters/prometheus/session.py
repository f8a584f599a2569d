"""An HTTP session that costs no more than was allowed, whatever the server does; its refusals say what would help.

What `requests` and the Prometheus library lack, each found by running them against a server that misbehaves
(tests/adapters/prometheus/test_session.py): a bound on bytes, on values and on the time of a whole answer
(`ahpa.transport`), no redirects and no proxies from the environment, retries that do not obey a Retry-After of an hour,
an own mount so that the library's does not replace ours, secrets that are read anew for each request.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote_plus, urlencode

import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.plain import understood
from ahpa.adapters.prometheus.refusals import refusal_of
from ahpa.core.clock import ahead_by
from ahpa.transport import TooMuch, body_of, emptied, ending

MAX_BYTES = 4 * 1024 * 1024
"""Of an answer, unpacked; 10,000 samples of one series are half a megabyte."""
MAX_VALUES = 200_000
"""Of an answer: 50,000 samples are 150,000 of them, and 250 series some thousands."""
_BEGINNING = 16 * 1024
"""Bytes of an answer that tell of what kind its first series is."""
_PAUSES = (0.2, 0.4)
"""Seconds before the second and the third try."""
_TRY_AGAIN = (502, 503, 504)


class MetricsUnavailable(Exception):
    """No trustworthy answer; the message says why."""


class NoAnswer(MetricsUnavailable):
    """The server did not answer this time, whatever was asked."""


class BoundedSession(requests.Session):
    """A requests session over one bounded adapter. Thread-safe as that is.

    The time limit of a request is (to connect, for all of it with its tries)."""

    def __init__(self, connection: Connection, answer_seconds: float) -> None:
        super().__init__()
        self.trust_env = False
        if connection.insecure:  # its operator said so; a warning for each request tells them nothing
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self.verify = connection.verify
        self.cert = connection.cert
        self._bounded = _BoundedAdapter(connection, answer_seconds)
        for scheme in ("http://", "https://"):
            super().mount(scheme, self._bounded)

    @property
    def warned(self) -> bool:
        """Whether this thread's last answer came with Prometheus' warnings."""
        return self._bounded.said.warned

    @property
    def remarks(self) -> tuple[str, ...]:
        """What this thread's last answer said against itself, in words."""
        return self._bounded.said.remarks

    @property
    def skew(self) -> float:
        """Seconds that our clock was ahead of the server's, at the worst of this thread's answers since it last forgot
        them; 0 if none tells."""
        return self._bounded.said.skew

    def forget_skew(self) -> None:
        """Until this thread's next answer nothing is known."""
        self._bounded.said.skew = 0.0

    def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
        """Ignore the library's own mount for the server's address: it would drop our pool and bounds."""
        if prefix in ("http://", "https://"):
            super().mount(prefix, adapter)

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """A POST's parameters are its body: the library puts them into the address, where many queries have no room."""
        if request.method == "POST" and not request.data:
            request.data, request.params = urlencode(request.params, quote_via=_quoted), {}
            request.headers = {**request.headers, "Content-Type": "application/x-www-form-urlencoded"}
        return super().prepare_request(request)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: a redirect is not followed."""
        return None


class _Said(threading.local):
    """To each thread: it asks one query at a time, and several readings may go on at once."""

    warned = False
    remarks: tuple[str, ...] = ()
    skew = 0.0


class _Answer(requests.Response):
    """What was read, and parsed once."""

    content_parsed: Any = None

    def json(self, **kwargs: Any) -> Any:
        return self.content_parsed


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, connection: Connection, answer_seconds: float) -> None:
        self.said = _Said()
        self._connection = connection
        self._answer_seconds = answer_seconds
        self._stamp = connection.stamp()
        self._parsing = threading.Lock()
        super().__init__(pool_maxsize=8, max_retries=0)

    def init_poolmanager(self, *arguments: Any, **more: Any) -> None:
        super().init_poolmanager(*arguments, **more)
        ending(self.poolmanager)

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        assert isinstance(timeout, tuple)
        assert timeout[1] is not None
        deadline = time.monotonic() + timeout[1]
        self._prepare(request)
        for pause in (*_PAUSES, None):
            left = deadline - time.monotonic()
            limits = (min(timeout[0], max(left, 0.001)), min(self._answer_seconds, max(left, 0.001)))
            last = pause is None or left < pause + 0.5
            try:
                response = super().send(request, True, limits, verify, cert, proxies)
                if "Age" not in response.headers:  # a cache's answer tells an old time
                    ahead = ahead_by(response.headers.get("Date"), time.time())
                    self.said.skew = max(self.said.skew, ahead, key=abs)
                body = body_of(response.raw, MAX_BYTES)
            except (requests.ConnectionError, urllib3.exceptions.ProtocolError) as error:
                if last or isinstance(error, requests.exceptions.SSLError | requests.Timeout):
                    raise
                emptied(error)
            except TooMuch as error:
                raise MetricsUnavailable(f"{error}; aggregate in the query") from error
            else:
                if last or response.status_code not in _TRY_AGAIN:
                    return self._understood(response, body)
            time.sleep(pause or 0.0)
        raise AssertionError("the last try returned or raised")

    def _prepare(self, request: requests.PreparedRequest) -> None:
        try:
            request.headers.update(self._connection.headers())
            stamp = self._connection.stamp()
        except (ValueError, OSError) as error:
            raise MetricsUnavailable(str(error)) from error
        if stamp != self._stamp:
            self._stamp = stamp
            self.poolmanager.clear()

    def _understood(self, response: requests.Response, body: bytes) -> requests.Response:
        """The answer of a Prometheus that says `success`. Raises MetricsUnavailable."""
        refusal = refusal_of(response, body)
        if refusal is not None:
            raise (NoAnswer if response.status_code in _TRY_AGAIN else MetricsUnavailable)(refusal)
        try:
            with self._parsing:  # one at a time: parsed, an answer is many times as large
                said = understood(body, MAX_VALUES)
        except TooMuch as error:
            histograms = b'"histograms"' in body[:_BEGINNING]
            way_out = "these are native histograms, ask for histogram_count(rate(...))" if histograms else "aggregate"
            raise MetricsUnavailable(f"{error}; {way_out} in the query") from error
        except (ValueError, RecursionError) as error:
            raise MetricsUnavailable(f"the answer is not JSON: {str(error)[:100]}") from error
        if not isinstance(said, dict) or said.get("status") != "success":
            why = said.get("error") if isinstance(said, dict) else None
            raise MetricsUnavailable(f"the answer is no success: {str(why or 'it does not say why')[:200]}")
        self.said.warned = bool(said.get("warnings")) or said.get("isPartial") is True
        self.said.remarks = _remarks(said)
        answer = _Answer()
        answer.__dict__.update(response.__dict__)
        answer._content = body
        answer.content_parsed = said
        return answer


_remembered = lru_cache(maxsize=256)(quote_plus)
"""Queries are the same in each round, and character by character those of ten thousand services took 0.4 s."""
_WORTH_IT = range(1_024, 16_385)
"""Characters: of 250 services there are 8,000."""


def _quoted(text: str | bytes, *how: Any) -> str:
    """As `urlencode` asks for it."""
    return (_remembered if len(text) in _WORTH_IT else quote_plus)(text, *how)


def _remarks(said: Mapping[str, Any]) -> tuple[str, ...]:
    """Warnings (the answer may be incomplete) and infos (of the query), the first few."""
    partial = ("the answer is partial",) if said.get("isPartial") is True else ()
    texts = [words for key in ("warnings", "infos") if isinstance(words := said.get(key), list)]
    return (*partial, *(str(one)[:200] for words in texts for one in words[:3]))
