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
from typing import Any

import numpy as np

from testbed import example
from testbed.activator import Activator
from testbed.audit import AuditLog
from testbed.build import KEDA, NEWEST_KNATIVE, Parts, find_parts, modules
from testbed.cluster import Cluster
from testbed.control_plane import ControlPlane, start_control_plane, write_kubeconfig
from testbed.keda import start_keda
from testbed.knative import await_autoscaler, start_knative
from testbed.kserve import play_kserve
from testbed.kwok import gpu_node, start_kwok
from testbed.manifests import leases_followed
from testbed.openmetrics import Series
from testbed.processes import Processes, free_ports
from testbed.prometheus import LiveMetrics, PrometheusServer
from testbed.rollouts import play_rollouts


class Testbed(Cluster):
    """One control plane with Knative, GPU nodes and Prometheus; a context manager.

    `knative` is the version of Knative Serving: "1.23", where a Revision's min-scale is live, or "1.20", where only
    the PodAutoscaler's is. KEDA, KServe and Argo Rollouts come when asked for (`start_keda`, `play_kserve`,
    `play_rollouts`). `nodes` fake nodes offer `gpus_per_node` each. Files live in `directory`, by default a new
    temporary one; it is removed at the end unless `keep` (or AHPA_TESTBED_KEEP=1), which keeps the logs. As many
    run beside each other as the machine has room for (1.3 GiB each).
    """

    __test__ = False  # pytest: not a test class

    def __init__(
        self,
        *,
        knative: str = NEWEST_KNATIVE,
        nodes: int = 4,
        gpus_per_node: int = 8,
        directory: Path | None = None,
        keep: bool | None = None,
    ) -> None:
        self.knative = knative
        self._nodes = [gpu_node(f"gpu-{number}", gpus_per_node) for number in range(nodes)]
        self._directory = directory
        self._keep = os.environ.get("AHPA_TESTBED_KEEP") == "1" if keep is None else keep
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
        parts = find_parts(modules(self.knative))
        with ExitStack() as stack:
            begun = time.monotonic()
            self.directory = self._directory or Path(tempfile.mkdtemp(prefix="ahpa-testbed-"))
            self.processes = Processes(self.directory, self._keep)
            stack.callback(self.processes.close)
            (self.autoscaler_port,) = free_ports(1)
            self._activator = Activator(self.autoscaler_port)
            stack.callback(self._activator.close)
            self._start_parts(parts, stack)
            self._extras: set[str] = set()
            self.start_seconds = time.monotonic() - begun  # without building
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
            self.api = self.control_plane.api()
            stack.callback(self.api.close)
            self.apply(*self._nodes, *leases_followed())
            ports = self.autoscaler_port, autoscaler_metrics
            start_knative(self.processes, parts, self.knative, self.api, self.kubeconfig, *ports)
            start_kwok(self.processes, parts.binaries["kwok"], self.api, self.kubeconfig)
            await_autoscaler(self.processes, self.api)
            history.result()

    def describe(self) -> dict[str, Any]:
        """How to reach this testbed, and which processes it is; `python -m testbed status` prints it."""
        return {
            "pid": os.getpid(),
            "knative": self.knative,
            "extras": sorted(self._extras),
            "directory": str(self.directory),
            "kubeconfig": str(self.kubeconfig),
            "api": self.api_url,
            "prometheus": self.prometheus_url,
            "processes": self.processes.pids(),
        }

    # -- what comes when asked for ----------------------------------------------------------------------------

    def start_keda(self) -> None:
        """Let KEDA's real operator and metrics adapter run here from now on (6 s; the first build takes minutes)."""
        if "keda" not in self._extras:
            start_keda(self.processes, find_parts([KEDA]), self.api, self.kubeconfig)
            self._extras.add("keda")

    def play_kserve(self) -> None:
        """Serve KServe's InferenceService from now on, its controller played: see `testbed.kserve`."""
        if "kserve" not in self._extras:
            self._stack.callback(play_kserve(self.control_plane.api(), self.processes).close)
            self._extras.add("kserve")

    def play_rollouts(self) -> None:
        """Serve Argo's Rollout from now on, its controller played: see `testbed.rollouts`."""
        if "rollouts" not in self._extras:
            self._stack.callback(play_rollouts(self.control_plane.api(), self.processes).close)
            self._extras.add("rollouts")

    def play_example(self) -> None:
        """A Knative Service with two weeks of demand that goes on, and no annotation of ours: see `testbed.example`."""
        if "example" not in self._extras:
            self.live_metric(example.METRIC, example.LABELS, lambda now: float(example.demand(np.array([now]))[0]))
            self.backfill([example.history(time.time())])
            self.knative_service(example.NAME, example.NAMESPACE, concurrency=example.CONCURRENCY, ready_seconds=5)
            self._extras.add("example")

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

    @property
    def audit(self) -> AuditLog:
        """Who wrote what, by the API server's own log."""
        return AuditLog(self.control_plane.audit_log, self.api)

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig for this ServiceAccount (made if it is not there): what RBAC grants it, and no more."""
        account = {"name": name, "namespace": namespace}
        self.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.api.request("POST", path, request)["status"]["token"]
        file = self.directory / f"kubeconfig.{namespace}.{name}"
        return write_kubeconfig(file, self.api_url, self.ca_file, name, token)

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
