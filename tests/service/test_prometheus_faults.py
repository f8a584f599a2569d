"""T4 of the reliability list: a Prometheus that fails in every way we know, over real sockets, for twenty rounds.

The forecaster believes what it saw last, so one wrong zero that gets through would lower the floor.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.processes.executors import Threads
from ahpa.adapters.prometheus.queries import QueryList
from ahpa.adapters.prometheus.source import Prometheus
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.decision import Decision, Reason
from ahpa.service.loop import Loop
from ahpa.service.rounds import Ports, Service
from tests.adapters.prometheus.faults import (
    FAULTS,
    SLOW,
    Fault,
    FaultyPrometheus,
    matrix,
    of_samples,
    of_zeros,
    response,
    samples,
    says,
)
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsNow
from tests.reliability.reached import Reached
from tests.service.stage import NOW, QUERIES, ROOT, SETTINGS, add_knative, always

NAMES = [f"chat{i}" for i in range(4)]
LATE = 'late{a="{{name}}"}'
"""Read beside the demand, of the same targets: neither may be held against the other."""
TICK, ROUNDS = 30.0, 20
"""Ten minutes in all: within the hold of a quarter of an hour, after which lowering is allowed."""
AS_LISTED = pytest.param(ROUNDS, marks=pytest.mark.soak)
LASTING = pytest.mark.parametrize("rounds", [3, AS_LISTED])
"""How long a fault lasts: it shows in its first round, and the list asks for twenty."""
WAITING = pytest.mark.parametrize("rounds", [2, AS_LISTED])
"""The same where each round takes real seconds."""
DOUBTS = {Reason.NO_RECENT_DATA, Reason.NO_FORECAST, Reason.PARTIAL_DATA, Reason.FLEET_FROZEN, Reason.SETTLING}


def every_second(fault: Fault) -> Callable[[str], Fault | None]:
    turns = itertools.count()
    return lambda query: fault if next(turns) % 2 else None


def only(fault: Fault) -> Callable[[str], Fault | None]:
    return lambda query: fault


FLAPPING: dict[str, Callable[[str], Fault | None]] = {
    "500 every second time": every_second(says(500)),
    "zeros every second time": every_second(of_zeros()),
    "an error with zeros every second time": every_second(FAULTS["status error with data"]),
    "half of the shards gone, without a word": only(
        lambda send, query: send(response(200, matrix(query, samples(query, lambda now: 21.0))))
    ),
    "zeros, without a word": only(of_zeros()),
    "in another order, zeros last": every_second(of_samples(lambda rows: rows[::-1])),
}


class World:
    """Four services on a floor of six, of which a faulty Prometheus tells."""

    def __init__(self, prometheus: FaultyPrometheus, threads: Threads, seconds: float) -> None:
        self.prometheus, self.kube, self.now = prometheus, FakeKube(), NOW
        for name in NAMES:
            add_knative(self.kube, name, mode="apply")
        self.telemetry = telemetry = Telemetry()
        limits = (seconds, seconds)
        source = Prometheus(prometheus.url, timeout_seconds=limits, total_seconds=seconds, executor=threads)
        ports = Ports(
            actuators={name: kind.actuator(self.kube, "shop") for name, kind in KINDS.items()},
            starts=Pods(self.kube),
            demand=source,
            late=source.apart(),
            queries=QueryList({name: replace(query, late=LATE) for name, query in QUERIES.items()}),
            models={"fleet": SameAsNow()},
            events=Events(self.kube, "test"),
            telemetry=telemetry,
        )
        self.service = Service(replace(SETTINGS, tick_seconds=TICK, history_seconds=7200), ports, always)
        self.service.refit(NOW)
        for _ in range(8):
            self.tick()
        self.kube.writes.clear()

    def tick(self) -> tuple[Decision, ...]:
        self.now += TICK
        return self.service.tick(self.now)

    def floors(self) -> list[int]:
        annotations = [self.kube.objects[f"{ROOT}/revisions/{name}-00001"]["metadata"]["annotations"] for name in NAMES]
        return [int(noted[MIN_SCALE]) for noted in annotations]


@contextmanager
def world(seconds: float = 5.0) -> Iterator[World]:
    prometheus = FaultyPrometheus(lambda now: 42.0)
    with Threads(4) as threads:
        try:
            yield World(prometheus, threads, seconds)
        finally:
            prometheus.close()


def distrusted(at: World) -> dict[str, float]:
    """By reason, as a scrape finds it: targets, round by round, whose data were not to be lowered on."""
    found = re.findall(r'ahpa_distrusted_total\{reason="(\w+)"\} ([\d.]+)', at.telemetry.text().decode())
    return {reason: float(count) for reason, count in found}


def peak_mib() -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def endure(
    at: World,
    fault: Callable[[str], Fault | None],
    rounds: int,
    reached: Reached,
    live: Callable[[World], object] = World.tick,
) -> None:
    """What the list asks, of as many rounds as it asks for too, is kept for its table; `live` is one round."""
    before, floors, slowest = peak_mib(), at.floors(), 0.0
    assert min(floors) >= 6
    at.prometheus.fault = fault
    for _ in range(rounds):
        began = time.monotonic()
        live(at)
        slowest = max(slowest, time.monotonic() - began)
        assert slowest < 30.0
        after = at.floors()
        assert all(new >= old for new, old in zip(after, floors, strict=True)), "a lowering write"
        floors = after
    grown = peak_mib() - before
    assert grown < 150
    at.prometheus.fault = lambda query: None
    at.tick()
    assert not [d.message for d in at.tick() if d.reason in DOUBTS]
    figure = f"0 lowering writes; slowest round {slowest:.1f} s; +{grown:.0f} MiB; normal in the second round after"
    if rounds == ROUNDS:
        reached("T4", size=f"{ROUNDS} rounds", figure=figure)


def test_the_forecaster_of_these_tests_lowers_on_what_it_is_told() -> None:
    """Else they would prove nothing: a demand that really falls is followed."""
    with world() as at:
        start = at.now
        at.prometheus.demand = lambda now: 42.0 if now < start else 1.0
        for _ in range(ROUNDS):
            at.tick()
        assert max(at.floors()) < 6


@pytest.mark.slow
@LASTING
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_lowers_nothing_has_one_reason_for_each_target_and_all_is_normal_a_round_after_it(
    fault: str, rounds: int, reached: Reached
) -> None:
    """T4 and T22. A dashboard that adds the reasons up counts no target twice, and none is missing. The loop is alive
    and ready all the while: missing metrics are no reason to take a pod away."""
    with world() as at:
        loop = Loop(at.service, at.telemetry, clock=lambda: at.now)
        loop.run_once()
        before: list[dict[str, float]] = []

        def live(at: World) -> None:
            at.now += TICK
            loop.do("tick")
            if before:  # in its first round what was known before may still be believed
                counted = {reason: count - before[-1].get(reason, 0) for reason, count in distrusted(at).items()}
                assert sum(counted.values()) == len(NAMES), counted
            before.append(distrusted(at))
            assert (loop.alive, loop.ready) == (True, True)

        endure(at, only(FAULTS[fault]), rounds, reached, live)
        if rounds == ROUNDS:
            figure = "one reason each round; alive and ready"
            reached("T22", size=f"{len(NAMES)} targets, {rounds - 1} rounds", figure=figure)


@pytest.mark.slow
@LASTING
@pytest.mark.parametrize("fault", FLAPPING)
def test_nothing_is_lowered_on_a_server_that_contradicts_itself(fault: str, rounds: int, reached: Reached) -> None:
    with world() as at:
        endure(at, FLAPPING[fault], rounds, reached)


@pytest.mark.slow
@WAITING
@pytest.mark.parametrize("fault", SLOW)
def test_nothing_waits_for_a_server_that_is_slow(fault: str, rounds: int, reached: Reached) -> None:
    """The time limit is a second here, so that the rounds end."""
    with world(1.0) as at:
        endure(at, only(SLOW[fault]), rounds, reached)


def test_one_of_four_alone_is_bad() -> None:
    """Its neighbours are raised all the same, in ticks and refits (J 5)."""
    with world() as at:
        bad = FAULTS["malformed: NaN as a stamp"]
        at.prometheus.fault = lambda query: bad if "chat0" in query else None
        at.prometheus.demand = lambda now: 84.0
        at.service.refit(at.now)
        for _ in range(5):
            at.tick()
        floors = at.floors()
        assert floors[0] == 6
        assert min(floors[1:]) >= 9
