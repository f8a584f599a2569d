"""Knative Services: the floor is `min-scale` on the Revisions that receive traffic or are about to, never the Service's
template.

- The template belongs to the owner: a change there makes a new Revision and, during its rollout, twice the GPUs.
- Which object bears it depends on Knative's version: bearers.py.
- While the forecast is trusted, and its owner lets us, `target-utilization-percentage` is written there too.
- Nothing else may be written to a Revision: any other annotation or label ends up in the pod template and
  replaces all pods. Our record of what the owner had is kept on the Service's metadata, which is not copied.
- An old Revision that lost its traffic ignores its min-scale; we put its own back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.bearers import SERVING, Bearers, bearers
from ahpa.adapters.kubernetes.cluster_defaults import ClusterConfig, KnativeDefaults
from ahpa.adapters.kubernetes.concern import Concern, concerns_us
from ahpa.adapters.kubernetes.hpa_metrics import Requests
from ahpa.adapters.kubernetes.kept import MINIMUM, TARGET, Kept, record_of
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.objects import (
    annotations_of,
    handle_of,
    identity,
    maker_of,
    patch_listed,
    reference_to,
    somebody_elses,
    target_or_refusal,
)
from ahpa.adapters.kubernetes.revisions import (
    facts,
    failed,
    meant,
    minimum,
    of_another_predictor,
    prepared_until,
    scaler_of,
    traffic,
)
from ahpa.adapters.kubernetes.scaled import Scaled, Workloads, requests_of
from ahpa.adapters.kubernetes.together import lever_of, measures_of, parts_of
from ahpa.adapters.kubernetes.unchanged import Look, Question, Unchanged, looking
from ahpa.core.policy.values import STATE, TARGET_STATE
from ahpa.core.served import KPA
from ahpa.ports import ClusterError
from ahpa.reactive.hpa.config import HpaConfig
from ahpa.reactive.kpa.config import KpaConfig
from ahpa.targets import Target
from ahpa.transport import NEVER

_REVISION = "revision"
"""A question for what was listed, by namespace and name."""


@dataclass(frozen=True, eq=False)
class _Listed:
    """A Service and its Revisions by name, as they were listed together."""

    service: Object
    active: Mapping[str, Object]
    """Those that receive traffic, or are about to."""
    idle: Mapping[str, Object]
    """All others that are in our records."""
    own: Mapping[str, float]
    """Of the active: the share to which its owner's own target fills a replica."""
    defaults: KnativeDefaults
    bearers: Bearers

    def minimum(self, name: str) -> int:
        """In force on an active Revision."""
        return minimum(self.active[name], self.defaults)


