"""What a raw object says of itself, read the same way for every kind: does it concern us, and whose is it?

Whatever stands where: an object that cannot be read is refused by itself and harms no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from ahpa.adapters.kubernetes.api import FIELD_MANAGER, KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.ports import ClusterError
from ahpa.targets import Target

_KEDA_LABEL = "scaledobject.keda.sh/name"
"""On what KEDA made, and on the ScaledObjects themselves (keda, controllers/keda/scaledobject_controller.go)."""
_INSTEAD = {
    "InferenceService": "annotate that InferenceService",
    "LLMInferenceService": "set spec.scaling.minReplicas there, or let it read ahpa_floor_replicas "
    "(docs/without-writing.md): that kind has a planner of its own",
    "ScaledObject": "annotate that ScaledObject",
    "PodAutoscaler": "annotate the Knative Service that it belongs to",
    **dict.fromkeys(
        ("EffectiveHorizontalPodAutoscaler", "IntelligentHorizontalPodAutoscaler", "PredictiveHorizontalPodAutoscaler",
         "AdvancedHorizontalPodAutoscaler"),
        "it predicts too, and two that predict would fight: remove one of them (`ahpa migrate` translates it)",
    ),
}  # fmt: skip
"""What the owner of an object should do instead, by the kind of what made it."""
_ANY = "set the minimum there, because annotating that object is not supported yet"
FROM_GIT = {
    "argocd-controller": "Argo CD",
    "argocd-application-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
"""By field manager: the tool that keeps objects as Git has them."""
_KINDS = {"InferenceService": "kserve", "ScaledObject": "keda"}
"""Kinds of ours, by what makes objects of other kinds."""


_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_MOST = 2**31 - 1


Listed = TypeVar("Listed")


def handle_of(target: Target, kind: type[Listed]) -> Listed:
    """What its own actuator listed of a target. Raises TypeError for another's."""
    if not isinstance(target.handle, kind):
        raise TypeError(f"{target.key} was not listed by this actuator")
    return target.handle


