"""The order of versions, labels from memory, and what is kept of a pod."""

from __future__ import annotations

import json

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.pods import start_of, start_of_departed
from ahpa.adapters.kubernetes.selectors import selector_of
from ahpa.adapters.kubernetes.store import Stale, Store
from ahpa.adapters.kubernetes.trimmed import Keeping, ready_since
from ahpa.core.starts import Start

EVERYBODY = selector_of("")


def thing(name: str, version: int | str, namespace: str = "shop", **labels: str) -> Object:
    meta = {"namespace": namespace, "name": name, "uid": name, "resourceVersion": str(version), "labels": labels}
    return {"metadata": meta}


def store(*items: Object, version: int = 10, most: int = 100) -> Store:
    made = Store(Keeping("things"), most, lambda item: Start(item["metadata"]["uid"], 0.0))
    made.replace([made.trimmed(item) for item in items], str(version), 0.0)
    return made


def versions(at: Store) -> dict[str, str]:
    return {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in at.find(None, EVERYBODY)}


def test_events_move_it_on_and_older_ones_do_not() -> None:
    at = store(thing("a", 3), thing("b", 4))
    for kind, item in [
        ("MODIFIED", thing("a", 11)),
        ("MODIFIED", thing("a", 5)),
        ("DELETED", thing("b", 12)),
        ("ADDED", thing("b", 4)),
        ("ADDED", thing("c", 13)),
        ("BOOKMARK", {"metadata": {"resourceVersion": "20"}}),
        ("BOOKMARK", {"metadata": {"resourceVersion": "7"}}),
        ("DELETED", thing("a", 19)),
    ]:
        at.happened(kind, item, 0.0)
    assert versions(at) == {"a": "11", "c": "13"}
    assert at.version == "20"


def test_what_a_write_answered_stands_until_something_newer_comes() -> None:
    at = store(thing("a", 3))
    at.written(thing("a", 15))
    at.happened("MODIFIED", thing("a", 12), 0.0)  # the watch is behind the write
    assert versions(at) == {"a": "15"}
    at.happened("MODIFIED", thing("a", 16), 0.0)
    assert versions(at) == {"a": "16"}


def test_a_list_of_what_has_not_changed_holds_nothing_twice() -> None:
    """At 10,000 Services a second copy is a quarter of a gigabyte, and all targets would be read again."""
    at = store(thing("a", 3), thing("b", 4), thing("c", 5))
    before = {item["metadata"]["name"]: item for item in at.find(None, EVERYBODY)}
    other = thing("c", 5)
    other["metadata"]["uid"] = "another"
    for anew in (False, True):
        at.replace([at.trimmed(item, anew) for item in (thing("a", 3), thing("b", 11), other)], "20", 1.0, anew)
        kept = [item["metadata"]["name"] for item in at.find(None, EVERYBODY) if item in list(before.values())]
        same = [
            item["metadata"]["name"] for item in at.find(None, EVERYBODY) if any(item is x for x in before.values())
        ]
        assert (kept, same) == (["a"], [] if anew else ["a"])


@pytest.mark.parametrize("version", [9, 15])
def test_the_late_answer_to_a_write_brings_nothing_back(version: int) -> None:
    """The watch has told of its deletion already."""
    at = store(thing("a", 3))
    at.happened("DELETED", thing("a", 16), 0.0)
    at.written(thing("a", version))
    assert versions(at) == {}


def test_a_write_that_is_newer_than_a_list_outlives_it() -> None:
    at = store(thing("a", 3), thing("b", 4))
    at.written(thing("a", 15))
    at.replace([at.trimmed(thing("a", 12))], "13", 0.0)
    assert versions(at) == {"a": "15"}


def test_an_older_list_is_refused_unless_all_begins_anew() -> None:
    """As when etcd was restored from a backup."""
    at = store(thing("a", 3))
    with pytest.raises(Stale, match="lists version 9 after 10"):
        at.replace([], "9", 0.0)
    assert versions(at) == {"a": "3"}
    at.replace([at.trimmed(thing("b", 8))], "9", 0.0, anew=True)
    assert versions(at) == {"b": "8"}
    at.happened("MODIFIED", thing("b", 10), 0.0)
    assert versions(at) == {"b": "10"}


def test_versions_that_are_no_numbers_count_in_the_order_in_which_they_come() -> None:
    at = store(thing("a", "x"))
    for version in ("zz", "b"):
        at.happened("MODIFIED", thing("a", version), 0.0)
    assert versions(at) == {"a": "b"}
    assert at.version == "b"


LABELS = {
    "": "abcd",
    "app=web": "ab",
    "app==web,tier=front": "a",
    "app!=web": "cd",
    "tier": "a",
    "!tier": "bcd",
    "app in (web, db)": "abc",
    "app notin (web),app": "c",
    "app=": "",
    "example.com/app=web": "",
}


@pytest.mark.parametrize("asked", LABELS)
def test_labels_are_selected_as_a_server_does(asked: str) -> None:
    """Also after what was selected has changed: by the index of the labels that were asked for."""
    at = store(thing("a", 1, app="web"), thing("b", 1, app="db"), thing("c", 1), thing("d", 1), thing("x", 1, "far"))
    for namespace in ("shop", None):
        at.find(namespace, selector_of(asked))
    at.happened("MODIFIED", thing("a", 11, app="web", tier="front"), 0.0)
    at.happened("MODIFIED", thing("b", 12, app="web"), 0.0)
    at.happened("MODIFIED", thing("c", 13, app="db"), 0.0)
    at.happened("DELETED", thing("x", 14, "far"), 0.0)
    for namespace in ("shop", None):
        assert "".join(item["metadata"]["name"] for item in at.find(namespace, selector_of(asked))) == LABELS[asked]
    assert at.find("far", selector_of(asked)) == []


