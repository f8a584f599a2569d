"""KEDA's operator and its metrics adapter outside a cluster: a ScaledObject gets a real HPA with a served metric.

Three things differ from a cluster. The operator makes the certificates as always, into a Secret, and ends so that it
may be started anew with them; no kubelet mounts the Secret here, so we write its files. The adapter's Service is an
ExternalName to localhost, which the API server resolves by itself (as for Knative's webhook). And the API server has
no client certificate to show to the adapter, so to the adapter all who ask are anonymous, and those may read metrics.
Whoever asks has passed the API server's own authorization before.

KEDA's admission webhook is not started: the CRD's own rules hold (minReplicaCount <= maxReplicaCount), and the operator
checks the rest when it reconciles.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import yaml

from testbed.build import KEDA, Parts
from testbed.kube import KubeApi, KubeError, Object, condition
from testbed.processes import Processes, free_ports, wait_until

NAMESPACE = "keda"
METRICS_API = "v1beta1.external.metrics.k8s.io"
_OPERATOR, _ADAPTER, _CERTIFICATES = "keda-operator", "keda-adapter", "kedaorg-certs"
_SERVICE = "keda-metrics-apiserver"  # a name in the certificate that the operator makes


def start_keda(processes: Processes, parts: Parts, api: KubeApi, kubeconfig: Path) -> None:
    """Install KEDA's CRDs, start operator and adapter, wait until external metrics are served (about 6 s)."""
    certificates = processes.directory / "keda-certificates"
    metrics_port, grpc_port, adapter_port, adapter_metrics_port = free_ports(4)
    for path in sorted((parts.manifests[KEDA.name] / "crds").glob("*.yaml")):
        api.apply(yaml.safe_load(path.read_text()))
    for each in _objects(adapter_port):
        api.apply(each)
    environment = {
        "KUBECONFIG": str(kubeconfig),
        "POD_NAMESPACE": NAMESPACE,
        "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE,
        "WATCH_NAMESPACE": "",  # must be set; empty means all
    }
    operator: list[str | Path] = [
        parts.binaries[_OPERATOR],
        f"--metrics-bind-address=127.0.0.1:{metrics_port}",
        "--health-probe-bind-address=0",
        f"--metrics-service-bind-address=127.0.0.1:{grpc_port}",
        f"--cert-dir={certificates}",
    ]
    once = ["--enable-cert-rotation=true", "--enable-webhook-patching=false", "--enable-apiservice-patching=false"]
    wait_until(lambda: _established(api), "the API server serves KEDA's kinds", check=processes.check)
    processes.start(_OPERATOR, [*operator, *once], environment)
    authority = _mount(api, certificates, processes)
    processes.finish(_OPERATOR)
    api.apply(_api_service(adapter_port, authority))
    processes.start(_OPERATOR, operator, environment)
    processes.start(
        _ADAPTER,
        [
            parts.binaries[_ADAPTER],
            *(f"--{each}-kubeconfig={kubeconfig}" for each in ("lister", "authentication", "authorization")),
            "--authentication-skip-lookup=true",  # of the authorities that the API server trusts: it has none
            "--authorization-always-allow-paths=/apis,/apis/*,/openapi/*",  # discovery; metrics are up to RBAC
            "--bind-address=127.0.0.1",
            f"--secure-port={adapter_port}",
            f"--port={adapter_metrics_port}",
            f"--cert-dir={certificates}",
            f"--tls-cert-file={certificates / 'tls.crt'}",
            f"--tls-private-key-file={certificates / 'tls.key'}",
            f"--metrics-service-address=127.0.0.1:{grpc_port}",
            f"--metrics-service-grpc-authority=keda-operator.{NAMESPACE}.svc",
        ],
        environment,
    )
    wait_until(
        lambda: condition(api.get("apiservices", METRICS_API), "Available") == "True",
        "KEDA's adapter serves external metrics",
        check=processes.check,
    )


def _established(api: KubeApi) -> bool:
    found = [each for each in api.find("customresourcedefinitions", None) if each["spec"]["group"] == "keda.sh"]
    return all(condition(each, "Established") == "True" for each in found)


def _mount(api: KubeApi, directory: Path, processes: Processes) -> str:
    """Write the files of the Secret that the operator fills; the certificate of its authority, in base64."""

    def filled() -> dict[str, str] | None:
        try:
            data: dict[str, str] = api.get("secrets", _CERTIFICATES, NAMESPACE).get("data") or {}
        except KubeError as error:
            if error.status != 404:
                raise
            return None
        return data if data.keys() >= {"ca.crt", "tls.crt", "tls.key"} else None

    data = wait_until(filled, f"KEDA's operator makes its certificates (see {processes.logs / _OPERATOR}.log)")
    directory.mkdir(mode=0o700)
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (directory / name).write_bytes(b64decode(data[name]))
    return data["ca.crt"]


def _objects(adapter_port: int) -> list[Object]:
    reader = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "keda-external-metrics-reader"}}
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "keda-external-metrics-reader"}
    anonymous = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "system:anonymous"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": _SERVICE, "namespace": NAMESPACE},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": adapter_port}]},
        },
        {
            **reader,
            "kind": "ClusterRole",
            "rules": [{"apiGroups": ["external.metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]}],
        },
        {**reader, "kind": "ClusterRoleBinding", "roleRef": role, "subjects": [anonymous]},
    ]


def _api_service(port: int, authority: str) -> Object:
    group, version = "external.metrics.k8s.io", "v1beta1"
    return {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": METRICS_API},
        "spec": {
            "group": group,
            "version": version,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "caBundle": authority,
            "service": {"name": _SERVICE, "namespace": NAMESPACE, "port": port},
        },
    }
