"""What an HPA is scaled by: each of its metrics, what one replica serves of it, and in which unit.

Kubernetes gives CPU and memory their units (cores, bytes). A Pods or External metric has only a name, which by custom
tells what it counts: `http_requests_per_second`, `queue_messages_ready`. Where it does not, or where it names a measure
of something else beside it (`queue_time_seconds`, `cpu_utilization_percent`), the unit is not known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import Object
from ahpa.core.units import BYTES, CORES, IN_FLIGHT, MESSAGES, PER_SECOND, TOKENS_PER_SECOND, UNITS, Capacity, Unit
from ahpa.targets import Measure

Requests = Mapping[str, Mapping[str, float]]
"""What a replica requests: by container, by resource (cores, bytes)."""
_TYPES = {
    "Resource": "resource",
    "ContainerResource": "container-resource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
"""As the operator's list calls them."""
OURS = "ahpa_"
"""Beginning of the names of our own metrics: what we foresaw is no demand that we foresee from."""
KUBERNETES_DEFAULT: Object = {
    "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 80}}}]
}
"""What an HPA without metrics is given (apis/autoscaling/v2, defaults.go)."""
_RESOURCES = {"cpu": CORES, "memory": BYTES}
_NAMES: tuple[tuple[str, Unit], ...] = (
    (r"(^|_)rpm(_|$)", UNITS["requests-per-minute"]),
    (r"(^|_)millicores(_|$)", UNITS["millicores"]),
    (r"in_flight|inflight|concurren|active_requests|requests_(active|running|waiting)|(running|queue)_reqs", IN_FLIGHT),
    (r"(^|_)(rps|qps)(_|$)|requests?_(rate|per_second)|http_requests|requests_total", PER_SECOND),
    (r"(^|_)(queue|messages?|backlog|lag)(_|$)", MESSAGES),
    (r"(^|_)cpu(_|$)|(^|_)cores(_|$)", CORES),
    (r"(^|_)(bytes|memory)(_|$)", BYTES),
)
"""What the custom metrics of the documentation and of the usual adapters are called; the first that fits counts."""
_RATE = re.compile(r"_(?:per_(seconds?|secs?|s|minutes?|mins?|m|hours?|h|days?|d|weeks?|\d+\w*)|rate)(?:_|$)")
"""In which time it is counted; a bare `rate` is one per second. `per_pod` is no time."""
_COUNTED: tuple[tuple[str, Mapping[str, Unit]], ...] = (
    (r"(^|_)tokens?(_|$)", {"s": TOKENS_PER_SECOND, "m": UNITS["tokens-per-minute"]}),
    (r"(^|_)requests?(_|$)", {"s": PER_SECOND, "m": UNITS["requests-per-minute"]}),
    (r"(^|_)messages?(_|$)", {"s": UNITS["messages-per-second"]}),
)
"""What is counted in a time, and its unit by the first letter of that time; the first that fits counts."""
_MEASURES = re.compile(
    r"(^|_)(milli|micro|nano)?seconds?(_|$)|_(ms|time|latency|duration|age)$|(^|_)minutes?(_|$)"
    r"|(^|_)(ratio|percent|percentage|pct|utili[sz]ation)(_|$)|(^|_)([kmgt]i?b|(kilo|mega|giga|kibi|mebi|gibi)bytes)(_|$)"
)
"""Times, shares and multiples: none of what the other words of the name count."""


@dataclass(frozen=True)
class Metric:
    """One entry of an HPA's `spec.metrics`."""

    type: str
    """Resource, ContainerResource, Pods, Object or External."""
    name: str
    source: Object

    @property
    def target(self) -> Object:
        return self.source.get("target") or {}

    @property
    def utilization(self) -> float | None:
        """Of what a replica requests, 0 to 1 and above; None where it is not asked for a share."""
        percent = self.target.get("averageUtilization")
        return percent / 100 if self.type.endswith("Resource") and type(percent) is int and percent > 0 else None


def metrics_of(spec: Object) -> list[Metric]:
    """What is listed, but for entries of no known type and those that read what we foresaw. Raises what damaged text
    in it raises."""
    out = []
    for entry in spec.get("metrics") or []:
        kind = str(entry.get("type"))
        source = entry.get(kind[:1].lower() + kind[1:]) or {}
        named = source if kind.endswith("Resource") else source.get("metric") or {}
        name = str(named.get("name"))
        if kind in _TYPES and not name.startswith(OURS):
            out.append(Metric(kind, name, source))
    return out


def measure_of(metric: Metric, requests: Requests) -> Measure:
    """What an HPA with this metric is scaled by. `requests` is what a replica requests, by container and resource."""
    names: dict[str, str] = {}
    if metric.type == "ContainerResource":
        names["container"] = str(metric.source.get("container"))
    if metric.type == "Object":
        names["object"] = str((metric.source.get("describedObject") or {}).get("name"))
    return Measure(f"{_TYPES[metric.type]}/{metric.name}{_selected(metric)}", (_capacity(metric, requests),), names)


def _selected(metric: Metric) -> str:
    """What of a metric is looked at, as part of what it is called: `{queue=a}`. A query for all of it is none for that.
    A rule that is no plain label stands for itself."""
    selector = (metric.source.get("metric") or {}).get("selector") or {}
    rules = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    rules += ["..."] if selector.get("matchExpressions") else []
    return f"{{{','.join(rules)}}}" if rules else ""


def _capacity(metric: Metric, requests: Requests) -> Capacity:
    """What one replica serves at target. A `value` target has none: it says how much is right for all of them."""
    unit = _RESOURCES.get(metric.name) if metric.type.endswith("Resource") else unit_of_metric(metric.name)
    if metric.utilization is not None:
        return _share(metric, metric.utilization, unit, requests)
    text = metric.target.get("averageValue")
    if text is None:
        return Capacity(None, unit, f"its metric {metric.name[:80]} has no target for one replica")
    try:
        value = quantity(text)
    except ValueError:
        return Capacity(
            None, unit, f"the averageValue of its metric {metric.name[:80]} is no number: {str(text)[:40]!r}"
        )
    return Capacity(value if 0 < value < math.inf else None, unit, f"the averageValue of its metric {metric.name[:80]}")


def _share(metric: Metric, share: float, unit: Unit | None, requests: Requests) -> Capacity:
    """70 % of 2 containers that request 0.5 and 0.1 cores are 0.42 cores."""
    container = str(metric.source.get("container")) if metric.type == "ContainerResource" else None
    asked = [row.get(metric.name) for name, row in requests.items() if container in (None, name)]
    whole = sum(value for value in asked if value is not None)
    if not asked or None in asked or not whole > 0:
        return Capacity(None, unit, f"the {metric.name[:80]} that its containers request cannot be read")
    said = f"{share * 100:g} % of the {metric.name[:80]} that it requests"
    return Capacity(share * whole, unit, said)


def quantity(text: object) -> float:
    """A quantity of Kubernetes, as 1500m or 2Gi. Raises ValueError."""
    from kubernetes.utils import parse_quantity

    return float(parse_quantity(text))


def unit_of_metric(name: str) -> Unit | None:
    """What a metric of this name counts; None where the name does not tell."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower())
    if found := _RATE.search(words):
        time = (found.group(1) or "s")[0]
        return next((units.get(time) for pattern, units in _COUNTED if re.search(pattern, words)), None)
    if _MEASURES.search(words):
        return None
    return next((unit for pattern, unit in _NAMES if re.search(pattern, words)), None)
