"""`kill -9` at any moment: nothing is lost, nothing is half written, and the next process needs one round (T7)."""

from __future__ import annotations

import json
import math
import os
import random
import signal
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.core.policy.values import STATE
from tests.fakes.kube import FakeKube
from tests.reliability.reached import Reached
from tests.service.api_server import ApiServer, Send
from tests.service.mortal import Life, living
from tests.service.stage import HPAS, NOW, ROOT, add_hpa, add_knative
from tests.service.test_restore import faces

DEMAND, NEEDED = 28.0, 4
"""28 in flight, 7 for each replica."""
SERVICES, OTHERS = [f"s{i}" for i in range(4)], [f"h{i}" for i in range(3)]
TICK = 60.0
FIRST, LATER, WRITES = 30, 21, 11
"""At least so many requests are made by the first round of a process that changes all, and by a later one; and just so
many of them are writes."""
PATCHED = ("services", "revisions", "horizontalpodautoscalers")


@dataclass
class World:
    """Objects whose owners have minima of their own, or none, and the API server that keeps them."""

    kube: FakeKube
    server: ApiServer
    before: dict[str, Object]
    """How each was, with the annotation that asks for us."""
    now: float = NOW
    asked: int = 0
    """Requests of the round that is on."""
    deaths: Counter[str] = field(default_factory=Counter)
    """At which kind of request, before or after it was carried out."""

    @property
    def objects(self) -> list[str]:
        return [*(f"{ROOT}/services/{name}" for name in SERVICES), *(f"{HPAS}/{name}" for name in OTHERS)]

    def ask(self, mode: str) -> None:
        """Every owner says so."""
        for where in self.objects:
            self.kube.edit(where, {"metadata": {"annotations": {"ahpa.dev/mode": mode}}})

    def minima(self) -> dict[str, tuple[int, int, bool]]:
        """By name: what is in force, what its owner has, and whether a record of just that is there. Read from the raw
        objects, by none of our code."""
        found = {}
        for name in SERVICES:
            revision = f"{ROOT}/revisions/{name}-00001"
            own = self.before[revision]["annotations"].get(MIN_SCALE)
            here = self.kube.objects[revision]["metadata"]["annotations"].get(MIN_SCALE)
            record = self.kube.objects[f"{ROOT}/services/{name}"]["metadata"]["annotations"].get(STATE)
            kept = record is not None and json.loads(record) == {f"{name}-00001": own}
            found[name] = (int(here or 0), int(own or 0), kept)
        for name in OTHERS:
            now, was = self.kube.objects[f"{HPAS}/{name}"], self.before[f"{HPAS}/{name}"]
            record = now["metadata"]["annotations"].get(STATE)
            own = was["spec"]["minReplicas"]
            found[name] = (now["spec"]["minReplicas"], own, record is not None and str(own) in record)
        return found

    def check_nothing_is_lost(self) -> None:
        """Whatever is not as its owner had it has a record beside it that says how that was."""
        lost = {name: each for name, each in self.minima().items() if each[0] != each[1] and not each[2]}
        assert lost == {}
        torn = {name: each for name, each in self.minima().items() if each[0] not in (each[1], NEEDED)}
        assert torn == {}, "neither its owner's minimum nor what was decided"

    def converged(self, mode: str) -> bool:
        """As it would be had nobody been killed."""
        if mode == "apply":
            return all(each == (max(NEEDED, each[1]), each[1], True) for each in self.minima().values())
        asks = {"ahpa.dev/mode": mode}
        wanted = {where: {**face, "annotations": face["annotations"] | asks} if where in self.objects else face
                  for where, face in self.before.items()}  # fmt: skip
        return faces(self.kube) == wanted

    def tick(self, life: Life) -> bool:
        """A round of it, a minute later; False if it did not live to see the end of it."""
        self.now += TICK
        return life.tick(self.now)

    def dies(self, life: Life, methods: Collection[str], at: int, before: bool) -> None:
        """At its so many-th request of these methods, before it is carried out, or after and unheard."""

        def fault(method: str, path: str, send: Send, good: bytes) -> object:
            self.asked += method in methods
            if self.asked != at or method not in methods or life.process.pid is None:
                return None
            kind = f"{method} {path.split('/')[-2]}" if method == "PATCH" else method
            self.deaths[f"{'before' if before else 'after'} {kind}"] += 1
            os.kill(life.process.pid, signal.SIGKILL)
            life.process.join()
            return "reset" if before else "lost reply"

        self.asked = 0
        self.server.fault = fault


