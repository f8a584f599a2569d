"""A HorizontalPodAutoscaler's spec (autoscaling/v2), read with the API server's defaults.

Source: Kubernetes v1.36.2, pkg/apis/autoscaling/v2/defaults.go and validation. Quantities are milli-units
as in the controller, except utilisation, which is whole percent of the request.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Object = Mapping[str, Any]
"""A part of a raw Kubernetes object."""

DEFAULT_TOLERANCE = 0.1
DOWN_STABILIZATION_SECONDS = 300
"""--horizontal-pod-autoscaler-downscale-stabilization of the controller manager."""
LONGEST_STABILIZATION_SECONDS = 3600
LONGEST_PERIOD_SECONDS = 1800
DEFAULT_CPU_UTILIZATION = 80


class HpaSpecError(ValueError):
    """Everything that is wrong with the spec, not just the first thing."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class ScalingPolicy:
    """At most `value` replicas (kind Pods) or percent of them (kind Percent) per `period_seconds`."""

    kind: str
    value: int
    period_seconds: int


@dataclass(frozen=True)
class ScalingRules:
    """One direction of `behavior`."""

    policies: tuple[ScalingPolicy, ...]
    stabilization_seconds: int
    select: str = "Max"
    """Max: the policy that allows the largest change; Min: the smallest; Disabled: none at all."""

    @property
    def longest_period_seconds(self) -> int:
        return max((policy.period_seconds for policy in self.policies), default=0)


DEFAULT_UP = ScalingRules((ScalingPolicy("Pods", 4, 15), ScalingPolicy("Percent", 100, 15)), 0)
DEFAULT_DOWN = ScalingRules((ScalingPolicy("Percent", 100, 15),), DOWN_STABILIZATION_SECONDS)


@dataclass(frozen=True)
class Tolerances:
    """A usage ratio within [1 - down, 1 + up] changes nothing."""

    down: float = DEFAULT_TOLERANCE
    up: float = DEFAULT_TOLERANCE

    def hold(self, usage_ratio: float) -> bool:
        return 1.0 - self.down <= usage_ratio <= 1.0 + self.up


@dataclass(frozen=True)
class Metric:
    """One entry of spec.metrics."""

    source: str
    """Resource, ContainerResource, Pods, Object or External."""
    name: str
    target_type: str
    """Utilization, AverageValue or Value."""
    target: int
    """Percent for Utilization, else milli-units."""
    container: str = ""


@dataclass(frozen=True)
class HpaConfig:
    """What decides for one HorizontalPodAutoscaler."""

    max_replicas: int
    metrics: tuple[Metric, ...]
    min_replicas: int = 1
    up: ScalingRules | None = None
    """None, as `down`, where the spec has no `behavior`: then the older rules hold."""
    down: ScalingRules | None = None
    tolerances: Tolerances = Tolerances()
    scale_to_zero: bool = False
    """The feature gate HPAScaleToZero: alpha before Kubernetes 1.37, on since."""

    @property
    def can_start_from_zero(self) -> bool:
        """Resource and Pods metrics have nothing to say of no pods."""
        return any(metric.source in ("Object", "External") for metric in self.metrics)

    @classmethod
    def from_spec(cls, spec: Object, scale_to_zero: bool = False) -> HpaConfig:
        """Read `spec` of an autoscaling/v2 object, defaults filled in. Raises HpaSpecError."""
        problems: list[str] = []
        minimum = _count(spec, "minReplicas", 1, 0 if scale_to_zero else 1, problems)
        maximum = _count(spec, "maxReplicas", None, max(minimum, 1), problems)
        metrics = tuple(_metric(entry, problems) for entry in spec.get("metrics") or ())
        if not metrics:
            metrics = (Metric("Resource", "cpu", "Utilization", DEFAULT_CPU_UTILIZATION),)
        behavior = spec.get("behavior")
        up = down = None
        tolerances = Tolerances()
        if behavior is not None:
            up = _rules(behavior.get("scaleUp") or {}, DEFAULT_UP, "scaleUp", problems)
            down = _rules(behavior.get("scaleDown") or {}, DEFAULT_DOWN, "scaleDown", problems)
            tolerances = Tolerances(
                _tolerance(behavior.get("scaleDown") or {}, problems),
                _tolerance(behavior.get("scaleUp") or {}, problems),
            )
        if problems:
            raise HpaSpecError(tuple(problems))
        return cls(maximum, metrics, minimum, up, down, tolerances, scale_to_zero)


