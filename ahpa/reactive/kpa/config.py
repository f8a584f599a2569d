"""What Knative's annotations and config-autoscaler say, parsed once, all problems reported together.

Source: knative.dev/serving v0.50.0, pkg/apis/autoscaling/{register,annotation_validation}.go,
pkg/autoscaler/config/config.go, pkg/reconciler/autoscaling/{resources/target,resources/metric}.go and
kpa/resources/decider.go. Values that Go would read but nobody writes (NaN, hexadecimal floats, an unknown
aggregation algorithm where no class is named) are refused here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

GROUP = "autoscaling.knative.dev/"
KPA_CLASS = "kpa.autoscaling.knative.dev"
PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline"

SMALLEST_TARGET = 0.01
SHORTEST_WINDOW_SECONDS = 6
LONGEST_WINDOW_SECONDS = 3600
INT32_MAX = 2**31 - 1
NO_LIMIT = 10**9
"""Replicas where no maximum is set: more than any need."""

NO_CAMEL_CASE = frozenset({"class", "metric", "activation-scale", "target", "window"})
"""Annotations that have no camelCase twin."""


class KpaConfigError(ValueError):
    """Everything that is wrong with the annotations or the config map, not just the first thing."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class ClusterDefaults:
    """The ConfigMap config-autoscaler: what holds where a Revision says nothing."""

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
        read.finish()
        return config


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
    progress_deadline_seconds: float = 600.0

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
        read.require(read.text("class", KPA_CLASS) == KPA_CLASS, f"class must be {KPA_CLASS}")
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
            progress_deadline_seconds=Reader(annotations).seconds(PROGRESS_DEADLINE, 600.0),
        )
        read.require(
            config.initial_scale > 0 or d.allow_zero_initial_scale, "initial-scale=0 is not allowed by the cluster"
        )
        read.finish()
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


class Reader:
    """Reads strings as values and collects what is wrong; every reader returns the default for a bad value."""

    def __init__(self, data: Mapping[str, str], prefix: str = "") -> None:
        self.data = data
        self.prefix = prefix
        self.problems: list[str] = []

    def text(self, name: str, default: str) -> str:
        """The value of `name`, else of its camelCase twin, else `default`."""
        if self.prefix and name not in NO_CAMEL_CASE:
            head, *tail = name.split("-")
            default = self.data.get(self.prefix + head + "".join(map(str.capitalize, tail)), default)
        return self.data.get(self.prefix + name, default)

    def has(self, name: str) -> bool:
        absent = "\0absent"
        return self.text(name, absent) != absent

    def require(self, holds: bool, problem: str) -> None:
        # The same value may be looked at twice (own and default); one problem is said once.
        if not holds and problem not in self.problems:
            self.problems.append(problem)

    def finish(self) -> None:
        if self.problems:
            raise KpaConfigError(tuple(self.problems))

    def _value(self, name: str, default: float, low: float, high: float, accepts: str) -> float:
        if not self.has(name):
            return default
        text = self.text(name, "")
        value = {"number": parse_number, "count": parse_count, "duration": parse_duration}[accepts](text)
        if value is None:
            self.require(False, f"{name}={text!r} is not a {accepts}")
            return default
        upper = "" if high == math.inf else f" and at most {high:g}"
        self.require(low <= value <= high, f"{name}={text!r} must be at least {low:g}{upper}")
        return value if low <= value <= high else default

    def number(self, name: str, default: float, low: float = -math.inf, high: float = math.inf) -> float:
        return self._value(name, default, low, high, "number")

    def count(self, name: str, default: int, low: int = 0) -> int:
        return int(self._value(name, default, low, INT32_MAX, "count"))

    def seconds(self, name: str, default: float, high: float = math.inf) -> float:
        return self._value(name, default, 0, high, "duration")

    def whole_seconds(self, name: str, default: float, high: float = LONGEST_WINDOW_SECONDS) -> float:
        value = self.seconds(name, default, high)
        self.require(value == int(value), f"{name} must be whole seconds")
        return value

    def window(self, name: str, default: float) -> float:
        value = self._value(name, default, SHORTEST_WINDOW_SECONDS, LONGEST_WINDOW_SECONDS, "duration")
        self.require(value == int(value), f"{name} must be whole seconds")
        return value

    def burst_capacity(self, default: float) -> float:
        value = self.number("target-burst-capacity", default)
        self.require(value >= 0 or value == -1, "target-burst-capacity must be at least 0, or -1 for unlimited")
        return value

    def flag(self, name: str, default: bool) -> bool:
        text = self.text(name, str(default).lower())
        known = text in {"1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"}
        self.require(known, f"{name}={text!r} is not true or false")
        return text[:1] in {"1", "t", "T"}

    def choice(self, name: str, default: str, *options: str) -> str:
        text = self.text(name, default)
        self.require(text in options, f"{name}={text!r} is not one of {', '.join(options)}")
        return text if text in options else default


def parse_number(text: str) -> float | None:
    """A finite decimal number, or None."""
    decimal = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?"
    value = float(text) if re.fullmatch(decimal, text) else math.inf
    return value if math.isfinite(value) else None


def parse_count(text: str) -> int | None:
    """A decimal integer, or None."""
    return int(text) if re.fullmatch(r"[+-]?[0-9]{1,20}", text) else None


def parse_duration(text: str) -> float | None:
    """Seconds of a Go duration such as 1h30m, 90s, 1.5m or 0; None for anything else (time.ParseDuration)."""
    if re.fullmatch(r"[+-]?0", text):
        return 0.0
    part = r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)"
    if len(text) > 64 or not re.fullmatch(rf"[+-]?({part})+", text):
        return None
    nanoseconds = {"ns": 1, "us": 10**3, "µs": 10**3, "μs": 10**3, "ms": 10**6, "s": 10**9}
    nanoseconds |= {"m": 60 * 10**9, "h": 3600 * 10**9}
    total = 0
    for number, unit in re.findall(part, text):
        whole, _, fraction = number.partition(".")
        total += int(whole or 0) * nanoseconds[unit]
        total += int(fraction or 0) * nanoseconds[unit] // 10 ** len(fraction)
    return (-total if text.startswith("-") else total) / 1e9
