"""Leases (coordination.k8s.io/v1) as records of `ahpa.core.election`, in the namespace of our own.

What the API has no field for stands in annotations: which shard it covers, who asks for it, whether its holder can read
any demand, and a count of its writes.
A lease is changed by a merge patch that names its version, and never deleted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.objects import whole
from ahpa.core.election import Record

COORDINATION = "coordination.k8s.io/v1"
SHARD_LABEL = "ahpa.dev/lease"
"""By it our fence finds the leases: `shard`."""
DIGITS, ASKED_BY, BEAT, BLIND = "ahpa.dev/digits", "ahpa.dev/asked-by", "ahpa.dev/beat", "ahpa.dev/blind"


@dataclass(frozen=True)
class KubeLeases:
    """The LeaseStore of a cluster. Give it a connection of its own: what hangs elsewhere must not hold it."""

    kube: KubeApi
    namespace: str
    wall_clock: Callable[[], float]
    """Unix seconds, for the stamps that people read."""

    def read(self, seconds: float) -> Mapping[str, Record]:
        # Without a version the API server answers from the store, not from its cache.
        query = {"labelSelector": f"{SHARD_LABEL}=shard", "resourceVersion": ""}
        found = self._within(seconds).items(self._where, **query)
        return {str(item["metadata"].get("name")): _record(item) for item in found}

    def write(self, name: str, record: Record, seconds: float) -> Record:
        kube = self._within(seconds)
        noted = {DIGITS: record.digits, BEAT: str(record.beat), ASKED_BY: record.asked_by or None}
        noted[BLIND] = "true" if record.blind else None
        stamp = datetime.fromtimestamp(self.wall_clock(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec: Object = {
            "holderIdentity": record.holder or None,  # the API refuses an empty one
            "leaseDurationSeconds": max(1, math.ceil(record.seconds)),
            "leaseTransitions": record.transitions,
            "renewTime": stamp,
        }
        meta: Object = {"annotations": noted, "labels": {SHARD_LABEL: "shard"}}
        if record.version:
            meta["resourceVersion"] = record.version
            return _record(kube.merge_patch(f"{self._where}/{name}", {"metadata": meta, "spec": spec}))
        meta |= {"name": name, "namespace": self.namespace, "annotations": {k: v for k, v in noted.items() if v}}
        return _record(
            kube.create(self._where, {"apiVersion": COORDINATION, "kind": "Lease", "metadata": meta, "spec": spec})
        )

    def _within(self, seconds: float) -> KubeApi:
        return self.kube.within(time.monotonic() + seconds)

    @property
    def _where(self) -> str:
        return path(*collection(COORDINATION, "leases", self.namespace))


def _record(item: Object) -> Record:
    """What cannot be read counts as not said: whoever may edit our leases could take them as well."""
    meta, spec = item["metadata"], item.get("spec")
    noted = meta.get("annotations")
    notes = noted if isinstance(noted, dict) else {}
    said = spec if isinstance(spec, dict) else {}
    seconds = said.get("leaseDurationSeconds")
    return Record(
        holder=str(said.get("holderIdentity") or ""),
        beat=whole(notes.get(BEAT)) or 0,
        transitions=whole(said.get("leaseTransitions")) or 0,
        seconds=float(seconds) if type(seconds) is int else 0.0,
        digits=str(notes.get(DIGITS) or ""),
        asked_by=str(notes.get(ASKED_BY) or ""),
        blind=notes.get(BLIND) == "true",
        version=str(meta.get("resourceVersion") or ""),
    )
