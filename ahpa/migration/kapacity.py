"""Kapacity's IntelligentHorizontalPodAutoscaler (autoscaling.kapacitystack.io/v1alpha1).

Source: traas-stack/kapacity, apis/autoscaling/v1alpha1, intelligenthorizontalpodautoscaler_types.go and
horizontalportrait_types.go: providers of "portraits" say how many replicas there should be, by priority: static, by
crons (in UTC where no zone is said), or by metrics, as they are or as they are predicted.
"""

from __future__ import annotations

from ahpa.migration.fields import Fields
from ahpa.migration.hpa import Hpa
from ahpa.migration.migrated import Migrated, Object
from ahpa.migration.windows import Bound, between, bounded

GROUP = "autoscaling.kapacitystack.io"
MODES = {"Auto": "apply", "Preview": "observe"}
_PREDICTED = "ahpa's own forecast of what the HPA is scaled by, or of what ahpa.dev/demand names"
_LARGEST = "of HPA, floor and windows the largest counts, as with equal priorities"


def from_kapacity(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target()
    _mode(hpa)
    hpa.bounds()
    providers = hpa.spec.parts("portraitProviders")
    for provider in providers:
        _provider(hpa, provider)
        provider.note("priority", _LARGEST, needs_you=len(providers) > 1)
    clocks = [(cron, cron.count("replicas")) for each in providers for cron in each.part("cron").parts("crons")]
    bounded(hpa, [Bound(cron, between(cron), cron.text("timeZone") or "UTC", least) for cron, least in clocks])
    hpa.or_cpu()
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


def _provider(hpa: Hpa, provider: Fields) -> None:
    """What is static becomes our `min`, what is measured now the HPA's metrics; crons are left to the caller."""
    provider.value("type")
    static, dynamic = provider.part("static"), provider.part("dynamic")
    replicas = static.count("replicas")
    if replicas is not None:
        static.whole(hpa.ask("min", str(replicas)))
    if dynamic.text("portraitType") == "Predictive":
        dynamic.whole(_PREDICTED)
    elif dynamic.node:
        hpa.measured(dynamic, besides=("name", "operator"))
        dynamic.note("algorithm", "the HPA's own, with the flags of kube-controller-manager")