class KnativeServices:
    """The actuator for Knative Services in `namespace`, or in all."""

    def __init__(
        self,
        kube: KubeApi,
        namespace: str | None = None,
        concerns: Concern = concerns_us,
        config: ClusterConfig | None = None,
    ) -> None:
        self._kube = kube
        self._unchanged = Unchanged()
        self._namespace = namespace
        self._concerns = concerns
        self._config = config or ClusterConfig("knative-serving")

    def targets(self, deadline: float = NEVER) -> list[Target]:
        kube = self._kube.within(deadline)
        services = kube.items(path(*collection(SERVING, "services", self._namespace)))
        ours = [item for item in services if self._concerns(item)]
        if not ours:
            return []
        borne, revisions = bearers(kube, self._namespace, self._config.version(kube))
        defaults = self._config.read(kube)
        into = looking(kube)

        def look(question: Question) -> Object | None:
            how, *what = question
            return revisions.get((what[0], what[1])) if how == _REVISION else into(question)

        def read(item: Object, look: Look) -> Target:
            reference = reference_to(item, SERVING, "Service")
            return target_or_refusal(item, KNATIVE, reference, lambda each: _target(each, borne, defaults, look))

        return self._unchanged.targets(ours, read, look, common=(borne, defaults))

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        listed = handle_of(target, _Listed)
        service, active, idle = listed.service, listed.active, listed.idle
        wanted = {part.name: count for part, count in zip(target.parts, floors, strict=True)}
        managed = STATE in annotations_of(service)
        if not managed and all(listed.minimum(name) == count for name, count in wanted.items()):
            return False  # nothing to raise yet, so nothing to remember
        before = MINIMUM.recorded(service)
        released = {name: revision for name, revision in idle.items() if MINIMUM.held(revision, before)}
        after = self._unlisted(listed, MINIMUM) | {name: before[name] for name in released}
        after |= {name: MINIMUM.own(revision, before) for name, revision in active.items()}
        if after != before:
            self._record(service, {STATE: record_of(after)})  # before the floor: a crash in between is harmless
        moved = {name: count for name, count in wanted.items() if listed.minimum(name) != count}
        for name, count in moved.items():
            self._set(listed, active[name], {MINIMUM: str(count)})
        for name, revision in released.items():
            self._release(listed, revision, {MINIMUM: before[name]})
        return bool(released or moved) or after != before

    def fill(self, target: Target, share: float | None) -> bool:
        listed = handle_of(target, _Listed)
        before, every = TARGET.recorded(listed.service), {**listed.idle, **listed.active}
        ours = {name: before[name] for name, revision in every.items() if TARGET.held(revision, before)}
        raised = {} if share is None else {n: f"{100 * share:g}" for n, own in listed.own.items() if own < share}
        wanted = {**ours, **raised}
        moved = {n: said for n, said in wanted.items() if annotations_of(every[n]).get(TARGET.annotation) != said}
        if not moved:
            return False
        after = self._unlisted(listed, TARGET) | {name: TARGET.own(every[name], before) for name in wanted}
        if raised and after != before:
            self._record(listed.service, {TARGET.record: record_of(after)})  # before the target, as for the floor
        remembered = bool(raised)
        for name, said in moved.items():
            if name in listed.active:
                self._set(listed, every[name], {TARGET: said})
            else:
                remembered |= not self._release(listed, every[name], {TARGET: said})
        if not remembered:
            self._record(listed.service, {TARGET.record: record_of(self._unlisted(listed, TARGET))})
        return True

    def _release(self, listed: _Listed, revision: Object, owners: Mapping[Kept, str | None]) -> bool:
        """Give back what its owner had to one that lost its traffic. Nobody is served by it: where that is refused
        (False) it is tried again in the next round, and the floors of the others do not wait for it."""
        try:
            self._set(listed, revision, owners)
        except ClusterError as error:
            if error.status not in (403, 404, 422):
                raise
            return False
        return True

    def restore(self, target: Target) -> None:
        listed = handle_of(target, _Listed)
        if listed.bearers.refusal is not None:  # what bears the floor is not known, so the record must stay
            raise ClusterError(0, listed.bearers.refusal)
        records = {kept: kept.recorded(listed.service) for kept in (MINIMUM, TARGET)}
        for name, seen in (*listed.active.items(), *listed.idle.items()):
            revision: Object | None = seen
            if any(name in state and not kept.held(seen, state) for kept, state in records.items()):
                # What was seen may be older than our record, which goes with this.
                revision = self._now(listed, name, listed.bearers.group_version, listed.bearers.resource)
            held = {k: state[name] for k, state in records.items() if revision is not None and k.held(revision, state)}
            if revision is not None and held:
                self._set(listed, revision, held)
        noted = [kept for kept in records if kept.record in annotations_of(listed.service)]
        if noted:
            self._record(listed.service, {kept.record: record_of(self._unlisted(listed, kept)) for kept in noted})

    def _unlisted(self, listed: _Listed, kept: Kept) -> dict[str, str | None]:
        """Our record of those that were not among the listed, as in a list that is a moment old, and are there: their
        floors are still ours to put back."""

        def there(name: str) -> bool:
            try:
                return self._now(listed, name, SERVING, "revisions") is not None
            except ClusterError:
                return True

        state = kept.recorded(listed.service)
        lost = state.keys() - listed.active.keys() - listed.idle.keys()
        return {name: own for name, own in state.items() if name in lost and there(name)}

    def _now(self, listed: _Listed, name: str, group_version: str, resource: str) -> Object | None:
        """One as the server has it now, from no memory and no cache; None: it is gone. By a list of one, as we have the
        right to list and none to get. Raises ClusterError."""
        where = path(*collection(group_version, resource, listed.service["metadata"]["namespace"]))
        found = self._kube.items(where, fieldSelector=f"metadata.name={name}", resourceVersion="")
        return next((one for one in found if one["metadata"].get("name") == name), None)

    def _record(self, service: Object, records: Mapping[str, str | None]) -> None:
        patch_listed(self._kube, service, SERVING, "services", annotations=records)

    def _set(self, listed: _Listed, revision: Object, values: Mapping[Kept, str | None]) -> None:
        annotations = {kept.annotation: value for kept, value in values.items()}
        bearers = listed.bearers
        patch_listed(self._kube, revision, bearers.group_version, bearers.resource, annotations=annotations)


