"""What KEDA's triggers are of, and what one replica serves of each.

Source: keda v2.21, pkg/scalers: a trigger becomes an External metric with an AverageValue of its threshold, or with a
Value (`metricType`), cpu and memory become Resource metrics.
"""

from __future__ import annotations

from collections.abc import Callable

from ahpa.adapters.kubernetes.api import Object
from ahpa.adapters.kubernetes.hpa_metrics import OURS, Metric, Requests, measure_of, quantity
from ahpa.core.known.reading import LONGEST, MOST, windows_in
from ahpa.core.units import IN_FLIGHT, Capacity
from ahpa.targets import Measure

_KAFKA = frozenset({"kafka", "apache-kafka"})


def measures_of(spec: Object, requests: Callable[[], Requests]) -> tuple[Measure, ...]:
    """Of a ScaledObject with such a `spec`; nothing where a formula joins its triggers. `requests` tells what a replica
    requests. Raises what damaged text in it raises."""
    if ((spec.get("advanced") or {}).get("scalingModifiers") or {}).get("formula"):
        return ()
    return tuple(
        _measure(str(trigger.get("type")), trigger, requests)
        for trigger in spec.get("triggers") or []
        if not _reads_ours(trigger) and trigger.get("type") != "cron"
    )


def windows_of(spec: Object) -> str:
    """Its cron triggers as `ahpa.dev/windows` has them: KEDA begins when the hour strikes, we a lead before. What our
    parser refuses, or is more than it takes, is left out, and is KEDA's alone."""
    found: list[str] = []
    for trigger in spec.get("triggers") or []:
        start, end, zone, count = (_said(trigger, key) for key in ("start", "end", "timezone", "desiredReplicas"))
        line = f"{start} .. {end} min={count} zone={zone}"
        if trigger.get("type") == "cron" and len("; ".join([*found, line])) <= LONGEST and _readable(line):
            found.append(line)
    return "; ".join(found[:MOST])


def _readable(line: str) -> bool:
    try:
        windows_in(line)
    except ValueError:
        return False
    return True


def _reads_ours(trigger: Object) -> bool:
    return trigger.get("type") == "prometheus" and OURS in str(_said(trigger, "query"))


def _measure(kind: str, trigger: Object, requests: Callable[[], Requests]) -> Measure:
    if kind in ("cpu", "memory"):
        return _resource(kind, trigger, requests)
    if kind in _KAFKA:
        said = {"topic": _said(trigger, "topic"), "group": _said(trigger, "consumerGroup")}
        names = {hole: str(value) for hole, value in said.items() if value}
        return Measure("keda/kafka", (Capacity(1.0, IN_FLIGHT, "a consumer's one message in hand"),), names)
    if kind == "prometheus":
        return Measure("keda/prometheus", (_threshold(trigger, kind),), promql=str(_said(trigger, "query") or ""))
    return Measure(f"keda/{kind[:60]}", (_threshold(trigger, kind),))


def _threshold(trigger: Object, kind: str) -> Capacity:
    if trigger.get("metricType", "AverageValue") != "AverageValue":
        return Capacity(
            None, source=f"its {kind[:40]} trigger has no threshold for one replica ({trigger['metricType']})"
        )
    text = next((_said(trigger, key) for key in ("threshold", "value", "queueLength") if _said(trigger, key)), None)
    if text is None:
        return Capacity(None, source=f"its {kind[:40]} trigger says no threshold")
    try:
        return Capacity(float(quantity(text)), None, f"the threshold of its {kind[:40]} trigger")
    except ValueError:
        return Capacity(None, source=f"the threshold of its {kind[:40]} trigger is no number: {str(text)[:40]!r}")


def _resource(kind: str, trigger: Object, requests: Callable[[], Requests]) -> Measure:
    """As the HPA that KEDA makes has it."""
    container, value = _said(trigger, "containerName"), _said(trigger, "value")
    utilization = trigger.get("metricType", _said(trigger, "type") or "Utilization") == "Utilization"
    share = int(str(value)) if utilization and str(value).isdecimal() else None
    target: Object = {"averageUtilization": share} if utilization else {"averageValue": value}
    source = {"name": kind, "target": target, **({"container": container} if container else {})}
    metric = Metric("ContainerResource" if container else "Resource", kind, source)
    return measure_of(metric, requests() if utilization else {})


def _said(trigger: Object, key: str) -> object:
    return (trigger.get("metadata") or {}).get(key)
