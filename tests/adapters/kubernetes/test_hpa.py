"""What is special about HPAs: who made them, and what one replica serves."""

from __future__ import annotations

import pytest

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.hpa import HorizontalPodAutoscalers
from ahpa.adapters.kubernetes.hpa_metrics import measure_of, metrics_of, unit_of_metric
from ahpa.adapters.kubernetes.scaled import plural
from ahpa.core.units import BYTES, CORES, IN_FLIGHT, MESSAGES, PER_SECOND, TOKENS_PER_SECOND, UNITS, Capacity, Unit
from tests.fakes.kube import FakeKube, SlowKube

WHERE = "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/api"


def cluster(meta: Object | None = None, spec: Object | None = None) -> tuple[FakeKube, HorizontalPodAutoscalers]:
    kube = FakeKube()
    item = {
        "metadata": {"namespace": "shop", "name": "api", "annotations": {"ahpa.dev/mode": "apply"}, **(meta or {})},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": 9,
            "scaleTargetRef": {"kind": "Deployment", "name": "api"},
            **(spec or {}),
        },
        "status": {"currentReplicas": 3},
    }
    kube.put(WHERE, item)
    kube.put("/apis/apps/v1/namespaces/shop/deployments/api", {
        "metadata": {"namespace": "shop", "name": "api"},
        "spec": {"replicas": 5, "selector": {"matchLabels": {"app": "api", "tier": "gpu"}}},
        "status": {"readyReplicas": 2},
    })  # fmt: skip
    return kube, HorizontalPodAutoscalers(kube)


def test_what_is_read() -> None:
    _, actuator = cluster()
    (target,) = actuator.targets()
    assert (target.key, target.floor, target.maximum) == ("hpa/shop/api", 2, 9)
    assert (target.ready, target.present, target.selector) == (2, 5, "app=api,tier=gpu")


def test_only_the_minimum_and_our_record_are_written() -> None:
    kube, actuator = cluster()
    actuator.write(actuator.targets()[0], (6,))
    ((where, body),) = kube.writes
    assert where == WHERE
    assert body["spec"] == {"minReplicas": 6}
    assert body["metadata"]["annotations"] == {"ahpa.dev/baseline": "2"}
    assert set(body["metadata"]) == {"annotations", "resourceVersion", "uid"}


def test_a_minimum_of_zero_is_given_back_as_zero() -> None:
    kube, actuator = cluster(spec={"minReplicas": 0})
    actuator.write(actuator.targets()[0], (4,))
    assert actuator.targets()[0].baseline == 0
    actuator.restore(actuator.targets()[0])
    assert kube.get(WHERE)["spec"]["minReplicas"] == 0


def test_where_the_scaled_object_cannot_be_read_its_replicas_do_not_count_as_starting() -> None:
    kube, actuator = cluster()
    del kube.objects["/apis/apps/v1/namespaces/shop/deployments/api"]
    (target,) = actuator.targets()
    assert (target.ready, target.present) == (3, 3)


def test_an_hpa_of_another_predictor_is_refused_and_told_how_to_move_over() -> None:
    made = [{"kind": "EffectiveHorizontalPodAutoscaler", "name": "api", "controller": True}]
    _, actuator = cluster({"ownerReferences": made})
    assert "`ahpa migrate` translates it" in str(actuator.targets()[0].refusal)


@pytest.mark.parametrize(
    "meta",
    [
        {"ownerReferences": [{"kind": "ScaledObject", "name": "api", "controller": True}]},
        {"ownerReferences": [{"kind": "PodAutoscaler", "name": "api-00001", "controller": True}]},
        {"labels": {"scaledobject.keda.sh/name": "api"}},
    ],
)
def test_an_hpa_that_another_controller_made_is_refused(meta: Object) -> None:
    _, actuator = cluster(meta)
    assert "would revert us" in str(actuator.targets()[0].refusal)


def per_replica_of(actuator: HorizontalPodAutoscalers) -> list[float | None]:
    return [measure.capacities[0].value for measure in actuator.targets()[0].measures]


