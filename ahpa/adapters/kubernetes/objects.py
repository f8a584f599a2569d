"""What a raw object says of itself, read the same way for every kind: does it concern us, and whose is it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ahpa.adapters.kubernetes.api import FIELD_MANAGER, Object
from ahpa.core.policy.values import AHPA_STRATEGY, PREFIX

_KEDA_LABEL = "scaledobject.keda.sh/name"
_INSTEAD = {
    "InferenceService": "set its minReplicas, because annotating that object is not supported yet",
    "ScaledObject": "set its minReplicaCount, because annotating that object is not supported yet",
    "PodAutoscaler": "annotate the Knative Service that it belongs to",
}
"""What the owner of an object should do instead, by the kind of what made it."""
_ANY = "set the minimum there, because annotating that object is not supported yet"


def annotations_of(item: Object) -> Mapping[str, str]:
    """None written counts as empty."""
    return item["metadata"].get("annotations") or {}


def concerns_us(item: Object) -> bool:
    """True if the object carries any annotation that is ours to read."""
    return any(key.startswith(PREFIX) or key == AHPA_STRATEGY for key in annotations_of(item))


def reference_to(item: Object, api_version: str, kind: str) -> dict[str, str]:
    """What an Event regards."""
    meta = item["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        "namespace": str(meta.get("namespace")),
        "name": str(meta.get("name")),
        "uid": str(meta.get("uid")),
    }


def whole(text: object) -> int | None:
    """A non-negative whole number of at most 9 ASCII digits, or None."""
    text = str(text)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def owns(item: Object, *fields: str) -> bool:
    """True if the API server says that we set this field last (metadata.managedFields).

    So a user's edit of the minimum is seen without any memory of ours: the ownership moves to them.
    """
    entries = item["metadata"].get("managedFields") or []
    for entry in entries:
        node: Any = entry.get("fieldsV1") if entry.get("manager") == FIELD_MANAGER else None
        for name in fields:
            node = node.get(f"f:{name}") if isinstance(node, dict) else None
        if node is not None:
            return True
    return False


def controller_of(item: Object) -> tuple[str, str] | None:
    """Kind and name of the owner that controls the object, if any."""
    for owner in item["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return str(owner.get("kind")), str(owner.get("name"))
    return None


def somebody_elses(item: Object, title: str) -> str | None:
    """Why the object, a `title`, must not be written to and what to do instead; None if nobody else writes to it.

    What another controller made it also makes again: writing to it would start a fight.
    """
    controller = controller_of(item)
    if controller is not None:
        kind, name = controller
        return f"{kind}/{name} made this {title} and would revert us; {_INSTEAD.get(kind, _ANY)}"
    if _KEDA_LABEL in (item["metadata"].get("labels") or {}):
        return f"KEDA made this {title} and would revert us; {_INSTEAD['ScaledObject']}"
    return None
