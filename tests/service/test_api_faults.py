"""T5 of the reliability list: an API server that fails in every way we know, over real sockets, for twenty rounds,
while owners go on editing.
"""

from __future__ import annotations

import itertools
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest
from kubernetes import client

from ahpa.adapters.kubernetes.api import Kube, KubeApi
from ahpa.adapters.kubernetes.events import Events
from ahpa.adapters.kubernetes.kinds import KINDS
from ahpa.adapters.kubernetes.pace import USUAL, Rhythm
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.kubernetes.watched import Watched
from ahpa.adapters.prometheus.queries import QueryList
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.ports import ClusterError
from ahpa.service.loop import Loop
from ahpa.service.rounds import Ports, Service
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.fakes.models import SameAsNow
from tests.reliability.reached import Reached
from tests.service.api_faults import FAULTS, HEAVY, LEFT_OUT, SCOPES, SLOW, Fault
from tests.service.api_server import LISTS, ApiServer
from tests.service.stage import DAY, HPAS, NOW, QUERIES, ROOT, SETTINGS, add_knative, always
from tests.waiting import until

ROUNDS, TICK = 20, 60.0
NAMES = [f"chat{i}" for i in range(4)]


class World:
    """Four Knative Services and an HPA in apply whose demand rises slowly, so that each round has writes."""

    def __init__(self, seconds: float, rhythm: Rhythm | None = None) -> None:
        """With a `rhythm` the cluster is watched; else each round lists it."""
        self.kube, self.now = FakeKube(), NOW
        for name in NAMES:
            add_knative(self.kube, name, mode="apply")
        self.kube.put(f"{HPAS}/chat9", {
            "metadata": {"namespace": "shop", "name": "chat9", "annotations": {"ahpa.dev/mode": "apply",
                         "ahpa.dev/demand": "mine", "ahpa.dev/target-per-replica": "7"}},
            "spec": {"minReplicas": 1, "maxReplicas": 90, "scaleTargetRef": {"kind": "Deployment", "name": "chat9"}},
            "status": {"currentReplicas": 1},
        })  # fmt: skip
        self.server, self.telemetry = ApiServer(self.kube), Telemetry()
        settings = client.Configuration(host=self.server.url)
        settings.retries = False
        kube = Kube(client.ApiClient(settings), (seconds, seconds))
        self.watched = Watched(kube, "shop", rhythm) if rhythm else None
        api: KubeApi = self.watched or kube
        ports = Ports(
            actuators={name: kind.actuator(api, "shop") for name, kind in KINDS.items()},
            starts=Pods(api),
            demand=FakePrometheus({"chat": lambda t: 20.0 + max(0.0, t - NOW) / 60}),
            late=FakePrometheus({}),
            queries=QueryList(QUERIES),
            models={"fleet": SameAsNow()},
            events=Events(api, "test"),
            telemetry=self.telemetry,
        )
        self.service = Service(replace(SETTINGS, tick_seconds=TICK, history_seconds=DAY / 12), ports, always)
        self.service.refit(NOW)
        for number in range(20):  # on a busy machine a call may take longer than it has
            self.tick()
            if number > 1 and min(self.floors().values()) >= 3:
                break

    def tick(self) -> bool:
        self.now += TICK
        try:
            self.service.tick(self.now)
        except ClusterError:
            return False
        return True

    def floors(self) -> dict[str, int]:
        revisions = {f"{ROOT}/revisions/{name}-00001" for name in NAMES}
        found = {where: self.kube.objects[where]["metadata"]["annotations"] for where in revisions}
        floors = {where: int(noted.get("autoscaling.knative.dev/min-scale", 0)) for where, noted in found.items()}
        return {**floors, "hpa": int(self.kube.objects[f"{HPAS}/chat9"]["spec"]["minReplicas"])}


@contextmanager
def world(seconds: float, rhythm: Rhythm | None = None) -> Iterator[World]:
    made = World(seconds, rhythm)
    try:
        yield made
    finally:
        if made.watched is not None:
            made.watched.close()
        made.server.close()


