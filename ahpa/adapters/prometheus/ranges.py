"""Range queries of one server, each in bounded time; every way to fail is one type of error.

The named library makes the call; `session.py` bounds what it may cost. What the library lacks besides is here:
`warnings` kept (a partial answer has HTTP 200), and parameters too long for an address.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import requests
from urllib3.exceptions import HTTPError

from ahpa.adapters.prometheus.connection import Connection
from ahpa.adapters.prometheus.refusals import tls_refusal_of, way_to
from ahpa.adapters.prometheus.session import BoundedSession, MetricsUnavailable, NoAnswer
from ahpa.transport import cause_of, emptied, innermost


@dataclass(frozen=True)
class Answer:
    """What the server said of one range."""

    series: list[object]
    """As it wrote them."""
    warned: bool
    """It may be incomplete."""
    remarks: tuple[str, ...]


class Ranges:
    """Thread-safe."""

    def __init__(self, url: str, connection: Connection, timeout_seconds: tuple[float, float], total_seconds: float):
        from prometheus_api_client import PrometheusConnect

        connect, answer = timeout_seconds
        self._limits = (connect, total_seconds)
        self._session = BoundedSession(connection, answer)
        self._by_address = PrometheusConnect(url.rstrip("/"), session=self._session)
        self._by_body = PrometheusConnect(url.rstrip("/"), session=self._session, method="POST")

    @property
    def skew(self) -> float:
        """As the session says, of this thread's answers."""
        return self._session.skew

    def forget_skew(self) -> None:
        """Until this thread's next answer nothing is known."""
        self._session.forget_skew()

    def ask(
        self, text: str, span: tuple[float, float], step: float, deadline: float, *, limit: int, long: bool
    ) -> Answer:
        """The query at every step of the span, both ends included, in unix seconds; at most about `limit` series. A
        `long` one is sent as the body of a POST. Raises MetricsUnavailable, and nothing else."""
        connect, total = self._limits
        total = min(total, deadline - time.monotonic())
        if total <= 0:
            raise NoAnswer("the round's time was over")
        client = self._by_body if long else self._by_address
        try:
            result = client.custom_query_range(
                text,
                datetime.fromtimestamp(span[0], UTC),
                datetime.fromtimestamp(span[1], UTC),
                f"{step:g}s",
                params={"timeout": f"{math.ceil(min(total, 15.0))}s", "limit": limit},
                timeout=(connect, total),
            )
            if not isinstance(result, list):
                raise MetricsUnavailable("the answer is not a list of series")
            return Answer(result, self._session.warned, self._session.remarks)
        except MetricsUnavailable:
            raise
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            raise NoAnswer(_cause(error)) from emptied(error)
        except Exception as error:  # KeyError, PrometheusApiClientException, ...
            raise MetricsUnavailable(f"{type(error).__name__}: {str(error)[:200]}") from emptied(error)


def _cause(error: BaseException) -> str:
    """Why there was no answer, and what helps."""
    inner = innermost(error)
    helps = tls_refusal_of(f"{inner!r} {inner}") or way_to(str(inner))
    return f"{type(error).__name__}: {cause_of(error)}" + (f": {helps}" if helps else "")
