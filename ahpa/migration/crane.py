"""Crane's EffectiveHorizontalPodAutoscaler (autoscaling.crane.io/v1alpha1).

Source: gocrane/api, autoscaling/v1alpha1/types.go: an HPA's spec in the shape of v2beta2, a window to predict, crons
with a start, an end and a time zone (UTC where none is said).
"""

from __future__ import annotations

from ahpa.migration.hpa import Hpa
from ahpa.migration.migrated import Migrated, Note, Object
from ahpa.migration.windows import Bound, between, bounded

GROUP = "autoscaling.crane.io"
MODES = {"Auto": "apply", "Preview": "observe", "Manual": "off"}
_ALGORITHM = "ahpa's own model, which finds days and weeks itself (ahpa.dev/model names others)"
_MANUAL = "Crane held the workload still, an HPA moves it: set spec.replicas of the workload, and do not apply this one"


def from_crane(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target()
    _strategy(hpa)
    hpa.bounds()
    hpa.measured(hpa.spec)
    hpa.behave()
    prediction = hpa.spec.part("prediction")
    seconds = prediction.count("predictionWindowSeconds")
    if seconds is not None:
        lead = hpa.ask("lead", f"{seconds}s")
        prediction.note("predictionWindowSeconds", f"{lead}; without it ahpa looks as far ahead as pods really need")
    prediction.note("predictionAlgorithm", _ALGORITHM)
    crons = [
        Bound(cron, between(cron), cron.text("timezone") or "UTC", cron.count("targetReplicas"))
        for cron in hpa.spec.parts("crons")
    ]
    bounded(hpa, crons)
    return hpa.done("EffectiveHorizontalPodAutoscaler", "effectivehorizontalpodautoscalers")


def _strategy(hpa: Hpa) -> None:
    said = hpa.spec.text("scaleStrategy")
    hpa.spec.note("specificReplicas", "an HPA has no fixed count", needs_you=said == "Manual")
    if said is None:
        return
    mode = MODES.get(said)
    if mode is None:
        hpa.spec.note("scaleStrategy", "ahpa.dev/mode: observe, as nothing is known of this one", needs_you=True)
        return
    hpa.spec.note("scaleStrategy", hpa.ask("mode", mode))
    if said == "Manual":
        hpa.top.notes.append(Note("spec.scaleStrategy", said, _MANUAL, needs_you=True))
