"""What Knative's annotations and config-autoscaler say, parsed once, all problems reported together.

Source: knative.dev/serving v0.50.0, pkg/apis/autoscaling/{register,annotation_validation}.go,
pkg/autoscaler/config/config.go, pkg/reconciler/autoscaling/{resources/target,resources/metric}.go and
kpa/resources/decider.go. How a single value is read stands in reader.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ahpa.reactive.kpa.reader import LONGEST_WINDOW_SECONDS, Reader

GROUP = "autoscaling.knative.dev/"
KPA_CLASS = "kpa.autoscaling.knative.dev"
PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline"
DEADLINE_SECONDS = 600.0
"""Knative's own, where nothing else is said."""

SMALLEST_TARGET = 0.01
NO_LIMIT = 10**9
"""Replicas where no maximum is set: more than any need."""


class KpaConfigError(ValueError):
    """Everything that is wrong with the annotations or the config map, not just the first thing."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class ClusterDefaults:
    """The ConfigMap config-autoscaler: what holds where a Revision says nothing."""

    autoscaler_class: str = KPA_CLASS
    enable_scale_to_zero: bool = True
    allow_zero_initial_scale: bool = False
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    concurrency_utilization_ratio: float = 0.7
    concurrency_target: float = 100.0
    rps_target: float = 200.0
    rps_utilization_ratio: float = 0.7
    target_burst_capacity: float = 211.0
    panic_window_percentage: float = 10.0
    panic_threshold_percentage: float = 200.0
    activator_capacity: float = 100.0
    initial_scale: int = 1
    min_scale: int = 0
    max_scale: int = 0
    max_scale_limit: int = 0
    stable_window_seconds: float = 60.0
    scale_down_delay_seconds: float = 0.0
    grace_period_seconds: float = 30.0
    pod_retention_seconds: float = 0.0

    @classmethod
    def from_config_map(cls, data: Mapping[str, str]) -> ClusterDefaults:
        """Read and validate the ConfigMap's data. Raises KpaConfigError."""
        read, d = Reader(data), cls()
        utilization = read.number("container-concurrency-target-percentage", d.concurrency_utilization_ratio)
        config = cls(
            autoscaler_class=read.text("pod-autoscaler-class", d.autoscaler_class),
            enable_scale_to_zero=read.flag("enable-scale-to-zero", d.enable_scale_to_zero),
            allow_zero_initial_scale=read.flag("allow-zero-initial-scale", d.allow_zero_initial_scale),
            max_scale_up_rate=read.number("max-scale-up-rate", d.max_scale_up_rate),
            max_scale_down_rate=read.number("max-scale-down-rate", d.max_scale_down_rate),
            # A percentage, but values up to 1 are fractions, for the sake of old config maps.
            concurrency_utilization_ratio=utilization / 100 if utilization > 1 else utilization,
            concurrency_target=read.number("container-concurrency-target-default", d.concurrency_target),
            rps_target=read.number("requests-per-second-target-default", d.rps_target, SMALLEST_TARGET),
            target_burst_capacity=read.burst_capacity(d.target_burst_capacity),
            panic_window_percentage=read.number("panic-window-percentage", d.panic_window_percentage, 1, 100),
            panic_threshold_percentage=read.number("panic-threshold-percentage", d.panic_threshold_percentage),
            activator_capacity=read.number("activator-capacity", d.activator_capacity, 1),
            initial_scale=read.count("initial-scale", d.initial_scale),
            min_scale=read.count("min-scale", d.min_scale),
            max_scale=read.count("max-scale", d.max_scale),
            max_scale_limit=read.count("max-scale-limit", d.max_scale_limit),
            stable_window_seconds=read.window("stable-window", d.stable_window_seconds),
            scale_down_delay_seconds=read.whole_seconds("scale-down-delay", d.scale_down_delay_seconds, math.inf),
            grace_period_seconds=read.seconds("scale-to-zero-grace-period", d.grace_period_seconds),
            pod_retention_seconds=read.seconds("scale-to-zero-pod-retention-period", d.pod_retention_seconds),
        )
        read.require(config.max_scale_up_rate > 1, "max-scale-up-rate must be greater than 1")
        read.require(config.max_scale_down_rate > 1, "max-scale-down-rate must be greater than 1")
        ratio = config.concurrency_utilization_ratio
        read.require(0 < ratio <= 1, "container-concurrency-target-percentage must be in (0, 100]")
        read.require(
            ratio * config.concurrency_target >= SMALLEST_TARGET,
            f"container-concurrency-target-percentage and -default yield a target below {SMALLEST_TARGET}",
        )
        read.require(config.grace_period_seconds > 0, "scale-to-zero-grace-period must be positive")
        read.require(
            config.initial_scale > 0 or config.allow_zero_initial_scale,
            "initial-scale=0 needs allow-zero-initial-scale",
        )
        limit = config.max_scale_limit
        read.require(limit == 0 or 1 <= config.max_scale <= limit, f"max-scale must be in [1, max-scale-limit={limit}]")
        read.require(
            config.max_scale == 0 or config.min_scale <= config.max_scale, "min-scale must not exceed max-scale"
        )
        if read.problems:
            raise KpaConfigError(tuple(read.problems))
        return config


