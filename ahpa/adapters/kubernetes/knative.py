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
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.objects import (
    annotations_of,
    concerns_us,
    identity,
    reference_to,
    somebody_elses,
    target_or_refusal,
)
from ahpa.adapters.kubernetes.revisions import (
    MIN_SCALE,
    apportion,
    facts,
    held,
    minimum,
    own_min_scale,
    recorded,
    traffic,
)
from ahpa.core.policy.values import STATE
from ahpa.ports import ClusterError, Target
from ahpa.transport import NEVER

SERVING = "serving.knative.dev/v1"
FIRST_LIVE_REVISION = (1, 21)
"""The first Knative release in which a Revision's min-scale acts without a restart."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """A Service and its Revisions by name, as they were listed together."""

    service: Object
    active: Mapping[str, Object]
    """Those that receive traffic."""
    idle: Mapping[str, Object]
    """Those that receive none any more and are in our record."""

    def shares(self, floor: int) -> dict[str, int]:
        """The part of a floor that falls on each active Revision."""
        state = recorded(self.service)
        rows = {name: facts(revision, state) for name, revision in self.active.items()}
        least = {name: row.baseline for name, row in rows.items()}
        most = {name: row.maximum for name, row in rows.items() if row.maximum is not None}
        return apportion(floor, {name: traffic(self.service)[name] for name in self.active}, least, most)


def _listed(target: Target) -> _Listed:
    if not isinstance(target.handle, _Listed):
        raise TypeError(f"{target.key} was not listed by this actuator")
    return target.handle


class KnativeServices:
    """The actuator for Knative Services in `namespace`, or in all."""

    def __init__(self, kube: KubeApi, namespace: str | None = None, system_namespace: str = "knative-serving") -> None:
        self._kube = kube
        self._namespace = namespace
        self._system_namespace = system_namespace

    def targets(self, deadline: float = NEVER) -> list[Target]:
        return KnativeServices(self._kube.within(deadline), self._namespace, self._system_namespace)._targets()

    def _targets(self) -> list[Target]:
        services = self._kube.items(path(*collection(SERVING, "services", self._namespace)))
        ours = [item for item in services if concerns_us(item)]
        if not ours:
            return []
        listed = self._kube.items(path(*collection(SERVING, "revisions", self._namespace)))
        revisions = {(str(r["metadata"].get("namespace")), str(r["metadata"].get("name"))): r for r in listed}
        too_old = _too_old(self._version())
        return [
            target_or_refusal(
                item,
                KNATIVE,
                reference_to(item, SERVING, "Service"),
                lambda service: self._target(service, revisions, too_old),
            )
            for item in ours
        ]

    def write(self, target: Target, floor: int) -> None:
        listed = _listed(target)
        service, active, idle = listed.service, listed.active, listed.idle
        shares = listed.shares(floor)
        if not target.managed and all(minimum(active[name]) == count for name, count in shares.items()):
            return  # nothing to raise yet, so nothing to remember
        before = recorded(service)
        after = {n: before[n] if held(rev, before) else own_min_scale(rev) for n, rev in active.items()}
        for name, revision in idle.items():  # it lost its traffic: give back what its owner had
            if held(revision, before):
                self._patch_revision(revision, before[name])
        if after != before:
            self._record(service, after)  # before the floor: a crash in between leaves a harmless record
        for name, count in shares.items():
            if minimum(active[name]) != count:
                self._patch_revision(active[name], str(count))

    def restore(self, target: Target) -> None:
        listed = _listed(target)
        state = recorded(listed.service)
        for name, revision in (*listed.active.items(), *listed.idle.items()):
            if held(revision, state):
                self._patch_revision(revision, state[name])
        if STATE in annotations_of(listed.service):
            self._record(listed.service, None)

    def _target(self, service: Object, revisions: Mapping[tuple[str, str], Object], too_old: str | None) -> Target:
        meta = service["metadata"]
        namespace = str(meta.get("namespace"))
        active = {n: revisions[namespace, n] for n in traffic(service) if (namespace, n) in revisions}
        state = recorded(service)
        idle = {n: revisions[namespace, n] for n in state if n not in active and (namespace, n) in revisions}
        for revision in (*active.values(), *idle.values()):
            identity(revision)
        refusal = somebody_elses(service, KNATIVE.title) or too_old
        if not active:
            refusal = refusal or "no Revision receives traffic yet"
        rows = [facts(revision, state) for revision in active.values()]
        maxima = [row.maximum for row in rows if row.maximum is not None]
        return Target(
            kind=KNATIVE.name,
            namespace=namespace,
            name=str(meta.get("name")),
            annotations=annotations_of(service),
            reference=reference_to(service, SERVING, "Service"),
            baseline=sum(row.baseline for row in rows),
            floor=sum(row.floor for row in rows),
            ready=sum(row.ready for row in rows),
            present=sum(row.present for row in rows),
            maximum=sum(maxima) if maxima and len(maxima) == len(rows) else None,
            per_replica=rows[0].per_replica if rows else None,
            managed=STATE in annotations_of(service),
            selector=f"serving.knative.dev/service={meta.get('name')}",
            demand=KNATIVE.demand,
            refusal=refusal,
            handle=_Listed(service, active, idle),
        )

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
            version = self._kube.get(where)["metadata"]["labels"]["app.kubernetes.io/version"]
        except (ClusterError, LookupError, TypeError):
            return None
        return version if isinstance(version, str) else None


KNATIVE = Kind(
    name="knative",
    title="Knative Service",
    actuator=KnativeServices,
    demand="knative-concurrency",
    capacity="its Revision's target for concurrency or rps, times the target utilization",
)


def _too_old(version: str | None) -> str | None:
    """Why Revisions must not be written to under this Knative, or None. A build of one's own ("devel") is new."""
    if version is None:
        return (
            "Knative's version is unknown (may we get deployments/controller in its namespace?), "
            "and before 1.21 an edit of a Revision restarts its pods"
        )
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})(?!\d)", version, re.ASCII)
    if found and (int(found.group(1)), int(found.group(2))) < FIRST_LIVE_REVISION:
        return f"Knative {version} restarts all pods when a Revision is edited; 1.21 or newer is needed"
    return None
