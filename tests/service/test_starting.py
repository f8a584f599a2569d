"""Whose pods a round looks at, when it has no time for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.telemetry.telemetry import Telemetry
from ahpa.core.readiness import Lag, Readiness
from ahpa.service.memory import Memory
from ahpa.service.starting import look_at_pods
from tests.fakes.kube import SlowKube
from tests.fakes.targets import hpa
from tests.service.stage import NOW

PRIOR = Readiness.single(Lag.of(180, 300))
TARGETS = [hpa(f"api-{i}") for i in range(10)]


def pod(meta: Mapping[str, object]) -> dict[str, object]:
    conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": "2023-11-14T08:01:30Z"}]
    meta = {"namespace": "shop", "creationTimestamp": "2023-11-14T08:00:00Z", **meta}
    return {"metadata": meta, "status": {"conditions": conditions}}


def test_who_had_to_go_without_comes_first_in_the_next_round() -> None:
    """There is time for four of ten; the last six of the list never learned their lag."""
    kube, memory = SlowKube(), Memory()
    for _ in range(3):
        look_at_pods(Pods(kube), TARGETS, memory, NOW, kube.seconds + 4, Telemetry(), kube.now)
    assert set(kube.asked) == {target.selector for target in TARGETS}
    assert memory.starts.keys() == {target.key for target in TARGETS}


def test_with_time_for_all_nobody_is_left_out() -> None:
    kube, memory = SlowKube(), Memory()
    look_at_pods(Pods(kube), TARGETS, memory, NOW, 100.0, Telemetry(), kube.now)
    assert not memory.not_looked_at
    assert kube.asked == [target.selector for target in TARGETS]


@pytest.mark.parametrize("damaged", [{"creationTimestamp": {"a": 1}}, {"labels": 7, "uid": None}])
def test_a_damaged_pod_harms_neither_the_round_nor_what_its_neighbours_teach(damaged: Mapping[str, object]) -> None:
    kube, memory = SlowKube(), Memory()
    pods = "/api/v1/namespaces/shop/pods"
    kube.put(f"{pods}/good", pod({"name": "good"}))
    kube.objects["/api/v1/namespaces/other/pods/bad"] = pod({"name": "bad", **damaged})
    targets = [replace(TARGETS[0], namespace="other"), TARGETS[1]]
    look_at_pods(Pods(kube), targets, memory, NOW, 100.0, Telemetry(), kube.now)
    assert [wait.seconds for wait in memory.starts["hpa/shop/api-1"].done] == [90.0]
    assert memory.starts["hpa/shop/api-1"].readiness(PRIOR).longest(0.5) < PRIOR.longest(0.5)


def test_what_starts_taught_is_worked_out_again_only_where_there_is_a_new_one() -> None:
    """Of ten thousand it is half a second, in each round."""
    kube, memory = SlowKube(), Memory()
    kube.put("/api/v1/namespaces/shop/pods/first", pod({"name": "first", "uid": "1"}))
    look_at_pods(Pods(kube), TARGETS[:1], memory, NOW, 100.0, Telemetry(), kube.now)
    log = memory.starts["hpa/shop/api-0"]
    learned = log.readiness(PRIOR)
    look_at_pods(Pods(kube), TARGETS[:1], memory, NOW + 60, 100.0, Telemetry(), kube.now)
    assert memory.starts["hpa/shop/api-0"] is log
    assert log.readiness(PRIOR) is learned
    kube.put("/api/v1/namespaces/shop/pods/second", pod({"name": "second", "uid": "2"}))
    look_at_pods(Pods(kube), TARGETS[:1], memory, NOW + 120, 100.0, Telemetry(), kube.now)
    assert memory.starts["hpa/shop/api-0"].readiness(PRIOR).learned == learned.learned + 1
