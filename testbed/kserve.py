"""KServe's controller for InferenceServices, PLAYED: KServe is not to be had from the Go module proxy.

What it does is read from KServe's source (2026-08: components/predictor.go; reconcilers/knative/ksvc_reconciler.go,
reconcilers/deployment/deployment_reconciler.go, reconcilers/hpa/hpa_reconciler.go), for the predictor alone:

- Serverless (also "Knative"; the default): a Knative Service NAME-predictor. Every annotation of the InferenceService
  and of its predictor goes into the template, so a new one is a new Revision; not those of `DISALLOWED`. min-scale is
  minReplicas (1 if unset; 0 brings initial-scale 0), max-scale maxReplicas, target and metric scaleTarget and
  scaleMetric. Labels of the Service are overwritten, other annotations on it are left alone.
- RawDeployment (also "Standard"): a Deployment NAME-predictor whose pods bear the same annotations, and an HPA of that
  name with minReplicas of at least 1; whoever edits the HPA's spec is reverted. Autoscaler class `external` or `none`:
  no HPA, and `external` sets the Deployment's replicas to minReplicas.

Played differently: at once, not at the next event; what others add beside our fields survives (server-side apply in
place of an update); a `model` gets a stand-in image, as no ServingRuntime is looked up. Left out: canaries, the class
`keda`, transformers and explainers, multi-node, the webhook, Services and routes of RawDeployment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from testbed.kube import KubeApi, Object, condition
from testbed.played import Part, Player, Wanted, is_ready, play
from testbed.processes import Processes

MODE = "serving.kserve.io/deploymentMode"
AUTOSCALER_CLASS = "serving.kserve.io/autoscalerClass"
OWNER_LABEL = "serving.kserve.io/inferenceservice"
DISALLOWED = frozenset(
    {
        "autoscaling.knative.dev/min-scale",
        "autoscaling.knative.dev/max-scale",
        "internal.serving.kserve.io/storage-initializer-sourceuri",
        "kubectl.kubernetes.io/last-applied-configuration",
    }
)
_ON_THE_SERVICE = "serving.knative.dev/rollout-duration"  # the one annotation that stays on the Service
_RAW = ("RawDeployment", "Standard")
_KNATIVE = "autoscaling.knative.dev"


def play_kserve(api: KubeApi, processes: Processes) -> Player:
    """Install the CRD and play the controller until the player is closed; it closes `api` too."""
    return play(_PART, "inferenceservice.yaml", api, processes)


def wants(service: Object, found: Sequence[Object]) -> Wanted:
    """The predictor's objects, and the status that they let the InferenceService have."""
    raw = _annotations(service).get(MODE) in _RAW
    children = _raw(service) if raw else [_serverless(service)]
    main = next((child for child in found if child["kind"] == children[0]["kind"]), {})
    return Wanted(children, _raw_status(main) if raw else _serverless_status(main))


_PART = Part("kserve", "inferenceservices", ("ksvc", "deployments", "hpa"), OWNER_LABEL, wants)


def _serverless(service: Object) -> Object:
    predictor = service["spec"]["predictor"]
    metadata = _metadata(service)
    template = dict(metadata["annotations"])
    on_service = {_ON_THE_SERVICE: template.pop(_ON_THE_SERVICE)} if _ON_THE_SERVICE in template else {}
    template.setdefault(f"{_KNATIVE}/class", f"kpa.{_KNATIVE}")
    for key, field in (("target", "scaleTarget"), ("metric", "scaleMetric"), ("max-scale", "maxReplicas")):
        if predictor.get(field):
            template[f"{_KNATIVE}/{key}"] = str(predictor[field])
    least = predictor.get("minReplicas", 1)
    template[f"{_KNATIVE}/min-scale"] = str(least)
    if least == 0:  # where Knative allows it, as the testbed's does
        template[f"{_KNATIVE}/initial-scale"] = "0"
    spec = {"containers": _containers(service), "containerConcurrency": predictor.get("containerConcurrency", 0)}
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {**metadata, "annotations": on_service},
        "spec": {"template": {"metadata": {"labels": metadata["labels"], "annotations": template}, "spec": spec}},
    }


def _raw(service: Object) -> list[Object]:
    predictor = service["spec"]["predictor"]
    metadata = _metadata(service)
    name = metadata["name"]
    labels = {"app": f"isvc.{name}"}
    metadata["labels"] |= labels
    class_ = metadata["annotations"].get(AUTOSCALER_CLASS, "hpa")
    pods = {key: metadata[key] for key in ("labels", "annotations")}
    spec: dict[str, Any] = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": pods, "spec": {"containers": _containers(service)}},
    }
    if class_ == "external" and "minReplicas" in predictor:
        spec["replicas"] = predictor["minReplicas"]
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    return [deployment, _autoscaler(predictor, metadata)] if class_ == "hpa" else [deployment]


def _autoscaler(predictor: Mapping[str, Any], metadata: Object) -> Object:
    least = max(predictor.get("minReplicas", 1), 1)
    metric, target = predictor.get("scaleMetric", "cpu"), predictor.get("scaleTarget", 80)
    resource = {"name": metric, "target": {"type": "Utilization", "averageUtilization": target}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]},
            "minReplicas": least,
            "maxReplicas": max(predictor.get("maxReplicas", 0), least),
            "metrics": [{"type": "Resource", "resource": resource}],
            "behavior": {},  # so all of its defaults
        },
    }


def _metadata(service: Object) -> Object:
    """Of all that the predictor is made of."""
    own, predictor = service["metadata"], service["spec"]["predictor"]
    annotations = _annotations(service) | predictor.get("annotations", {})
    return {
        "name": f"{own['name']}-predictor",
        "namespace": own["namespace"],
        "labels": own.get("labels", {})
        | predictor.get("labels", {})
        | {OWNER_LABEL: own["name"], "component": "predictor"},
        "annotations": {key: value for key, value in annotations.items() if key not in DISALLOWED},
    }


def _containers(service: Object) -> list[Object]:
    predictor = service["spec"]["predictor"]
    if containers := predictor.get("containers"):
        first = {**containers[0], "name": "kserve-container"}
        return [first, *containers[1:]]
    model = predictor.get("model", {})
    kind = model.get("modelFormat", {}).get("name", "model")
    stand_in = {"name": "kserve-container", "image": f"dev.local/{kind}:1"}
    return [{**stand_in, "resources": model["resources"]} if "resources" in model else stand_in]


def _annotations(service: Object) -> dict[str, str]:
    return dict(service["metadata"].get("annotations", {}))


def _raw_status(deployment: Object) -> Object:
    return _status("Standard", "True" if deployment and is_ready(deployment) else "False", {})


def _serverless_status(knative: Object) -> Object:
    known = knative.get("status", {})
    parts = (("latestCreatedRevision", "latestCreatedRevisionName"), ("latestReadyRevision", "latestReadyRevisionName"))
    predictor = {ours: known[theirs] for ours, theirs in parts if theirs in known}
    return _status("Knative", condition(knative, "Ready") or "Unknown", {"predictor": predictor} if predictor else {})


def _status(mode: str, ready: str, components: Object) -> Object:
    conditions = [{"type": kind, "status": ready} for kind in ("PredictorReady", "Ready")]
    return {"deploymentMode": mode, "conditions": conditions, "components": components}
