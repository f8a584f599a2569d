"""An HTTP session that costs no more than was allowed, whatever the server does.

What `requests` and the Prometheus library lack, each found by running them against a server that misbehaves
(tests/adapters/prometheus/test_session.py): a bound on bytes and on total time, no redirects and no
proxies from the environment, retries that do not obey a Retry-After of an hour, an own mount so that the library's
does not replace ours, a token that is read anew for each request.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import Retry

MAX_BYTES = 16 * 1024 * 1024
_TOKEN = re.compile(r"[!-~]+", re.ASCII)
"""What a header may carry. An error of the library about anything else would quote the token into the log."""
_WARNINGS = re.compile(rb'"warnings"\s*:\s*\[\s*"')
"""In JSON an unescaped `"warnings":[` can only be that key, so the body need not be parsed twice."""


class MetricsUnavailable(Exception):
    """No trustworthy answer; the message says why."""


class NoAnswer(MetricsUnavailable):
    """The server did not answer this time, whatever was asked."""


class BoundedSession(requests.Session):
    """A requests session over one bounded adapter. Thread-safe as that is."""

    def __init__(self, token_file: str | None, total_seconds: float) -> None:
        super().__init__()
        self.trust_env = False
        self._bounded = _BoundedAdapter(token_file, total_seconds)
        for scheme in ("http://", "https://"):
            super().mount(scheme, self._bounded)

    @property
    def warned(self) -> bool:
        """Whether this thread's last answer came with Prometheus' warnings."""
        return self._bounded.said.warned

    def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
        """Ignore the library's own mount for the server's address: it would drop our pool and retries."""
        if prefix in ("http://", "https://"):
            super().mount(prefix, adapter)

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: a redirect is not followed."""
        return None


class _Said(threading.local):
    warned = False


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, token_file: str | None, total_seconds: float) -> None:
        self.said = _Said()
        self._token_file = token_file
        self._total_seconds = total_seconds
        super().__init__(
            pool_maxsize=8,
            max_retries=Retry(
                total=2,
                redirect=0,
                backoff_factor=0.2,
                backoff_max=1,
                status_forcelist=(502, 503, 504),
                respect_retry_after_header=False,
                raise_on_status=False,
            ),
        )

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        deadline = time.monotonic() + self._total_seconds
        if self._token_file:
            token = Path(self._token_file).read_text(encoding="utf-8").strip()
            if not _TOKEN.fullmatch(token):
                raise MetricsUnavailable(f"{self._token_file} does not hold one token")
            request.headers["Authorization"] = f"Bearer {token}"
        response = super().send(request, True, timeout, verify, cert, proxies)
        body = bytearray()
        while chunk := response.raw.read1(65_536, decode_content=True):  # what is there; iter_content waits for all
            body += chunk
            if len(body) > MAX_BYTES:
                response.close()
                raise MetricsUnavailable(f"the answer is over {MAX_BYTES >> 20} MiB; aggregate in the query")
            if time.monotonic() > deadline:
                response.close()
                raise NoAnswer(f"the answer took over {self._total_seconds:g} s")
        response._content = bytes(body)
        self.said.warned = _WARNINGS.search(body) is not None
        return response
