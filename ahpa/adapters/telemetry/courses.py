"""The counters of what each target had and would have had, made into samples when somebody scrapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ahpa.adapters.telemetry.fleet import TARGET
from ahpa.core.courses import NO_TOTALS, Totals

BY = (*TARGET, "by")
COUNTERS: Mapping[str, str] = MappingProxyType(
    {
        "ahpa_replica_seconds": "Seconds of replicas, from asked for to gone: by what really was (actual), its scaler "
        "alone (reactive), above a constant floor (fixed), with our floors, written or not (advised); and what the "
        "model of the last three says of what really was (modelled)",
        "ahpa_late_requests": "Requests that were late, likewise; none of a target whose demand counts no requests",
    }
)
"""By name, without the ending of a counter: what it is. All have the labels `BY`."""


class Courses(Collector):
    """What the last round had counted; it is swapped, not filled."""

    def __init__(self) -> None:
        self._last = NO_TOTALS

    def saved(self, totals: Totals) -> None:
        """Of all targets; what was counted of one that is gone goes with it."""
        self._last = totals

    def collect(self) -> Iterator[CounterMetricFamily]:
        totals, ledger = self._last, self._last.ledger
        names = [tuple(key.split("/", 2)) for key in totals.keys]
        values = (60 * ledger.replica_minutes, ledger.late)
        told = (np.ones(len(names), bool), totals.counted)
        for (name, text), figures, shown in zip(COUNTERS.items(), values, told, strict=True):
            family = CounterMetricFamily(name, text, labels=BY)
            for by, column in ledger.courses(figures).items():
                for row in np.flatnonzero(shown).tolist():
                    family.add_metric((*names[row], by), float(column[row]))
            yield family
