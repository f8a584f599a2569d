"""Knative Serving's webhook, controller and autoscaler outside a cluster, on its own YAML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from testbed.build import AUTOSCALER_ADDRESS, KNATIVE, Parts
from testbed.kube import KubeApi, Object, condition
from testbed.processes import Processes, free_ports, wait_until

NAMESPACE = "knative-serving"
INGRESS_CLASS = "testbed.ingress.networking.knative.dev"  # nobody reconciles it: KWOK plays its status

_SETTINGS: dict[str, dict[str, str]] = {
    "config-network": {"ingress-class": INGRESS_CLASS},
    # No registry can be reached: these images are taken as named, not resolved to a digest.
    "config-deployment": {
        "queue-sidecar-image": "dev.local/queue:1",
        "registries-skipping-tag-resolving": "dev.local",
    },
    "config-leader-election": {"lease-duration": "60s", "renew-deadline": "40s", "retry-period": "2s"},
    "config-autoscaler": {"allow-zero-initial-scale": "true"},
    "config-observability": {"metrics-protocol": "prometheus", "request-metrics-protocol": "prometheus"},
}


def start_knative(
    processes: Processes,
    parts: Parts,
    version: str,
    api: KubeApi,
    kubeconfig: Path,
    autoscaler_port: int,
    autoscaler_metrics_port: int,
) -> None:
    """Install the objects of this version ("1.23"), start its three processes, wait until its admission webhook is
    reachable.

    Without a cluster network: the webhook's Service is an ExternalName to localhost, a form that the API server
    resolves by itself.
    """
    module = KNATIVE[version].name
    manifests = parts.manifests[module]
    webhook_port, *ports = free_ports(9)
    webhooks = [_at_port(each, webhook_port) for each in _yaml(manifests / "serving" / "webhooks")]
    _install(api, manifests, webhook_port, version)
    _apply_all(api, webhooks)
    own = {
        "webhook": {
            "WEBHOOK_NAME": "webhook",
            "WEBHOOK_PORT": str(webhook_port),
            "METRICS_PROMETHEUS_PORT": str(ports.pop()),
        },
        "controller": {"METRICS_PROMETHEUS_PORT": str(ports.pop())},
        "autoscaler": {
            "METRICS_PROMETHEUS_PORT": str(autoscaler_metrics_port),
            AUTOSCALER_ADDRESS: f"127.0.0.1:{autoscaler_port}",  # where the activator's statistics go
            "POD_IP": "10.255.0.2",  # goes into an EndpointSlice, which refuses loopback; nobody connects to it
        },
    }
    for name, environment in own.items():
        processes.start(
            f"knative-{name}",
            [parts.binaries[f"{module}-{name}"]],
            {
                "KUBECONFIG": str(kubeconfig),
                "SYSTEM_NAMESPACE": NAMESPACE,
                "CONFIG_LOGGING_NAME": "config-logging",
                "CONFIG_OBSERVABILITY_NAME": "config-observability",
                "METRICS_DOMAIN": "knative.dev/serving",
                "METRICS_PROMETHEUS_HOST": "127.0.0.1",
                "PROFILING_PORT": str(ports.pop()),
                "KNATIVE_HEALTH_PROBES_PORT": str(ports.pop()),
                "POD_NAME": f"{name}-testbed",
                **environment,
            },
        )
    wait_until(lambda: _certified(api), "Knative's webhook issues its certificate", check=processes.check)


def await_autoscaler(processes: Processes, api: KubeApi) -> None:
    """Wait until the autoscaler leads. It hangs in its shutdown if somebody took its port meanwhile."""
    lease = "autoscaler-bucket-00-of-01"

    def leads() -> bool:
        leases = {each["metadata"]["name"]: each["spec"] for each in api.find("leases", NAMESPACE)}
        return bool(leases.get(lease, {}).get("holderIdentity"))

    wait_until(leads, "Knative's autoscaler leads", check=processes.check)


def _certified(api: KubeApi) -> bool:
    """True once every webhook configuration holds the certificate that the webhook made for itself."""
    kinds = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")
    found = [each for kind in kinds for each in api.find(kind, None)]
    return all(hook["clientConfig"].get("caBundle") for each in found for hook in each["webhooks"])


def _install(api: KubeApi, manifests: Path, webhook_port: int, version: str) -> None:
    core = manifests / "serving"
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    config_maps = [*_yaml(core / "configmaps"), *_yaml(manifests / "networking", "config-*")]
    resources = [
        *_yaml(core / "300-resources"),
        *_yaml(core / "200-roles"),
        *(each for each in _yaml(manifests / "networking") if each["kind"] == "CustomResourceDefinition"),
        *_yaml(manifests / "caching"),
        *(_configured(each) for each in config_maps),
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata("webhook"),
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": webhook_port}]},
        },
        *_activator(),
        _version_marker(version),
    ]
    _apply_all(api, resources)
    # A process that looks for a kind too early tries again only after a second or more.
    wait_until(lambda: _established(api), "the API server serves Knative's kinds")


def _established(api: KubeApi) -> bool:
    return all(condition(each, "Established") == "True" for each in api.find("customresourcedefinitions", None))


def _activator() -> list[Object]:
    """Knative looks for the activator's Service and address even if nothing is sent there."""
    port = {"name": "http", "port": 8012}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata("activator-service"),
            "spec": {"ports": [port]},
        },
        {
            "apiVersion": "v1",
            "kind": "Endpoints",
            "metadata": _metadata("activator-service"),
            "subsets": [{"addresses": [{"ip": "10.255.0.1"}], "ports": [port]}],
        },
    ]


def _version_marker(version: str) -> Object:
    """The Deployment whose label tells Knative's version in a real cluster; without replicas here."""
    labels = {"app.kubernetes.io/name": "knative-serving", "app.kubernetes.io/component": "controller"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {**_metadata("controller"), "labels": {**labels, "app.kubernetes.io/version": f"{version}.0"}},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "controller", "image": "dev.local/controller"}]},
            },
        },
    }


def _configured(config_map: Object) -> Object:
    """With our settings in place of the `_example` text, whose checksum annotation must then go too."""
    metadata = {key: value for key, value in config_map["metadata"].items() if key != "annotations"}
    return {**config_map, "metadata": metadata, "data": _SETTINGS.get(metadata["name"], {})}


def _at_port(webhook: Object, port: int) -> Object:
    for hook in webhook.get("webhooks", []):
        hook["clientConfig"]["service"]["port"] = port
    return webhook


def _metadata(name: str) -> dict[str, Any]:
    return {"name": name, "namespace": NAMESPACE}


def _apply_all(api: KubeApi, objects: Iterable[Object]) -> None:
    """All at once: they do not depend on each other, and each is mostly waiting for the API server."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(api.apply, objects))


def _yaml(directory: Path, pattern: str = "*") -> Iterator[Object]:
    for path in sorted(directory.glob(f"{pattern}.yaml")):
        yield from (each for each in yaml.safe_load_all(path.read_text()) if each)