@contextmanager
def world() -> Iterator[World]:
    kube = FakeKube()
    for i, name in enumerate(SERVICES):
        add_knative(kube, name, mode="off")
        if i:
            kube.edit(f"{ROOT}/revisions/{name}-00001", {"metadata": {"annotations": {MIN_SCALE: str(i - 1)}}})
    for i, name in enumerate(OTHERS):
        add_hpa(kube, name, mode="off", demand="mine", target_per_replica="7")
        kube.edit(f"{HPAS}/{name}", {"spec": {"minReplicas": 1 + i}})
    server = ApiServer(kube)
    try:
        yield World(kube, server, faces(kube))
    finally:
        server.close()


def killed_again_and_again(kills: int, seed: int) -> Counter[str]:
    """Owners switch us on and off by turns; each time the round that would carry it out is killed somewhere, in half
    of the cases the first of a process, with its refit. The next process has one round for it. The answer is
    where the kills hit."""
    rng = random.Random(seed)
    with world() as at, ExitStack() as lives:
        life = lives.enter_context(living(at.server.url, DEMAND))
        for number in range(kills):
            mode = "off" if number % 2 else "apply"
            fresh = mode == "apply"  # who asks for us anew is planned for once a refit has seen it, as the first does
            at.ask(mode)
            if fresh:
                life.end()
                life = lives.enter_context(living(at.server.url, DEMAND))
            requests, every = FIRST if fresh else LATER, ("GET", "PATCH", "POST")
            most, methods = (WRITES, ("PATCH",)) if number // 2 % 2 else (requests, every)
            at.dies(life, methods, rng.randint(1, most), before=rng.random() < 0.5)
            at.tick(life)
            life.end()
            at.server.fault = lambda method, path, send, good: None
            at.check_nothing_is_lost()
            life = lives.enter_context(living(at.server.url, DEMAND))
            assert at.tick(life), "the round after a kill"
            at.check_nothing_is_lost()
            assert at.converged(mode), f"after kill {number} in mode {mode}: {at.minima()}"
            written = len(at.kube.writes)
            assert at.tick(life)
            assert len(at.kube.writes) == written, "what is as it should be is not written again"
        return at.deaths


def test_ten_kills_lose_nothing_and_one_round_mends_all() -> None:
    deaths = killed_again_and_again(10, seed=1)
    assert sum(count for kind, count in deaths.items() if "PATCH" in kind) >= 3, deaths


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_three_hundred_kills_lose_nothing_and_one_round_mends_all(reached: Reached) -> None:
    deaths = killed_again_and_again(300, seed=2)
    moments = {f"{when} PATCH {what}" for when in ("before", "after") for what in PATCHED}
    assert moments <= deaths.keys(), "every seam between two writes was hit"
    assert sum(deaths.values()) >= 290, "the others were killed between two rounds"
    hit = sum(count for kind, count in deaths.items() if "PATCH" in kind)
    figure = f"each mended in one cycle, 0 lost baselines, 0 half-written states; {hit} kills at a write"
    reached("T7", f"{sum(deaths.values())} kills within a round, real processes and sockets", figure)


def test_a_rollout_of_ahpa_lowers_nothing() -> None:
    """The old process ends, the new one begins and cannot read any demand yet: floors stay, round after round, and
    nothing is written."""
    with world() as at:
        at.ask("apply")
        with living(at.server.url, DEMAND) as old:
            assert at.tick(old)
            assert at.converged("apply")
        written = len(at.kube.writes)
        with living(at.server.url, math.nan) as new:
            assert all(at.tick(new) for _ in range(5))
        assert at.converged("apply")
        assert len(at.kube.writes) == written
        with living(at.server.url, DEMAND) as new:
            assert all(at.tick(new) for _ in range(3))
        assert len(at.kube.writes) == written
