"""Every moment of a start is read from its pod; what is damaged teaches nothing and harms nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.pods import Pods, start_of
from ahpa.core.starts import Start, StartLog
from ahpa.ports import ClusterError
from ahpa.targets import Target
from tests.fakes.kube import FakeKube


def stamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, at: float, status: str = "True") -> Object:
    return {"type": kind, "status": status, "lastTransitionTime": stamp(at)}


def pod(uid: str = "a", **status: Any) -> Object:
    meta = {"uid": uid, "namespace": "shop", "name": uid, "creationTimestamp": stamp(1000)}
    return {"metadata": meta, "spec": {"nodeName": "gpu-1"}, "status": status}


def running(at: float, restarts: int = 0) -> Object:
    return {"state": {"running": {"startedAt": stamp(at)}}, "restartCount": restarts}


WAITING: Object = {"state": {"waiting": {"reason": "ContainerCreating"}}, "restartCount": 0}


def test_every_moment_on_the_way_is_read() -> None:
    moments = {"PodScheduled": 1001, "Initialized": 1005, "ContainersReady": 1200, "Ready": 1201}
    conditions = [condition(kind, at) for kind, at in moments.items()]
    found = start_of(pod(conditions=conditions, containerStatuses=[running(1090), running(1100)]))
    assert found == Start("a", 1000, 1001, 1005, 1100, 1201, "gpu-1")


def test_what_has_not_come_yet_is_unknown() -> None:
    begun = [
        condition("PodScheduled", 1001),
        condition("Initialized", 1000, "False"),
        condition("Ready", 1000, "False"),
    ]
    found = start_of(pod(conditions=begun, containerStatuses=[running(1090), WAITING]))
    assert found == Start("a", 1000, 1001, where="gpu-1")


def test_one_without_a_node_is_nowhere() -> None:
    found = start_of({"metadata": {"uid": "a", "creationTimestamp": stamp(1000)}})
    assert found == Start("a", 1000)


def test_a_restart_and_a_withdrawal_are_seen() -> None:
    again = start_of(pod(containerStatuses=[running(1090), running(5000, restarts=1)]))
    assert again is not None
    assert again.restarted
    going = pod()
    going["metadata"]["deletionTimestamp"] = stamp(1500)
    left = start_of(going)
    assert left is not None
    assert (left.leaving, left.restarted) == (True, False)


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-40T00:00:00Z", 5, ["x"]])
def test_a_pod_without_a_moment_of_asking_is_no_start(text: object) -> None:
    assert start_of({"metadata": {"uid": "a", "creationTimestamp": text}}) is None


@pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13-40T00:00:00Z", 5, ["x"]])
def test_a_damaged_moment_is_unknown_and_the_others_stand(text: object) -> None:
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": text}
    assert start_of(pod(conditions=[condition("PodScheduled", 1001), ready])) == Start("a", 1000, 1001, where="gpu-1")


WRONG = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
JSON = st.recursive(WRONG, lambda inner: st.dictionaries(st.text(max_size=9), inner, max_size=3), max_leaves=4)
STATUS = st.fixed_dictionaries({}, optional={
    "conditions": WRONG | st.lists(JSON | st.fixed_dictionaries(
        {"type": JSON | st.just("Ready"), "status": JSON | st.just("True"), "lastTransitionTime": JSON}
    ), max_size=3),
    "containerStatuses": WRONG | st.lists(JSON | st.fixed_dictionaries(
        {"restartCount": JSON, "state": JSON | st.fixed_dictionaries({"running": JSON})}
    ), max_size=3),
})  # fmt: skip


@given(STATUS | WRONG, JSON)
def test_hostile_types_teach_nothing_and_raise_nothing(status: object, spec: object) -> None:
    hostile = {"metadata": {"uid": "a", "creationTimestamp": stamp(1000)}, "spec": spec, "status": status}
    found = start_of(hostile)
    assert found is not None
    assert replace(found, where="", restarted=False) == Start("a", 1000)
    assert len(StartLog().seen([found], 1100).done) == 0


def target(selector: str = "app=chat") -> Target:
    return Target("hpa", "shop", "chat", {}, {}, 1, 1, 1, 1, None, (), False, selector)


def test_the_pods_of_the_target_are_asked_for() -> None:
    kube = FakeKube()
    root = "/api/v1/namespaces/shop/pods"
    for each in (pod("a"), pod("b"), {"metadata": {"name": "c"}}):
        kube.put(f"{root}/{each['metadata']['name']}", each)
    assert [start.uid for start in Pods(kube).starts(target())] == [f"uid-{root}/a", f"uid-{root}/b"]


def test_a_target_of_which_nobody_knows_the_pods_has_no_starts_of_others() -> None:
    with pytest.raises(ClusterError, match="which pods"):
        Pods(FakeKube()).starts(target(selector=""))