def patch_listed(
    kube: KubeApi,
    item: Object,
    group_version: str,
    resource: str,
    *,
    annotations: Mapping[str, str | None] | None = None,
    spec: Mapping[str, object] | None = None,
) -> None:
    """Change these of a listed object and nothing else, if nobody else has changed it since; None takes one away. A
    second patch in the same round goes on from here. Raises ClusterError; 409: somebody has."""
    meta = item["metadata"]
    body: Object = {"metadata": {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"]}}
    if annotations is not None:
        body["metadata"]["annotations"] = dict(annotations)
    if spec is not None:
        body["spec"] = dict(spec)
    written = kube.merge_patch(path(*collection(group_version, resource, meta["namespace"]), meta["name"]), body)
    meta["resourceVersion"] = written["metadata"]["resourceVersion"]


class Unreadable(ValueError):
    """A field that holds what no API server would have let in; the message names it."""


def target_or_refusal(
    item: Object, kind: Kind, reference: Mapping[str, str], read: Callable[[Object], Target]
) -> Target:
    """What `read` makes of one listed object; a refused target that says what was wrong where that fails.

    Raises ClusterError.
    """
    try:
        identity(item)
        target = read(item)
        for name in ("baseline", "floor", "ready", "present", "maximum"):
            count(getattr(target, name), name)
        return target
    except ClusterError:
        raise
    except Exception as error:  # whatever stands in an object, it must not end the round for its neighbours
        why = str(error) if isinstance(error, Unreadable) else f"{type(error).__name__}: {error}"
        noted = item["metadata"].get("annotations")
        annotations = noted if isinstance(noted, dict) else {}
        return Target(
            kind=kind.name,
            namespace=reference["namespace"],
            name=reference["name"],
            annotations={k: _text(v) for k, v in annotations.items() if isinstance(v, str)},
            reference=reference,
            baseline=0,
            floor=0,
            ready=0,
            present=0,
            maximum=None,
            measures=(),
            managed=False,
            selector="",
            refusal=f"this {kind.title} cannot be read: {why[:200]}",
        )


def identity(item: Object) -> None:
    """Raises Unreadable where an object lacks what a write to it needs: its name, and its version."""
    meta = item["metadata"]
    for field in ("namespace", "name"):
        if not (isinstance(meta.get(field), str) and _NAME.fullmatch(meta[field])):
            raise Unreadable(f"metadata.{field} is no name")
    for field in ("uid", "resourceVersion"):
        if not (isinstance(meta.get(field), str) and meta[field]):
            raise Unreadable(f"metadata.{field} is missing")


def count(value: object, field: str) -> int:
    """A number of replicas, 0 where none is said. Raises Unreadable."""
    if value is None:
        return 0
    if type(value) is not int or not 0 <= value <= _MOST:
        raise Unreadable(f"{field} is no count: {repr(value)[:40]}")
    return value


def annotations_of(item: Object) -> Mapping[str, str]:
    """None written counts as empty. Raises Unreadable."""
    noted = item["metadata"].get("annotations")
    if noted is None:
        return {}
    if not isinstance(noted, dict) or not all(isinstance(value, str) for value in noted.values()):
        raise Unreadable("metadata.annotations are not all text")
    if all(value.isascii() for value in noted.values()):
        return noted
    return {key: _text(value) for key, value in noted.items()}


def _text(value: str) -> str:
    """Half a surrogate pair, which JSON can carry, could be written nowhere."""
    return value.encode("utf-8", "replace").decode()


def reference_to(item: Object, api_version: str, kind: str) -> dict[str, str]:
    """What an Event regards."""
    meta = item["metadata"]
    return {
        "apiVersion": api_version,
        "kind": kind,
        **{key: _text(str(meta.get(key)))[:253] for key in ("namespace", "name", "uid")},
    }


def seconds(stamp: object) -> float | None:
    """An RFC 3339 time as unix seconds; None for anything else."""
    if not isinstance(stamp, str):
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError):
        return None


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


def only_raised(item: Object, own: float, here: float, *fields: str) -> bool:
    """Whether what stands in a field is ours, `own` being our record of its owner's. A record above what is in force is
    not ours, whoever wrote it: we only ever raise. Believed, it would let a tenant who may edit nothing but the record
    raise what it is about."""
    return own <= here and owns(item, *fields)


def in_git(item: Object, *fields: str) -> str:
    """Which tool brought this field from Git, by metadata.managedFields, and would bring it again; empty: none."""
    for entry in item["metadata"].get("managedFields") or []:
        node: Any = entry.get("fieldsV1") if entry.get("manager") in FROM_GIT else None
        for name in fields:
            node = node.get(f"f:{name}") if isinstance(node, dict) else None
        if node is not None:
            return FROM_GIT[str(entry["manager"])]
    return ""


def controller_of(item: Object) -> tuple[str, str] | None:
    """Kind and name of the owner that controls the object, if any."""
    for owner in item["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return str(owner.get("kind")), str(owner.get("name"))
    return None


def maker_of(item: Object) -> str:
    """The key of the target that made this object, if it is of a kind of ours; else empty. KEDA and KServe copy all
    annotations to what they make, so ours on it are the maker's."""
    controller = controller_of(item)
    if controller is None or controller[0] not in _KINDS:
        return ""
    return f"{_KINDS[controller[0]]}/{item['metadata'].get('namespace')}/{controller[1]}"


def somebody_elses(item: Object, title: str) -> str | None:
    """Why the object, a `title`, must not be written to and what to do instead; None if nobody else writes to it.

    What another controller made it also makes again: writing to it would start a fight.
    """
    controller = controller_of(item)
    if controller is not None:
        kind, name = controller
        return f"{kind}/{name} made this {title} and would revert us; {_INSTEAD.get(kind, _ANY)}"
    if title != "ScaledObject" and _KEDA_LABEL in (item["metadata"].get("labels") or {}):
        return f"KEDA made this {title} and would revert us; {_INSTEAD['ScaledObject']}"
    return None
