"""Prometheus: demand histories as a `Panel`; what was not observed stays NaN.

The named library makes the call; around it stands what it lacks, each found by running it against a
server that misbehaves (tests/adapters/prometheus/test_prometheus_faults.py): a bound on bytes and on total time, no
redirects and no proxies from the environment, retries that do not obey a Retry-After of an hour, an own
mount so that the library's does not replace ours, `warnings` kept (a partial answer has HTTP 200), and one
error type.
"""

from __future__ import annotations

import math
import re
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry
from urllib3.exceptions import HTTPError

from forecasting.panel import Floats, Panel

MAX_POINTS = 10_000
"""Per query; Prometheus refuses more than 11,000."""
MAX_BYTES = 16 * 1024 * 1024


class MetricsUnavailable(Exception):
    """No trustworthy answer; the message says why."""


class NoAnswer(MetricsUnavailable):
    """The server did not answer this time, whatever was asked."""


@dataclass(frozen=True, eq=False)
class Demand:
    """One service's demand on a grid, and how far it may be trusted."""

    values: Floats
    """Shape [t]; NaN where nothing was observed or the value was unbelievable."""
    problem: str | None = None
    """Why nothing was read, or None."""
    partial: bool = False
    """The server warned that the answer may be incomplete."""


_TOKEN = re.compile(r"[!-~]+", re.ASCII)
"""What a header may carry. An error of the library about anything else would quote the token into the log."""
_WARNINGS = re.compile(rb'"warnings"\s*:\s*\[\s*"')
"""In JSON an unescaped `"warnings":[` can only be that key, so the body need not be parsed twice."""


class _Said(threading.local):
    warned = False
    """This thread's last answer came with warnings."""


