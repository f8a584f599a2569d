"""Which objects of which systems are understood, and by what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from ahpa.migration import alibaba, cce, crane, kapacity, keda, knative, phpa
from ahpa.migration.fields import Fields, shown
from ahpa.migration.migrated import Migrated, Note, Object, Unmigratable

KINDS: Mapping[tuple[str, str], Callable[[Object], Migrated]] = {
    (alibaba.GROUP, "AdvancedHorizontalPodAutoscaler"): alibaba.from_ahpa,
    (alibaba.GROUP, "AdvancedHorizontalPodAutoscalerTemplate"): alibaba.from_template,
    (cce.GROUP, "AdvancedHorizontalPodAutoscaler"): cce.from_cce,
    (phpa.GROUP, "PredictiveHorizontalPodAutoscaler"): phpa.from_phpa,
    (crane.GROUP, "EffectiveHorizontalPodAutoscaler"): crane.from_crane,
    (kapacity.GROUP, "IntelligentHorizontalPodAutoscaler"): kapacity.from_kapacity,
}
"""(API group, kind) -> what translates it."""
SOME: Mapping[tuple[str, str], tuple[Callable[[Object], bool], Callable[[Object], Migrated]]] = {
    ("serving.knative.dev", knative.KIND): (knative.concerns, knative.from_service),
    (keda.GROUP, keda.KIND): (keda.concerns, keda.from_keda),
}
"""Objects that stay, of which some have something to translate: whether this one does, and what."""
_GROUPS = {group for group, _ in KINDS}


def migrate(item: Object) -> Migrated | None:
    """What becomes of one object; None if nothing has to, as it is of no system that is moved from. Raises
    Unmigratable."""
    top = Fields(item)
    kind, version = top.text("kind"), top.text("apiVersion")
    if kind is None or version is None:
        raise Unmigratable("apiVersion and kind are those of any Kubernetes object, and one is missing")
    group = version.partition("/")[0] if "/" in version else ""
    translate = KINDS.get((group, kind))
    if translate is not None:
        return translate(item)
    if (group, kind) in SOME:
        concerns, amend = SOME[group, kind]
        return amend(item) if concerns(item) else None
    if group in _GROUPS:
        why = f"a {shown(kind)} of {group} is not understood here: nothing became of it"
        return Migrated(shown(kind), shown(top.part("metadata").value("name")), (Note("kind", kind, why, True),))
    return None


def objects(document: object) -> Iterator[object]:
    """The document itself, or what the List holds that it is."""
    if isinstance(document, Mapping) and str(document.get("kind")).endswith("List") and "items" in document:
        items = document["items"]
        if not isinstance(items, list):
            raise Unmigratable(f"items: {shown(items)} is not a list")
        yield from items
    else:
        yield document
