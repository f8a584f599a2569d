"""What is remembered of a target is bounded: it fills, and then a service grows no further."""

from __future__ import annotations

import gc
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest

from ahpa.core.starts import REMEMBERED
from ahpa.service.chronicle import EACH, Chronicle
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, Stage, add_knative, staged

PODS = "/api/v1/namespaces/shop/pods"
HELD = 3
"""Pods that are there at a time."""
FULL, AGAIN = 250, 250
"""Rounds in which all records fill, with a change and a start in nearly each; and in which nothing more is kept."""
LEAST_MIB, MOST_MIB = 0.06, 0.03
"""What the records of two targets take at least; by how much all may grow then (the history does, by 4 B a minute)."""


def flapping(now: float) -> float:
    """Another demand every other minute, as nobody foresees."""
    return 5.0 + 40.0 * (int(now // 120) * 2654435761 % 97) / 97


def start(kube: FakeKube, number: int, now: float) -> None:
    """A new pod that is ready, and one that was there is gone."""
    at, ready = (datetime.fromtimestamp(when, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for when in (now - 90, now - 5))
    kube.put(f"{PODS}/chat-{number}", {
        "metadata": {"namespace": "shop", "name": f"chat-{number}", "creationTimestamp": at},
        "spec": {"nodeName": f"node-{number % 5}"},
        "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ready}]},
    })  # fmt: skip
    kube.objects.pop(f"{PODS}/chat-{number - HELD}", None)


def rounds(at: Stage, chronicle: Chronicle, first: int, count: int) -> float:
    """MiB that Python holds after so many more rounds."""
    for number in range(first, first + count):
        now = NOW + 60 * number
        start(at.kube, number, now)
        at.tick(now)
        chronicle.note(now, at.service.shown.rounds)
        at.kube.writes.clear()
        at.kube.created.clear()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / 2**20


def held() -> tuple[list[float], list[int], list[int]]:
    """MiB at the begin, full and again; changes and starts of each target. In a process of its own, as threads of other
    tests allocate too."""
    kube, chronicle = FakeKube(), Chronicle()
    at = staged(kube, FakePrometheus({"chat": flapping, "other": flapping}))
    for name in ("chat", "other"):
        add_knative(kube, name, mode="apply")
    at.service.refit(NOW)
    tracemalloc.start()
    mib = [rounds(at, chronicle, 1, 50), rounds(at, chronicle, 51, FULL), rounds(at, chronicle, 51 + FULL, AGAIN)]
    shown = at.service.shown.rounds
    return mib, [len(chronicle.changes(each.decision.key)) for each in shown], [len(e.starts.done) for e in shown]


@pytest.mark.timeout(600)
def test_what_is_remembered_of_a_target_fills_and_then_grows_no_further() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        (begun, full, again), changes, starts = pool.submit(held).result()
    assert (changes, starts) == ([EACH[1]] * 2, [REMEMBERED] * 2)
    assert full - begun > LEAST_MIB, "else nothing filled"
    assert again - full < MOST_MIB, f"{full:.3f} MiB, then {again:.3f}"
