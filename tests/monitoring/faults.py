"""A fault for each alert, in a service that lives. Each maker yields its copies, which go on from the clock's time."""

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
from tests.monitoring.living import Clock, Living, follow, played
from tests.reliability.contender import kube_of
from tests.service.stage import DAY, SETTINGS, Stage, add_knative, always, morning, staged
from tests.service.test_quality import COARSE, wavering
from tests.service.test_rehearse import TenTimes
from tests.waiting import until

START = DAY + 9 * 3600.0
"""Nine in the morning of a day that promtool reaches soon: it begins with 1970."""
NAMES = ("chat", "other", "third")
CONTAINER = {"memory.stat": "inactive_file 0", "memory.current": "500", "memory.max": "1000"}
Copies = Iterator[list[Living]]


def learned(
    directory: Path,
    prometheus: FakePrometheus | None = None,
    settings: Settings = SETTINGS,
    model: Model | None = None,
    leases: Leases = ALONE,
    telemetry: Telemetry | None = None,
    **annotations: str,
) -> Stage:
    """Three services whose load rises at five past nine, and a service that has learned it at nine."""
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
    at.service.refit(START)
    at.telemetry.history(1.0)
    return at


def container(directory: Path, **files: str) -> Path:
    """What the kernel says of its memory."""
    for name, text in {**CONTAINER, **files}.items():
        (directory / name).write_text(text)
    return directory


def alive(at: Stage, clock: Clock) -> Living:
    """Its autoscaler does what the floors say."""
    return Living(at, clock, partial(follow, at))


@contextmanager
def nothing_is_wrong(directory: Path, clock: Clock) -> Copies:
    yield [alive(learned(directory), clock)]


@contextmanager
def the_api_server_is_away(directory: Path, clock: Clock) -> Copies:
    at = learned(directory)
    at.tick(START)
    at.kube.fail = lambda method, where: ClusterError(503, "no")
    yield [alive(at, clock)]


@contextmanager
def standing(directory: Path, clock: Clock, name: str, server: LeaseServer) -> Iterator[Living]:
    """One copy of two, that asks this server for the Lease, in our time: it is kept for longer than a story takes."""
    telemetry = Telemetry(container(directory))
    store = KubeLeases(kube_of(server.url, name), "ahpa-system", time.time)
    elector = Elector(store, f"{name}_1f2e", shards("ahpa", 1), Terms(300, 200, 0.5), telemetry)
    elector.start()
    try:
        yield alive(learned(directory, leases=elector, telemetry=telemetry), clock)
    finally:
        elector.stop()


def leads(copy: Living) -> bool:
    return 'ahpa_leader{lease="ahpa-0"} 1.0' in copy.at.metrics()


@contextmanager
def leases_cannot_be_written(directory: Path, clock: Clock) -> Copies:
    with ExitStack() as stack:
        server = LeaseServer()
        stack.callback(server.close)
        server.faults = {"a": "error", "b": "error"}
        yield [stack.enter_context(standing(directory, clock, name, server)) for name in "ab"]


@contextmanager
def each_copy_looks_at_other_leases(directory: Path, clock: Clock) -> Copies:
    with ExitStack() as stack:
        servers = [LeaseServer(), LeaseServer()]
        for server in servers:
            stack.callback(server.close)
        copies = [
            stack.enter_context(standing(directory, clock, name, server))
            for name, server in zip("ab", servers, strict=True)
        ]
        for each in copies:
            until(partial(leads, each), "it leads", 60)
        yield copies


@contextmanager
def prometheus_is_away(directory: Path, clock: Clock) -> Copies:
    at = learned(directory)
    at.prometheus.down = True
    yield [alive(at, clock)]


class Narrow(FakePrometheus):
    """Refuses long ranges, or what is older than so many seconds."""

    longest = math.inf
    oldest = math.inf

    def read(
        self, queries: Mapping[str, str], start: float, end: float, step: float, deadline: float = math.inf
    ) -> Reading:
        self.down = end - start > self.longest or START - start > self.oldest
        return super().read(queries, start, end, step, deadline)


@contextmanager
def histories_cannot_be_read(directory: Path, clock: Clock) -> Copies:
    prometheus = Narrow(dict.fromkeys(NAMES, morning))
    prometheus.longest = 7200.0
    yield [alive(learned(directory, prometheus), clock)]