@pytest.mark.parametrize(
    ("metrics", "read"),
    [
        ([], []),
        ([{"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"averageValue": "1500m"}}}],
         [("pods/rps", 1.5)]),
        ([{"type": "External", "external": {"metric": {"name": "lag"}, "target": {"averageValue": "30"}}}],
         [("external/lag", 30.0)]),
        ([{"type": "External", "external": {"metric": {"name": "lag"}, "target": {"value": "30"}}}],
         [("external/lag", None)]),
        ([{"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"name": "main"},
                                        "target": {"averageValue": "2k"}}}],
         [("object/hits", 2000.0)]),
        ([{"type": "Pods", "pods": {"metric": {"name": "rps"}, "target": {"averageValue": "3"}}}, {"type": "Else"}],
         [("pods/rps", 3.0)]),
        ([{"type": "External", "external": {"metric": {"name": "lag", "selector": {"matchLabels": {"queue": "a"}}},
                                            "target": {"averageValue": "30"}}}], [("external/lag{queue=a}", 30.0)]),
        ([{"type": "External", "external": {"metric": {"name": "ahpa_floor_replicas"},
                                            "target": {"averageValue": "1"}}}], []),
        ([{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 70}}},
          {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "2Gi"}}}],
         [("resource/cpu", 0.42), ("resource/memory", 2.0**31)]),
        ([{"type": "ContainerResource", "containerResource": {"name": "cpu", "container": "model",
                                                              "target": {"averageUtilization": 50}}}],
         [("container-resource/cpu", 0.25)]),
        ([{"type": "Resource", "resource": {"name": "memory", "target": {"averageUtilization": 70}}}],
         [("resource/memory", None)]),
    ],
)  # fmt: skip
def test_each_metric_is_one_thing_that_it_is_scaled_by(
    metrics: list[Object], read: list[tuple[str, float | None]]
) -> None:
    """A pod that requests 0.5 cores, and 0.1 for what was injected into it; nothing of memory."""
    kube, actuator = cluster(spec={"metrics": metrics})
    containers = [{"name": "model", "resources": {"requests": {"cpu": "500m", "nvidia.com/gpu": 1}}},
                  {"name": "istio-proxy", "resources": {"requests": {"cpu": "0.1"}}}]  # fmt: skip
    kube.put("/api/v1/namespaces/shop/pods/api-1", {
        "metadata": {"namespace": "shop", "name": "api-1"},
        "spec": {"containers": containers},
    })  # fmt: skip
    found = actuator.targets()[0].measures
    assert [one.metric for one in found] == [metric for metric, _ in read]
    assert [one.capacities[0].value for one in found] == pytest.approx([value for _, value in read])


def test_without_a_pod_the_template_says_what_is_requested() -> None:
    share = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}}
    kube, actuator = cluster(spec={"metrics": [share]})
    template = {"spec": {"containers": [{"name": "model", "resources": {"requests": {"cpu": "2"}}}]}}
    kube.objects["/apis/apps/v1/namespaces/shop/deployments/api"]["spec"]["template"] = template
    assert per_replica_of(actuator) == [1.0]


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("http_requests_per_second", PER_SECOND),
        ("requests-per-second", PER_SECOND),
        ("http_requests", PER_SECOND),
        ("nginx.ingress.rps", PER_SECOND),
        ("vllm:num_requests_running", IN_FLIGHT),
        ("concurrent_requests", IN_FLIGHT),
        ("sglang:num_queue_reqs", IN_FLIGHT),
        ("sglang_num_running_reqs", IN_FLIGHT),
        ("queue_messages_ready", MESSAGES),
        ("kafka_consumergroup_lag", MESSAGES),
        ("tokens_per_second", TOKENS_PER_SECOND),
        ("container_memory_bytes", BYTES),
        ("http_requests_per_minute", UNITS["requests-per-minute"]),
        ("nginx_rpm", UNITS["requests-per-minute"]),
        ("requests_rate", PER_SECOND),
        ("http_requests_total", PER_SECOND),
        ("messages_per_second", UNITS["messages-per-second"]),
        ("queue_messages_per_second", UNITS["messages-per-second"]),
        ("tokens_per_minute", UNITS["tokens-per-minute"]),
        ("cpu_usage", CORES),
        ("pod_cpu_millicores", UNITS["millicores"]),
        ("requests_per_hour", None),
        ("http_requests_per_5m", None),
        ("messages_per_minute", None),
        ("bytes_per_second", None),
        ("consumer_lag_seconds", None),
        ("queue_time_seconds", None),
        ("queue_wait_time", None),
        ("queue_time_ms", None),
        ("http_requests_duration_seconds", None),
        ("http_requests_latency", None),
        ("gpu_memory_utilization", None),
        ("cpu_utilization_percent", None),
        ("http_requests_errors_ratio", None),
        ("memory_mb", None),
        ("s0-prometheus", None),
        ("latency", None),
    ],
)
def test_what_a_metric_counts_is_told_by_its_name_or_not_known(name: str, unit: Unit | None) -> None:
    assert unit_of_metric(name) == unit


