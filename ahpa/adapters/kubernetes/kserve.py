"""KServe's InferenceServices: the floor of the predictor.

- Serverless (Knative): KServe makes a Knative Service, and the floor is min-scale on its Revisions, as for any other:
  `minReplicas` would become an annotation of the template, and so a new Revision and twice the GPUs.
- Raw (Deployment and HPA): the floor is `spec.predictor.minReplicas`. KServe makes the HPA from it and reverts every
  other edit of that (kserve, pkg/controller/v1beta1/inferenceservice/reconcilers/hpa: semanticHPAEquals).

Nothing but the floor is written to an InferenceService: its annotations are copied to the pods. Where the record of a
raw one is kept says records.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ahpa.adapters.kubernetes.api import KubeApi, Object, collection, path
from ahpa.adapters.kubernetes.cluster_defaults import ClusterConfig
from ahpa.adapters.kubernetes.concern import Concern, concerns_us
from ahpa.adapters.kubernetes.hpa import AUTOSCALING_V2, HPAS, inertia, measures, reaction
from ahpa.adapters.kubernetes.keda import KEDA_V1, behaving
from ahpa.adapters.kubernetes.kind import Kind
from ahpa.adapters.kubernetes.knative import KnativeServices, scaler
from ahpa.adapters.kubernetes.objects import (
    annotations_of,
    controller_of,
    count,
    in_git,
    only_raised,
    patch_listed,
    reference_to,
    somebody_elses,
    target_or_refusal,
)
from ahpa.adapters.kubernetes.records import Records
from ahpa.adapters.kubernetes.scaled import Scaled, Workloads
from ahpa.adapters.kubernetes.triggers import measures_of
from ahpa.adapters.kubernetes.unchanged import looking
from ahpa.core.setting import FIXED
from ahpa.ports import ClusterError
from ahpa.targets import Measure, Target
from ahpa.transport import NEVER

SERVING_V1BETA1 = "serving.kserve.io/v1beta1"
_CLASS = "serving.kserve.io/autoscalerClass"
_OWN_NAMESPACE = "ahpa-system"


@dataclass(frozen=True, eq=False)
class _Raw:
    """A raw one as it was listed."""

    item: Object
    recorded: bool
    own: int | None
    """What its owner had, as recorded; None: nothing."""


class InferenceServices:
    """The actuator for InferenceServices in `namespace`, or in all."""

    def __init__(
        self,
        kube: KubeApi,
        namespace: str | None = None,
        concerns: Concern = concerns_us,
        own_namespace: str = _OWN_NAMESPACE,
    ) -> None:
        self._kube = kube
        self._namespace = namespace
        self._concerns = concerns
        self._records = Records(kube, own_namespace, "kserve")
        self._config = ClusterConfig("knative-serving")
        self._knative = KnativeServices(kube, namespace, config=self._config)

    def targets(self, deadline: float = NEVER) -> list[Target]:
        kube = self._kube.within(deadline)
        listed = kube.items(path(*collection(SERVING_V1BETA1, "inferenceservices", self._namespace)))
        # One whose annotations were taken off still has our record, which is not on it.
        records = self._records.read() if listed else {}
        ours = [item for item in listed if self._concerns(item) or _key_of(self._records, item) in records]
        if not ours:
            return []
        served = self._serverless(kube, ours, deadline)
        return [
            target_or_refusal(
                item,
                KSERVE,
                reference_to(item, SERVING_V1BETA1, "InferenceService"),
                lambda each: self._target(kube, each, served, records),
            )
            for item in ours
        ]

    def write(self, target: Target, floors: Sequence[int]) -> bool:
        if not isinstance(target.handle, _Raw):
            return self._knative.write(target, floors)
        (floor,), raw = floors, target.handle
        if floor == target.floor:
            return False
        if not _held(raw):
            self._records.write(raw.item, _said(raw.item))
        self._patch(raw.item, floor)
        return True

    def fill(self, target: Target, share: float | None) -> bool:
        if not isinstance(target.handle, _Raw):
            return self._knative.fill(target, None)  # what the Service itself was given before, back
        return False  # nothing may be noted on an InferenceService, and its HPA is KServe's, which reverts us

    def restore(self, target: Target) -> None:
        if not isinstance(target.handle, _Raw):
            self._knative.restore(target)
            return
        raw = target.handle
        if _held(raw):
            self._patch(raw.item, raw.own)
        if raw.recorded:
            self._records.forget(raw.item)

    def _serverless(self, kube: KubeApi, ours: Sequence[Object], deadline: float) -> Mapping[tuple[str, str], Target]:
        """The Knative Services that KServe made of ours, by namespace and name of their InferenceService."""
        names = {(item["metadata"].get("namespace"), item["metadata"].get("name")) for item in ours}

        def behind_ours(service: Object) -> bool:
            maker = controller_of(service)
            return (
                maker is not None
                and maker[0] == KSERVE.title
                and (service["metadata"].get("namespace"), maker[1]) in names
            )

        try:
            found = KnativeServices(kube, self._namespace, behind_ours, self._config).targets(deadline)
        except ClusterError as error:
            if error.status in (403, 404):  # no Knative here, or none that is ours to read
                return {}
            raise
        predictors = [each for each in found if each.name == f"{_owner(each)}-predictor"]
        return {(each.namespace, _owner(each)): each for each in predictors}

    def _target(
        self,
        kube: KubeApi,
        item: Object,
        served: Mapping[tuple[str, str], Target],
        records: Mapping[tuple[str, str], int | None],
    ) -> Target:
        meta = item["metadata"]
        behind = served.get((str(meta["namespace"]), str(meta["name"])))
        if behind is None:
            return self._raw(kube, item, records)
        return replace(
            behind,
            kind=KSERVE.name,
            title=KSERVE.title,
            name=str(meta["name"]),
            annotations=annotations_of(item),
            reference=reference_to(item, SERVING_V1BETA1, "InferenceService"),
            bearer=behind.uid,
            names={**behind.names, "name": behind.name},
            refusal=somebody_elses(item, KSERVE.title) or behind.refusal,
            maker="",
            lever=replace(behind.lever, fixed=FIXED.fixed),
        )

    def _raw(self, kube: KubeApi, item: Object, records: Mapping[tuple[str, str], int | None]) -> Target:
        meta, predictor = item["metadata"], (item.get("spec") or {}).get("predictor") or {}
        namespace, made = str(meta["namespace"]), f"{meta['name']}-predictor"
        workloads = Workloads(looking(kube))
        scaled = workloads.read(namespace, {"kind": "Deployment", "name": made})
        scaler = _scaler(kube, item, namespace, made)
        key = self._records.key(item)
        raw = _Raw(item, key in records, records.get(key))
        floor = 1 if _said(item) is None else _said(item) or 0
        own = (1 if raw.own is None else raw.own) if _held(raw) else floor
        ready, present = scaled.replicas(floor)
        return Target(
            kind=KSERVE.name,
            title=KSERVE.title,
            namespace=namespace,
            name=str(meta["name"]),
            annotations=annotations_of(item),
            reference=reference_to(item, SERVING_V1BETA1, "InferenceService"),
            baseline=own,
            floor=floor,
            ready=ready,
            present=present,
            # Without one KServe takes the minimum, and would raise it with ours (hpa_reconciler.go: createHPA).
            maximum=count(predictor.get("maxReplicas"), "maxReplicas") or max(1, own),
            measures=_measures(scaler, namespace, scaled, workloads),
            managed=raw.recorded,
            selector=scaled.selector,
            names={"name": made, "workload": made, "workload-kind": "Deployment"},
            no_demand="nothing that its HPA looks at can be measured by itself: name the query that measures it",
            reaction=reaction(behaving(scaler) or scaler),
            refusal=somebody_elses(item, KSERVE.title) or _not_scaled(item, bool(scaler)),
            in_git=in_git(item, "spec", "predictor", "minReplicas"),
            inertia=inertia(scaled),
            handle=raw,
        )

    def _patch(self, item: Object, minimum: int | None) -> None:
        spec = {"predictor": {"minReplicas": minimum}}
        patch_listed(self._kube, item, SERVING_V1BETA1, "inferenceservices", spec=spec)


KSERVE = Kind(
    name="kserve",
    title="InferenceService",
    actuator=InferenceServices,
    demand="serverless: as the Knative Service that KServe makes; raw: what the HPA that it makes looks at",
    capacity="as of those",
    scaler=scaler,
)


def _key_of(records: Records, item: Object) -> tuple[str, str] | None:
    """Of what has no name, or no uid, nothing is recorded."""
    try:
        return records.key(item)
    except LookupError:
        return None


def _owner(service: Target) -> str:
    """The name of the InferenceService that made it. Its transformer and its explainer have Services too."""
    return service.maker.rpartition("/")[2]


def _scaler(kube: KubeApi, item: Object, namespace: str, name: str) -> Object:
    """The spec of the HPA that KServe made for a raw one, or of the ScaledObject; empty: none can be read."""
    keda = annotations_of(item).get(_CLASS) == "keda"
    where = collection(KEDA_V1, "scaledobjects", namespace) if keda else collection(AUTOSCALING_V2, HPAS, namespace)
    try:
        spec = kube.member(path(*where), name).get("spec")
    except ClusterError:
        return {}
    return spec if isinstance(spec, dict) else {}


def _measures(scaler: Object, namespace: str, scaled: Scaled, workloads: Workloads) -> tuple[Measure, ...]:
    if "triggers" in scaler:
        return measures_of(scaler, lambda: workloads.requests(namespace, scaled))
    return measures(scaler, namespace, scaled, workloads)


def _said(item: Object) -> int | None:
    """Its minimum as it stands; None: there is none, which means 1."""
    minimum = ((item.get("spec") or {}).get("predictor") or {}).get("minReplicas")
    return None if minimum is None else count(minimum, "minReplicas")


def _held(raw: _Raw) -> bool:
    """Whether the minimum in force is ours."""
    own, here = 1 if raw.own is None else raw.own, _said(raw.item) or 0
    return raw.recorded and only_raised(raw.item, own, here, "spec", "predictor", "minReplicas")


def _not_scaled(item: Object, found: bool) -> str | None:
    """Why its minimum would move nothing."""
    scaler = annotations_of(item).get(_CLASS, "hpa")
    if scaler == "external":
        return f"its autoscaler is its owner's own ({_CLASS}: external): annotate that one"
    if scaler not in ("hpa", "keda"):
        return f"nothing scales it ({_CLASS}: {scaler[:40]}), so there is nothing above a floor"
    return None if found else "neither a Knative Service nor an HPA of it is found: is it ready, and may we read them?"
