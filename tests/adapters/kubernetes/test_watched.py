"""Lists that are answered from memory, over real sockets."""

from __future__ import annotations

import json
import threading
import time

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.objects import patch_listed
from ahpa.adapters.kubernetes.pods import Pods
from ahpa.adapters.kubernetes.watched import Watched
from ahpa.core.starts import StartLog
from ahpa.ports import ClusterError
from ahpa.targets import Target
from ahpa.transport import NEVER
from tests.adapters.kubernetes.watching import (
    PODS,
    QUICK,
    REVISIONS,
    ROOT,
    SERVICES,
    Watch,
    kube_at,
    put,
    put_pod,
    watching,
)
from tests.fakes.kube import FakeKube
from tests.service.stage import NOW
from tests.waiting import until


def test_who_asks_again_asks_nobody() -> None:
    """What is listed once is watched from then on."""
    with watching() as at:
        assert at.names() == ["a", "b"]
        until(lambda: at.asked("WATCH"), "a watch begins")
        asked = len(at.server.asked)
        assert [at.names() for _ in range(100)] == [["a", "b"]] * 100
        assert at.asked("GET") == 1
        assert len(at.server.asked) <= asked + 1  # a watch that was renewed


def test_what_is_made_changed_and_deleted_is_seen() -> None:
    with watching() as at:
        at.names()
        where = put(at.kube, "c")
        until(lambda: at.names() == ["a", "b", "c"], "what was made is seen")
        at.kube.edit(where, {"metadata": {"annotations": {"ahpa.dev/mode": "apply"}}})
        until(lambda: noted(at, "c") == {"ahpa.dev/mode": "apply"}, "what was changed is seen")
        del at.kube.objects[where]
        until(lambda: at.names() == ["a", "b"], "what was deleted is gone")
        assert at.asked("GET") == 1


def test_of_one_namespace_are_those_of_that_namespace() -> None:
    with watching() as at:
        put(at.kube, "far", "other")
        assert at.names() == ["a", "b", "far"]
        assert at.names(f"{ROOT}/namespaces/other/services") == ["far"]
        assert at.names(f"{ROOT}/namespaces/nobody/services") == []
        assert at.asked("GET") == 1


def test_who_may_see_one_namespace_watches_that_one() -> None:
    with watching(namespace="shop") as at:
        put(at.kube, "far", "other")
        here = f"{ROOT}/namespaces/shop/services"
        assert at.names(here) == ["a", "b"]
        until(lambda: at.asked("WATCH", here), "it is watched there")
        assert at.names(f"{ROOT}/namespaces/other/services") == ["far"]  # asked for each time, as before
        assert not at.asked("WATCH", f"{ROOT}/namespaces/other/services")


def test_a_large_list_comes_in_pages_and_is_never_seen_in_part() -> None:
    kube = FakeKube()
    for number in range(1201):
        put(kube, f"s{number}")
    with watching(kube) as at:
        assert len(at.names()) == 1201
        assert at.asked("GET") == 3


def test_what_a_write_answered_is_known_before_the_watch_tells_of_it() -> None:
    with watching() as at:
        at.blind()
        here = f"{ROOT}/namespaces/shop/services"
        item = next(each for each in at.watched.items(here) if each["metadata"]["name"] == "a")
        patch_listed(at.watched, item, "serving.knative.dev/v1", "services", annotations={"x": "1"})
        patch_listed(at.watched, item, "serving.knative.dev/v1", "services", annotations={"x": "2"})
        seen = at.watched.member(here, "a")
        assert seen["metadata"]["annotations"] == {"x": "2"}
        assert seen["metadata"]["resourceVersion"] == item["metadata"]["resourceVersion"]


def test_a_write_that_somebody_was_faster_than_changes_nothing_here() -> None:
    with watching() as at:
        here = f"{ROOT}/namespaces/shop/services"
        item = at.watched.member(here, "a")
        at.blind()
        at.kube.edit(f"{here}/a", {"metadata": {"annotations": {"theirs": "1"}}})
        with pytest.raises(ClusterError, match="409"):
            patch_listed(at.watched, item, "serving.knative.dev/v1", "services", annotations={"x": "1"})
        assert at.watched.member(here, "a") is item
        at.sees()
        until(lambda: noted(at, "a") == {"theirs": "1"}, "what they did is seen")


def test_after_a_cut_the_watch_goes_on_where_it_was() -> None:
    with watching() as at:
        at.names()
        until(lambda: at.asked("WATCH"), "a watch begins")
        at.server.cut()
        del at.kube.objects[put(at.kube, "c")]
        put(at.kube, "d")
        until(lambda: at.names() == ["a", "b", "d"], "what happened meanwhile is seen")
        assert at.asked("GET") == 1


