"""The counters of what each target had and would have had, made into samples when somebody scrapes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

import numpy as np
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ahpa.adapters.telemetry.fleet import TARGET
from ahpa.core.courses import Ledger

BY = (*TARGET, "by")
COUNTERS: Mapping[str, str] = MappingProxyType(
    {
        "ahpa_replica_seconds": "Seconds of replicas, from asked for to gone: by what really was (actual), its scaler "
        "alone (reactive), above a constant floor (fixed), with our floors, written or not (advised); and what the "
        "model of the last three says of what really was (modelled)",
        "ahpa_late_requests": "Requests that were late, likewise; of a demand that counts none a share times its unit",
    }
)
"""By name, without the ending of a counter: what it is. All have the labels `BY`."""


class Courses(Collector):
    """What the last round had counted; it is swapped, not filled."""

    def __init__(self) -> None:
        self._last: tuple[Sequence[str], Ledger] = ((), Ledger.empty(0))

    def saved(self, targets: Sequence[str], ledger: Ledger) -> None:
        """What has come of these targets; what was counted of one that is gone goes with it."""
        self._last = (targets, ledger)

    def collect(self) -> Iterator[CounterMetricFamily]:
        targets, ledger = self._last
        names = [tuple(key.split("/", 2)) for key in targets]
        for (name, text), values in zip(COUNTERS.items(), (60 * ledger.replica_minutes, ledger.late), strict=True):
            family = CounterMetricFamily(name, text, labels=BY)
            for by, column in ledger.courses(values).items():
                for target, value in zip(names, np.asarray(column).tolist(), strict=True):
                    family.add_metric((*target, by), value)
            yield family