def _target(service: Object, borne: Bearers, defaults: KnativeDefaults, look: Look) -> Target:
    meta = service["metadata"]
    namespace = str(meta.get("namespace"))

    def listed(names: Iterable[str]) -> dict[str, Object]:
        found = {name: look((_REVISION, namespace, name)) for name in names}
        return {name: revision for name, revision in found.items() if revision is not None}

    def requests(revision: Object) -> Requests:
        """What one of its pods requests, the queue-proxy with it."""
        meta, spec = revision["metadata"], revision.get("spec") or {}
        its = Scaled(selector=f"serving.knative.dev/revision={meta['name']}", requests=requests_of(spec))
        return Workloads(look).requests(meta["namespace"], its)

    # By name: the order in the Service's status means nothing.
    received, state, targets = traffic(service), MINIMUM.recorded(service), TARGET.recorded(service)
    wanted = meant(service) if received else {}  # the first of all must not wait for replicas: nobody is served yet
    here = listed(sorted(received | wanted))
    active = {n: revision for n, revision in here.items() if n in received or not failed(revision)}
    missing = sorted(received.keys() - active.keys())
    noted = sorted((state.keys() | targets.keys()) - active.keys())
    idle = listed(noted)
    for revision in (*active.values(), *idle.values()):
        identity(revision)
    refusal = _somebody_elses(service) or borne.refusal or of_another_predictor(active, defaults)
    if missing:
        refusal = refusal or f"its Revision {', '.join(missing)} receives traffic and was not among those listed"
    elif not active:
        refusal = refusal or "no Revision receives traffic yet"
    by_name = {n: facts(revision, state, defaults, requests, targets) for n, revision in active.items()}
    rows = list(by_name.values())
    own = {name: row.lever.own or 1.0 for name, row in by_name.items()}
    maxima = [row.maximum for row in rows if row.maximum is not None]
    measures, no_demand = measures_of(rows)
    return Target(
        kind=KNATIVE.name,
        title=KNATIVE.title,
        namespace=namespace,
        name=str(meta.get("name")),
        annotations=annotations_of(service),
        reference=reference_to(service, SERVING, "Service"),
        baseline=sum(row.baseline for row in rows),
        floor=sum(row.floor for row in rows),
        ready=sum(row.ready for row in rows),
        present=sum(row.present for row in rows),
        maximum=sum(maxima) if maxima and len(maxima) == len(rows) else None,
        measures=measures,
        managed=not annotations_of(service).keys().isdisjoint((STATE, TARGET_STATE)),
        selector=f"serving.knative.dev/service={meta.get('name')}",
        names={"workload": str(meta.get("name")), "workload-kind": "KnativeService"},
        no_demand=no_demand,
        reaction=next((row.reaction for row in rows if row.reaction != KPA), KPA),
        lever=lever_of(rows),
        parts=parts_of(by_name, received, wanted, {n: prepared_until(active[n], defaults) for n in active}),
        assumed=defaults.assumed,
        refusal=refusal,
        inertia=next((row.inertia for row in rows if row.inertia), ""),
        maker=maker_of(service),
        handle=_Listed(service, active, idle, own, defaults, borne),
    )


def scaler(target: Target) -> KpaConfig | HpaConfig | None:
    """Of the Revision with most of the traffic; None where a target has none."""
    listed, busiest = target.handle, max(target.parts, key=lambda part: part.share, default=None)
    if busiest is None or not isinstance(listed, _Listed):
        return None
    return scaler_of(listed.active[busiest.name], listed.defaults)


KNATIVE = Kind(
    name="knative",
    title="Knative Service",
    actuator=KnativeServices,
    demand="what its Revisions are scaled by: concurrency or rps; cpu, memory or another metric for the class hpa",
    capacity="each Revision's own target for it, else the cluster's default, times the utilization",
    scaler=scaler,
)


def _somebody_elses(service: Object) -> str | None:
    """KServe leaves its Services' annotations and Revisions as they are (ksvc_reconciler.go compares only its own)."""
    return None if maker_of(service) else somebody_elses(service, KNATIVE.title)
