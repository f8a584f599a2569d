"""What the testbed promises to those who test on it: the real parts do what they do in a cluster."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import numpy as np
import pytest
import requests

from testbed import Series, Testbed
from testbed.kube import KubeApi, Object, condition
from tests.testbed.reading import MIN_SCALE, may, ready_pods, replicas, token_of

pytestmark = pytest.mark.testbed


def test_two_workers_run_all_that_needs_a_testbed(request: pytest.FixtureRequest) -> None:
    """pytest-xdist 3.8 silently groups nothing on pytest 9.2; then each worker starts a testbed."""
    assert not request.config.getoption("loadgroup", False) or request.node.nodeid.endswith("@testbed-stories")


def test_min_scale_on_the_revision_adds_replicas_and_no_revision(bed: Testbed, bed_namespace: str) -> None:
    """The Service stays Ready throughout; without the key Knative goes back to the replicas it wants itself."""
    service = bed.knative_service("chat", bed_namespace, ready_seconds=1)
    revision = service["status"]["latestReadyRevisionName"]
    deployment = f"{revision}-deployment"
    bed.load(bed_namespace, revision, 1)  # else the one replica would go, as idle

    bed.patch("revisions", revision, {"metadata": {"annotations": {MIN_SCALE: "4"}}}, bed_namespace)
    bed.wait_for(lambda: replicas(bed, deployment, bed_namespace) == 4, what="4 replicas")
    ready: list[str] = []

    def four_are_ready() -> bool:
        ready.append(condition(bed.get("ksvc", "chat", bed_namespace), "Ready"))
        return len(ready_pods(bed, bed_namespace, f"serving.knative.dev/revision={revision}")) == 4

    bed.wait_for(four_are_ready, what="4 ready replicas")
    assert set(ready) == {"True"}
    assert [each["metadata"]["name"] for each in bed.find("revisions", bed_namespace)] == [revision]

    bed.patch("revisions", revision, {"metadata": {"annotations": {MIN_SCALE: None}}}, bed_namespace)
    bed.wait_for(lambda: replicas(bed, deployment, bed_namespace) == 1, what="1 replica again")
    bed.load(bed_namespace, revision, 0)


def test_a_load_makes_the_real_autoscaler_scale(bed: Testbed, bed_namespace: str) -> None:
    """25 in flight at 10 per replica and a target of 70 % need ceil(25 / 7) = 4; Prometheus sees Knative's own
    figures of it."""
    service = bed.knative_service("busy", bed_namespace, concurrency=10)
    revision = service["status"]["latestReadyRevisionName"]
    bed.load(bed_namespace, revision, 25)
    bed.wait_for(lambda: replicas(bed, f"{revision}-deployment", bed_namespace) == 4, what="4 replicas")

    query = f'kn_revision_concurrency_panic{{kn_revision_name="{revision}",k8s_namespace_name="{bed_namespace}"}}'
    bed.wait_for(lambda: instant(bed, query) == pytest.approx(25, rel=0.1), what="Knative's metrics in Prometheus")
    bed.load(bed_namespace, revision, 0)


def test_raising_the_minimum_of_an_hpa_adds_replicas(bed: Testbed, bed_namespace: str) -> None:
    """At its next sync, though no metrics API runs."""
    bed.hpa_with_deployment("api", bed_namespace, min_replicas=1, max_replicas=10)
    bed.patch("hpa", "api", {"spec": {"minReplicas": 5}}, bed_namespace)
    bed.wait_for(lambda: replicas(bed, "api", bed_namespace) == 5, what="5 replicas")


def test_gpu_pods_become_ready_after_the_time_set_and_only_as_many_as_gpus(bed: Testbed, bed_namespace: str) -> None:
    """Pulling and getting ready are told apart. 4 nodes of 8 GPUs hold 4 pods of 5 GPUs; the fifth waits."""
    pull, getting_ready, late = 4, 13, 8  # seconds; a busy machine may be late, never early
    bed.hpa_with_deployment(
        "llm", bed_namespace, min_replicas=5, gpus=5, pull_seconds=pull, ready_seconds=getting_ready
    )
    bed.patch("deployments", "llm", {"spec": {"replicas": 5}}, bed_namespace)  # without waiting for the HPA's sync
    bed.wait_for(lambda: len(ready_pods(bed, bed_namespace, "app=llm")) >= 4, what="4 ready pods")
    pods = ready_pods(bed, bed_namespace, "app=llm")
    assert len(pods) == 4
    for pod in pods:
        bound, ready = transition(pod, "PodScheduled"), transition(pod, "Ready")
        started = parse(pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
        assert pull - 1 <= started - bound < pull + late  # Kubernetes' times have a resolution of 1 s
        assert getting_ready - 1 <= ready - started < getting_ready + late
    (waiting,) = [pod for pod in bed.find("pods", bed_namespace) if not pod["spec"].get("nodeName")]
    assert "nvidia.com/gpu" in waiting["status"]["conditions"][0]["message"]


def test_prometheus_returns_exactly_what_was_backfilled_and_goes_on_live(bed: Testbed) -> None:
    """20 days by the minute, more than Prometheus keeps by default, with an hour missing; then scraped values."""
    now = float(int(time.time()) // 60 * 60)
    times = now - 60.0 * np.arange(20 * 1440, 0, -1)
    values = np.random.default_rng(7).gamma(2.0, 3.0, times.size)
    values[5000:5060] = np.nan
    labels = {"service": 'a "quoted" one'}
    bed.live_metric("backfilled", labels, lambda _: 42.5)
    bed.backfill([Series("backfilled", labels, times, values)])

    kept = ~np.isnan(values)
    found = raw_samples(bed, "backfilled", times[0] - 1, now - 30)
    np.testing.assert_array_equal([at for at, _ in found], times[kept])
    np.testing.assert_array_equal([value for _, value in found], values[kept])

    series = bed.wait_for(lambda: fresh(bed, "backfilled", now), what="a scraped value")
    assert [(one["metric"], one["value"][1]) for one in series] == [({"__name__": "backfilled", **labels}, "42.5")]


def test_prometheus_can_be_stopped_and_comes_back_with_its_samples(bed: Testbed) -> None:
    bed.backfill([Series("kept", {}, np.array([1_764_000_000.0]), np.array([3.0]))])
    bed.stop_prometheus()
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{bed.prometheus_url}/-/ready", timeout=30)
    bed.start_prometheus()
    assert raw_samples(bed, "kept", 1_763_999_000, 1_764_000_001) == [(1_764_000_000.0, 3.0)]


def test_a_service_account_may_do_what_rbac_grants_and_nothing_else(bed: Testbed, bed_namespace: str) -> None:
    account = {"kind": "ServiceAccount", "name": "reader", "namespace": bed_namespace}
    rbac = "rbac.authorization.k8s.io"
    bed.apply(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": {"name": "reader", "namespace": bed_namespace},
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": {"name": "reader", "namespace": bed_namespace},
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "reader"},
            "subjects": [account],
        },
    )
    api = KubeApi(bed.api_url, token_of(bed, bed_namespace, "reader"), bed.ca_file)
    try:
        bed.wait_for(lambda: may(api, "pods", bed_namespace), what="the grant takes effect")
        assert not may(api, "secrets", bed_namespace)
        assert not may(api, "pods", "default")
    finally:
        api.close()


def test_another_testbed_runs_beside_it(bed: Testbed) -> None:
    """Its autoscaler too: a testbed has started when that leads."""
    with Testbed(nodes=1) as other:
        other.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "only-there"}})
        namespaces = [{each["metadata"]["name"] for each in one.find("namespaces", None)} for one in (bed, other)]
    assert ["only-there" in names for names in namespaces] == [False, True]


# -- reading back ---------------------------------------------------------------------------------------------


def instant(bed: Testbed, query: str) -> float | None:
    answer = requests.get(f"{bed.prometheus_url}/api/v1/query", params={"query": query}, timeout=30).json()
    result = answer["data"]["result"]
    return float(result[0]["value"][1]) if result else None


def fresh(bed: Testbed, name: str, after: float) -> list[Any]:
    """The instant vector of `name` if it was sampled after `after`."""
    answer = requests.get(
        f"{bed.prometheus_url}/api/v1/query", params={"query": f"timestamp({name}) > {after}"}, timeout=30
    ).json()
    if not answer["data"]["result"]:
        return []
    answer = requests.get(f"{bed.prometheus_url}/api/v1/query", params={"query": name}, timeout=30).json()
    result: list[Any] = answer["data"]["result"]
    return result


def raw_samples(bed: Testbed, name: str, start: float, end: float) -> list[tuple[float, float]]:
    """The stored samples in (start, end] themselves: a range selector does not interpolate."""
    query = {"query": f"{name}[{int(end - start)}s]", "time": f"{end:.3f}"}
    answer = requests.get(f"{bed.prometheus_url}/api/v1/query", params=query, timeout=30).json()
    (one,) = answer["data"]["result"]
    return [(float(at), float(value)) for at, value in one["values"]]


def transition(pod: Object, kind: str) -> float:
    (found,) = [each for each in pod["status"]["conditions"] if each["type"] == kind]
    return parse(found["lastTransitionTime"])


def parse(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