def container_concurrency_default(data: Mapping[str, str]) -> int:
    """What the ConfigMap config-defaults gives a Revision without containerConcurrency; 0: no limit. Raises
    KpaConfigError."""
    read = Reader(data)
    value = read.count("container-concurrency", 0)
    if read.problems:
        raise KpaConfigError(tuple(read.problems))
    return value


def progress_deadline_default(data: Mapping[str, str]) -> float:
    """Seconds that the ConfigMap config-deployment gives a Revision to become ready. Raises KpaConfigError."""
    read = Reader(data)
    value = read.seconds("progress-deadline", DEADLINE_SECONDS)
    if read.problems:
        raise KpaConfigError(tuple(read.problems))
    return value


@dataclass(frozen=True)
class KpaConfig:
    """Everything that decides for one Revision under the KPA. The defaults are those of Knative."""

    metric: str = "concurrency"
    """What is counted: concurrency or rps."""
    target_value: float = 70.0
    """Demand per replica that the KPA aims at: total_value times the utilisation."""
    total_value: float = 100.0
    """Demand per replica that it takes at most."""
    target_burst_capacity: float = 211.0
    """-1: the activator is always in the path and nothing is scraped; 0: only at zero replicas."""
    stable_window_seconds: int = 60
    panic_window_seconds: int = 6
    panic_threshold_ratio: float = 2.0
    max_scale_up_rate: float = 1000.0
    max_scale_down_rate: float = 2.0
    min_scale: int = 0
    max_scale: int = 0
    """0 means no limit."""
    initial_scale: int = 1
    activation_scale: int = 0
    """The smallest count above zero; 0 means not set."""
    scale_down_delay_seconds: int = 0
    weighted: bool = False
    """metric-aggregation-algorithm: weighted-exponential instead of linear."""
    enable_scale_to_zero: bool = True
    grace_period_seconds: float = 30.0
    pod_retention_seconds: float = 0.0
    progress_deadline_seconds: float = DEADLINE_SECONDS

    def in_flight(self, counted: float, service_seconds: float) -> float:
        """So much of the metric as requests in flight: 7 requests per second of 2 s are 14."""
        return counted * service_seconds if self.metric == "rps" else counted

    @classmethod
    def from_annotations(
        cls,
        annotations: Mapping[str, str],
        defaults: ClusterDefaults | None = None,
        container_concurrency: int = 0,
    ) -> KpaConfig:
        """What a Revision's annotations mean in a cluster with these `defaults`. Raises KpaConfigError.

        Keys outside autoscaling.knative.dev and unknown ones inside are ignored, as Knative does;
        kebab-case wins over camelCase. `container_concurrency` is spec.containerConcurrency, 0 for none.
        """
        d = defaults or ClusterDefaults()
        read = Reader(annotations, GROUP)
        read.require(read.text("class", d.autoscaler_class) == KPA_CLASS, f"class must be {KPA_CLASS}")
        metric = read.choice("metric", "concurrency", "concurrency", "rps")
        target_value, total_value = _target(read, d, metric, container_concurrency)
        window = int(read.window("window", d.stable_window_seconds))
        panic_percentage = read.number("panic-window-percentage", d.panic_window_percentage, 1, 100)
        threshold = read.number("panic-threshold-percentage", d.panic_threshold_percentage, 110, 1000)
        algorithm = read.choice(
            "metric-aggregation-algorithm", "linear", "linear", "weighted-exponential", "weightedExponential"
        )
        minimum, maximum, activation = _scales(read, d)
        config = cls(
            metric=metric,
            target_value=target_value,
            total_value=total_value,
            target_burst_capacity=read.burst_capacity(d.target_burst_capacity),
            stable_window_seconds=window,
            panic_window_seconds=panic_window(window, panic_percentage),
            panic_threshold_ratio=threshold / 100,
            max_scale_up_rate=d.max_scale_up_rate,
            max_scale_down_rate=d.max_scale_down_rate,
            min_scale=minimum,
            max_scale=maximum,
            initial_scale=read.count("initial-scale", d.initial_scale),
            activation_scale=activation,
            scale_down_delay_seconds=int(read.whole_seconds("scale-down-delay", d.scale_down_delay_seconds)),
            weighted=algorithm != "linear",
            enable_scale_to_zero=d.enable_scale_to_zero,
            grace_period_seconds=d.grace_period_seconds,
            pod_retention_seconds=read.seconds(
                "scale-to-zero-pod-retention-period", d.pod_retention_seconds, LONGEST_WINDOW_SECONDS
            ),
            progress_deadline_seconds=Reader(annotations).seconds(PROGRESS_DEADLINE, DEADLINE_SECONDS),
        )
        read.require(
            config.initial_scale > 0 or d.allow_zero_initial_scale, "initial-scale=0 is not allowed by the cluster"
        )
        if read.problems:
            raise KpaConfigError(tuple(read.problems))
        return config