def test_cpu_and_memory_have_the_units_of_kubernetes() -> None:
    def resource(name: str, average: str) -> Capacity:
        spec = {"metrics": [{"type": "Resource", "resource": {"name": name, "target": {"averageValue": average}}}]}
        (metric,) = metrics_of(spec)
        return measure_of(metric, {}).capacities[0]

    cpu, memory = resource("cpu", "1500m"), resource("memory", "2Gi")
    assert (cpu.value, cpu.unit, memory.value, memory.unit) == (1.5, CORES, 2.0 * 2**30, BYTES)


def test_the_pods_of_any_scaled_object_are_known_through_its_scale() -> None:
    """An HPA on an Argo Rollout: its pods needed twelve minutes, and a lag of five was assumed without a word."""
    rollout = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "api"}
    kube, actuator = cluster(spec={"scaleTargetRef": rollout})
    kube.put("/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/api/scale", {
        "metadata": {"namespace": "shop", "name": "api"},
        "spec": {"replicas": 5}, "status": {"replicas": 4, "selector": "app=api,tier=gpu"},
    })  # fmt: skip
    (target,) = actuator.targets()
    assert (target.selector, target.ready, target.present) == ("app=api,tier=gpu", 3, 5)


@pytest.mark.parametrize(("kind", "resource"), [("Rollout", "rollouts"), ("Proxy", "proxies"), ("Chess", "chesses")])
def test_the_resource_of_a_kind_is_guessed_as_kubernetes_does(kind: str, resource: str) -> None:
    assert plural(kind) == resource


def test_a_selector_of_expressions_is_read_whole() -> None:
    """Half of one would count a neighbour's pods."""
    kube, actuator = cluster()
    selector = {
        "matchLabels": {"app": "api"},
        "matchExpressions": [
            {"key": "tier", "operator": "In", "values": ["gpu", "cpu"]},
            {"key": "canary", "operator": "DoesNotExist"},
        ],
    }
    where = "/apis/apps/v1/namespaces/shop/deployments/api"
    kube.objects[where]["spec"]["selector"] = selector
    assert actuator.targets()[0].selector == "app=api,tier in (gpu,cpu),!canary"
    selector["matchExpressions"] = [{"key": "tier", "operator": "Near"}]
    kube.objects[where]["spec"]["selector"] = selector
    assert actuator.targets()[0].selector == ""


@pytest.mark.parametrize("spec", [{"minReplicas": None}, {}])
def test_a_minimum_that_nobody_set_is_the_one_that_kubernetes_means(spec: Object) -> None:
    """`minReplicas: null` is 1, not 0; what is restored later is 1 too."""
    kube, actuator = cluster(spec=spec)
    if not spec:
        del kube.objects[WHERE]["spec"]["minReplicas"]
    target = actuator.targets()[0]
    assert (target.floor, target.baseline) == (1, 1)
    actuator.write(target, (4,))
    assert actuator.targets()[0].baseline == 1


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"minReplicas": True}, "minReplicas is no count: True"),
        ({"minReplicas": -1}, "minReplicas is no count: -1"),
        ({"maxReplicas": 1.5}, "maxReplicas is no count: 1.5"),
        ({"scaleTargetRef": "api"}, "AttributeError"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_field_and_written_to_by_nobody(spec: Object, said: str) -> None:
    _, actuator = cluster(spec=spec)
    target = actuator.targets()[0]
    assert target.refusal is not None
    assert target.refusal.startswith("this HPA cannot be read: ")
    assert said in target.refusal
    assert not target.managed


def test_a_capacity_that_no_replica_has_is_none() -> None:
    metric = {"type": "External", "external": {"target": {"averageValue": "1e400"}}}
    _, actuator = cluster(spec={"metrics": [metric]})
    assert per_replica_of(actuator) == [None]


def test_of_many_hpas_on_a_slow_api_server_each_is_read_in_its_turn() -> None:
    """A listing has the time for four of ten: those at the end of the list never learned how long their pods take."""
    kube = SlowKube()
    for i in range(10):
        name = f"api-{i}"
        kube.put(f"{WHERE}-{i}", {
            "metadata": {"namespace": "shop", "name": name, "annotations": {"ahpa.dev/mode": "apply"}},
            "spec": {"maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": name}}, "status": {},
        })  # fmt: skip
        kube.put(f"/apis/apps/v1/namespaces/shop/deployments/{name}", {
            "metadata": {"namespace": "shop", "name": name}, "spec": {"selector": {"matchLabels": {"app": name}}},
        })  # fmt: skip
    actuator, seen = HorizontalPodAutoscalers(kube, stopwatch=kube.now), set[str]()
    for _ in range(3):
        targets = actuator.targets(kube.seconds + 4)
        assert [target.name for target in targets] == [f"api-{i}" for i in range(10)]
        assert len([target for target in targets if target.selector]) == 4
        seen |= {target.name for target in targets if target.selector}
    assert len(seen) == 10
