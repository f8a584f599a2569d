"""KEDA's ScaledObject (keda.sh/v1alpha1), where it needs no more than an HPA: triggers for CPU, memory and the clock.

Source: KEDA v2, apis/keda/v1alpha1/scaledobject_types.go and pkg/scalers/{cron,cpu_memory}_scaler.go.
"""

from __future__ import annotations

from ahpa.migration.fields import Fields
from ahpa.migration.hpa import MEASURED, Hpa
from ahpa.migration.migrated import SAME, Migrated, Object, Unmigratable
from ahpa.migration.windows import Bound, between, bounded

GROUP = "keda.sh"
MOST = 100
"""KEDA's own maximum."""
_TO_ZERO = "KEDA's way to no replica and back; an HPA has none"


def from_keda(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target(otherwise="Deployment")
    hpa.bounds("minReplicaCount", "maxReplicaCount", otherwise=MOST)
    clocks = []
    for trigger in hpa.spec.parts("triggers"):
        kind = trigger.text("type")
        if kind == "cron":
            clocks.append(_clock(trigger))
        elif kind in MEASURED:
            _resource(hpa, trigger, kind)
        else:
            hpa.without = f"its {kind} trigger is no metric of an HPA: keep the ScaledObject, no HPA is printed"
            trigger.whole("KEDA has to stay for it", needs_you=True)
    bounded(hpa, clocks)
    hpa.or_cpu()
    advanced = hpa.spec.part("advanced").part("horizontalPodAutoscalerConfig")
    if advanced.value("behavior") is not None:
        behavior = advanced.part("behavior")
        hpa.out["behavior"] = dict(behavior.node)
        behavior.whole("spec.behavior")
    for name in ("idleReplicaCount", "cooldownPeriod", "initialCooldownPeriod"):
        hpa.spec.note(name, _TO_ZERO, needs_you=name == "idleReplicaCount")
    hpa.spec.note("pollingInterval", "an HPA looks every 15 s")
    return hpa.done("ScaledObject", "scaledobjects")


def _clock(trigger: Fields) -> Bound:
    said = trigger.part("metadata")
    replicas = said.text("desiredReplicas") or ""
    if not (replicas.isascii() and replicas.isdigit() and len(replicas) <= 6):
        raise Unmigratable(f"{said.where('desiredReplicas')}: not a whole number as text")
    return Bound(trigger, between(said), said.text("timezone") or "UTC", int(replicas))


def _resource(hpa: Hpa, trigger: Fields, kind: str) -> None:
    said = trigger.part("metadata")
    how = trigger.text("metricType") or said.text("type") or "Utilization"
    value = said.text("value")
    if how not in ("Utilization", "AverageValue") or value is None or (how == "Utilization" and not value.isdigit()):
        raise Unmigratable(f"{said.path}: a value as text, and Utilization or AverageValue, are needed")
    amount: dict[str, object] = {"averageUtilization": int(value)} if how == "Utilization" else {"averageValue": value}
    container = said.text("containerName")
    target = {"type": how, **amount}
    if container:
        resource = {"name": kind, "container": container, "target": target}
        hpa.metrics.append({"type": "ContainerResource", "containerResource": resource})
    else:
        hpa.metrics.append({"type": "Resource", "resource": {"name": kind, "target": target}})
    trigger.whole(f"spec.metrics: {kind}, {SAME}")
