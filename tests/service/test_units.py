"""Objects as people have them: what is counted, by which Revision, under which defaults of the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.kept import MIN_SCALE
from ahpa.adapters.prometheus.queries import Query, load_queries
from ahpa.core.decision import Decision, Reason
from ahpa.ports import ClusterError
from tests.fakes.demand import FakePrometheus
from tests.fakes.kube import FakeKube
from tests.service.stage import HPAS, NOW, ROOT, Stage, staged

G = "autoscaling.knative.dev/"
CONFIG = "/api/v1/namespaces/knative-serving/configmaps"


def revision(kube: FakeKube, name: str, annotations: Mapping[str, str], concurrency: int | None = None) -> None:
    noted = {G + key: value for key, value in annotations.items()}
    spec = {} if concurrency is None else {"containerConcurrency": concurrency}
    meta = {"namespace": "shop", "name": name, "annotations": noted}
    kube.put(f"{ROOT}/revisions/{name}", {"metadata": meta, "spec": spec, "status": {"actualReplicas": 1}})


def service(kube: FakeKube, traffic: Mapping[str, int], **own: str) -> None:
    noted = {"ahpa.dev/mode": "apply", **{f"ahpa.dev/{key.replace('_', '-')}": value for key, value in own.items()}}
    rows = [{"revisionName": name, "percent": percent} for name, percent in traffic.items()]
    meta = {"namespace": "shop", "name": "chat", "annotations": noted}
    kube.put(f"{ROOT}/services/chat", {"metadata": meta, "spec": {}, "status": {"traffic": rows}})


def chat(annotations: Mapping[str, str], **own: str) -> FakeKube:
    kube = FakeKube()
    service(kube, {"chat-00001": 100}, **own)
    revision(kube, "chat-00001", annotations)
    return kube


def hpa(metrics: list[Object], **own: str) -> FakeKube:
    kube = FakeKube()
    noted = {"ahpa.dev/mode": "apply", **{f"ahpa.dev/{key.replace('_', '-')}": value for key, value in own.items()}}
    kube.put(f"{HPAS}/chat", {
        "metadata": {"namespace": "shop", "name": "chat", "annotations": noted},
        "spec": {"minReplicas": 1, "maxReplicas": 50, "metrics": metrics,
                 "scaleTargetRef": {"kind": "Deployment", "name": "chat"}},
        "status": {"currentReplicas": 1},
    })  # fmt: skip
    return kube


def pods_metric(name: str, average: str) -> Object:
    return {
        "type": "Pods",
        "pods": {"metric": {"name": name}, "target": {"type": "AverageValue", "averageValue": average}},
    }


def flat(value: float) -> Callable[[float], float]:
    return lambda now: value


def at(kube: FakeKube, demands: Mapping[str, float], queries: Mapping[str, Query] | None = None) -> Stage:
    """The service among them, with a flat demand by a text in the query."""
    stage = staged(kube, FakePrometheus({t: flat(v) for t, v in demands.items()}), queries=queries or load_queries())
    stage.service.refit(NOW)
    return stage


def settled(stage: Stage, rounds: int = 9) -> Decision:
    """After the limits of a raise have let it through."""
    for minute in range(rounds):
        (decision,) = stage.tick(NOW + 60 * minute).values()
    return decision


@pytest.mark.parametrize(
    ("target", "in_flight", "rate", "floor"),
    [("5", 60.0, 3.0, 1), ("50", 10.0, 200.0, 6)],
    ids=["3 requests/s of 20 s", "200 requests/s of 50 ms"],
)
def test_auto_measures_what_the_revision_is_scaled_by(target: str, in_flight: float, rate: float, floor: int) -> None:
    """`metric: rps` and demand left at auto: requests in flight over a target in requests per second gave 18 and 1."""
    stage = at(chat({"metric": "rps", "target": target}), {"concurrency": in_flight, "rps": rate})
    decision = settled(stage)
    assert decision.floor == floor, decision.message
    assert f"peak {rate:.4g} requests/s (p99)" in decision.message
    assert f"needs {floor} at {float(target) * 0.7:.4g} each" in decision.message


def test_a_query_of_another_unit_is_refused_with_both_and_what_to_set() -> None:
    stage = at(chat({"metric": "rps", "target": "50"}, demand="knative-concurrency"), {"concurrency": 10.0})
    decision = settled(stage)
    assert (decision.reason, decision.floor) == (Reason.NO_CAPACITY, 0)
    for said in (
        "knative-concurrency counts requests in flight",
        "counts requests per second",
        "ahpa.dev/service-time",
    ):
        assert said in decision.message


def test_a_known_service_time_converts_one_into_the_other() -> None:
    """10 requests in flight of 50 ms are 200 requests/s; at a target of 50, filled to 70 %, that is 6."""
    stage = at(chat({"metric": "rps", "target": "50"}, demand="knative-concurrency", service_time="50ms"), {"": 10.0})
    decision = settled(stage)
    assert decision.floor == 6
    assert "is 35 requests/s of 0.05 s each" in decision.message


def test_what_the_owner_says_is_in_the_unit_of_the_query() -> None:
    stage = at(chat({"metric": "rps"}, demand="knative-concurrency", target_per_replica="4"), {"": 10.0})
    assert settled(stage).message.count("peak 10 requests in flight (p99)") == 1
    assert settled(stage).floor == 3


@pytest.mark.parametrize(
    ("metric", "demand", "floor"),
    [(pods_metric("http_requests", "500m"), 3.0, 6), (pods_metric("requests-per-second", "1k"), 9000.0, 9)],
)
def test_an_hpas_metric_that_counts_requests_fits_a_query_of_requests(
    metric: Object, demand: float, floor: int
) -> None:
    assert settled(at(hpa([metric], demand="istio-rps"), {"istio": demand})).floor == floor


def test_an_hpas_metric_of_requests_per_minute_is_converted() -> None:
    """600 requests/min for each are 10 requests/s; read as 600 requests/s it was 60 times too few."""
    metric = pods_metric("http_requests_per_minute", "600")
    assert settled(at(hpa([metric], demand="istio-rps"), {"istio": 90.0})).floor == 9


def test_an_hpas_metric_of_another_unit_is_refused() -> None:
    """30 messages in the queue for each replica say nothing of requests per second."""
    decision = settled(at(hpa([pods_metric("queue_messages_ready", "30")], demand="istio-rps"), {"istio": 90.0}))
    assert decision.reason is Reason.NO_CAPACITY
    assert "istio-rps counts requests per second" in decision.message
    assert "the averageValue of its metric queue_messages_ready counts messages" in decision.message


def test_an_hpas_metric_whose_name_tells_nothing_is_taken_to_count_the_same_and_said_to_be() -> None:
    decision = settled(at(hpa([pods_metric("work", "30")], demand="istio-rps"), {"istio": 90.0}))
    assert decision.floor == 3
    assert "metric work does not say its unit: taken as requests/s" in decision.message


def test_a_query_of_the_short_form_is_taken_to_count_what_the_revision_does_and_said_to_be() -> None:
    queries = {"orders": Query("orders", 'x{a="{{name}}"}')}
    decision = settled(at(chat({"target": "10"}, demand="orders"), {"": 21.0}, queries))
    assert decision.floor == 3
    assert "peak 21 requests in flight (p99)" in decision.message
    assert "orders does not say its unit: taken as requests in flight" in decision.message


@pytest.mark.parametrize("order", [("chat-00001", "chat-00002"), ("chat-00002", "chat-00001")])
def test_each_revision_of_a_rollout_is_planned_with_its_own_capacity(order: tuple[str, str]) -> None:
    """10 % and 90 % of the traffic, containerConcurrency 100 and 2, 40 in flight: 4 over 70 and 36 over 1.4. It was 1
    or 29, by the order of status.traffic."""
    kube = FakeKube()
    percents = {"chat-00001": 10, "chat-00002": 90}
    service(kube, {name: percents[name] for name in order})
    revision(kube, "chat-00001", {}, 100)
    revision(kube, "chat-00002", {}, 2)
    decision = settled(at(kube, {"concurrency": 40.0}))
    assert decision.floor == 27
    assert "chat-00001 1 (10 % at 70 each), chat-00002 26 (90 % at 1.4 each)" in decision.message
    floors = [kube.get(f"{ROOT}/revisions/{name}")["metadata"]["annotations"][MIN_SCALE] for name in sorted(percents)]
    assert floors == ["1", "26"]


def test_revisions_that_count_differently_need_a_query_that_sees_both() -> None:
    kube = FakeKube()
    service(kube, {"chat-00001": 50, "chat-00002": 50})
    revision(kube, "chat-00001", {"target": "10"})
    revision(kube, "chat-00002", {"metric": "rps", "target": "20"})
    decision = settled(at(kube, {"concurrency": 5.0, "rps": 100.0}))
    assert decision.reason is Reason.INVALID_POLICY
    assert "scaled by different metrics" in decision.message
    noted = {"ahpa.dev/demand": "istio-rps", "ahpa.dev/service-time": "100ms"}
    kube.edit(f"{ROOT}/services/chat", {"metadata": {"annotations": noted}})
    # 50 requests/s each: 5 in flight over 7, and 50 over 14.
    assert settled(at(kube, {"istio": 100.0})).floor == 1 + 4


def config(kube: FakeKube, name: str, **data: str) -> None:
    said = {key.replace("_", "-"): value for key, value in data.items()}
    kube.put(f"{CONFIG}/{name}", {"metadata": {"namespace": "knative-serving", "name": name}, "data": said})


def test_the_clusters_default_target_decides_where_no_annotation_does() -> None:
    """config-autoscaler gives every Revision a target of 10; 60 in flight. It was read as Knative's own 100: keep 1."""
    kube = chat({})
    config(kube, "config-autoscaler", container_concurrency_target_default="10")
    decision = settled(at(kube, {"concurrency": 60.0}))
    assert decision.floor == 9
    assert "needs 9 at 7 each" in decision.message


