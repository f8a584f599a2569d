"""`python -m benchmarks.fleet.prometheus --services N`: a Prometheus of so many services, as a process of its own.

It does not parse PromQL: it finds the services that a query's matchers select (`kn_service_name="a"`, `=~"a|b"`, the
namespace likewise), and gives each a series with the labels that the query keeps (`by (...)`, `label_replace`). That is
what queries on `knative-concurrency` look like, for one service and for whole fleets. A real one holds the same minutes
in `TSDB` blocks; this one makes them up from forty shapes, so that its own cost is no bottleneck.
"""

from __future__ import annotations

import argparse
import json
import re
import threading
import time
from collections import Counter
from functools import lru_cache
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from benchmarks.fleet.api import Fault, Server, send
from benchmarks.fleet.objects import place
from forecasting.fleet.synthetic import services

STEP = 60.0
SHAPES = 40
LARGEST = 6.0
"""Requests in flight: one replica serves seven, so that floors move only where their owners say so."""
METRIC = "kn_revision_concurrency_stable"
NAMESPACE, NAME = "k8s_namespace_name", "kn_service_name"
_SELECTOR = re.compile(METRIC + r"\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|=)\s*"((?:[^"\\]|\\.)*)"')
_BY = re.compile(r"\bby\s*\(([^)]*)\)")
_REPLACE = re.compile(r',\s*"(\w+)",\s*"([^"]*)",\s*"(\w+)",\s*"[^"]*"\s*\)')


class Prometheus:
    """The demands of `count` services, of the last `days`."""

    def __init__(self, count: int, days: float = 15.0, largest: float = LARGEST) -> None:
        self.counts: Counter[str] = Counter()
        self.began = time.time() - days * 86_400
        shapes = services(SHAPES, 14.0, STEP, np.random.default_rng(3))
        self._shapes = shapes / shapes.max(axis=1, keepdims=True) * largest
        self._numbers = {place(number): number for number in range(count)}
        self._by_namespace: dict[str, dict[str, int]] = {}
        for (namespace, name), number in self._numbers.items():
            self._by_namespace.setdefault(namespace, {})[name] = number
        self._matrix = lru_cache(maxsize=8 * SHAPES)(self._rendered)

    def fault(self, query: str, seconds: float) -> Fault:
        """What goes wrong with a query over so many seconds; beside the API server's, `warnings`."""
        return None

    def query_range(self, query: str, start: float, end: float, step: float) -> bytes:
        """The whole answer."""
        found = self.selected(query)
        by, replaced = _BY.findall(query), _REPLACE.findall(query)
        kept = {label.strip() for label in by[0].split(",")} & {NAMESPACE, NAME} if by else set()  # the outermost
        rows = []
        for namespace, name, number in found:
            labels = {NAMESPACE: namespace, NAME: name}
            shown = {label: value for label, value in labels.items() if label in kept}
            for target, template, source in replaced:
                if source in labels:
                    shown[target] = template.replace("$1", labels[source])
            samples = self._matrix(number % SHAPES, start, end, step)
            if samples:
                rows.append(b'{"metric":%s,"values":[%s]}' % (json.dumps(shown).encode(), samples))
            if not kept and not replaced:
                break
        return b'{"status":"success","data":{"resultType":"matrix","result":[' + b",".join(rows) + b"]}}"

    def selected(self, query: str) -> list[tuple[str, str, int]]:
        """The services that a query asks for: namespace, name, number."""
        selector = _SELECTOR.search(query)
        if selector is None:
            return []
        said = {label: (how, re.sub(r"\\(.)", r"\1", text)) for label, how, text in _MATCHER.findall(selector.group(1))}
        spaces = self._values(said.get(NAMESPACE), self._by_namespace)
        found = []
        for namespace in spaces:
            inside = self._by_namespace[namespace]
            found += [(namespace, name, inside[name]) for name in self._values(said.get(NAME), inside)]
        return found

    def _values(self, matcher: tuple[str, str] | None, known: Any) -> list[str]:
        """Of those that there are: a name, some names, or a regular expression."""
        if matcher is None:
            return list(known)
        how, text = matcher
        if how == "=" or re.fullmatch(r"[\w|-]+", text):
            return [name for name in text.split("|") if name in known]
        pattern = re.compile(text)
        return [name for name in known if pattern.fullmatch(name)]

    def _rendered(self, shape: int, start: float, end: float, step: float) -> bytes:
        stamps = np.arange(start, end + 1e-6, step)
        stamps = stamps[(stamps >= self.began) & (stamps <= time.time())]
        columns = (stamps // STEP).astype(int) % self._shapes.shape[1]
        pairs = zip(stamps.tolist(), self._shapes[shape, columns].tolist(), strict=True)
        return ",".join(f'[{stamp:.0f},"{value:.4g}"]' for stamp, value in pairs).encode()


def serve(prometheus: Prometheus) -> Server:
    """Until it is closed."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 1 << 16

        def do_GET(self) -> None:
            self._answer(parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            self._answer(parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()))

        def _answer(self, asked: dict[str, list[str]]) -> None:
            path = urlsplit(self.path).path
            if path.endswith("/query_range"):
                first, last, step = (float(asked[key][0].removesuffix("s")) for key in ("start", "end", "step"))
                body = prometheus.query_range(asked["query"][0], first, last, step)
                prometheus.counts["query_range"] += 1
                prometheus.counts["bytes"] += len(body)
                fault = prometheus.fault(asked["query"][0], last - first)
                if fault == "warnings":
                    body = body[:-1] + b',"warnings":["a store did not answer"]}'
                if isinstance(fault, int):
                    send(self, fault, b'{"status":"error","error":"refused"}')
                else:
                    send(self, 200, body, fault)
            elif path == "/stand-in/counts":
                send(self, 200, json.dumps(prometheus.counts).encode())
            else:
                prometheus.counts["other"] += 1
                data = {"resultType": "scalar", "result": [time.time(), str(time.time())]}
                send(self, 200, json.dumps({"status": "success", "data": data}).encode())

        def log_message(self, *words: object) -> None: ...

    return Server(Handler)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=100)
    parser.add_argument("--days", type=float, default=15.0)
    given = parser.parse_args()
    print(serve(Prometheus(given.services, given.days)).url, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