def endure(fault: Fault, scope: str, seconds: float, rounds: int, most_seconds: float) -> str:
    """What it reached, in words."""
    slowest, lists, writes = 0.0, 0, 0
    with world(seconds) as at:
        fits, before = SCOPES[scope], at.floors()
        assert min(before.values()) >= 3
        at.server.fault = lambda method, path, send, _: fault(method, path, send) if fits(method, path) else None
        for number in range(rounds):
            if number == rounds // 2:  # an owner edits one of them, and another is made anew
                edited = f"{ROOT}/revisions/{NAMES[0]}-00001"
                at.kube.edit(edited, {"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "33"}}})
                add_knative(at.kube, NAMES[1], mode="apply")
                before = {**at.floors(), edited: 33}
            at.server.asked.clear()
            began = time.monotonic()
            at.tick()
            slowest = max(slowest, time.monotonic() - began)
            asked = at.server.asked
            lists = max(lists, len([path for method, path in asked if method == "GET" and path.endswith(LISTS)]))
            writes = max(writes, len([path for method, path in asked if method == "PATCH"]))
            assert slowest < most_seconds
            assert lists <= len(LISTS)
            assert writes <= 20
            floors = at.floors()
            assert all(floors[key] >= before[key] for key in before), "a lowering write"
            before = floors
        at.server.fault = lambda *_: None
        at.kube.writes.clear()
        healed = [at.tick() for _ in range(2)]
        assert all(healed)
        assert at.floors()[edited] >= 33
        for where, body in at.kube.writes:
            assert body["metadata"]["uid"] == at.kube.objects[where]["metadata"]["uid"]
        return (
            f"0 lost edits; 0 wrong objects; {lists} lists and {writes} writes a round; slowest round {slowest:.1f} s"
        )


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [6, pytest.param(ROUNDS, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("scope", "fault"), list(itertools.product(SCOPES, FAULTS)))
def test_no_fault_of_the_api_loses_an_edit_lowers_a_floor_or_floods_it(
    scope: str, fault: str, lasting: int, reached: Reached
) -> None:
    """A fault shows in its first round; the list asks for twenty."""
    rounds = 2 if fault in HEAVY else lasting
    figure = endure(FAULTS[fault], scope, 5.0, rounds, 60.0)
    if lasting == ROUNDS:
        reached("T5", size=f"{rounds} rounds", figure=figure)


def counted(at: World, name: str) -> dict[str, float]:
    """By label, as a scrape finds it."""
    found = re.findall(rf'{name}\{{\w+="(\w+)"\}} ([\d.]+)', at.telemetry.text().decode())
    return {label: float(count) for label, count in found}


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in (*HEAVY, LEFT_OUT)])
def test_each_fault_of_lists_is_counted_once_a_round_and_nobody_is_restarted_for_it(
    fault: str, reached: Reached
) -> None:
    """T22: by the job that it costs. The loop is alive; it is ready once a round has done its work, and stays so."""
    with world(5.0) as at:
        loop = Loop(at.service, at.telemetry, clock=lambda: at.now)
        loop.do("tick")
        at.server.fault = lambda m, p, send, _: FAULTS[fault](m, p, send) if SCOPES["lists"](m, p) else None
        for number in range(1, 3):
            at.now += TICK
            loop.do("tick")
            assert counted(at, "ahpa_job_errors_total") == {"tick": number}
            assert (loop.alive, loop.ready) == (True, True)
        reached("T22", size="2 rounds", figure="one job that failed each round; alive and ready")


@pytest.mark.slow
@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault not in HEAVY])
def test_each_write_that_fails_is_counted_once_by_its_result(fault: str, reached: Reached) -> None:
    """T22: once for each target to which a write was tried; the round itself has not failed."""
    with world(5.0) as at:
        for name in NAMES:
            at.kube.edit(f"{ROOT}/services/{name}", {"metadata": {"annotations": {"ahpa.dev/min": "9"}}})
        at.server.fault = lambda m, p, send, _: FAULTS[fault](m, p, send) if SCOPES["patches"](m, p) else None
        for _ in range(4):
            before = counted(at, "ahpa_writes_total")
            at.server.asked.clear()
            assert at.tick()
            tried = {path.rpartition("/")[2][:5] for method, path in at.server.asked if method == "PATCH"}
            now = counted(at, "ahpa_writes_total")
            assert sum(now.values()) - sum(before.values()) == len(tried)
        assert sum(now.values()) >= len(NAMES)
        reached("T22", size="4 rounds", figure="each write counted once by its result")


