"""How late requests really were is measured where somebody measures it, and else worked out; it keeps the settings
true."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from ahpa.adapters.prometheus.queries import Query
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW, QUERIES, ROOT, Stage, add_knative, staged

MEASURED = {**QUERIES, "measured": Query("measured", 'x{a="{{name}}"}', late='late{a="{{name}}"}')}


def stage(demand: str, ready: int, late: Callable[[float], float] | None, mode: str = "apply") -> Stage:
    """A service of ten slots a replica with 15 in flight."""
    kube = FakeKube()
    add_knative(kube, "chat", mode=mode, demand=demand, **{"target-per-replica": "7", "max": "30"})
    kube.objects[f"{ROOT}/revisions/chat-00001"]["status"]["actualReplicas"] = ready
    told = {"late{": late} if late is not None else {}
    return staged(
        kube, FakePrometheus({**told, 'x{a="chat"': lambda _: 15.0, 'up{a="chat"': lambda _: 15.0}), queries=MEASURED
    )


def lateness(at: Stage, minutes: int = 100) -> float | None:
    """What the metric says after so long; None: nothing."""
    at.service.refit(NOW)
    for minute in range(minutes):
        at.tick(NOW + 60 * minute)
    found = re.search(r"^ahpa_late_ratio\{.*\} (.*)$", at.metrics(), re.MULTILINE)
    return float(found.group(1)) if found else None


@pytest.mark.parametrize(
    ("demand", "ready", "late", "said"),
    [
        ("measured", 30, 0.25, 0.25),
        ("measured", 30, 7.0, 1.0),
        ("measured", 30, float("nan"), 0.0),
        ("knative-concurrency", 30, 0.25, 0.0),
    ],
    ids=["measured", "no share", "nobody came", "no query for it"],
)
def test_what_was_measured_is_shown(demand: str, ready: int, late: float, said: float) -> None:
    at = stage(demand, ready, lambda _: late)
    assert lateness(at) == pytest.approx(said, abs=1e-6)


def test_where_it_cannot_be_read_it_is_worked_out_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    at = stage("measured", 30, None)
    assert lateness(at) == pytest.approx(0.0, abs=1e-6)
    assert [record.message for record in caplog.records].count("late.no_data") == 1


@pytest.mark.parametrize(("ready", "mode"), [(1, "apply"), (30, "observe")], ids=["not carried out", "only watched"])
def test_what_no_setting_of_ours_did_says_nothing_of_it(ready: int, mode: str) -> None:
    """The cluster has one replica, whatever floor stands there; or nobody wrote a floor."""
    assert lateness(stage("measured", ready, lambda _: 0.25, mode)) is None
