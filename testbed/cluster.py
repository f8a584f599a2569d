"""What a test does with the objects of a running control plane: put them in, read them, wait for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from testbed.kube import KubeApi, KubeError, Object, condition
from testbed.kwok import gpu_node
from testbed.manifests import deployment, horizontal_pod_autoscaler, knative_service
from testbed.processes import PATIENCE_SECONDS, Processes, wait_until

T = TypeVar("T")


class Cluster:
    """The objects behind one API server, as administrator; what is waited for ends if one of `processes` died."""

    api: KubeApi
    processes: Processes

    def apply(self, *manifests: Mapping[str, Any]) -> list[Object]:
        """Create each object or make it as the manifest says; namespace "default" where none is named."""
        return [self.api.apply(manifest) for manifest in manifests]

    def add_gpu_node(self, name: str, gpus: int, labels: Mapping[str, str] | None = None) -> None:
        """A further node, Ready at once; when to add it, as a node autoscaler would, is the test's to say."""
        self.apply(gpu_node(name, gpus, labels))

    def get(self, resource: str, name: str, namespace: str = "default") -> Object:
        """One object; `resource` as for kubectl ("ksvc", "pods", "hpa"). `KubeError` with status 404 if not there."""
        return self.api.get(resource, name, namespace)

    def find(self, resource: str, namespace: str | None = "default", selector: str = "") -> list[Object]:
        """Objects by label selector; in all namespaces when `namespace` is None."""
        return self.api.find(resource, namespace, selector)

    def patch(
        self,
        resource: str,
        name: str,
        patch: Mapping[str, Any],
        namespace: str = "default",
        subresource: str | None = None,
    ) -> Object:
        """Merge patch: None removes a key."""
        return self.api.patch(resource, name, patch, namespace, subresource)

    def delete(self, resource: str, name: str, namespace: str = "default") -> None:
        self.api.delete(resource, name, namespace)

    def wait_for(self, predicate: Callable[[], T | None], timeout: float = PATIENCE_SECONDS, what: str = "") -> T:
        """Call `predicate` until it returns something true, and return that; `TestbedError` after `timeout` s.

        An object that is not there yet counts as "not yet"; a process of the testbed that died ends the wait.
        """

        def probe() -> T | None:
            try:
                return predicate()
            except KubeError as error:
                if error.status == 404:
                    return None
                raise

        return wait_until(probe, what or "the condition waited for", timeout, 0.1, self.processes.check)

    def knative_service(
        self,
        name: str,
        namespace: str = "default",
        *,
        annotations: Mapping[str, str] | None = None,
        template_annotations: Mapping[str, str] | None = None,
        gpus: int = 1,
        concurrency: int = 0,
        pull_seconds: float = 0,
        ready_seconds: float = 0,
        wait: bool = True,
    ) -> Object:
        """Apply a Knative Service (see `manifests.knative_service`) and wait until it is Ready."""
        self.apply(
            knative_service(
                name,
                namespace,
                annotations=annotations or {},
                template_annotations=template_annotations or {},
                gpus=gpus,
                concurrency=concurrency,
                pull_seconds=pull_seconds,
                ready_seconds=ready_seconds,
            )
        )

        def ready() -> Object | None:
            service = self.get("ksvc", name, namespace)
            current = service.get("status", {}).get("observedGeneration") == service["metadata"]["generation"]
            return service if current and condition(service, "Ready") == "True" else None

        if not wait:
            return self.get("ksvc", name, namespace)
        return self.wait_for(ready, pull_seconds + ready_seconds + PATIENCE_SECONDS, f"Knative Service {name} is Ready")

    def hpa_with_deployment(
        self,
        name: str,
        namespace: str = "default",
        *,
        annotations: Mapping[str, str] | None = None,
        min_replicas: int = 1,
        max_replicas: int = 10,
        gpus: int = 1,
        pull_seconds: float = 0,
        ready_seconds: float = 0,
    ) -> Object:
        """Apply a Deployment and an HPA of the same name over it; the HPA. `annotations` go on the HPA.

        No metrics API runs here, so the HPA moves the Deployment only to keep it within its bounds.
        """
        pods = deployment(name, namespace, gpus, pull_seconds, ready_seconds)
        scaler = horizontal_pod_autoscaler(name, namespace, annotations or {}, min_replicas, max_replicas)
        return self.apply(pods, scaler)[-1]
