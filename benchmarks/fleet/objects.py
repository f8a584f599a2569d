"""Knative Services and their Revisions as a cluster holds them: what a controller meets, and much it does not need.

With managedFields and what kubectl applied last a Service is 3.6 KiB, a Revision 2.3, a pod 2.1. Those with many
environment variables or volumes are larger in real clusters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Object = dict[str, Any]

SERVING = "/apis/serving.knative.dev/v1"
CREATED = "2026-11-01T08:00:00Z"
NAMESPACES = 200
"""So many share the Services."""
CONFIG = "/api/v1/namespaces/knative-serving/configmaps"
CONTROLLER = "/apis/apps/v1/namespaces/knative-serving/deployments/controller"


def place(number: int) -> tuple[str, str]:
    """The namespace and the name of a Service."""
    return f"team-{number % NAMESPACES:03}", f"service-{number:05}"


def fleet(count: int, annotations: Mapping[str, str]) -> Iterator[tuple[str, Object]]:
    """All objects by path: each Service with these annotations of ours, its Revision and one pod; and what is read of
    the cluster itself."""
    version = {"namespace": "knative-serving", "name": "controller", "labels": {"app.kubernetes.io/version": "1.22.0"}}
    yield CONTROLLER, {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": version, "spec": {}}
    for name in ("config-autoscaler", "config-defaults", "config-deployment"):
        meta = {"namespace": "knative-serving", "name": name}
        yield f"{CONFIG}/{name}", {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": {}}
    for number in range(count):
        namespace, name = place(number)
        yield f"{SERVING}/namespaces/{namespace}/services/{name}", service(namespace, name, annotations)
        yield f"{SERVING}/namespaces/{namespace}/revisions/{name}-00001", revision(namespace, name)
        yield f"/api/v1/namespaces/{namespace}/pods/{name}-00001-deployment-0", pod(namespace, name)


def service(namespace: str, name: str, annotations: Mapping[str, str]) -> Object:
    """A Service whose traffic all goes to its first Revision."""
    spec = {"template": _template(name), "traffic": [{"latestRevision": True, "percent": 100}]}
    applied = {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}
    noted = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied),
        "serving.knative.dev/creator": "deployer@example.com",
        "serving.knative.dev/lastModifier": "deployer@example.com",
        **annotations,
    }
    host = f"{name}.{namespace}.svc.cluster.local"
    status = {
        "address": {"url": f"http://{host}"},
        "conditions": _conditions("ConfigurationsReady", "Ready", "RoutesReady"),
        "latestCreatedRevisionName": f"{name}-00001",
        "latestReadyRevisionName": f"{name}-00001",
        "observedGeneration": 1,
        "traffic": [{"latestRevision": True, "percent": 100, "revisionName": f"{name}-00001"}],
        "url": f"http://{host}",
    }
    return _object("serving.knative.dev/v1", "Service", namespace, name, noted, spec, status)


def revision(namespace: str, name: str) -> Object:
    """Its Revision, of one replica."""
    spec = {**_template(name)["spec"], "enableServiceLinks": False}
    status = {
        "actualReplicas": 1,
        "desiredReplicas": 1,
        "conditions": _conditions("Active", "ContainerHealthy", "Ready", "ResourcesAvailable"),
        "containerStatuses": [{"imageDigest": f"registry.example.com/{name}@sha256:{'a' * 64}", "name": "user"}],
        "observedGeneration": 1,
    }
    labels = {"serving.knative.dev/service": name, "serving.knative.dev/configuration": name}
    noted = {"serving.knative.dev/routes": name, "autoscaling.knative.dev/max-scale": "50"}
    made = _object("serving.knative.dev/v1", "Revision", namespace, f"{name}-00001", noted, spec, status)
    made["metadata"]["labels"] = labels
    return made


def pod(namespace: str, name: str) -> Object:
    """Its replica, ready a minute and a half after it was asked for."""
    labels = {"serving.knative.dev/service": name, "serving.knative.dev/revision": f"{name}-00001"}
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": f"2026-11-01T08:{at}Z"}
        for kind, at in (("PodScheduled", "00:01"), ("Initialized", "00:02"), ("Ready", "01:30"))
    ]
    states = [
        {"name": each, "ready": True, "restartCount": 0, "state": {"running": {"startedAt": "2026-11-01T08:00:40Z"}}}
        for each in ("user", "queue-proxy")
    ]
    status = {"phase": "Running", "conditions": conditions, "containerStatuses": states, "podIP": "10.0.0.1"}
    spec = {**_template(name)["spec"], "nodeName": "node-1", "serviceAccountName": "default"}
    made = _object("v1", "Pod", namespace, f"{name}-00001-deployment-0", {}, spec, status)
    made["metadata"]["labels"] = labels
    return made


def _template(name: str) -> Object:
    container = {
        "image": f"registry.example.com/team/{name}:1.4.2",
        "name": "user",
        "env": [{"name": f"SETTING_{i}", "value": "some-value-of-a-setting"} for i in range(8)],
        "ports": [{"containerPort": 8080, "name": "http1", "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "successThreshold": 1},
        "resources": {"limits": {"nvidia.com/gpu": "1"}, "requests": {"cpu": "2", "memory": "8Gi"}},
    }
    return {"metadata": {}, "spec": {"containerConcurrency": 10, "containers": [container], "timeoutSeconds": 300}}


def _conditions(*kinds: str) -> list[Object]:
    return [{"type": kind, "status": "True", "lastTransitionTime": CREATED} for kind in kinds]


def _object(
    version: str, kind: str, namespace: str, name: str, noted: Mapping[str, str], spec: Object, status: Object
) -> Object:
    meta = {"namespace": namespace, "name": name, "creationTimestamp": CREATED, "generation": 1, "annotations": noted}
    return {"apiVersion": version, "kind": kind, "metadata": meta, "spec": spec, "status": status}