@contextmanager
def yesterday_cannot_be_read(directory: Path, clock: Clock) -> Copies:
    at = learned(directory, prometheus := Narrow(dict.fromkeys(NAMES, morning)))
    prometheus.oldest = 20 * 3600.0
    kept = Kept(prometheus, prometheus, Keeping(SETTINGS.history_seconds, SETTINGS.step_seconds))
    at = replace(at, service=Service(SETTINGS, replace(at.ports, demand=kept), always))
    at.service.refit(START)
    filler = Filler(kept, at.telemetry, lambda: 0.5)

    def each_round() -> None:
        follow(at)
        filler.step()

    yield [Living(at, clock, each_round)]


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
def peaks_are_higher_than_was_said(directory: Path, clock: Clock) -> Copies:
    yield [alive(learned(directory, model=TooLow()), clock)]


@contextmanager
def forecasts_are_outdone(directory: Path, clock: Clock) -> Copies:
    """For eight hours, which go by before the first scrape."""
    living = alive(learned(directory, FakePrometheus(dict.fromkeys(NAMES, wavering)), COARSE, TenTimes()), clock)
    played([living], clock, 8)
    yield [living]


@contextmanager
def clocks_differ(directory: Path, clock: Clock) -> Copies:
    at = learned(directory)
    at.prometheus.skew = 120.0
    yield [alive(at, clock)]


@contextmanager
def owners_allow_too_little(directory: Path, clock: Clock) -> Copies:
    yield [alive(learned(directory, max="2"), clock)]


@contextmanager
def nobody_follows_the_floor(directory: Path, clock: Clock) -> Copies:
    yield [Living(learned(directory), clock)]


@contextmanager
def writes_are_refused(directory: Path, clock: Clock) -> Copies:
    at = learned(directory)
    at.kube.fail = lambda method, where: ClusterError(500, "a webhook failed") if method == "PATCH" else None
    yield [alive(at, clock)]


@contextmanager
def one_collection_is_silent(directory: Path, clock: Clock) -> Copies:
    """The others are heard of, so rounds go on. Its silence begins in our time, and lasts for as long as theirs."""
    at = learned(directory)
    with watching() as watch:
        watch.names()
        watch.kube.fail = lambda method, where: ClusterError(503, "no")
        watch.server.cut()
        until(lambda: all(each.silent_seconds > 1 for each in watch.watched.told()), "silence", 60)
        began = clock.now
        at.telemetry.watch(
            lambda: [(w.name, w.objects, w.silent_seconds + clock.now - began, w.lists) for w in watch.watched.told()]
        )
        yield [alive(at, clock)]


@contextmanager
def memory_is_nearly_used_up(directory: Path, clock: Clock) -> Copies:
    at = learned(directory)
    container(directory, **{"memory.current": "950"})
    yield [alive(at, clock)]


@dataclass(frozen=True)
class Fault:
    """What is made to happen, which alerts ring with the one that it is for, and after how many hours at most."""

    made: Callable[[Path, Clock], AbstractContextManager[list[Living]]]
    beside: frozenset[str] = frozenset()
    hours: int = 2


FAULTS: Mapping[str, Fault] = {
    "AHPANotTicking": Fault(the_api_server_is_away),
    "AHPANoLeader": Fault(leases_cannot_be_written),
    "AHPATwoLeaders": Fault(each_copy_looks_at_other_leases),
    "AHPAForecastStale": Fault(prometheus_is_away),
    "AHPANotLearning": Fault(histories_cannot_be_read, frozenset({"AHPAForecastStale"}), hours=4),
    "AHPAHistoryIncomplete": Fault(yesterday_cannot_be_read, frozenset({"AHPAForecastStale"}), hours=3),
    "AHPACoverageBroken": Fault(peaks_are_higher_than_was_said),
    "AHPAQualityLost": Fault(forecasts_are_outdone),
    "AHPAClockSkew": Fault(clocks_differ),
    "AHPAFloorAtMax": Fault(owners_allow_too_little),
    "AHPAFloorIgnored": Fault(nobody_follows_the_floor),
    "AHPAApplyFailing": Fault(writes_are_refused),
    "AHPAWatchSilent": Fault(one_collection_is_silent),
    "AHPAMemoryHigh": Fault(memory_is_nearly_used_up),
}
