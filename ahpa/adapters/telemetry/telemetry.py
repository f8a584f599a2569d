"""What happens in the service, as log lines and metrics: implements `ahpa.ports.Telemetry`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from ahpa.adapters.telemetry.logs import LOG
from ahpa.adapters.telemetry.memory import CGROUP
from ahpa.adapters.telemetry.metrics import Metrics
from ahpa.adapters.telemetry.watches import Told
from ahpa.core.courses import Totals
from ahpa.ports import TargetRound
from forecasting.forecast import Ahead, Coverage


class Telemetry:
    """One process's metrics, and the log of all."""

    def __init__(self, cgroup: Path = CGROUP) -> None:
        self._metrics = Metrics(cgroup)

    def text(self) -> bytes:
        """What /metrics serves."""
        return self._metrics.text()

    def watch(self, told: Told) -> None:
        """Who tells at each scrape how the watches of the cluster go."""
        self._metrics.watches.told = told

    def log(self, event: str, level: int = logging.INFO, **fields: object) -> None:
        LOG.log(level, event, extra={"fields": fields})

    def fault(self, event: str, **fields: object) -> None:
        LOG.exception(event, extra={"fields": fields})

    def read_failed(self) -> None:
        self._metrics.read_errors.inc()

    def wrote(self, result: str) -> None:
        self._metrics.writes.labels(result).inc()

    def job_failed(self, job: str) -> None:
        self._metrics.job_errors.labels(job).inc()

    def skipped(self, job: str) -> None:
        self._metrics.skipped.labels(job).inc()

    def led(self, lease: str, holds: bool) -> None:
        self._metrics.leads.labels(lease).set(holds)
        self._metrics.led.labels(lease).inc(holds)

    def ticked(self, now: float, seconds: float) -> None:
        self._metrics.tick_at.set(now)
        self._metrics.tick_seconds.observe(seconds)

    def refitted(self, seconds: float) -> None:
        self._metrics.refit_seconds.observe(seconds)

    def learned(self, now: float) -> None:
        self._metrics.learned_at.set(now)

    def history(self, complete: float) -> None:
        """How much of the history was read, 0 to 1."""
        self._metrics.history_complete.set(complete)

    def skewed(self, seconds: float) -> None:
        self._metrics.skew.set(seconds)

    def show(self, rounds: Sequence[TargetRound], coverage: Coverage | None) -> None:
        self._metrics.show(rounds, coverage)

    def foretold(self, ahead: Ahead | None) -> None:
        self._metrics.fleet.foretold(ahead)

    def saved(self, totals: Totals) -> None:
        self._metrics.courses.saved(totals)
