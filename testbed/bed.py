"""The testbed as an object: start everything, drive it, end it."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from testbed.activator import Activator
from testbed.build import Parts, cache_directory, find_parts
from testbed.control_plane import ControlPlane, start_control_plane, write_kubeconfig
from testbed.knative import AUTOSCALER_PORT, await_autoscaler, start_knative
from testbed.kube import KubeApi, KubeError, Object, condition
from testbed.kwok import gpu_node, start_kwok
from testbed.locks import locked, note
from testbed.manifests import deployment, horizontal_pod_autoscaler, knative_service
from testbed.openmetrics import Series
from testbed.processes import PATIENCE_SECONDS, Processes, await_port, free_ports, wait_until
from testbed.prometheus import LiveMetrics, PrometheusServer

T = TypeVar("T")


class Testbed:
    """One control plane with Knative, GPU nodes and Prometheus; a context manager.

    `nodes` fake nodes offer `gpus_per_node` each. Files live in `directory`, by default a new temporary one; it
    is removed at the end unless `keep` (or AHPA_TESTBED_KEEP=1), which keeps the logs. Knative's autoscaler
    listens on a fixed port, so one testbed runs per machine: another one waits up to `wait_seconds` for its turn.
    """

    __test__ = False  # pytest: not a test class

    def __init__(
        self,
        *,
        nodes: int = 4,
        gpus_per_node: int = 8,
        directory: Path | None = None,
        keep: bool | None = None,
        wait_seconds: float = 0,
    ) -> None:
        self._nodes = [gpu_node(f"gpu-{number}", gpus_per_node) for number in range(nodes)]
        self._directory = directory
        self._keep = os.environ.get("AHPA_TESTBED_KEEP") == "1" if keep is None else keep
        self._wait_seconds = wait_seconds
        self._history: list[Series] = []
        self._prometheus_runs = False
        self._live = LiveMetrics()
        self._stack = ExitStack()

    def __enter__(self) -> Testbed:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> None:
        """Build what is missing, start everything, return when a Knative Service can be created."""
        parts = find_parts()
        with ExitStack() as stack:
            stack.enter_context(locked(lock_file(), self._wait_seconds, "another testbed on this machine"))
            begun = time.monotonic()
            await_port(AUTOSCALER_PORT, 10)
            self.directory = self._directory or Path(tempfile.mkdtemp(prefix="ahpa-testbed-"))
            self.processes = Processes(self.directory, self._keep)
            stack.callback(self.processes.close)
            self._activator = Activator(AUTOSCALER_PORT)
            stack.callback(self._activator.close)
            self._start_parts(parts, stack)
            note(lock_file(), self.describe())
            self.start_seconds = time.monotonic() - begun  # without building, and without waiting for others
            self._stack = stack.pop_all()

    def close(self) -> None:
        """End every process, free every port, remove the directory. May be called twice."""
        self._stack.close()

    def _start_parts(self, parts: Parts, stack: ExitStack) -> None:
        self._prometheus = PrometheusServer(self.processes, parts.binaries)
        stack.callback(self._prometheus.close)
        (autoscaler_metrics,) = free_ports(1)
        live = self._live.start()
        stack.callback(self._live.close)
        self._targets = [("live", live), ("autoscaler", f"127.0.0.1:{autoscaler_metrics}")]
        with ThreadPoolExecutor(1) as beside:
            history = beside.submit(self.start_prometheus)
            self.control_plane: ControlPlane = start_control_plane(self.processes, parts.binaries)
            self.api: KubeApi = self.control_plane.api()
            stack.callback(self.api.close)
            self.apply(*self._nodes)
            start_knative(
                self.processes, parts.binaries, parts.manifests, self.api, self.kubeconfig, autoscaler_metrics
            )
            start_kwok(self.processes, parts.binaries["kwok"], self.api, self.kubeconfig)
            await_autoscaler(self.processes, self.api)
            history.result()

    def describe(self) -> dict[str, Any]:
        """How to reach this testbed, and which processes it is; `python -m testbed status` prints it."""
        return {
            "pid": os.getpid(),
            "directory": str(self.directory),
            "kubeconfig": str(self.kubeconfig),
            "api": self.api_url,
            "prometheus": self.prometheus_url,
            "processes": self.processes.pids(),
        }

    # -- the ways in ---------------------------------------------------------------------------------------

    @property
    def kubeconfig(self) -> Path:
        """A kubeconfig file of the administrator."""
        return self.control_plane.kubeconfig

    @property
    def api_url(self) -> str:
        return self.control_plane.url

    @property
    def token(self) -> str:
        return self.control_plane.token

    @property
    def ca_file(self) -> Path:
        return self.control_plane.ca_file

    @property
    def prometheus_url(self) -> str:
        return self._prometheus.url

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig for this ServiceAccount (made if it is not there): what RBAC grants it, and no more."""
        account = {"name": name, "namespace": namespace}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.api.request("POST", path, request)["status"]["token"]
        file = self.directory / f"kubeconfig.{namespace}.{name}"
        return write_kubeconfig(file, self.api_url, self.ca_file, name, token)

    # -- objects -------------------------------------------------------------------------------------------

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

    def load(self, namespace: str, revision: str, concurrency: float) -> None:
        """From now on the real autoscaler hears of this many requests in flight, each second; 0 ends it.

        As if through the activator, so only for Revisions with `target-burst-capacity: "-1"`, which
        `knative_service` sets.
        """
        self._activator.set(namespace, revision, concurrency)

    # -- metrics -------------------------------------------------------------------------------------------

    def backfill(self, series: Iterable[Series]) -> None:
        """Put these samples into Prometheus, before the start or (with a restart of Prometheus, 2 s) later."""
        self._history.extend(series)
        if self._prometheus_runs:
            self.stop_prometheus()
            self.start_prometheus()

    def live_metric(self, name: str, labels: Mapping[str, str], value: Callable[[float], float | None]) -> None:
        """Let Prometheus scrape `value(unix seconds)` each second from now on; None means absent then."""
        self._live.set(name, labels, value)

    def stop_prometheus(self) -> None:
        self._prometheus_runs = False
        self._prometheus.stop()

    def start_prometheus(self) -> None:
        """Start Prometheus on the same address, with all history; checks that every sample can be read back."""
        new, self._history = self._history, []
        if new:
            self._prometheus.backfill(new)
        self._prometheus.start(self._targets)
        self._prometheus_runs = True
        self._prometheus.check(new)


def lock_file() -> Path:
    """Held by the process whose testbed runs on this machine."""
    return cache_directory() / "running.lock"
