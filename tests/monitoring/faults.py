"""A fault for each alert, in a running service. Each maker yields the addresses at which the metrics are."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from ahpa.adapters.kubernetes.leases import KubeLeases
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.election import Terms
from ahpa.core.shards import shards
from ahpa.history.filler import Filler
from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.ports import ClusterError, Reading
from ahpa.service.elector import Elector
from ahpa.service.leases import ALONE, Leases
from ahpa.service.rounds import Service
from ahpa.service.settings import Settings
from forecasting.forecast import Coverage
from forecasting.model import Model
from forecasting.panel import Panel
from tests.adapters.kubernetes.watching import watching
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.lease_server import LeaseServer
from tests.fakes.models import SameAsYesterday, Yesterday
from tests.monitoring.living import Fast, Living, follow, running, tomorrow
from tests.reliability.contender import kube_of
from tests.service.stage import SETTINGS, Stage, add_knative, always, morning, staged
from tests.service.test_quality import COARSE, wavering
from tests.service.test_rehearse import TenTimes

NAMES = ("chat", "other", "third")
CONTAINER = {"memory.stat": "inactive_file 0", "memory.current": "500", "memory.max": "1000"}
Addresses = list[str]


def learned(
    directory: Path,
    prometheus: FakePrometheus | None = None,
    settings: Settings = SETTINGS,
    model: Model | None = None,
    leases: Leases = ALONE,
    telemetry: Telemetry | None = None,
    start: float = math.nan,
    **annotations: str,
) -> Stage:
    """Three services whose load rises at five past nine, and a service that has learned it, tomorrow at nine."""
    kube = FakeKube()
    for name in NAMES:
        add_knative(kube, name, mode="apply", **annotations)
    at = staged(
        kube,
        prometheus or FakePrometheus(dict.fromkeys(NAMES, morning)),
        settings,
        models={"fleet": model or SameAsYesterday()},
        leases=leases,
        telemetry=telemetry or Telemetry(container(directory)),
    )
    at.service.refit(tomorrow(9) if math.isnan(start) else start)
    at.telemetry.history(1.0)
    return at


def container(directory: Path, **files: str) -> Path:
    """What the kernel says of its memory."""
    for name, text in {**CONTAINER, **files}.items():
        (directory / name).write_text(text)
    return directory


def alive(at: Stage) -> AbstractContextManager[str]:
    """It goes on from tomorrow at nine."""
    return running(Living(at, Fast(tomorrow(9)), partial(follow, at)))


@contextmanager
def nothing_is_wrong(directory: Path) -> Iterator[Addresses]:
    with alive(learned(directory)) as address:
        yield [address]


@contextmanager
def the_api_server_is_away(directory: Path) -> Iterator[Addresses]:
    """By our own clock: the alert compares with it."""
    at = learned(directory, start=time.time())
    at.tick(time.time())
    at.kube.fail = lambda method, where: ClusterError(503, "no")
    with running(Living(at, time.time)) as address:
        yield [address]


@contextmanager
def leading(directory: Path, name: str, server: LeaseServer) -> Iterator[str]:
    """One copy of two, that asks this server for the Lease."""
    telemetry = Telemetry(container(directory))
    store = KubeLeases(kube_of(server.url, name), "ahpa-system", time.time)
    elector = Elector(store, f"{name}_1f2e", shards("ahpa", 1), Terms(3, 2, 0.5), telemetry)
    elector.start()
    try:
        with alive(learned(directory, leases=elector, telemetry=telemetry)) as address:
            yield address
    finally:
        elector.stop()


@contextmanager
def leases_cannot_be_written(directory: Path) -> Iterator[Addresses]:
    with ExitStack() as stack:
        server = LeaseServer()
        stack.callback(server.close)
        server.faults = {"a": "error", "b": "error"}
        yield [stack.enter_context(leading(directory, name, server)) for name in "ab"]


@contextmanager
def each_copy_looks_at_other_leases(directory: Path) -> Iterator[Addresses]:
    with ExitStack() as stack:
        servers = [LeaseServer(), LeaseServer()]
        for server in servers:
            stack.callback(server.close)
        yield [
            stack.enter_context(leading(directory, name, server)) for name, server in zip("ab", servers, strict=True)
        ]


@contextmanager
def prometheus_is_away(directory: Path) -> Iterator[Addresses]:
    at = learned(directory)
    at.prometheus.down = True
    with alive(at) as address:
        yield [address]


class Narrow(FakePrometheus):
    """Refuses long ranges, or what is older than so many seconds."""

    longest = math.inf
    oldest = math.inf

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        self.down = end - start > self.longest or tomorrow(9) - start > self.oldest
        return super().read(queries, start, end, step, deadline)


@contextmanager
def histories_cannot_be_read(directory: Path) -> Iterator[Addresses]:
    prometheus = Narrow(dict.fromkeys(NAMES, morning))
    prometheus.longest = 7200.0
    with alive(learned(directory, prometheus)) as address:
        yield [address]


@contextmanager
def yesterday_cannot_be_read(directory: Path) -> Iterator[Addresses]:
    at = learned(directory, prometheus := Narrow(dict.fromkeys(NAMES, morning)))
    prometheus.oldest = 20 * 3600.0
    kept = Kept(prometheus, prometheus, Keeping(SETTINGS.history_seconds, SETTINGS.step_seconds))
    at = replace(at, service=Service(SETTINGS, replace(at.ports, demand=kept), always))
    at.service.refit(tomorrow(9))
    filler = Filler(kept, at.telemetry)

    def each_round() -> None:
        follow(at)
        filler.step()

    with running(Living(at, Fast(tomorrow(9)), each_round)) as address:
        yield [address]


@dataclass(frozen=True, eq=False)
class Overconfident(Yesterday):
    """Four of ten peaks were higher than it had said."""

    def observe(self, panel: Panel) -> Overconfident:
        return Overconfident(super().observe(panel).history)

    def realised(self) -> Coverage:
        return replace(said := super().realised(), ratios=np.full_like(said.ratios, 0.6))


class TooLow(SameAsYesterday):
    def fit(self, history: Panel) -> Overconfident:
        return Overconfident(history)


@contextmanager
def peaks_are_higher_than_was_said(directory: Path) -> Iterator[Addresses]:
    with alive(learned(directory, model=TooLow())) as address:
        yield [address]


@contextmanager
def forecasts_are_outdone(directory: Path) -> Iterator[Addresses]:
    """For seven hours, which go by before the first scrape."""
    start = tomorrow(9)
    at = learned(directory, FakePrometheus(dict.fromkeys(NAMES, wavering)), COARSE, TenTimes())
    for number in range(90):
        follow(at)
        at.tick(start + 300.0 * number)
    with running(Living(at, Fast(start + 300.0 * 90), partial(follow, at))) as address:
        yield [address]


@contextmanager
def clocks_differ(directory: Path) -> Iterator[Addresses]:
    at = learned(directory)
    at.prometheus.skew = 120.0
    with alive(at) as address:
        yield [address]


@contextmanager
def owners_allow_too_little(directory: Path) -> Iterator[Addresses]:
    with alive(learned(directory, max="2")) as address:
        yield [address]


@contextmanager
def nobody_follows_the_floor(directory: Path) -> Iterator[Addresses]:
    with running(Living(learned(directory), Fast(tomorrow(9)))) as address:
        yield [address]


@contextmanager
def writes_are_refused(directory: Path) -> Iterator[Addresses]:
    at = learned(directory)
    at.kube.fail = lambda method, where: ClusterError(500, "a webhook failed") if method == "PATCH" else None
    with alive(at) as address:
        yield [address]


@contextmanager
def one_collection_is_silent(directory: Path) -> Iterator[Addresses]:
    """The others are heard of, so rounds go on."""
    at = learned(directory)
    with watching() as watch, alive(at) as address:
        watch.names()
        at.telemetry.watch(lambda: [(w.name, w.objects, w.silent_seconds, w.lists) for w in watch.watched.told()])
        watch.kube.fail = lambda method, where: ClusterError(503, "no")
        watch.server.cut()
        yield [address]


@contextmanager
def memory_is_nearly_used_up(directory: Path) -> Iterator[Addresses]:
    at = learned(directory)
    container(directory, **{"memory.current": "950"})
    with alive(at) as address:
        yield [address]


@dataclass(frozen=True)
class Fault:
    """What is made to happen, and which alerts may ring with the one that it is for."""

    made: Callable[[Path], AbstractContextManager[Addresses]]
    beside: frozenset[str] = frozenset()


FAULTS: Mapping[str, Fault] = {
    "AHPANotTicking": Fault(the_api_server_is_away),
    "AHPANoLeader": Fault(leases_cannot_be_written),
    "AHPATwoLeaders": Fault(each_copy_looks_at_other_leases),
    "AHPAForecastStale": Fault(prometheus_is_away),
    "AHPANotLearning": Fault(histories_cannot_be_read, frozenset({"AHPAForecastStale"})),
    "AHPAHistoryIncomplete": Fault(yesterday_cannot_be_read, frozenset({"AHPAForecastStale"})),
    "AHPACoverageBroken": Fault(peaks_are_higher_than_was_said),
    "AHPAQualityLost": Fault(forecasts_are_outdone),
    "AHPAClockSkew": Fault(clocks_differ),
    "AHPAFloorAtMax": Fault(owners_allow_too_little),
    "AHPAFloorIgnored": Fault(nobody_follows_the_floor),
    "AHPAApplyFailing": Fault(writes_are_refused),
    "AHPAWatchSilent": Fault(one_collection_is_silent),
    "AHPAMemoryHigh": Fault(memory_is_nearly_used_up),
}
