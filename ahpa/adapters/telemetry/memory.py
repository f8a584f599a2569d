"""How much memory we use and may use, as the kernel counts it for the container: asked for when somebody scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CGROUP = Path("/sys/fs/cgroup")
"""As a container sees its own, with version 2 of control groups (Kubernetes: the default since 1.25)."""


class ContainerMemory(Collector):
    """Of all our processes together, as the kernel kills for it; nothing where there is no such container."""

    def __init__(self, cgroup: Path = CGROUP) -> None:
        self._cgroup = cgroup

    def collect(self) -> Iterator[GaugeMetricFamily]:
        used = GaugeMetricFamily(
            "ahpa_memory_working_set_bytes", "Memory of the container without what the kernel may drop at once"
        )
        limit = GaugeMetricFamily("ahpa_memory_limit_bytes", "Limit of the container's memory; none: it has none")
        for family, read in ((used, _used), (limit, _limit)):
            with suppress(OSError, ValueError, StopIteration):  # no such files, or `max`
                family.add_metric((), read(self._cgroup))
        yield from (used, limit)


def spare_bytes(cgroup: Path = CGROUP) -> float:
    """What the container may still take; infinity where nobody limits it. Beyond that a kubelet (from 1.28 on, with
    version 2 of control groups) ends all its processes, not only the one that took too much."""
    with suppress(OSError, ValueError, StopIteration):
        return max(0, _limit(cgroup) - _used(cgroup))
    return math.inf


def _used(cgroup: Path) -> int:
    rows = (line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    cached = next(int(value) for name, value in rows if name == "inactive_file")
    return max(0, int((cgroup / "memory.current").read_text()) - cached)


def _limit(cgroup: Path) -> int:
    return int((cgroup / "memory.max").read_text())
