"""jthomperoo's PredictiveHorizontalPodAutoscaler (jamiethompson.me/v1alpha1).

Source: its v0.13.2, api/v1alpha1/predictivehorizontalpodautoscaler_types.go: an HPA's spec, and models that look ahead
from past replica counts.
"""

from __future__ import annotations

from ahpa.migration.hpa import Hpa
from ahpa.migration.migrated import Migrated, Object

GROUP = "jamiethompson.me"
_PER_CLUSTER = "the HPA has it for a whole cluster (a flag of kube-controller-manager)"
_MODEL = "ahpa's own model learns from demand, not from replica counts (ahpa.dev/model names others)"
_OTHER_THAN_LARGEST = "ahpa's floor counts wherever it is the larger one, as with maximum: expect more replicas"


def from_phpa(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target()
    hpa.bounds()
    hpa.measured(hpa.spec)
    hpa.behave()
    for name in ("cpuInitializationPeriod", "initialReadinessDelay", "syncPeriod"):
        hpa.spec.note(name, _PER_CLUSTER)
    tolerance = "spec.behavior.scaleUp.tolerance and scaleDown.tolerance, from Kubernetes 1.33 on: set them yourself"
    hpa.spec.note("tolerance", tolerance, needs_you=hpa.spec.value("tolerance") != 0.1)
    for model in hpa.spec.parts("models"):
        model.whole(_MODEL)
    decision = hpa.spec.text("decisionType")
    if decision == "maximum":
        hpa.spec.note("decisionType", "the same: the larger one counts")
    else:
        hpa.spec.note("decisionType", _OTHER_THAN_LARGEST, needs_you=True)
    return hpa.done("PredictiveHorizontalPodAutoscaler", "predictivehorizontalpodautoscalers")
