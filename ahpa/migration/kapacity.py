"""Kapacity's IntelligentHorizontalPodAutoscaler (autoscaling.kapacitystack.io/v1alpha1).

Source: traas-stack/kapacity, apis/autoscaling/v1alpha1, intelligenthorizontalpodautoscaler_types.go and
horizontalportrait_types.go: providers of "portraits" say how many replicas there should be, by priority: static, by
crons (in UTC where no zone is said), or by metrics, as they are or as they are predicted.
"""

from __future__ import annotations

from collections.abc import Sequence

from ahpa.migration.fields import Fields
from ahpa.migration.hpa import Hpa
from ahpa.migration.migrated import Migrated, Object
from ahpa.migration.windows import Bound, between, bounded

GROUP = "autoscaling.kapacitystack.io"
MODES = {"Auto": "apply", "Preview": "observe"}
_PREDICTED = "ahpa's own forecast of what the HPA is scaled by, or of what ahpa.dev/demand names"
_MODEL = "ahpa's own model, which needs no job beside it (ahpa.dev/model names others)"
_REACTIVE = "the HPA's own, with the flags of kube-controller-manager"
_LARGEST = "of HPA, floor and windows the largest counts, as with equal priorities"


def from_kapacity(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target()
    _mode(hpa)
    hpa.bounds()
    providers = hpa.spec.parts("portraitProviders")
    for provider in providers:
        provider.value("type")
        _measured(hpa, provider.part("dynamic"))
        provider.note("priority", _LARGEST, needs_you=len(providers) > 1)
    _static(hpa, [provider.part("static") for provider in providers])
    clocks = [(cron, cron.count("replicas")) for each in providers for cron in each.part("cron").parts("crons")]
    bounded(hpa, [Bound(cron, between(cron), cron.text("timeZone") or "UTC", least) for cron, least in clocks])
    hpa.spec.note("behavior", "an HPA has no gray states; its own spec.behavior bounds the pace", needs_you=True)
    hpa.spec.note("stabilityCheckers", "none: ahpa only raises a floor", needs_you=True)
    return hpa.done("IntelligentHorizontalPodAutoscaler", "intelligenthorizontalpodautoscalers")


def _mode(hpa: Hpa) -> None:
    said, paused = hpa.spec.text("scaleMode"), hpa.spec.value("paused")
    mode = MODES.get(said or "")
    if said is not None:
        became = hpa.ask("mode", mode) if mode else "ahpa.dev/mode: observe, as nothing is known of this one"
        hpa.spec.note("scaleMode", became, needs_you=mode is None)
    if paused:
        hpa.spec.note("paused", f"{hpa.ask('paused', 'true')}, but the HPA is not: apply it later", needs_you=True)


def _static(hpa: Hpa, portraits: Sequence[Fields]) -> None:
    """They become our `min`, of which there is one: the largest."""
    said = [(portrait, replicas) for portrait in portraits if (replicas := portrait.count("replicas")) is not None]
    if said:
        became = hpa.ask("min", str(max(replicas for _, replicas in said)))
        for portrait, _ in said:
            portrait.whole(f"{became}, the largest of {len(said)}" if len(said) > 1 else became)


def _measured(hpa: Hpa, dynamic: Fields) -> None:
    """What a portrait measures the HPA does, and what it predicts ahpa does."""
    predicted = dynamic.text("portraitType") == "Predictive"
    hpa.measured(dynamic, besides=("name", "operator"))
    if predicted:
        dynamic.note("portraitType", _PREDICTED)
    dynamic.note("algorithm", _MODEL if predicted else _REACTIVE)
