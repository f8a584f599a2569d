"""The metrics of what is watched of the cluster, asked for when somebody scrapes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

COLLECTION = ("collection",)

Told = Callable[[], Iterable[tuple[str, int, float, int]]]
"""By the name of a collection its objects, seconds of silence, and lists so far."""


class Watches(Collector):
    """How each watched collection goes, as `told` says; nothing where nothing is watched."""

    def __init__(self) -> None:
        self.told: Told = tuple

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily]:
        objects = GaugeMetricFamily(
            "ahpa_watched_objects", "Objects of the cluster that are held in memory", labels=COLLECTION
        )
        silent = GaugeMetricFamily(
            "ahpa_watch_silent_seconds",
            "Since the API server last said anything of them; after a minute they are not believed",
            labels=COLLECTION,
        )
        lists = CounterMetricFamily("ahpa_watch_lists", "Times that they were listed as a whole", labels=COLLECTION)
        for name, held, seconds, listed in self.told():
            objects.add_metric((name,), held)
            silent.add_metric((name,), seconds)
            lists.add_metric((name,), listed)
        yield from (objects, silent, lists)
