"""etcd, kube-apiserver, kube-controller-manager and kube-scheduler on loopback."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from testbed.audit import POLICY
from testbed.kube import KubeApi
from testbed.processes import Processes, free_ports, wait_until

# Only what the testbed needs: fewer controllers start faster. node-lifecycle takes the not-ready taint off nodes.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "horizontal-pod-autoscaler-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "replicaset-controller",
    "serviceaccount-controller",
)
ADMIN_USER = "testbed-admin"


@dataclass(frozen=True)
class ControlPlane:
    """How to reach the API server as administrator."""

    url: str
    token: str
    ca_file: Path
    kubeconfig: Path
    audit_log: Path  # JSON lines; see testbed.audit

    def api(self) -> KubeApi:
        return KubeApi(self.url, self.token, self.ca_file)


def start_control_plane(processes: Processes, binaries: Mapping[str, Path]) -> ControlPlane:
    """Start all four and wait until the API server is ready (3 to 5 seconds)."""
    client_port, peer_port, api_port = free_ports(3)
    directory = processes.directory
    etcd = f"http://127.0.0.1:{client_port}"
    peer = f"http://127.0.0.1:{peer_port}"
    processes.start(
        "etcd",
        [
            binaries["etcd"],
            "--name=testbed",
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=testbed={peer}",
            "--unsafe-no-fsync",  # nothing here is to survive a power cut
            "--log-level=warn",
        ],
    )
    plane = _prepare(directory, api_port)
    _start_apiserver(processes, binaries["kube-apiserver"], etcd, api_port, plane.audit_log)
    controllers = ",".join(CONTROLLERS)
    common = [f"--kubeconfig={plane.kubeconfig}", "--leader-elect=false", "--secure-port=0"]

    certificate = plane.ca_file
    wait_until(certificate.is_file, "kube-apiserver writes its certificate", check=processes.check)
    with closing(plane.api()) as api:
        wait_until(api.ready, "kube-apiserver is ready", check=processes.check)
    processes.start(
        "kube-controller-manager",
        [binaries["kube-controller-manager"], *common, f"--controllers={controllers}"],
    )
    processes.start("kube-scheduler", [binaries["kube-scheduler"], *common])
    return plane


def write_kubeconfig(path: Path, url: str, ca_file: Path, user: str, token: str) -> Path:
    """Write a kubeconfig (JSON is YAML) for a bearer token; readable by its owner only."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "testbed",
        "clusters": [{"name": "testbed", "cluster": {"server": url, "certificate-authority": str(ca_file)}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": user, "namespace": "default"}}],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(config, indent=1))
    return path


def _prepare(directory: Path, api_port: int) -> ControlPlane:
    token = secrets.token_urlsafe(24)
    url = f"https://127.0.0.1:{api_port}"
    ca_file = directory / "apiserver" / "apiserver.crt"
    tokens = directory / "tokens.csv"
    tokens.touch(mode=0o600)
    tokens.write_text(f'{token},{ADMIN_USER},{ADMIN_USER},"system:masters"\n')
    kubeconfig = write_kubeconfig(directory / "kubeconfig", url, ca_file, ADMIN_USER, token)
    (directory / "audit-policy.json").write_text(json.dumps(POLICY))
    return ControlPlane(url, token, ca_file, kubeconfig, directory / "audit.log")


def _start_apiserver(processes: Processes, binary: Path, etcd: str, port: int, audit_log: Path) -> None:
    certificates = processes.directory / "apiserver"
    # The server makes its own key pair in --cert-dir before it reads the service account keys, so that one RSA
    # key can serve both and nothing but the server needs to be able to make keys.
    key = certificates / "apiserver.key"
    processes.start(
        "kube-apiserver",
        [
            binary,
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={certificates}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--token-auth-file={processes.directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount",  # no container runs, so none needs a token
            "--endpoint-reconciler-type=none",
            f"--audit-policy-file={processes.directory / 'audit-policy.json'}",
            f"--audit-log-path={audit_log}",
            "--audit-log-maxsize=10000",  # MB; never begins a new file, so what was written is in this one
        ],
    )
