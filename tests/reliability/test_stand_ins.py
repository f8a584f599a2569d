"""The stand-ins of the fleet benchmark and the soak answer as the real servers do, as far as a client can tell."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from benchmarks.fleet.api import ApiServer
from benchmarks.fleet.objects import SERVING, fleet, place
from benchmarks.fleet.prometheus import Prometheus, serve
from benchmarks.fleet.store import Store

COUNT = 7
NAMESPACE, NAME = place(3)
REVISION = f"{SERVING}/namespaces/{NAMESPACE}/revisions/{NAME}-00001"
MERGE = {"Content-Type": "application/merge-patch+json"}


@pytest.fixture
def api() -> Iterator[ApiServer]:
    store = Store()
    for where, item in fleet(COUNT, {"ahpa.dev/mode": "apply"}):
        store.put(where, item)
    server = ApiServer(store)
    yield server
    server.close()


def get(api: ApiServer, path: str, **query: object) -> Any:
    return requests.get(f"{api.url}{path}", params={key: str(value) for key, value in query.items()}, timeout=10).json()


def patch(api: ApiServer, floor: str, version: str | None = None) -> requests.Response:
    meta = {"annotations": {"autoscaling.knative.dev/min-scale": floor}}
    body = {"metadata": meta if version is None else {**meta, "resourceVersion": version}}
    query = {"fieldManager": "ahpa"}
    return requests.patch(f"{api.url}{REVISION}", json=body, params=query, headers=MERGE, timeout=10)


def watched(api: ApiServer, version: str, count: int) -> list[dict[str, Any]]:
    """The first so many lines of a watch."""
    query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true", "timeoutSeconds": "20"}
    with requests.get(f"{api.url}{SERVING}/revisions", params=query, stream=True, timeout=20) as answer:
        lines = answer.iter_lines()
        return [json.loads(next(lines)) for _ in range(count)]


def test_a_list_comes_whole_or_in_pages_of_one_version(api: ApiServer) -> None:
    whole = get(api, f"{SERVING}/services", resourceVersion="0")
    assert len(whole["items"]) == COUNT
    names: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = get(api, f"{SERVING}/services", limit=3, **after)
        names += [item["metadata"]["name"] for item in page["items"]]
        if "continue" not in page["metadata"]:
            break
        assert page["metadata"]["resourceVersion"] == whole["metadata"]["resourceVersion"]
        after = {"continue": page["metadata"]["continue"]}
    assert names == [item["metadata"]["name"] for item in whole["items"]]
    mine = get(api, f"/api/v1/namespaces/{NAMESPACE}/pods", labelSelector=f"serving.knative.dev/service={NAME}")
    assert [item["metadata"]["namespace"] for item in mine["items"]] == [NAMESPACE]


def test_a_page_after_the_server_forgot_is_gone(api: ApiServer) -> None:
    page = get(api, f"{SERVING}/services", limit=3)
    api.store.forget_changes()
    assert get(api, f"{SERVING}/services", limit=3, **{"continue": page["metadata"]["continue"]})["code"] == 410


def test_a_write_needs_the_newest_version_and_owns_what_it_wrote(api: ApiServer) -> None:
    before = get(api, REVISION)["metadata"]["resourceVersion"]
    first = patch(api, "3", before).json()
    assert first["metadata"]["resourceVersion"] != before
    assert patch(api, "4", before).status_code == 409
    owner = {entry["manager"]: entry["fieldsV1"] for entry in first["metadata"]["managedFields"]}["ahpa"]
    assert "f:autoscaling.knative.dev/min-scale" in owner["f:metadata"]["f:annotations"]
    again = patch(api, "3").json()
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"], "nothing changed"


def test_a_watch_goes_on_from_a_version_with_what_changed_since_and_a_bookmark(api: ApiServer) -> None:
    version = get(api, f"{SERVING}/revisions")["metadata"]["resourceVersion"]
    later = threading.Timer(0.2, lambda: patch(api, "5"))
    patch(api, "4")
    later.start()
    seen = watched(api, version, 3)
    assert [row["type"] for row in seen] == ["MODIFIED", "BOOKMARK", "MODIFIED"]
    assert [row["object"]["metadata"]["annotations"]["autoscaling.knative.dev/min-scale"] for row in seen[::2]] == [
        "4",
        "5",
    ]
    later.join()
    api.store.remove(REVISION)
    version = seen[-1]["object"]["metadata"]["resourceVersion"]
    assert next(row for row in watched(api, version, 2) if row["type"] != "BOOKMARK")["type"] == "DELETED"


def test_a_watch_from_before_what_is_kept_is_told_so(api: ApiServer) -> None:
    version = get(api, f"{SERVING}/revisions")["metadata"]["resourceVersion"]
    api.store.forget_changes()
    (gone,) = watched(api, version, 1)
    assert (gone["type"], gone["object"]["code"]) == ("ERROR", 410)


def test_a_lease_is_taken_once_and_renewed_by_its_version(api: ApiServer) -> None:
    leases = f"{api.url}/apis/coordination.k8s.io/v1/namespaces/ahpa/leases"
    body = {"metadata": {"name": "ahpa", "namespace": "ahpa"}, "spec": {"holderIdentity": "a"}}
    taken = requests.post(leases, json=body, timeout=10)
    assert taken.status_code == 201
    assert requests.post(leases, json=body, timeout=10).status_code == 409
    renewed = requests.put(f"{leases}/ahpa", json=taken.json(), timeout=10)
    assert renewed.status_code == 200
    assert requests.put(f"{leases}/ahpa", json=taken.json(), timeout=10).status_code == 409


OUTER = "k8s_namespace_name, kn_service_name"


def selected(matchers: str) -> str:
    return f"avg_over_time(kn_revision_concurrency_stable{{{matchers}}}[60s])"


ONE = f'k8s_namespace_name="{NAMESPACE}",kn_service_name="{NAME}"'
OTHER = place(4)


@pytest.mark.parametrize(
    ("query", "labels"),
    [
        (f"sum(max by (kn_revision_name) ({selected(ONE)}))", [{}]),
        (
            f"sum by ({OUTER}) (max by ({OUTER}, kn_revision_name) ("
            + selected(f'k8s_namespace_name=~"{NAMESPACE}|{OTHER[0]}",kn_service_name=~".+"')
            + "))",
            [{"k8s_namespace_name": namespace, "kn_service_name": name} for namespace, name in (place(3), OTHER)],
        ),
        (
            f'label_replace(sum by ({OUTER}) ({selected(ONE)}), "name", "$1", "kn_service_name", "(.*)")',
            [{"k8s_namespace_name": NAMESPACE, "kn_service_name": NAME, "name": NAME}],
        ),
    ],
    ids=["one service", "two namespaces", "another label"],
)
def test_a_query_gives_a_series_for_each_service_that_it_selects(query: str, labels: list[dict[str, str]]) -> None:
    server = serve(Prometheus(COUNT, days=1.0))
    try:
        end = time.time() // 60 * 60
        asked = {"query": query, "start": str(end - 600), "end": str(end), "step": "60"}
        result = requests.get(f"{server.url}/api/v1/query_range", params=asked, timeout=10).json()["data"]["result"]
        assert [row["metric"] for row in result] == labels
        assert all(len(row["values"]) == 11 for row in result)
    finally:
        server.close()
