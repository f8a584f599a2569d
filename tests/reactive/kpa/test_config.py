"""Annotations and config-autoscaler mean what Knative says (annotation_validation_test.go, target_test.go)."""

from dataclasses import asdict
from typing import Any

import pytest

from ahpa.reactive.kpa.config import (
    GROUP,
    ClusterDefaults,
    KpaConfig,
    KpaConfigError,
    panic_window,
)


def read(concurrency: int = 0, cluster: dict[str, str] | None = None, **annotations: str) -> KpaConfig:
    keyed = {GROUP + key.replace("_", "-"): value for key, value in annotations.items()}
    return KpaConfig.from_annotations(keyed, ClusterDefaults.from_config_map(cluster or {}), concurrency)


def test_without_annotations_knatives_defaults_hold() -> None:
    assert read() == KpaConfig()


@pytest.mark.parametrize(
    ("annotations", "expected"),
    [
        ({"target": "10"}, {"target_value": 7.0, "total_value": 10.0}),
        ({"target": "10", "concurrency": 4}, {"target_value": 2.8, "total_value": 4.0}),
        ({"target": "2", "concurrency": 4}, {"target_value": 1.4, "total_value": 2.0}),
        ({"concurrency": 4, "target_utilization_percentage": "90"}, {"target_value": 3.6, "total_value": 4.0}),
        ({"target": "0.01"}, {"target_value": 0.01, "total_value": 0.01}),
        ({"metric": "rps"}, {"target_value": 140.0, "total_value": 200.0}),
        ({"metric": "rps", "target": "50", "concurrency": 4}, {"target_value": 35.0, "total_value": 50.0}),
        ({"window": "2m"}, {"stable_window_seconds": 120, "panic_window_seconds": 12}),
        ({"window": "6s"}, {"stable_window_seconds": 6, "panic_window_seconds": 1}),
        ({"panic_window_percentage": "25"}, {"panic_window_seconds": 15}),
        ({"panic_threshold_percentage": "150.0"}, {"panic_threshold_ratio": 1.5}),
        ({"min_scale": "2", "max_scale": "5"}, {"min_scale": 2, "max_scale": 5}),
        ({"scale_down_delay": "15m"}, {"scale_down_delay_seconds": 900}),
        ({"activation_scale": "3", "initial_scale": "2"}, {"activation_scale": 3, "initial_scale": 2}),
        ({"target_burst_capacity": "-1"}, {"target_burst_capacity": -1.0}),
        ({"metric_aggregation_algorithm": "weightedExponential"}, {"weighted": True}),
        ({"scale_to_zero_pod_retention_period": "1m5s"}, {"pod_retention_seconds": 65.0}),
    ],
)
def test_annotations(annotations: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asdict(read(**annotations)).items() >= expected.items()


@pytest.mark.parametrize(
    ("kebab", "camel", "said", "other"),
    [
        ("min-scale", "minScale", "3", "2"),
        ("max-scale", "maxScale", "9", "8"),
        ("initial-scale", "initialScale", "4", "2"),
        ("scale-down-delay", "scaleDownDelay", "90s", "30s"),
        ("target-utilization-percentage", "targetUtilizationPercentage", "80", "50"),
        ("target-burst-capacity", "targetBurstCapacity", "-1", "0"),
        ("panic-window-percentage", "panicWindowPercentage", "20", "30"),
        ("panic-threshold-percentage", "panicThresholdPercentage", "300", "400"),
        ("metric-aggregation-algorithm", "metricAggregationAlgorithm", "weightedExponential", "linear"),
        ("scale-to-zero-pod-retention-period", "scaleToZeroPodRetentionPeriod", "5m", "1m"),
    ],
)
def test_each_twin_is_read_and_kebab_case_wins(kebab: str, camel: str, said: str, other: str) -> None:
    """All that have one in serving v0.50.0, pkg/apis/autoscaling/register.go."""
    config = KpaConfig.from_annotations({GROUP + kebab: said})
    assert config != KpaConfig()
    assert KpaConfig.from_annotations({GROUP + camel: said}) == config
    assert KpaConfig.from_annotations({GROUP + camel: other, GROUP + kebab: said}) == config


@pytest.mark.parametrize("name", ["activationScale", "Class", "Metric", "Target", "Window"])
def test_what_has_no_twin_is_read_by_its_name_only(name: str) -> None:
    assert KpaConfig.from_annotations({GROUP + name: "nonsense"}) == KpaConfig()


def test_kebab_case_wins_over_camel_case() -> None:
    both = {GROUP + "minScale": "2", GROUP + "min-scale": "3"}
    assert KpaConfig.from_annotations(both).min_scale == 3
    assert KpaConfig.from_annotations({GROUP + "minScale": "2"}).min_scale == 2


def test_foreign_and_unknown_keys_are_ignored() -> None:
    assert KpaConfig.from_annotations({"example.com/min-scale": "x", GROUP + "new": "y"}) == KpaConfig()


@pytest.mark.parametrize(
    "annotations",
    [
        {"min_scale": "-1"}, {"min_scale": "x"}, {"min_scale": "2.0"}, {"min_scale": "2147483648"},
        {"min_scale": "3", "max_scale": "2"}, {"min_scale": "3", "activation_scale": "2"},
        {"activation_scale": "1"}, {"max_scale": "2", "activation_scale": "3"}, {"initial_scale": "0"},
        {"window": "5s"}, {"window": "61m"}, {"window": "60.5s"}, {"window": "60"}, {"target": "0.001"},
        {"target": "nan"}, {"target_utilization_percentage": "0.5"}, {"target_utilization_percentage": "101"},
        {"target_burst_capacity": "-2"}, {"panic_window_percentage": "0.5"},
        {"panic_threshold_percentage": "109"}, {"panic_threshold_percentage": "1001"}, {"metric": "cpu"},
        {"metric_aggregation_algorithm": "median"}, {"scale_down_delay": "-1s"}, {"scale_down_delay": "1.5s"},
        {"scale_to_zero_pod_retention_period": "2h"}, {"class": "hpa.autoscaling.knative.dev"},
    ],
)  # fmt: skip
def test_bad_annotations_are_refused(annotations: dict[str, Any]) -> None:
    with pytest.raises(KpaConfigError):
        read(**annotations)


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(KpaConfigError) as caught:
        read(min_scale="x", window="1s", metric="cpu", target="0")
    assert len(caught.value.problems) == 4
    for word in ("min-scale", "window", "metric", "target"):
        assert word in str(caught.value)


def test_the_cluster_decides_what_the_revision_leaves_open() -> None:
    cluster = {
        "container-concurrency-target-default": "50",
        "container-concurrency-target-percentage": "80",
        "stable-window": "2m",
        "min-scale": "1",
        "max-scale": "9",
        "allow-zero-initial-scale": "true",
        "initial-scale": "0",
        "enable-scale-to-zero": "false",
    }
    config = read(cluster=cluster, max_scale="3")
    assert (config.target_value, config.stable_window_seconds, config.panic_window_seconds) == (40, 120, 12)
    assert (config.min_scale, config.max_scale, config.initial_scale) == (1, 3, 0)
    assert not config.enable_scale_to_zero


def test_a_max_scale_limit_forbids_unlimited() -> None:
    cluster = {"max-scale-limit": "10", "max-scale": "5"}
    assert read(cluster=cluster, max_scale="10").max_scale == 10
    for bad in ("0", "11"):
        with pytest.raises(KpaConfigError, match="max-scale"):
            read(cluster=cluster, max_scale=bad)


@pytest.mark.parametrize(
    "data",
    [
        {"max-scale-up-rate": "1"}, {"max-scale-down-rate": "1"}, {"scale-to-zero-grace-period": "0s"},
        {"container-concurrency-target-percentage": "0"}, {"initial-scale": "0"}, {"enable-scale-to-zero": "yes"},
        {"max-scale-limit": "3"}, {"max-scale-limit": "3", "max-scale": "4"}, {"min-scale": "3", "max-scale": "2"},
        {"container-concurrency-target-default": "0.01"}, {"activator-capacity": "0.5"}, {"stable-window": "1s"},
    ],
)  # fmt: skip
def test_bad_config_maps_are_refused(data: dict[str, str]) -> None:
    with pytest.raises(KpaConfigError):
        ClusterDefaults.from_config_map(data)


@pytest.mark.parametrize(("seconds", "percentage", "panic"), [(60, 10, 6), (6, 1, 1), (65, 10, 7), (3600, 100, 3600)])
def test_panic_window(seconds: int, percentage: float, panic: int) -> None:
    assert panic_window(seconds, percentage) == panic
