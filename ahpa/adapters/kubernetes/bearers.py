"""Which object carries the min-scale of a Revision, by the version of Knative.

Since 1.21 (serving v0.48, PR #16186) it is the Revision itself: Knative copies the annotation to the PodAutoscaler at
once. Up to 1.20 an edit of the Revision is not copied and restarts all of its pods; there it is the PodAutoscaler of
the same name, an object of Knative's own on which nobody reverts it until it is made anew
(docs/decisions/0056-the-podautoscaler-of-old-knative.md says what that costs).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.objects import annotations_of
from ahpa.reactive.kpa.config import GROUP

SERVING = "serving.knative.dev/v1"
AUTOSCALING_INTERNAL = "autoscaling.internal.knative.dev/v1alpha1"

FIRST_LIVE_REVISION = (1, 21)
"""The first Knative release in which a Revision's min-scale acts without a restart."""


@dataclass(frozen=True)
class Bearers:
    """The kind of object to which min-scale is written."""

    group_version: str
    resource: str
    refusal: str | None = None
    """Why nothing may be written to them."""


Revisions = Mapping[tuple[str, str], Object]
"""By namespace and name: each Revision, with the metadata of what bears its min-scale."""


def bearers(kube: KubeApi, namespace: str | None, version: str | None) -> tuple[Bearers, Revisions]:
    """Of a namespace, or of all, under Knative of this version (None: not known). Raises ClusterError."""
    revisions = _by_name(kube.items(path(*collection(SERVING, "revisions", namespace))))
    if version is None:
        return Bearers(SERVING, "revisions", _UNKNOWN), revisions
    if not old(version):
        return Bearers(SERVING, "revisions"), revisions
    autoscalers = _by_name(kube.items(path(*collection(AUTOSCALING_INTERNAL, "podautoscalers", namespace))))
    both = {key: _borne(revision, autoscalers[key]) for key, revision in revisions.items() if key in autoscalers}
    return Bearers(AUTOSCALING_INTERNAL, "podautoscalers"), both


def old(version: str) -> bool:
    """Whether Revisions must not be written to. A build of one's own ("devel") is new."""
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?!\d)", version, re.ASCII)
    return found is not None and (int(found.group(1)), int(found.group(2))) < FIRST_LIVE_REVISION


def _by_name(items: list[Object]) -> dict[tuple[str, str], Object]:
    return {(str(one["metadata"].get("namespace")), str(one["metadata"].get("name"))): one for one in items}


def _borne(revision: Object, autoscaler: Object) -> Object:
    """The Revision with the identity of its PodAutoscaler, and what that says of scaling in place of its own."""
    own = {k: v for k, v in annotations_of(revision).items() if not k.startswith(GROUP)}
    created = revision["metadata"].get("creationTimestamp")
    annotations = {**own, **annotations_of(autoscaler)}
    meta = {**autoscaler["metadata"], "creationTimestamp": created, "annotations": annotations}
    return {**revision, "metadata": meta}


_UNKNOWN = (
    "Knative's version is unknown (may we get deployments/controller in its namespace?), "
    "and before 1.21 an edit of a Revision restarts its pods"
)
