"""Claims about what the YAML of an HPA or a ScaledObject says, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ahpa.adapters.files.hpa_yaml import TO_ZERO, read_hpa
from ahpa.adapters.files.service_yaml import ServiceYaml, read_service
from ahpa.adapters.files.text import InputError
from ahpa.reactive.hpa.config import HpaConfig, Metric, Tolerances
from tests.adapters.files.examples import put

HPA = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: chat, annotations: {ahpa.dev/late-target: "1%"}}
spec:
  minReplicas: 2
  maxReplicas: 20
  metrics:
  - {type: Pods, pods: {metric: {name: requests_in_flight}, target: {type: AverageValue, averageValue: "2800m"}}}
  behavior:
    scaleDown: {stabilizationWindowSeconds: 60, tolerance: "0.2"}
"""
KEDA = """
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: worker}
spec:
  pollingInterval: 10
  minReplicaCount: 3
  advanced: {horizontalPodAutoscalerConfig: {behavior: {scaleDown: {stabilizationWindowSeconds: 30}}}}
  triggers:
  - {type: cpu, metricType: Utilization, metadata: {value: "60"}}
"""
PROMETHEUS = "{type: prometheus, metadata: {query: 'sum(rate(x[1m]))', threshold: '5'}}"
KNATIVE = """
kind: Service
metadata: {name: chat}
spec:
  template:
    metadata:
      annotations:
        autoscaling.knative.dev/class: hpa.autoscaling.knative.dev
        autoscaling.knative.dev/metric: concurrency
        autoscaling.knative.dev/target: "3"
        autoscaling.knative.dev/window: "90s"
        autoscaling.knative.dev/max-scale: "9"
    spec: {containerConcurrency: 4}
"""


def hpa_of(told: ServiceYaml) -> HpaConfig:
    assert isinstance(told.scaler, HpaConfig)
    return told.scaler


def test_an_hpa_says_its_bounds_its_target_and_its_behavior(tmp_path: Path) -> None:
    told = read_hpa(put(tmp_path, "hpa.yaml", "kind: Deployment\n---\n" + HPA))
    config = hpa_of(told)
    assert (told.name, told.concurrency, told.policy.policy.late_target) == ("chat", None, 0.01)
    assert (config.min_replicas, config.max_replicas) == (2, 20)
    assert config.metrics == (Metric("Pods", "requests_in_flight", "AverageValue", 2800),)
    assert config.down is not None
    assert (config.down.stabilization_seconds, config.tolerances) == (60, Tolerances(0.2, 0.1))


def test_a_minimum_of_none_is_kept_where_the_cluster_took_it(tmp_path: Path) -> None:
    """Only a cluster with HPAScaleToZero does."""
    config = hpa_of(read_hpa(put(tmp_path, "hpa.yaml", HPA.replace("minReplicas: 2", "minReplicas: 0"))))
    assert (config.min_replicas, config.scale_to_zero) == (0, True)
    bare = hpa_of(read_hpa(put(tmp_path, "hpa.yaml", HPA.replace("minReplicas: 2", ""))))
    assert (bare.min_replicas, bare.scale_to_zero) == (1, False)


@pytest.mark.parametrize(
    ("text", "bounds", "metric", "remarks"),
    [
        (KEDA, (3, 100), Metric("Resource", "cpu", "Utilization", 60), ()),
        (KEDA.replace("3\n", "0\n"), (1, 100), Metric("Resource", "cpu", "Utilization", 60), (TO_ZERO,)),
        (
            KEDA.replace('{type: cpu, metricType: Utilization, metadata: {value: "60"}}', PROMETHEUS),
            (3, 100),
            Metric("External", "of the prometheus trigger", "AverageValue", 1000),
            (),
        ),
    ],
    ids=["cpu", "to zero", "a server's query"],
)
def test_a_scaled_object_is_the_hpa_that_keda_makes_of_it(
    tmp_path: Path, text: str, bounds: tuple[int, int], metric: Metric, remarks: tuple[str, ...]
) -> None:
    """At least one replica, up to a hundred where nothing is said; `behavior` comes from spec.advanced."""
    told = read_hpa(put(tmp_path, "keda.yaml", text))
    config = hpa_of(told)
    assert ((config.min_replicas, config.max_replicas), config.metrics) == (bounds, (metric,))
    assert config.down is not None
    assert config.down.stabilization_seconds == 30
    assert told.remarks == remarks


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: Deployment\n", ":1: no HorizontalPodAutoscaler and no ScaledObject in it"),
        (HPA.replace("autoscaling/v2", "autoscaling/v1"), "only autoscaling/v2 is read .*kubectl get hpa.v2"),
        (HPA.replace("maxReplicas: 20", "maxReplicas: 1"), "maxReplicas=1 must be a whole number of at least 2"),
        (HPA.replace('"2800m"', "many"), "'many' is not a quantity"),
        (HPA.replace("{stabilizationWindowSeconds: 60", "{stabilizationWindowSeconds: soon"), "its spec is not that"),
        (HPA.replace('"1%"', "often"), "ahpa.dev/late-target"),
        (KEDA.replace('"60"', "some"), "its spec is not that of a ScaledObject"),
        (KEDA.replace("{type: cpu", "{kind: cpu"), "its spec is not that of a ScaledObject"),
    ],
)
def test_what_cannot_be_read_is_refused_with_words(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_hpa(put(tmp_path, "hpa.yaml", text))


def test_a_knative_service_of_the_hpas_class_has_the_hpa_that_knative_makes(tmp_path: Path) -> None:
    """The metric by its name, whole targets, the window for both directions; CPU at 80 % where nothing is said."""
    told = read_service(put(tmp_path, "svc.yaml", KNATIVE), 4)
    config = hpa_of(told)
    assert (told.concurrency, config.min_replicas, config.max_replicas) == (4, 1, 9)
    assert config.metrics == (Metric("Pods", "concurrency", "AverageValue", 3000),)
    assert config.up is not None
    assert config.down is not None
    assert (config.up.stabilization_seconds, config.down.stabilization_seconds) == (90, 90)
    lines = (line for line in KNATIVE.splitlines() if "/metric" not in line and "/target" not in line)
    bare = hpa_of(read_service(put(tmp_path, "svc.yaml", "\n".join(lines)), 4))
    assert bare.metrics == (Metric("Resource", "cpu", "Utilization", 80),)


@pytest.mark.parametrize(
    ("change", "says"), [(('"90s"', '"1s"'), "window='1s' must be"), (('"3"', '"few"'), "target='few' is not a number")]
)
def test_what_knative_would_refuse_of_that_class_is_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_service(put(tmp_path, "svc.yaml", KNATIVE.replace(*change)), 4)