def _target(read: Reader, d: ClusterDefaults, metric: str, container_concurrency: int) -> tuple[float, float]:
    """(target, total) demand per replica: ResolveMetricTarget."""
    if metric == "rps":
        total, ratio = d.rps_target, d.rps_utilization_ratio
    else:
        total, ratio = float(container_concurrency) or d.concurrency_target, d.concurrency_utilization_ratio
    if read.has("target"):
        total = read.number("target", total, SMALLEST_TARGET)
        if metric == "concurrency" and container_concurrency:
            total = min(total, float(container_concurrency))
    if read.has("target-utilization-percentage"):
        ratio = read.number("target-utilization-percentage", 100 * ratio, 1, 100) / 100
    return max(SMALLEST_TARGET, total * ratio), total


def _scales(read: Reader, d: ClusterDefaults) -> tuple[int, int, int]:
    """(min, max, activation) scale. Only annotations are held against each other, as in the webhook."""
    own_min, own_max = read.count("min-scale", 0), read.count("max-scale", 0)
    read.require(own_max == 0 or own_min <= own_max, f"max-scale={own_max} is less than min-scale={own_min}")
    if read.has("max-scale") and d.max_scale_limit:
        read.require(1 <= own_max <= d.max_scale_limit, f"max-scale={own_max} must be in [1, {d.max_scale_limit}]")
    activation = read.count("activation-scale", 0, 2)
    if activation:
        read.require(own_min <= activation, f"min-scale={own_min} is greater than activation-scale={activation}")
        read.require(
            own_max == 0 or activation <= own_max, f"max-scale={own_max} is less than activation-scale={activation}"
        )
    return read.count("min-scale", d.min_scale), read.count("max-scale", d.max_scale), activation


def panic_window(stable_window_seconds: int, percentage: float) -> int:
    """Whole seconds, halves rounded up, at least one bucket: 60 s and 10 % give 6 s (MakeMetric)."""
    nanoseconds = int(stable_window_seconds * 1e9 * percentage / 100.0)
    return max(1, (nanoseconds + 500_000_000) // 1_000_000_000)
