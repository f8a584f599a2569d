"""Knative Services: the floor is `min-scale` on the Revision that receives traffic, never the Service's template.

- The template belongs to the owner: a change there makes a new Revision and, during its rollout, twice the GPUs.
- Since Knative 1.21 (serving v0.48, PR #16186) the Revision's annotation is copied to its PodAutoscaler at
  once and without a restart. Up to 1.20 the same edit restarts every pod, so those versions are refused.
- Nothing else may be written to a Revision: any other annotation or label ends up in the pod template and
  replaces all pods. Our record of what the owner had is kept on the Service's metadata, which is not copied.
- An old Revision that lost its traffic ignores its min-scale; we put its own back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ahpa.adapters.kubernetes.api import Kube, KubeError, Object, collection, owns, path
from ahpa.adapters.kubernetes.target import Target, concerns_us, whole
from ahpa.core.policy.values import STATE
from ahpa.reactive.kpa.config import KpaConfig, KpaConfigError

SERVING = "serving.knative.dev/v1"
AUTOSCALING = "autoscaling.knative.dev/"
MIN_SCALE = AUTOSCALING + "min-scale"
FIRST_LIVE_REVISION = (1, 21)
"""The first Knative release in which a Revision's min-scale acts without a restart."""


class KnativeServices:
    """The actuator for Knative Services in `namespace`, or in all."""

    def __init__(self, kube: Kube, namespace: str | None = None, system_namespace: str = "knative-serving") -> None:
        self._kube = kube
        self._namespace = namespace
        self._system_namespace = system_namespace

    def targets(self) -> list[Target]:
        services = self._kube.items(path(*collection(SERVING, "services", self._namespace)))
        ours = [item for item in services if concerns_us(item["metadata"].get("annotations") or {})]
        if not ours:
            return []
        listed = self._kube.items(path(*collection(SERVING, "revisions", self._namespace)))
        revisions = {(r["metadata"].get("namespace"), r["metadata"].get("name")): r for r in listed}
        refusal = _too_old(self._version())
        return [self._target(item, revisions, refusal) for item in ours]

    def write(self, target: Target, floor: int) -> None:
        service, active, idle = target.handle
        shares = self._shares(target, floor)
        if not target.managed and all(minimum(active[name]) == count for name, count in shares.items()):
            return  # nothing to raise yet, so nothing to remember
        before = recorded(service)
        after = {n: before[n] if _held(rev, before) else own_min_scale(rev) for n, rev in active.items()}
        for name, revision in idle.items():  # it lost its traffic: give back what its owner had
            if _held(revision, before):
                self._patch_revision(revision, before[name])
        if after != before:
            self._record(service, after)  # before the floor: a crash in between leaves a harmless record
        for name, count in shares.items():
            if minimum(active[name]) != count:
                self._patch_revision(active[name], str(count))

    def restore(self, target: Target) -> None:
        service, active, idle = target.handle
        state = recorded(service)
        for name, revision in (active | idle).items():
            if _held(revision, state):
                self._patch_revision(revision, state[name])
        if STATE in (service["metadata"].get("annotations") or {}):
            self._record(service, None)

    def _target(self, service: Object, revisions: Mapping[Any, Object], refusal: str | None) -> Target:
        meta = service["metadata"]
        namespace = str(meta.get("namespace"))
        shares = traffic(service)
        active = {n: revisions[namespace, n] for n in shares if (namespace, n) in revisions}
        state = recorded(service)
        idle = {n: revisions[namespace, n] for n in state if n not in active and (namespace, n) in revisions}
        if not active:
            refusal = refusal or "no Revision receives traffic yet"
        rows = [facts(revision, state) for revision in active.values()]
        maxima = [row["maximum"] for row in rows]
        return Target(
            kind="knative",
            namespace=namespace,
            name=str(meta.get("name")),
            annotations=meta.get("annotations") or {},
            reference=_reference(service),
            baseline=sum(row["baseline"] for row in rows),
            floor=sum(row["floor"] for row in rows),
            ready=sum(row["ready"] for row in rows),
            present=sum(row["present"] for row in rows),
            maximum=sum(maxima) if maxima and None not in maxima else None,
            per_replica=rows[0]["per_replica"] if rows else None,
            managed=STATE in (meta.get("annotations") or {}),
            selector=f"serving.knative.dev/service={meta.get('name')}",
            refusal=refusal,
            handle=(service, active, idle),
        )

    def _shares(self, target: Target, floor: int) -> dict[str, int]:
        service, active, _ = target.handle
        state = recorded(service)
        rows = {name: facts(revision, state) for name, revision in active.items()}
        least = {name: row["baseline"] for name, row in rows.items()}
        most = {name: row["maximum"] for name, row in rows.items() if row["maximum"] is not None}
        return apportion(floor, {name: traffic(service)[name] for name in active}, least, most)

    def _record(self, service: Object, state: Mapping[str, str | None] | None) -> None:
        text = None if state is None else json.dumps(state, sort_keys=True, separators=(",", ":"))
        self._patch(service, "services", {STATE: text})

    def _patch_revision(self, revision: Object, value: str | None) -> None:
        self._patch(revision, "revisions", {MIN_SCALE: value})

    def _patch(self, item: Object, resource: str, annotations: Mapping[str, str | None]) -> None:
        meta = item["metadata"]
        where = path(*collection(SERVING, resource, meta["namespace"]), meta["name"])
        precondition = {"resourceVersion": meta["resourceVersion"], "uid": meta["uid"]}
        self._kube.merge_patch(where, {"metadata": {**precondition, "annotations": dict(annotations)}})

    def _version(self) -> str | None:
        where = path(*collection("apps/v1", "deployments", self._system_namespace), "controller")
        try:
            labels = self._kube.get(where)["metadata"].get("labels") or {}
        except KubeError:
            return None
        version = labels.get("app.kubernetes.io/version")
        return str(version) if version else None


