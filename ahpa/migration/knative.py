"""A Knative Service that Alibaba's AHPA scales: the same Service, scaled by Knative's KPA with ahpa's floor.

AHPA reads all its annotations on the template; ours stand on the Service, where they replace no pod.
"""

from __future__ import annotations

from ahpa.core.policy.rules import AHPA_MODES
from ahpa.core.policy.values import AHPA_CLASS, AHPA_STRATEGY, PREFIX
from ahpa.migration.alibaba import GROUP, KNATIVE
from ahpa.migration.fields import Fields
from ahpa.migration.hpa import NOBODYS, belongs_to, moved_metadata
from ahpa.migration.migrated import SAME, Migrated, Object, Unmigratable

KIND = "Service"
COUNTED = ("concurrency", "rps")
"""What Knative's own autoscaler (KPA) can be told to count."""
_NOT_COUNTED = (
    f"Knative's own autoscaler counts {' or '.join(COUNTED)}. Say what one replica takes at once "
    "(containerConcurrency, or another target); until then it takes 100 in flight"
)
FIRST = ("choose a quiet hour: Knative replaces the pods of a Service whose template changes",)


def concerns(item: Object) -> bool:
    """Whether AHPA is asked for anywhere on the Service. Raises Unmigratable."""
    top = Fields(item)
    template = top.part("spec").part("template").part("metadata").part("annotations").node
    own = top.part("metadata").part("annotations").node
    theirs = any(belongs_to(key, GROUP) for key in (*own, *template))
    return theirs or template.get(KNATIVE + "class") == AHPA_CLASS


def from_service(item: Object) -> Migrated:
    """Raises Unmigratable."""
    top = Fields(item)
    meta, spec = top.part("metadata"), top.part("spec")
    template = spec.part("template")
    inner = template.part("metadata")
    noted, own = inner.part("annotations"), meta.part("annotations")
    inner.note("name", "the same, but a Revision of this name is there already: give it a new one", needs_you=True)
    asked = {} if own.text(f"{PREFIX}mode") else {f"{PREFIX}mode": _mode(own) or _mode(noted) or "observe"}
    kept = {key: noted.text(key) for key in noted.node}
    for key in [key for key in kept if _left_out(key, noted)]:
        del kept[key]
    metadata = moved_metadata(meta, GROUP, asked, told=AHPA_STRATEGY)
    namespace, name = meta.name("namespace"), meta.name("name")
    if name is None:
        raise Unmigratable("metadata.name is missing")
    result = {
        "apiVersion": item["apiVersion"],
        "kind": KIND,
        "metadata": metadata,
        "spec": {**spec.node, "template": {**template.node, "metadata": {**inner.node, "annotations": kept}}},
    }
    return Migrated(KIND, f"{namespace}/{name}" if namespace else name, tuple(top.notes), result, FIRST)


def _mode(noted: Fields) -> str | None:
    """What the strategy says, on the template or on the Service."""
    said = noted.text(AHPA_STRATEGY)
    if said is None:
        return None
    mode, unlike = AHPA_MODES.get(said, ("observe", "as nothing is known of this one"))
    words = f"{PREFIX}mode: {mode} on the Service"
    noted.note(AHPA_STRATEGY, f"{words}; {unlike}" if unlike else words, needs_you=bool(unlike))
    return mode


def _left_out(key: str, noted: Fields) -> bool:
    """Whether an annotation of the template does not move along, which is said."""
    metric = noted.text(KNATIVE + "metric")
    if key == KNATIVE + "class" and noted.text(key) == AHPA_CLASS:
        noted.note(key, "left out: Knative's own autoscaler (KPA) scales it")
        return True
    if noted.text(KNATIVE + "class") == AHPA_CLASS and key in (KNATIVE + "metric", KNATIVE + "target"):
        if metric in COUNTED:
            noted.note(key, SAME)
            return False
        why = f"left out: {_NOT_COUNTED}" if key == KNATIVE + "metric" else "left out with the metric that it was of"
        noted.note(key, why, needs_you=True)
        return True
    if key == AHPA_STRATEGY:
        return True
    if belongs_to(key, GROUP):
        noted.note(key, NOBODYS, needs_you=True)
        return True
    return False