class _Http(requests.Session):
    """A requests session with bounds on bytes, time, redirects and retries."""

    def __init__(self, token_file: str | None, total_seconds: float) -> None:
        super().__init__()
        self.trust_env = False
        self.max_redirects = 0
        self._token_file = token_file
        self._total_seconds = total_seconds
        self.said = _Said()
        self._own = HTTPAdapter(
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
        for scheme in ("http://", "https://"):
            super().mount(scheme, self._own)

    def mount(self, prefix: str | bytes, adapter: Any) -> None:
        """Ignore the library's own mount for the server's address: it would drop our pool and retries."""
        if prefix in ("http://", "https://"):
            super().mount(prefix, adapter)

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        deadline = time.monotonic() + self._total_seconds
        if self._token_file:
            token = Path(self._token_file).read_text(encoding="utf-8").strip()
            if not _TOKEN.fullmatch(token):
                raise MetricsUnavailable(f"{self._token_file} does not hold one token")
            kwargs["headers"] = {**(kwargs.get("headers") or {}), "Authorization": f"Bearer {token}"}
        kwargs.update(allow_redirects=False, stream=True)
        response = super().request(method, url, *args, **kwargs)
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


class Prometheus:
    """Range queries against one server."""

    def __init__(
        self,
        url: str,
        *,
        token_file: str | None = None,
        ca_file: str | None = None,
        insecure: bool = False,
        timeout_seconds: tuple[float, float] = (3.05, 10.0),
        total_seconds: float = 20.0,
        workers: int = 4,
    ) -> None:
        from prometheus_api_client import PrometheusConnect

        self._http = _Http(token_file, total_seconds)
        self._http.verify = False if insecure else (ca_file or True)
        if ca_file:
            ssl.create_default_context(cafile=ca_file)  # a bad file is an error now, not at the first tick
        self._client = PrometheusConnect(url.rstrip("/"), session=self._http, timeout=timeout_seconds)
        self._workers = workers

    def panel(
        self,
        queries: Mapping[str, str],
        start: float,
        end: float,
        step: float,
        progress: Callable[[], None] = lambda: None,
    ) -> tuple[Panel, dict[str, str], frozenset[str]]:
        """The demand of every key on the grid [start, end), problems by key, and the keys with partial answers.

        A sample at time T is the mean over (T - step, T], so column j holds the sample at start + (j + 1) * step.
        One failing query leaves its row NaN and harms no other. If the server gave no answer to the first few,
        the others are not asked: a thousand time-outs in a row would stop the loop.
        """
        start, end = math.floor(start / step) * step, math.floor(end / step) * step
        answered = threading.Event()
        unanswered: list[str] = []

        def one(query: str) -> Demand:
            unknown = np.full(round((end - start) / step), np.nan)
            try:
                if len(unanswered) >= 2 * self._workers and not answered.is_set():
                    return Demand(unknown, f"not asked: no answer to the first {len(unanswered)} queries")
                found = self.demand(query, start, end, step)
            except NoAnswer as error:
                unanswered.append(query)
                return Demand(unknown, str(error))
            except MetricsUnavailable as error:
                answered.set()
                return Demand(unknown, str(error))
            finally:
                progress()
            answered.set()
            return found

        with ThreadPoolExecutor(self._workers) as pool:
            rows = dict(zip(queries, pool.map(one, queries.values()), strict=True))
        values = np.array([row.values for row in rows.values()]).reshape(len(rows), round((end - start) / step))
        problems = {key: row.problem for key, row in rows.items() if row.problem is not None}
        partial = frozenset(key for key, row in rows.items() if row.partial)
        return Panel.of(start, step, values, tuple(rows)) if rows else Panel(start, step, values, ()), problems, partial

    def demand(self, query: str, start: float, end: float, step: float) -> Demand:
        """One series on the grid [start, end). Raises MetricsUnavailable."""
        values = np.full(round((end - start) / step), np.nan)
        partial = False
        for first in range(0, len(values), MAX_POINTS):
            last = min(first + MAX_POINTS, len(values))
            # Chunks share no point: a chunk asks for the samples that close its own steps.
            rows, warned = self._query_range(query, start + (first + 1) * step, start + last * step, step)
            partial |= warned
            if len(rows) > 1:
                raise MetricsUnavailable(f"the query gave {len(rows)} series; aggregate them to one, with sum() say")
            for stamp, text in rows[0] if rows else ():
                column = (float(stamp) - start) / step - 1
                index = round(column)
                if 0 <= index < len(values) and abs(column - index) < 0.01:
                    values[index] = np.fmax(values[index], _believable(text))  # the same in any order
        return Demand(values, None, partial)

    def _query_range(self, query: str, start: float, end: float, step: float) -> tuple[list[list[Any]], bool]:
        """The values of each series, and whether the server warned. Every way to fail is MetricsUnavailable."""
        try:
            result = self._client.custom_query_range(
                query,
                datetime.fromtimestamp(start, UTC),
                datetime.fromtimestamp(end, UTC),
                f"{step:g}s",
                params={"timeout": "15s"},
            )
            if not isinstance(result, list):
                raise MetricsUnavailable("the answer is not a list of series")
            return [list(series["values"]) for series in result], self._http.said.warned
        except MetricsUnavailable:
            raise
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise NoAnswer(_cause(error)) from error
        except Exception as error:  # RetryError, JSONDecodeError, KeyError, PrometheusApiClientException, ...
            raise MetricsUnavailable(f"{type(error).__name__}: {str(error)[:200]}") from error


def _cause(error: BaseException) -> str:
    """The innermost reason, which is what a person can act on: "[Errno 111] Connection refused"."""
    inner = error
    for _ in range(10):
        deeper = getattr(inner, "reason", None) or next((a for a in inner.args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    text = str(inner) or type(inner).__name__
    return f"{type(error).__name__}: {text.rpartition(': ')[2]}"[:200]


def _believable(text: Any) -> float:
    try:
        value = float(text)
    except (TypeError, ValueError):
        return math.nan
    return value if math.isfinite(value) and value >= 0 else math.nan