def traffic(service: Object) -> dict[str, int]:
    """Revision name -> percent, of those that receive any, as the Service's status says."""
    shares: dict[str, int] = {}
    for entry in (service.get("status") or {}).get("traffic") or []:
        name, percent = entry.get("revisionName"), entry.get("percent") or 0
        if name and percent > 0:
            shares[name] = shares.get(name, 0) + int(percent)
    return shares


def apportion(
    total: int, shares: Mapping[str, int], least: Mapping[str, int], most: Mapping[str, int] = MappingProxyType({})
) -> dict[str, int]:
    """Split a floor over Revisions by traffic (largest remainder), none below its own `least` or above its `most`.

    Knative refuses a min-scale above max-scale; what one Revision may not take, its traffic gives to no other.

    7 over 90 % and 10 % gives 6 and 1.
    """
    whole_share = sum(shares.values()) or 1
    exact = {name: total * share / whole_share for name, share in shares.items()}
    out = {name: int(value) for name, value in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (out[name] - exact[name], name))
    for name in by_remainder[: total - sum(out.values())]:
        out[name] += 1
    return {name: max(min(count, most.get(name, count)), least.get(name, 0)) for name, count in out.items()}


def recorded(service: Object) -> dict[str, str | None]:
    """Our record on the Service: Revision name -> its own min-scale annotation (None: it had none)."""
    text = (service["metadata"].get("annotations") or {}).get(STATE)
    if text is None or len(text) > 4096:
        return {}
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    return {str(k): v for k, v in parsed.items() if v is None or whole(v) is not None}


def _held(revision: Object, state: Mapping[str, str | None]) -> bool:
    """True if the Revision's min-scale is ours; a user's edit takes it away from us, and then it is theirs."""
    return revision["metadata"]["name"] in state and owns(revision, "metadata", "annotations", MIN_SCALE)


def own_min_scale(revision: Object) -> str | None:
    """The min-scale annotation as it stands, None where there is none (the cluster's default then rules)."""
    value = (revision["metadata"].get("annotations") or {}).get(MIN_SCALE)
    return None if value is None else str(value)


def minimum(revision: Object) -> int:
    """The minimum in force: kebab-case wins over camelCase; none set counts as 0."""
    annotations = revision["metadata"].get("annotations") or {}
    return whole(annotations.get(MIN_SCALE, annotations.get(AUTOSCALING + "minScale"))) or 0


def facts(revision: Object, state: Mapping[str, str | None]) -> dict[str, Any]:
    """What the Revision says of its bounds and replicas."""
    name = revision["metadata"]["name"]
    annotations = dict(revision["metadata"].get("annotations") or {})
    status = revision.get("status") or {}
    floor = minimum(revision)
    if _held(revision, state):
        annotations[MIN_SCALE] = str(state[name] or annotations.get(AUTOSCALING + "minScale", 0))
    baseline = whole(annotations.get(MIN_SCALE, annotations.get(AUTOSCALING + "minScale"))) or 0
    ready = int(status.get("actualReplicas") or 0)
    limits = [whole(annotations.get(AUTOSCALING + key)) for key in ("max-scale", "activation-scale")]
    limits = [limit for limit in limits if limit] or [whole(annotations.get(AUTOSCALING + "maxScale")) or None]
    try:
        concurrency = int((revision.get("spec") or {}).get("containerConcurrency") or 0)
        per_replica: float | None = KpaConfig.from_annotations(annotations, None, concurrency).target_value
    except KpaConfigError:
        per_replica = None  # the HPA class on cpu, say: its owner must tell us
    return {
        "baseline": baseline,
        "floor": floor,
        "ready": ready,
        "present": max(ready, int(status.get("desiredReplicas") or 0)),
        "maximum": min(limit for limit in limits if limit) if any(limits) else None,
        "per_replica": per_replica,
    }


def _too_old(version: str | None) -> str | None:
    """Why Revisions must not be written to under this Knative, or None. A build of one's own ("devel") is new."""
    if version is None:
        return (
            "Knative's version is unknown (may we get deployments/controller in its namespace?), "
            "and before 1.21 an edit of a Revision restarts its pods"
        )
    found = re.match(r"v?(\d+)\.(\d+)", version, re.ASCII)
    if found and (int(found.group(1)), int(found.group(2))) < FIRST_LIVE_REVISION:
        return f"Knative {version} restarts all pods when a Revision is edited; 1.21 or newer is needed"
    return None


def _reference(item: Object) -> dict[str, str]:
    meta = item["metadata"]
    return {
        "apiVersion": SERVING,
        "kind": "Service",
        "namespace": str(meta.get("namespace")),
        "name": str(meta.get("name")),
        "uid": str(meta.get("uid")),
    }
