"""What owners had set, where their objects cannot carry our record: one ConfigMap of our own namespace.

KServe copies every annotation of an InferenceService to its pods, so a record there would replace them all. The
ConfigMap comes with the manifests: nobody has to let us make one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.ports import ClusterError

RECORDS = "ahpa-records"


@dataclass(frozen=True)
class Records:
    """Those of one kind, by namespace and name of the object; of an object that was made anew they count no more."""

    kube: KubeApi
    namespace: str
    kind: str

    def read(self) -> Mapping[tuple[str, str], int | None]:
        """By (uid, name): the minimum that its owner had; None: none. Raises ClusterError, but for a ConfigMap that is
        not there: then nothing was recorded."""
        try:
            data = self.kube.get(self._where).get("data") or {}
        except ClusterError as error:
            if error.status == 404:
                return {}
            raise
        found = {}
        for key, text in data.items():
            if key.startswith(f"{self.kind}."):
                said = _parsed(text)
                if said is not None:
                    found[said[0], key] = said[1]
        return found

    def key(self, item: Object) -> tuple[str, str]:
        """Of an object, among what was read."""
        meta = item["metadata"]
        return str(meta["uid"]), f"{self.kind}.{meta['namespace']}.{meta['name']}"

    def write(self, item: Object, own: int | None) -> None:
        """Before the floor: a crash in between leaves a harmless record. Raises ClusterError."""
        uid, key = self.key(item)
        self._patch(key, json.dumps({"uid": uid, "own": own}, separators=(",", ":")))

    def forget(self, item: Object) -> None:
        """After the floor was given back. Raises ClusterError."""
        self._patch(self.key(item)[1], None)

    def _patch(self, key: str, text: str | None) -> None:
        self.kube.merge_patch(self._where, {"data": {key: text}})

    @property
    def _where(self) -> str:
        return path(*collection("v1", "configmaps", self.namespace), RECORDS)


def _parsed(text: object) -> tuple[str, int | None] | None:
    """(uid, own); None for what is none of our records."""
    try:
        said = json.loads(text) if isinstance(text, str) and len(text) <= 512 else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("uid"), str):
        return None
    own = said.get("own")
    return (said["uid"], own) if own is None or (type(own) is int and 0 <= own < 2**31) else None