def test_what_was_deleted_while_nobody_can_tell_is_gone_with_the_next_list() -> None:
    """410: the server has forgotten what happened since."""
    with watching() as at:
        at.names()
        until(lambda: at.asked("WATCH"), "a watch begins")
        at.blind()
        del at.kube.objects[f"{ROOT}/namespaces/shop/services/a"]
        put(at.kube, "c")
        at.server.forget()
        at.sees()
        until(lambda: at.names() == ["b", "c"], "the list is new")
        assert at.asked("GET") == 2


def noted(at: Watch, name: str) -> dict[str, str]:
    said: dict[str, str] = at.watched.member(f"{ROOT}/namespaces/shop/services", name)["metadata"]["annotations"]
    return said


def test_the_threads_end_with_it() -> None:
    with watching() as at:
        at.names()
        at.watched.items(REVISIONS)
        until(lambda: at.asked("WATCH", REVISIONS), "both are watched")
        assert len(threads()) == 2
        began = time.monotonic()
        at.watched.close()
        assert time.monotonic() - began < 0.9, "a watch that is open is not waited for"
        assert not threads()
        with pytest.raises(ClusterError, match="have ended"):
            at.watched.items(PODS)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("watch /")]


def test_what_nobody_reads_is_not_kept() -> None:
    """The manifest that kubectl leaves on an object, other managers' fields, the template of a Service."""
    big = {"kubectl.kubernetes.io/last-applied-configuration": "x" * 10_000, "ahpa.dev/mode": "apply"}
    kube = FakeKube()
    where = put(kube, "a", **big)
    kube.objects[where]["spec"] = {"template": {"spec": "x" * 10_000}, "traffic": [{"percent": 100}]}
    kube.edit(where, {"metadata": {"annotations": {"x": "1"}}}, "argocd-controller")
    with watching(kube) as at:
        (item,) = at.watched.items(SERVICES)
        assert len(json.dumps(item)) < 1000
        assert item["metadata"]["annotations"] == {"ahpa.dev/mode": "apply", "x": "1"}
        assert item["spec"] == {"traffic": [{"percent": 100}]}
        assert [entry["manager"] for entry in item["metadata"]["managedFields"]] == ["argocd-controller"]


@pytest.mark.parametrize(
    "damaged", [{"spec": 3}, {"status": []}, {"metadata": {"labels": 7}}, {"metadata": {"name": None}}]
)
def test_what_is_damaged_is_kept_as_it_is(damaged: Object) -> None:
    """Whoever reads it refuses it by itself; its neighbours are listed."""
    kube = FakeKube()
    put(kube, "a")
    bad = kube.objects[put(kube, "bad")]
    for field, value in damaged.items():
        bad[field] = {**bad[field], **value} if isinstance(value, dict) else value
    with watching(kube) as at:
        assert len(at.watched.items(SERVICES)) == 2


def test_a_selector_that_is_none_is_refused() -> None:
    with watching() as at, pytest.raises(ClusterError, match="no label selector"):
        at.watched.items(SERVICES, labelSelector="a in (b")


def test_a_server_that_nobody_reaches_says_so_at_once() -> None:
    watched = Watched(kube_at("http://127.0.0.1:1"), rhythm=QUICK)
    try:
        with pytest.raises(ClusterError, match="no API server listens"):
            watched.within(NEVER).items(SERVICES)
    finally:
        watched.close()


TARGET = Target("hpa", "shop", "api", {}, {}, 1, 1, 1, 1, 9, (), False, "app=api")
READY = "2023-11-14T08:00:20Z"


def test_a_replica_that_came_and_went_between_two_rounds_teaches_its_lag() -> None:
    """20 s from asked for to ready: by looking once a minute it was never seen."""
    kube = FakeKube()
    put_pod(kube, "old", ready="2023-11-14T08:00:40Z", app="api")
    with watching(kube) as at:
        pods = Pods(at.watched, at.watched.departed)
        log = StartLog().seen(pods.starts(TARGET), NOW)
        until(lambda: at.asked("WATCH", "/api/v1/pods"), "pods are watched")
        where = put_pod(kube, "short", app="api")
        until(lambda: len(pods.starts(TARGET)) == 2, "it is seen")
        put_pod(kube, "short", ready=READY, app="api")
        until(lambda: pods.starts(TARGET)[1].ready is not None, "it is seen to be ready")
        del kube.objects[where]
        until(lambda: len(at.watched.items(PODS)) == 1, "it is gone")
        for _ in range(3):  # it is learned once
            log = log.seen(pods.starts(TARGET), NOW + 60)
        assert [wait.seconds for wait in log.done] == [40.0, 20.0]


def test_what_a_replica_of_a_target_requests_is_read_from_memory() -> None:
    kube = FakeKube()
    put_pod(kube, "one", app="api")
    with watching(kube) as at:
        for _ in range(5):
            pod = at.watched.first(PODS, labelSelector="app=api")
            assert pod is not None
            assert pod["metadata"]["name"] == "one"
            assert at.watched.first(PODS, labelSelector="app=web") is None
        assert at.asked("GET", "/api/v1/pods") == 1
