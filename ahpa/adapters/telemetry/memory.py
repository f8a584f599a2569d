"""How much memory we use and may use, as the kernel counts it for the container: asked for when somebody scrapes."""

from __future__ import annotations

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
        with suppress(OSError, ValueError, StopIteration):  # no such files, or `max`
            rows = (line.split() for line in (self._cgroup / "memory.stat").read_text().splitlines())
            cached = next(int(value) for name, value in rows if name == "inactive_file")
            used.add_metric((), max(0, int((self._cgroup / "memory.current").read_text()) - cached))
        with suppress(OSError, ValueError):
            limit.add_metric((), int((self._cgroup / "memory.max").read_text()))
        yield from (used, limit)
