"""Our account on a real API server: whether it is refused a patch, which rights it uses, and its writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from ahpa.adapters.kubernetes.api import Kube, Stream
from ahpa.ports import Actuator, ClusterError
from ahpa.targets import Target
from testbed import Testbed
from testbed.kube import KubeApi, KubeError

HOME = "ahpa-system"
TEAM = "inference"
MIN_SCALE = "autoscaling.knative.dev/min-scale"
MERGE = "application/merge-patch+json"
SERVICE, REVISION, HPA = "services.serving.knative.dev", "revisions", "horizontalpodautoscalers"
RECORD = "ahpa.dev/baseline"
FENCE, RBAC = 422, 403


def kind_of(manifest: Mapping[str, Any]) -> str:
    """The resource as kubectl names it, from the singular."""
    group = str(manifest["apiVersion"]).rpartition("/")[0]
    return SERVICE if group == "serving.knative.dev" else str(manifest["kind"]).lower()


def refusal(api: KubeApi, where: str, patch: Any, content_type: str = MERGE, **options: str) -> int:
    """The status with which a dry run of this patch is refused; 0 if it is allowed."""
    try:
        api.request("PATCH", where, patch, content_type, params={"dryRun": "All", **options})
    except KubeError as error:
        return error.status
    return 0


def annotation(key: str, value: str | None) -> dict[str, Any]:
    return {"metadata": {"annotations": {key: value}}}


class Recording(Kube):
    """Our own port to the API; remembers which rights were used."""

    used: set[tuple[str, str, str]]

    def _call(self, method: str, where: str, *rest: Any, **named: Any) -> Any:
        answer = super()._call(method, where, *rest, **named)
        group = "" if where.startswith("/api/") else where.split("/")[2]
        words = where.partition("/namespaces/")[2].split("/")
        verb = {"GET": "get" if len(words) == 3 else "list", "PATCH": "patch", "POST": "create"}[method]
        self.used.add((group, words[1], verb))
        return answer

    def watch(self, where: str, version: str, seconds: float) -> Stream:
        stream = super().watch(where, version, seconds)
        group = "" if where.startswith("/api/") else where.split("/")[2]
        self.used.add((group, where.rpartition("/")[2], "watch"))
        return stream


def raise_and_restore(bed: Testbed, actuator: Actuator) -> Target:
    """One target up by one and back. As in the service, a 409 (another writer, or a list from a cache that was a
    moment behind) is tried again at the next tick."""

    def becomes(managed: bool, work: Callable[[Target], object]) -> Target:
        def tick() -> Target | None:
            (target,) = actuator.targets()
            if target.managed == managed and target.floor == target.baseline + managed:
                return target
            try:
                work(target)
            except ClusterError as error:
                if error.status != 409:
                    raise
            return None

        return bed.wait_for(tick, what=f"managed: {managed}")

    becomes(True, lambda target: actuator.write(target, (target.baseline + 1,)))
    return becomes(False, actuator.restore)


def taken(bed: Testbed, file: Path) -> None:
    """Have the API server look at the objects of a file, strictly, without keeping them. Raises KubeError."""
    strict = {"dryRun": "All", "fieldManager": "test", "force": "true", "fieldValidation": "Strict"}
    for manifest in yaml.safe_load_all(file.read_text()):
        meta = manifest["metadata"]
        where = bed.api.resource(kind_of(manifest)).path(meta["namespace"], meta["name"])
        bed.api.request("PATCH", where, manifest, "application/apply-patch+yaml", params=strict)


def token_of_ours(bed: Testbed, pod: Mapping[str, Any] | None, seconds: int = 3600) -> str:
    """Of our account, for a pod (its metadata), or for none; good for so long. A pod needs no kubelet for that."""
    bound = {"kind": "Pod", "apiVersion": "v1", "name": pod["name"], "uid": pod["uid"]} if pod else None
    spec: dict[str, Any] = {"expirationSeconds": seconds, **({"boundObjectRef": bound} if bound else {})}
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    where = f"/api/v1/namespaces/{HOME}/serviceaccounts/ahpa/token"
    return str(bed.api.request("POST", where, body)["status"]["token"])