def parse_quantity(text: str | float) -> Fraction:
    """The exact value of a Kubernetes quantity such as 500m, 1.5, 2k or 64Mi. Raises ValueError."""
    found = re.fullmatch(
        r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))([eE][+-]?[0-9]{1,3}|[KMGTPE]i|[numkMGTPE]?)", str(text)
    )
    if not found or len(str(text)) > 64:
        raise ValueError(f"{text!r} is not a quantity")
    number, suffix = found.groups()
    if suffix.endswith("i"):
        factor = Fraction(1024) ** (" KMGTPE".index(suffix[0]))
    elif suffix[:1] in ("e", "E") and len(suffix) > 1:
        factor = Fraction(10) ** int(suffix[1:])
    else:
        factor = (
            Fraction(10)
            ** {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}[suffix]
        )
    return Fraction(number) * factor


def milli(text: str | float) -> int:
    """A quantity in milli-units, rounded up (MilliValue)."""
    return math.ceil(parse_quantity(text) * 1000)


def approximate(text: str | float) -> float:
    """A quantity as the controller's float: the whole number before its canonical suffix times that suffix.

    0.3 is kept as 300m and read as 300 * 0.001 = 0.3 (AsApproximateFloat64).
    """
    value = parse_quantity(text)
    for exponent in (0, -3, -6):
        whole = value / Fraction(10) ** exponent
        if whole.denominator == 1:
            return int(whole) * float(f"1e{exponent}")
    return math.ceil(value * 10**9) * 1e-9


def _count(spec: Object, key: str, default: int | None, low: int, problems: list[str]) -> int:
    value = spec.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < low:
        problems.append(f"{key}={value!r} must be a whole number of at least {low}")
        return low
    return value


_KEYS = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_TARGETS = {
    "Resource": ("averageUtilization", "averageValue"),
    "ContainerResource": ("averageUtilization", "averageValue"),
    "Pods": ("averageValue",),
    "Object": ("value", "averageValue"),
    "External": ("value", "averageValue"),
}
_TYPES = {"averageUtilization": "Utilization", "averageValue": "AverageValue", "value": "Value"}


def _metric(entry: Object, problems: list[str]) -> Metric:
    source = str(entry.get("type"))
    if source not in _KEYS:
        problems.append(f"metric type {source!r} is not one of {', '.join(_KEYS)}")
        return Metric("External", "", "Value", 1)
    body = entry.get(_KEYS[source]) or {}
    name = str(body.get("name") or (body.get("metric") or {}).get("name") or "")
    target = body.get("target") or {}
    given = [key for key in _TARGETS[source] if target.get(key) is not None]
    if not name or len(given) != 1:
        problems.append(f"metric {source} {name!r} needs a name and one of {', '.join(_TARGETS[source])}")
        return Metric(source, name, "Value", 1)
    try:
        value = int(target[given[0]]) if given[0] == "averageUtilization" else milli(target[given[0]])
    except ValueError as error:
        problems.append(f"metric {source} {name!r}: {error}")
        value = 1
    if value < 1:
        problems.append(f"metric {source} {name!r}: the target must be positive")
    return Metric(source, name, _TYPES[given[0]], value, str(body.get("container") or ""))


def _rules(given: Object, default: ScalingRules, where: str, problems: list[str]) -> ScalingRules:
    select = given.get("selectPolicy") or default.select
    if select not in ("Max", "Min", "Disabled"):
        problems.append(f"{where}.selectPolicy={select!r} is not Max, Min or Disabled")
    seconds = given.get("stabilizationWindowSeconds")
    seconds = default.stabilization_seconds if seconds is None else seconds
    if not 0 <= seconds <= LONGEST_STABILIZATION_SECONDS:
        problems.append(f"{where}.stabilizationWindowSeconds must be in [0, {LONGEST_STABILIZATION_SECONDS}]")
    policies = default.policies
    if given.get("policies") is not None:
        policies = tuple(ScalingPolicy(p["type"], p["value"], p["periodSeconds"]) for p in given["policies"])
    for policy in policies:
        if policy.kind not in ("Pods", "Percent") or policy.value < 1:
            problems.append(f"{where}.policies: {policy.kind} {policy.value} is not a positive Pods or Percent")
        if not 1 <= policy.period_seconds <= LONGEST_PERIOD_SECONDS:
            problems.append(f"{where}.policies: periodSeconds must be in [1, {LONGEST_PERIOD_SECONDS}]")
    if not policies:
        problems.append(f"{where}.policies must not be empty")
    return ScalingRules(policies, seconds, select)


def _tolerance(given: Object, problems: list[str]) -> float:
    text = given.get("tolerance")
    if text is None:
        return DEFAULT_TOLERANCE
    try:
        value = approximate(text)
    except ValueError as error:
        problems.append(f"tolerance: {error}")
        return DEFAULT_TOLERANCE
    if value < 0:
        problems.append(f"tolerance {text!r} must not be negative")
    return value
