"""Huawei CCE's AHPA: AdvancedHorizontalPodAutoscaler (autoscaling.cce.io/v1alpha1).

Source: the CCE user manual, "AHPA policies" (cce_10_0934): `predictWindowSeconds` is the window from now on whose needs
are recommended, `effectiveTime` a list of crons of 6 fields that say when it acts.
"""

from __future__ import annotations

from ahpa.migration.alibaba import forecast
from ahpa.migration.hpa import Hpa
from ahpa.migration.migrated import Migrated, Object

GROUP = "autoscaling.cce.io"


def from_cce(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target()
    hpa.bounds()
    hpa.measured(hpa.spec)
    predict = hpa.spec.part("predictConfig")
    forecast(hpa, predict, "predictWindowSeconds")
    hpa.settle(predict, "stabilizationWindowSeconds")
    hpa.spec.note("effectiveTime", "ahpa acts at all times; its floor only raises", needs_you=True)
    if hpa.scales == "HorizontalPodAutoscaler":
        ours = ", ".join(f'{name}: "{value}"' for name, value in sorted(hpa.annotations.items()))
        hpa.without = f"it moves the bounds of an HPA that is there: give that one these annotations: {ours}"
    return hpa.done("AdvancedHorizontalPodAutoscaler", "advancedhorizontalpodautoscalers")
