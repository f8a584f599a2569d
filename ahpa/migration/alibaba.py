"""Alibaba's AHPA: AdvancedHorizontalPodAutoscaler and its template for Knative (autoscaling.alibabacloud.com/v1beta1).

Source: the ACK documentation, "Deploy AHPA" and "Use Knative and AHPA to implement scheduled auto scaling" (2025).
"""

from __future__ import annotations

import re

from ahpa.core.policy.parameters import Unreadable, parse_level
from ahpa.core.policy.rules import AHPA_MODES
from ahpa.core.policy.values import PREFIX
from ahpa.migration.fields import Fields, shown
from ahpa.migration.hpa import Hpa
from ahpa.migration.migrated import Migrated, Note, Object
from ahpa.migration.windows import Bound, bounded

GROUP = "autoscaling.alibabacloud.com"
KNATIVE = "autoscaling.knative.dev/"
_THERE = "in the template of the Service "
_OBSERVED = (
    "AHPA only observed, so something else scales the workload: if that is an HPA, give that one the annotations of "
    "this one, and do not apply this one beside it"
)


def from_ahpa(item: Object) -> Migrated:
    """Raises Unmigratable."""
    hpa = Hpa(item, GROUP)
    hpa.target()
    _strategy(hpa)
    hpa.bounds()
    hpa.measured(hpa.spec)
    forecast(hpa, hpa.spec.part("prediction"), "scaleUpForward")
    hpa.settle(hpa.spec, "stabilizationWindowSeconds")
    bounded(hpa, _bounds(hpa.spec))
    return hpa.done("AdvancedHorizontalPodAutoscaler", "advancedhorizontalpodautoscalers")


def from_template(item: Object) -> Migrated:
    """A template has no workload of its own: what it says belongs on each Knative Service that uses it. Raises
    Unmigratable."""
    hpa = Hpa(item, GROUP)
    _strategy(hpa)
    for field, name in (("minReplicas", "min-scale"), ("maxReplicas", "max-scale")):
        hpa.spec.note(field, f'{_THERE}{KNATIVE}{name}: "{hpa.spec.count(field)}"', needs_you=True)
    for metric in hpa.spec.parts("metrics"):
        metric.whole(_knative_metric(metric.part("resource")), needs_you=True)
    forecast(hpa, hpa.spec.part("prediction"), "scaleUpForward")
    bounded(hpa, _bounds(hpa.spec))
    ours = ", ".join(f'{name}: "{value}"' for name, value in sorted(hpa.annotations.items()))
    why = f"which Services use it stands nowhere in it: put these on each of them (metadata.annotations): {ours}"
    hpa.without = why
    return hpa.done("AdvancedHorizontalPodAutoscalerTemplate", "advancedhorizontalpodautoscalertemplates")


def forecast(hpa: Hpa, said: Fields, ahead: str) -> None:
    """The quantile, and how far ahead is looked (`ahead` names the field, in seconds). Raises Unmigratable."""
    quantile, seconds = said.value("quantile"), said.count(ahead)
    if quantile is not None:
        try:
            said.note("quantile", hpa.ask("quantile", f"{parse_level(str(quantile)):g}"))
        except Unreadable:
            said.note("quantile", "no level that is planned for: those are from 0.5 to below 1", needs_you=True)
    if seconds is not None:
        said.note(ahead, f"{hpa.ask('lead', f'{seconds}s')}; without it ahpa looks as far ahead as pods really need")


def _strategy(hpa: Hpa) -> None:
    said = hpa.spec.text("scaleStrategy")
    if said is None:
        return
    if said not in AHPA_MODES:
        hpa.spec.note("scaleStrategy", f"{PREFIX}mode: observe, as nothing is known of this one", needs_you=True)
        return
    mode, unlike = AHPA_MODES[said]
    became = hpa.ask("mode", mode)
    hpa.spec.note("scaleStrategy", f"{became}; {unlike}" if unlike else became, needs_you=bool(unlike))
    if said == "observer" and hpa.spec.node.get("scaleTargetRef") is not None:
        hpa.top.notes.append(Note("spec.scaleStrategy", said, _OBSERVED, needs_you=True))


def _bounds(spec: Fields) -> list[Bound]:
    found = []
    for span in spec.parts("instanceBounds"):
        since, until = (_moment(span.value(name)) for name in ("startTime", "endTime"))
        for bound in span.parts("bounds"):
            least, most = bound.count("minReplicas"), bound.count("maxReplicas")
            found.append(Bound(bound, bound.text("cron") or "", None, least, most, since, until))
    return found


def _moment(written: object) -> str:
    """`2023-06-01 00:00:00` as `2023-06-01T00:00`; what is written otherwise stays, and windows refuse it."""
    text = "" if written is None else str(written).strip()
    found = re.fullmatch(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2})(:[0-9]{2})?", text, re.ASCII)
    return f"{found[1]}T{found[2]}" if found else text


def _knative_metric(resource: Fields) -> str:
    target = resource.part("target")
    name = resource.text("name")
    value = next((v for key in ("averageUtilization", "averageValue", "value") if (v := target.value(key))), None)
    if name in ("rps", "concurrency"):
        return f'{_THERE}{KNATIVE}metric: {name} and {KNATIVE}target: "{shown(value)}"'
    return f"Knative's own autoscaler counts concurrency or rps, not {name}: choose one, and its target"
