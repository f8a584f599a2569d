"""What the process says of itself: metrics on one port, health on another, JSON logs on stderr."""

from __future__ import annotations

import json
import logging
import math
import sys
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ahpa import __version__
from ahpa.adapters.kubernetes.target import Target
from ahpa.core.decision import Decision
from ahpa.core.observation import Workload
from ahpa.core.planner import LAG_LEVEL
from forecasting.forecast import Coverage, Outlook

LOG = logging.getLogger("ahpa")
TARGET = ("kind", "namespace", "name")


class Metrics:
    """The metrics by the names that docs/metrics.md lists; labels are names of objects, never query text."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        gauge, counter = self._gauge, self._counter
        self.floor = gauge("ahpa_floor_replicas", "Floor that should be in force (in observe mode: would be)", TARGET)
        self.baseline = gauge("ahpa_baseline_replicas", "Minimum that the owner had set", TARGET)
        self.ready = gauge("ahpa_ready_replicas", "Replicas ready at the last tick", TARGET)
        self.peak = gauge("ahpa_forecast_peak", "Predicted peak over the lead window", (*TARGET, "level"))
        self.lag = gauge("ahpa_readiness_seconds", "Seconds from asked for to ready", (*TARGET, "quantile"))
        self.forecast_at = gauge("ahpa_forecast_timestamp_seconds", "Origin of the forecast in use", TARGET)
        self.coverage = gauge(
            "ahpa_forecast_coverage_ratio", "Realised coverage of the predicted peak", (*TARGET, "level")
        )
        self.decisions = counter("ahpa_decisions_total", "Decisions by reason", ("reason",))
        self.writes = counter("ahpa_writes_total", "Writes to targets by result", ("result",))
        self.read_errors = counter("ahpa_metrics_errors_total", "Demand queries without a trustworthy answer", ())
        self.job_errors = counter("ahpa_job_errors_total", "Ticks and refits that failed as a whole", ("job",))
        self.tick_at = gauge("ahpa_last_tick_timestamp_seconds", "When the last tick ended", ())
        self.tick_seconds = Histogram("ahpa_tick_duration_seconds", "Duration of a tick", registry=self.registry)
        self.refit_seconds = Histogram("ahpa_refit_duration_seconds", "Duration of a refit", registry=self.registry)
        self._gauge("ahpa_build_info", "Version of this build", ("version",)).labels(__version__).set(1)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def begin_round(self) -> None:
        """Forget the per-target values, so that a deleted target does not live on in the metrics."""
        for gauge in (self.floor, self.baseline, self.ready, self.peak, self.lag, self.forecast_at, self.coverage):
            gauge.clear()

    def show(
        self,
        target: Target,
        workload: Workload,
        outlook: Outlook | None,
        decision: Decision,
        coverage: Coverage | None = None,
    ) -> None:
        """One target's values after a tick."""
        labels = (target.kind, target.namespace, target.name)
        self.decisions.labels(decision.reason).inc()
        self.floor.labels(*labels).set(decision.floor)
        self.baseline.labels(*labels).set(decision.baseline)
        self.ready.labels(*labels).set(workload.ready)
        for _, seconds in workload.readiness.leads(LAG_LEVEL):
            self.lag.labels(*labels, f"{LAG_LEVEL:g}").set(seconds)
        if outlook is not None and outlook.reason is None:
            self.forecast_at.labels(*labels).set(outlook.origin)
        if outlook is not None and decision.plan is not None:
            for level in (0.5, decision.plan.level):
                window = decision.plan.window_seconds
                decided = level == decision.plan.level
                peak = decision.plan.peak if decided else outlook.peak(window, level)
                self.peak.labels(*labels, f"{level:g}").set(peak)
                held = coverage.of(target.key, window, level) if coverage else math.nan
                if math.isfinite(held):
                    self.coverage.labels(*labels, f"{level:g}").set(held)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        row: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        return json.dumps(row, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{k}={v}" for k, v in getattr(record, "fields", {}).items())
        stamp = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        text = f"{stamp} {record.levelname.lower():7} {record.getMessage():24} {fields}"
        return f"{text}\n{self.formatException(record.exc_info)}" if record.exc_info else text


def log_to_stderr(verbose: bool = False, as_json: bool | None = None) -> None:
    """JSON lines, or plain text when a person watches."""
    handler = logging.StreamHandler(sys.stderr)
    use_json = not sys.stderr.isatty() if as_json is None else as_json
    handler.setFormatter(_JsonFormatter() if use_json else _TextFormatter())
    LOG.handlers[:] = [handler]
    LOG.propagate = False
    LOG.setLevel(logging.DEBUG if verbose else logging.INFO)


def log(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """One line with a constant, dotted event name; everything that varies is a field."""
    LOG.log(level, event, extra={"fields": fields})


Page = tuple[int, str, bytes]
"""Status, content type, body."""


def serve_http(port: int, pages: Mapping[str, Callable[[], Page]], host: str = "") -> ThreadingHTTPServer:
    """A read-only server of a few fixed paths, in a daemon thread. `port` 0 picks a free one."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, kind, body = page() if page else (404, "text/plain", b"not found\n")
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Silent: scrapes and probes are not news."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name=f"http-{port}", daemon=True).start()
    return server
