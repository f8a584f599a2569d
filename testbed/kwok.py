"""KWOK, which plays the kubelets of the fake nodes, and the status of Knative's ingresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testbed.kube import KubeApi, Object
from testbed.processes import Processes, free_ports, wait_until

# How long a pod takes, as annotations on the pod (so: on the template), in Go durations such as "8s" or "1m30s".
PULL_AFTER = "testbed.ahpa.dev/pull"  # bound to a node -> its containers run
READY_AFTER = "testbed.ahpa.dev/ready"  # its containers run -> it is ready

_INGRESS_API = "networking.internal.knative.dev/v1alpha1"


def start_kwok(processes: Processes, binary: Path, api: KubeApi, kubeconfig: Path) -> None:
    """Start KWOK with the stages below, after Knative's CRDs: it reads the schema of every kind it plays."""
    group = f"apis/{_INGRESS_API}"
    wait_until(
        lambda: group in api.request("GET", "/openapi/v3")["paths"], "the API server publishes Knative's schemas"
    )
    config = processes.directory / "kwok-stages.yaml"
    config.write_text("\n---\n".join(json.dumps(stage) for stage in _stages()))
    (port,) = free_ports(1)
    processes.start(
        "kwok",
        [
            binary,
            f"--kubeconfig={kubeconfig}",
            f"--config={config}",
            "--manage-all-nodes=true",
            "--cidr=10.64.0.1/16",
            f"--server-address=127.0.0.1:{port}",
            "--node-lease-duration-seconds=40",
        ],
    )


def gpu_node(name: str, gpus: int, labels: Mapping[str, str] | None = None) -> Object:
    """A Node that offers `nvidia.com/gpu`; KWOK makes it Ready at once."""
    resources = {"cpu": "64", "memory": "512Gi", "pods": "250", "nvidia.com/gpu": str(gpus)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **(labels or {})},
        },
        "status": {"capacity": resources, "allocatable": resources},
    }


def _stages() -> list[Object]:
    """The life of nodes, pods and ingresses here (KWOK's Stage API, kwok.x-k8s.io/v1alpha1)."""
    return [
        _stage("node-ready", "v1", "Node", [_unless(_condition("Ready"))], template=_NODE_READY),
        _stage("pod-bound", "v1", "Pod", [_ALIVE, _unless(_condition("Initialized"))], template=_POD_BOUND),
        _stage(
            "pod-running",
            "v1",
            "Pod",
            [_ALIVE, _when(_condition("Initialized")), _when('.status.phase == "Pending"')],
            template=_POD_RUNNING,
            delay_from=PULL_AFTER,
        ),
        _stage(
            "pod-ready",
            "v1",
            "Pod",
            [_ALIVE, _when('.status.phase == "Running"'), _unless(_condition("Ready"))],
            template=_POD_READY,
            delay_from=READY_AFTER,
        ),
        _stage(
            "pod-delete",
            "v1",
            "Pod",
            [{"key": ".metadata.deletionTimestamp", "operator": "Exists"}],
            delete=True,
        ),
        _stage(
            "ingress-ready",
            _INGRESS_API,
            "Ingress",
            [_unless(f"(.status.observedGeneration == .metadata.generation) and ({_condition('Ready')})")],
            template=_INGRESS_READY,
        ),
    ]


def _stage(
    name: str,
    api_group: str,
    kind: str,
    match: list[Object],
    template: str = "",
    delay_from: str = "",
    delete: bool = False,
) -> Object:
    step: dict[str, Any] = {"delete": True} if delete else {"statusTemplate": template}
    spec: dict[str, Any] = {
        "resourceRef": {"apiGroup": api_group, "kind": kind},
        "selector": {"matchExpressions": match},
        "next": step,
    }
    if delay_from:
        expression = f'.metadata.annotations["{delay_from}"]'
        spec["delay"] = {"durationMilliseconds": 0, "durationFrom": {"expressionFrom": expression}}
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": "Stage", "metadata": {"name": name}, "spec": spec}


def _condition(name: str) -> str:
    return f'any(.status.conditions[]?; .type == "{name}" and .status == "True")'


def _when(expression: str) -> Object:
    return {"key": expression, "operator": "In", "values": ["true"]}


def _unless(expression: str) -> Object:
    return {"key": expression, "operator": "NotIn", "values": ["true"]}


_ALIVE = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}

_NODE_READY = """
{{ $now := Now | Quote }}
conditions:
{{ range NodeConditions }}
- {type: {{ .type | Quote }}, status: {{ .status | Quote }}, reason: {{ .reason | Quote }},
   message: {{ .message | Quote }}, lastHeartbeatTime: {{ $now }}, lastTransitionTime: {{ $now }}}
{{ end }}
addresses:
- {type: InternalIP, address: {{ NodeIP | Quote }}}
- {type: Hostname, address: {{ .metadata.name | Quote }}}
phase: Running
"""

_POD_BOUND = """
{{ $now := Now | Quote }}
startTime: {{ $now }}
hostIP: {{ NodeIPWith .spec.nodeName | Quote }}
podIP: {{ PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) ( or .metadata.uid "" ) ( or .metadata.name "" ) ( or .metadata.namespace "" ) | Quote }}
conditions:
- {type: Initialized, status: "True", lastTransitionTime: {{ $now }}}
- {type: ContainersReady, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now }}}
- {type: Ready, status: "False", reason: ContainersNotReady, lastTransitionTime: {{ $now }}}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: false, started: false,
   restartCount: 0, state: {waiting: {reason: ContainerCreating}}}
{{ end }}
phase: Pending
"""  # noqa: E501

_POD_RUNNING = """
{{ $now := Now | Quote }}
containerStatuses:
{{ range .spec.containers }}
- {name: {{ .name | Quote }}, image: {{ .image | Quote }}, imageID: "", ready: false, started: true,
   restartCount: 0, state: {running: {startedAt: {{ $now }}}}}
{{ end }}
phase: Running
"""

_POD_READY = """
{{ $now := Now | Quote }}
{{ $root := . }}
conditions:
- {type: ContainersReady, status: "True", lastTransitionTime: {{ $now }}}
- {type: Ready, status: "True", lastTransitionTime: {{ $now }}}
containerStatuses:
{{ range $index, $item := .spec.containers }}
{{ $before := index $root.status.containerStatuses $index }}
- {name: {{ $item.name | Quote }}, image: {{ $item.image | Quote }}, imageID: "", ready: true, started: true,
   restartCount: 0, state: {running: {startedAt: {{ $before.state.running.startedAt | Quote }}}}}
{{ end }}
"""

_INGRESS_READY = """
{{ $now := Now | Quote }}
observedGeneration: {{ .metadata.generation }}
conditions:
- {type: LoadBalancerReady, status: "True", lastTransitionTime: {{ $now }}}
- {type: NetworkConfigured, status: "True", lastTransitionTime: {{ $now }}}
- {type: Ready, status: "True", lastTransitionTime: {{ $now }}}
publicLoadBalancer: {ingress: [{domainInternal: ingress.testbed.svc.cluster.local}]}
privateLoadBalancer: {ingress: [{domainInternal: ingress.testbed.svc.cluster.local}]}
"""