@pytest.mark.parametrize("text", ["a in (b", "=a", "a b", "!a=b", "a=b c", "a,,b", "ä=b", "a=(", "a" * 300 + "!"])
def test_what_no_server_takes_is_no_selector(text: str) -> None:
    with pytest.raises(ValueError, match="no label selector"):
        selector_of(text)


def test_what_is_gone_is_known_for_a_while() -> None:
    at = store(thing("a", 1, app="web"), thing("b", 1, app="web"))
    at.happened("DELETED", thing("a", 11, app="web"), 5.0)
    at.replace([], "12", 6.0)
    assert [start.uid for start in at.departed("shop", selector_of("app=web"))] == ["a", "b"]
    assert at.departed("other", selector_of("app=web")) == []
    at.forget(5.5)
    assert [start.uid for start in at.departed("shop", selector_of("app=web"))] == ["b"]


def test_of_one_that_went_twice_the_second_time_counts() -> None:
    at = store(thing("a", 1), thing("b", 1))
    at.happened("DELETED", thing("a", 11), 1.0)
    at.happened("DELETED", thing("b", 12), 2.0)
    at.happened("ADDED", thing("a", 13), 3.0)
    at.happened("DELETED", thing("a", 14), 9.0)
    at.forget(5.0)
    assert [start.uid for start in at.departed("shop", EVERYBODY)] == ["a"]


@pytest.mark.parametrize("ready", [None, "never"])
def test_one_that_went_before_it_was_ready_is_forgotten(ready: str | None) -> None:
    """Else it would count as one that waits, and not as withdrawn."""
    assert start_of_departed(pod(ready)) is None
    assert start_of_departed(pod(READY)) == start_of(pod(READY))


CREATED, READY, FLIPPED = "2023-11-14T08:00:00Z", "2023-11-14T08:01:30Z", "2023-11-14T11:00:00Z"


def pod(ready: str | None, restarts: int = 0, uid: str = "u", **meta: str) -> Object:
    status = "False" if ready is None else "True"
    return {
        "metadata": {"namespace": "shop", "name": "p", "uid": uid, "creationTimestamp": CREATED, **meta},
        "spec": {"nodeName": "n1", "containers": [{"name": "a", "image": "x" * 500}]},
        "status": {
            "phase": "Running",
            "conditions": [
                {"type": "Ready", "status": status, "lastTransitionTime": ready or CREATED, "message": "m" * 500},
                {"type": "Other", "status": "True"},
            ],
            "containerStatuses": [
                {"restartCount": restarts, "state": {"running": {"startedAt": CREATED}}, "image": "x"}
            ],
        },
    }


def lives(*pods: Object) -> Start:
    """What is known of it after these were seen one after the other."""
    kept = None
    for each in pods:
        kept = Keeping("pods")(each, kept)
    start = None if kept is None else start_of(kept)
    assert start is not None
    return start


def test_the_first_time_that_a_pod_was_ready_counts() -> None:
    """lastTransitionTime is of the latest flip, a restart hides when it first began."""
    first = start_of(pod(READY))
    assert first is not None
    assert first.ready == first.asked + 90
    assert lives(pod(None), pod(READY)) == first
    assert lives(pod(None), pod(READY), pod(None, 1), pod(FLIPPED, 2)) == first
    assert lives(pod(READY), pod(None, deletionTimestamp=FLIPPED)).leaving


def test_a_new_pod_of_the_same_name_begins_anew() -> None:
    assert lives(pod(READY), pod(None, uid="v")).ready is None


def test_of_a_pod_is_kept_what_its_start_is_read_from() -> None:
    kept = Keeping("pods")(pod(READY))
    assert start_of(kept) == start_of(pod(READY))
    assert ready_since(kept) == READY
    assert "x" * 500 not in str(kept)
    assert "m" * 500 not in str(kept)


def test_names_of_fields_are_held_once_however_often_they_were_parsed() -> None:
    """Objects come one by one; a fleet's would hold the same names ten thousand times."""
    text = '{"metadata":{"annotations":{"team/a":"x"},"labels":{"app":"x"}},"spec":{"metrics":[{"minReplicas":1}]}}'

    def names(value: object) -> list[str]:
        if isinstance(value, dict):
            return [*value, *(name for part in value.values() for name in names(part))]
        return [name for part in value for name in names(part)] if isinstance(value, list) else []

    one, other = (names(Keeping("horizontalpodautoscalers")(json.loads(text))) for _ in range(2))
    assert set(one) == {"metadata", "annotations", "labels", "team/a", "app", "spec", "metrics", "minReplicas"}
    assert all(a is b for a, b in zip(one, other, strict=True))


def test_what_nobody_meant_to_be_so_deep_is_kept_as_it_is() -> None:
    deep: object = {}
    for _ in range(800):
        deep = {"a": [deep]}

    kept = Keeping("inferenceservices")({"metadata": {}, "spec": deep})["spec"]
    assert list(kept) == ["a"]