@pytest.mark.slow
@pytest.mark.parametrize("lasting", [2, pytest.param(4, marks=pytest.mark.soak)])
@pytest.mark.parametrize(("scope", "fault"), list(itertools.product(SCOPES, SLOW)))
def test_a_round_ends_also_with_an_api_that_is_slow(scope: str, fault: str, lasting: int, reached: Reached) -> None:
    """The time limit is half a second here."""
    reached("T5", size=f"{lasting} rounds", figure=endure(SLOW[fault], scope, 0.5, lasting, 20.0))


WATCHED_ROUND = 3.0
"""Seconds between two rounds where the cluster is watched: the clock of the watches is the real one."""


def endure_watching(fault: Fault, seconds: float) -> float:
    """The lists that were asked for each second while everything failed, the watches too."""
    with world(seconds, USUAL) as at:
        before = at.floors()
        assert min(before.values()) >= 3
        at.server.fault = lambda method, path, send, _: fault(method, path, send)
        at.server.cut()
        at.server.asked.clear()
        began = time.monotonic()
        for number in range(ROUNDS):
            if number == ROUNDS // 2:
                edited = f"{ROOT}/revisions/{NAMES[0]}-00001"
                at.kube.edit(edited, {"metadata": {"annotations": {"autoscaling.knative.dev/min-scale": "33"}}})
                add_knative(at.kube, NAMES[1], mode="apply")
                before = {**at.floors(), edited: 33}
            at.tick()
            floors = at.floors()
            assert all(floors[key] >= before[key] for key in before), "a lowering write"
            before = floors
            time.sleep(max(0.0, began + (number + 1) * WATCHED_ROUND - time.monotonic()))
        lists = [
            path
            for method, path in at.server.asked
            if method == "GET" and path.endswith((*LISTS, "/pods", "/deployments"))
        ]
        rate = len(lists) / (time.monotonic() - began)
        at.server.fault = lambda *_: None
        at.kube.writes.clear()
        until(lambda: at.tick() and at.floors()["hpa"] > floors["hpa"], "it goes on when the server is back", 120)
        assert at.floors()[edited] >= 33
        for where, body in at.kube.writes:
            assert body["metadata"]["uid"] == at.kube.objects[where]["metadata"]["uid"]
        return rate


@pytest.mark.soak
def test_under_no_fault_a_watched_cluster_is_asked_for_more_than_one_list_a_second(reached: Reached) -> None:
    """At the usual rhythm, all faults side by side; the library's own informer asked 23 to 65 times a second."""
    faults = {**dict.fromkeys(FAULTS, 5.0), **dict.fromkeys(SLOW, 0.5)}
    every = {**FAULTS, **SLOW}
    with ThreadPoolExecutor(len(every)) as pool:
        rates = dict(zip(every, pool.map(lambda name: endure_watching(every[name], faults[name]), every), strict=True))
    assert max(rates.values()) <= 1.0, rates
    worst = max(rates, key=lambda name: rates[name])
    size = f"{len(every)} faults x {ROUNDS} rounds of {WATCHED_ROUND:g} s"
    reached("T5", size, f"at most {rates[worst]:.2f} lists/s ({worst}); 0 lost edits, 0 lowering writes, 0 wrong uids")