def test_the_clusters_container_concurrency_decides_where_the_revision_has_none() -> None:
    kube = chat({})
    config(kube, "config-defaults", container_concurrency="10")
    assert settled(at(kube, {"concurrency": 60.0})).floor == 9


def test_a_change_of_the_defaults_is_seen_in_the_next_round() -> None:
    kube = chat({})
    stage = at(kube, {"concurrency": 60.0})
    assert settled(stage).floor == 1
    config(kube, "config-autoscaler", container_concurrency_target_default="10")
    assert settled(stage).floor == 9


def test_defaults_that_cannot_be_read_are_assumed_and_said_to_be() -> None:
    kube = chat({})
    kube.fail = lambda method, where: ClusterError(403, "forbidden") if "/configmaps/" in where else None
    decision = settled(at(kube, {"concurrency": 60.0}))
    assert decision.floor == 1
    assert "Knative's own defaults, for config-autoscaler cannot be read: 403: forbidden" in decision.message
    assert "config-defaults" in decision.message


@pytest.mark.parametrize("broken", [{"container-concurrency-target-default": "many"}, None])
def test_defaults_that_were_read_once_go_on_when_they_cannot_be_read(broken: dict[str, str] | None) -> None:
    """As Knative itself keeps its last good configuration."""
    kube = chat({})
    config(kube, "config-autoscaler", container_concurrency_target_default="10")
    stage = at(kube, {"concurrency": 60.0})
    assert settled(stage).floor == 9
    if broken is None:
        kube.fail = lambda method, where: ClusterError(0, "timeout") if "/configmaps/" in where else None
    else:
        config(kube, "config-autoscaler", **broken)
    decision = settled(stage)
    assert decision.floor == 9
    assert "cannot be read" not in decision.message


def test_the_clusters_minimum_is_the_owners_where_they_set_none() -> None:
    """So it is neither undercut nor taken for a floor of ours, and putting back means taking our key away."""
    kube = chat({})
    config(kube, "config-autoscaler", min_scale="3")
    stage = at(kube, {"concurrency": 10.0})
    decision = settled(stage)
    assert (decision.floor, decision.baseline) == (3, 3)
    assert kube.writes == []


def test_three_reads_a_round_and_no_more() -> None:
    kube = chat({})
    reads: list[str] = []

    def note(method: str, where: str) -> None:
        if "/configmaps/" in where:
            reads.append(where)

    kube.fail = note
    stage = at(kube, {"concurrency": 60.0})
    reads.clear()
    stage.tick(NOW)
    assert sorted(reads) == [f"{CONFIG}/config-{name}" for name in ("autoscaler", "defaults", "deployment")]
