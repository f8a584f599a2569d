"""The what-if of `ahpa serve` takes what the last round saw and what is in memory, and reads nothing for it."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping

import numpy as np
import pytest

from ahpa.adapters.prometheus.queries import Query
from ahpa.commands.what_if import what_if_of
from ahpa.history.kept import Kept
from ahpa.history.store import Keeping
from ahpa.service.settings import Settings
from ahpa.site.what_if import Pending, Played, Refused, WhatIf
from forecasting.panel import Panel
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import DAY, NOW, QUERIES, SETTINGS, Stage, add_knative, morning, staged
from tests.waiting import until

HISTORY = Settings(readiness=SETTINGS.readiness, history_seconds=4 * DAY)


def stage(settings: Settings = HISTORY, **annotations: str) -> Stage:
    kube = FakeKube()
    add_knative(kube, "chat", mode="observe", **annotations)
    add_knative(kube, "other", mode="observe")
    queries = QUERIES | {"dark": Query("dark", "nobody")}
    at = staged(kube, FakePrometheus({"chat": morning, "other": morning}), settings, queries=queries)
    at.service.refit(NOW)
    at.tick()
    return at


def nothing(queries: Mapping[str, str], start: float, end: float) -> Panel:
    return Panel(0.0, 60.0, np.empty((0, 1)), ())


def plenty() -> float:
    return math.inf


def asked_of(at: Stage, key: str = "knative/shop/chat") -> WhatIf:
    def held(queries: Mapping[str, str], start: float, end: float) -> Panel:
        return at.prometheus.read({k: q for k, q in queries.items() if "nobody" not in q}, start, end, 60.0).panel

    found = what_if_of(at.service, at.ports, held, plenty)
    assert found.ask(key) == Pending(0)
    return found


@pytest.mark.parametrize(
    ("settings", "annotations", "why"),
    [
        (SETTINGS, {}, "days of data"),
        (HISTORY, {"demand": "dark", "target-per-replica": "7"}, "not in memory"),
        (HISTORY, {"late-target": "many"}, "late-target"),
    ],
    ids=["two days of history", "no demand", "annotations with mistakes"],
)
def test_what_cannot_be_played_says_why(settings: Settings, annotations: dict[str, str], why: str) -> None:
    found = asked_of(stage(settings, **annotations))
    found.step(threading.Event())
    answer = found.ask("knative/shop/chat")
    assert isinstance(answer, Refused)
    assert why in answer.why


def test_where_memory_is_scarce_nothing_is_begun() -> None:
    """A kubelet ends the whole container: whoever looks at the page could end the service."""
    at = stage()
    found = what_if_of(
        at.service,
        at.ports,
        nothing,
        lambda: 511 * 1024.0**2,
    )
    found.ask("knative/shop/chat")
    assert found.step(threading.Event())
    said = "it needs 512 MiB of memory, and ahpa has 511 left below its limit"
    assert found.ask("knative/shop/chat") == Refused(said)


def test_of_an_object_that_nobody_annotated_nothing_is_played() -> None:
    at = stage()
    found = what_if_of(at.service, at.ports, nothing)
    assert found.ask("knative/shop/nobody") == Refused("there is no such service")


def test_what_is_in_memory_is_told_without_asking_prometheus() -> None:
    prometheus = FakePrometheus({"chat": morning})
    kept = Kept(prometheus, prometheus, Keeping(DAY, 60.0))
    kept.read({"a": "chat"}, NOW - DAY, NOW, 60.0)
    prometheus.down = True
    found = kept.held({"a": "chat", "unknown": "chat"}, NOW - 3600, NOW)
    assert found.keys == ("a",)
    assert found.values[0, -1] == morning(NOW - 60)


@pytest.mark.soak
def test_it_is_played_in_a_process_of_its_own() -> None:
    found, stop = asked_of(stage()), threading.Event()
    thread = threading.Thread(target=found.run, args=(stop,))
    thread.start()
    until(lambda: not isinstance(found.ask("knative/shop/chat"), Pending), "it is played", 600, 0.5)
    stop.set()
    thread.join()
    assert isinstance(found.ask("knative/shop/chat"), Played)
