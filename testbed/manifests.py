"""The objects that tests create, as dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testbed.kube import Object
from testbed.kwok import PULL_AFTER, READY_AFTER


def knative_service(
    name: str,
    namespace: str,
    *,
    annotations: Mapping[str, str],
    template_annotations: Mapping[str, str],
    gpus: int,
    concurrency: int,
    pull_seconds: float,
    ready_seconds: float,
) -> Object:
    """A Knative Service whose pods ask for `gpus` and are ready `pull_seconds` + `ready_seconds` after binding.

    `annotations` go on the Service, `template_annotations` on the Revision. `concurrency` is
    containerConcurrency, 0 for no limit. target-burst-capacity is -1: all load is reported by the activator,
    which the testbed plays.
    """
    revision = {
        "autoscaling.knative.dev/target-burst-capacity": "-1",
        **_delays(pull_seconds, ready_seconds),
        **template_annotations,
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations)},
        "spec": {
            "template": {
                "metadata": {"annotations": revision},
                "spec": {"containerConcurrency": concurrency, "containers": [_container(name, gpus)]},
            }
        },
    }


def deployment(name: str, namespace: str, gpus: int, pull_seconds: float, ready_seconds: float) -> Object:
    """A Deployment without `replicas`: the HPA's to say."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels, "annotations": _delays(pull_seconds, ready_seconds)},
                "spec": {"containers": [_container(name, gpus)]},
            },
        },
    }


def horizontal_pod_autoscaler(
    name: str, namespace: str, annotations: Mapping[str, str], min_replicas: int, max_replicas: int
) -> Object:
    """An HPA on CPU over the Deployment of the same name."""
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    cpu = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations)},
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": min_replicas,
            "maxReplicas": max_replicas,
            "metrics": [{"type": "Resource", "resource": cpu}],
        },
    }


def scaled_object(
    name: str,
    namespace: str,
    annotations: Mapping[str, str],
    *,
    prometheus_url: str,
    query: str,
    threshold: float,
    min_replicas: int | None = 1,
    max_replicas: int | None = 10,
    idle_replicas: int | None = None,
) -> Object:
    """A KEDA ScaledObject over the Deployment of the same name: ceil(`query` / `threshold`) replicas.

    None leaves a count out; without minReplicaCount KEDA goes to 0 while the query is 0.
    """
    trigger = {
        "type": "prometheus",
        "metadata": {"serverAddress": prometheus_url, "query": query, "threshold": f"{threshold:g}"},
    }
    counts = {"minReplicaCount": min_replicas, "maxReplicaCount": max_replicas, "idleReplicaCount": idle_replicas}
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations)},
        "spec": {
            "scaleTargetRef": {"name": name},
            "pollingInterval": 1,  # seconds; the HPA asks for itself every 15 s
            "cooldownPeriod": 1,
            **{key: count for key, count in counts.items() if count is not None},
            "triggers": [trigger],
        },
    }


def inference_service(name: str, namespace: str, annotations: Mapping[str, str], **predictor: object) -> Object:
    """KServe's, with a container of its own; `predictor` is the rest of `spec.predictor`, as minReplicas."""
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": name, "namespace": namespace, "annotations": dict(annotations)},
        "spec": {"predictor": {"containers": [_container(name, 0)], **predictor}},
    }


def _delays(pull_seconds: float, ready_seconds: float) -> dict[str, str]:
    return {PULL_AFTER: f"{pull_seconds:g}s", READY_AFTER: f"{ready_seconds:g}s"}


def _container(name: str, gpus: int) -> dict[str, Any]:
    gpu = {"nvidia.com/gpu": str(gpus)} if gpus else {}
    return {
        "name": "main",
        "image": f"dev.local/{name}:1",
        "resources": {"requests": {"cpu": "100m", **gpu}, "limits": gpu},
    }


def leases_followed() -> tuple[Object, Object]:
    """A policy that judges nothing, with Leases as its parameters: while there is one the API server follows them.

    One that lost the last such policy knows the Leases of that moment for ever (seen in 1.36), and tests install and
    remove fences all the time. docs/limits.md has what that means to a real one.
    """
    api, name = "admissionregistration.k8s.io/v1", "testbed-leases-followed"
    rule = {
        "apiGroups": ["testbed.ahpa.dev"],
        "apiVersions": ["v1"],
        "operations": ["DELETE"],
        "resources": ["nothing"],
    }
    judged = {
        "paramKind": {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"},
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "true"}],
    }
    bound = {
        "policyName": name,
        "validationActions": ["Audit"],
        "paramRef": {"namespace": "default", "selector": {}, "parameterNotFoundAction": "Allow"},
    }
    meta = {"name": name}
    return (
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": meta, "spec": judged},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": meta, "spec": bound},
    )
