"""What of an object is kept in memory: what the adapters of this room read, and no more.

Trimmed, a Service or a Revision takes 3 to 5 KiB and a pod 6; parsed as the server sends it several times that.
What has another form than it should is left as it is: whoever reads it refuses it by itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from ahpa.adapters.kubernetes.api import FIELD_MANAGER, Object
from ahpa.adapters.kubernetes.objects import FROM_GIT

_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_IDENTITY = ("namespace", "name", "uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "labels")
"""All of the metadata that is read of a pod; meshes write much more there."""
_META = (*_IDENTITY, "annotations", "ownerReferences", "managedFields")
_STEPS = ("PodScheduled", "Initialized", "Ready")
Part = Callable[[object], object]
"""What is kept of a field."""


@lru_cache(maxsize=4096)
def _name(text: str) -> str:
    """The same text for the same name, of the last few thousand: owners may think of any number."""
    return text


def _whole(value: object, depth: int = 20) -> object:
    """All of it; the names of its fields are held once, as every object has them again. (Not of what lies deeper than
    any object that somebody meant: hundreds of levels would be more than Python goes down.)"""
    if isinstance(value, dict) and depth:
        return {_name(key): _whole(part, depth - 1) for key, part in value.items()}
    return [_whole(part, depth - 1) for part in value] if isinstance(value, list) and depth else value


def _of(**parts: Part) -> Part:
    """Of an object: these fields, and of each what its part keeps."""

    def keep(value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {key: part(value[key]) for key, part in parts.items() if key in value}

    return keep


def _rows(part: Part) -> Part:
    """Of a list: of each row what its part keeps."""
    return lambda value: [part(row) for row in value] if isinstance(value, list) else value


def _word(value: object) -> object:
    """Text of which there are few kinds is held once."""
    return sys.intern(value) if type(value) is str else value


def _conditions(value: object) -> object:
    """Type, status and time; the messages of conditions are the longest text on many objects."""
    return _rows(_of(type=_word, status=_word, lastTransitionTime=_whole))(value)


def _steps(value: object) -> object:
    """The conditions on a pod's way to ready."""
    rows = _conditions(value)
    return (
        [row for row in rows if not isinstance(row, dict) or row.get("type") in _STEPS]
        if isinstance(rows, list)
        else rows
    )


_CONTAINERS = _rows(_of(name=_whole, restartPolicy=_whole, resources=_of(requests=_whole)))
_POD_SPEC: Mapping[str, Part] = {"nodeName": _whole, "containers": _CONTAINERS, "initContainers": _CONTAINERS}
_WORKLOAD = _of(
    spec=_of(replicas=_whole, selector=_whole, template=_of(spec=_of(**_POD_SPEC))),
    status=_of(readyReplicas=_whole),
)
_PARTS: Mapping[str, Part] = MappingProxyType({
    "pods": _of(
        spec=_of(**_POD_SPEC),
        status=_of(
            conditions=_steps,
            containerStatuses=_rows(_of(restartCount=_whole, state=_of(running=_of(startedAt=_whole)))),
        ),
    ),
    "services": _of(spec=_of(traffic=_whole), status=_of(traffic=_whole, latestCreatedRevisionName=_whole)),
    "revisions": _of(
        spec=_of(containerConcurrency=_whole, **_POD_SPEC),
        status=_of(actualReplicas=_whole, desiredReplicas=_whole, conditions=_conditions),
    ),
    "deployments": _WORKLOAD,
    "statefulsets": _WORKLOAD,
    "horizontalpodautoscalers": _of(spec=_whole, status=_of(currentReplicas=_whole)),
    "scaledobjects": _of(spec=_whole, status=_of(conditions=_conditions)),
    "inferenceservices": _of(spec=_whole),
    "podautoscalers": _of(),
})  # fmt: skip


@dataclass(frozen=True)
class Keeping:
    """How the objects of one resource are kept."""

    resource: str
    """`pods`, ...; of one that is not known everything but the metadata's ballast is kept."""

    def __call__(self, item: Object, before: Object | None = None) -> Object:
        """A listed object, trimmed; `before` is what was kept of it."""
        part = _PARTS.get(self.resource)
        rest = {key: _whole(value) for key, value in item.items() if key != "metadata"} if part is None else part(item)
        assert isinstance(rest, dict)
        kept = {**rest, "metadata": _metadata(item["metadata"], _IDENTITY if self.resource == "pods" else _META)}
        return _first_start(kept, before) if self.resource == "pods" else kept


def _metadata(meta: Object, fields: tuple[str, ...]) -> Object:
    return {key: _META_PARTS.get(key, _whole)(meta[key]) for key in fields if key in meta}


def _annotations(value: object) -> object:
    if isinstance(value, dict):
        value = {key: said for key, said in value.items() if key != _APPLIED}
    return _whole(value)


def _labels(value: object) -> object:
    return {_name(key): _word(said) for key, said in value.items()} if isinstance(value, dict) else value


def _managed(value: object) -> object:
    return [_owned(entry) for entry in value if _asked_for(entry)] if isinstance(value, list) else value


def _asked_for(entry: object) -> bool:
    """Whether anybody reads what this manager owns; what is no entry at all is left for its reader to refuse."""
    return not isinstance(entry, dict) or entry.get("manager") in (FIELD_MANAGER, *FROM_GIT)


_owned = _of(manager=_word, fieldsV1=_whole)
_META_PARTS: Mapping[str, Part] = MappingProxyType(
    {"annotations": _annotations, "labels": _labels, "managedFields": _managed}
)


def ready_since(pod: Object) -> object:
    """When it became ready, in the server's words; None: it is not ready."""
    status = pod.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    for one in conditions if isinstance(conditions, list) else ():
        if isinstance(one, dict) and one.get("type") == "Ready" and one.get("status") == "True":
            return one.get("lastTransitionTime")
    return None


def _first_start(pod: Object, before: Object | None) -> Object:
    """What a pod says of its start is kept as it was when it was first seen ready. `lastTransitionTime` is of the
    latest flip, and a restart of a container takes away when it was first started: neither is news of the start."""
    if before is None or before["metadata"].get("uid") != pod["metadata"].get("uid") or ready_since(before) is None:
        return pod
    return {**pod, "status": before["status"]}
