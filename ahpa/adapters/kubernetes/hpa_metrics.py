"""What one replica serves, as an HPA's metric says it, and in which unit.

Kubernetes gives CPU and memory their units (cores, bytes). A Pods or External metric has only a name, which by custom
tells what it counts: `http_requests_per_second`, `queue_messages_ready`. Where it does not, or where it names a measure
of something else beside it (`queue_time_seconds`, `cpu_utilization_percent`), the unit is not known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from ahpa.adapters.kubernetes.api import Object
from ahpa.core.units import BYTES, CORES, IN_FLIGHT, MESSAGES, PER_SECOND, TOKENS_PER_SECOND, UNITS, Capacity, Unit

_RESOURCES = {"cpu": CORES, "memory": BYTES}
_NAMES: tuple[tuple[str, Unit], ...] = (
    (r"(^|_)rpm(_|$)", UNITS["requests-per-minute"]),
    (r"(^|_)millicores(_|$)", UNITS["millicores"]),
    (r"in_flight|inflight|concurren|active_requests|requests_(active|running|waiting)", IN_FLIGHT),
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


def average_value(metrics: list[Object]) -> Capacity:
    """The target per replica, if the HPA has just one metric with an `averageValue`."""
    if len(metrics) != 1 or not isinstance(metrics[0], dict):
        return Capacity(None)
    kind = str(metrics[0].get("type"))
    source = metrics[0].get(kind[:1].lower() + kind[1:]) or {}
    text = (source.get("target") or {}).get("averageValue")
    if kind not in ("Pods", "External", "Resource", "ContainerResource") or text is None:
        return Capacity(None)
    from kubernetes.utils import parse_quantity

    value = float(parse_quantity(text))
    name = str(source.get("name") if kind.endswith("Resource") else (source.get("metric") or {}).get("name"))
    unit = _RESOURCES.get(name) if kind.endswith("Resource") else unit_of_metric(name)
    return Capacity(value if 0 < value < math.inf else None, unit, f"the averageValue of its metric {name[:80]}")


def unit_of_metric(name: str) -> Unit | None:
    """What a metric of this name counts; None where the name does not tell."""
    words = re.sub(r"[^a-z0-9]+", "_", name.lower())
    if found := _RATE.search(words):
        time = (found.group(1) or "s")[0]
        return next((units.get(time) for pattern, units in _COUNTED if re.search(pattern, words)), None)
    if _MEASURES.search(words):
        return None
    return next((unit for pattern, unit in _NAMES if re.search(pattern, words)), None)
