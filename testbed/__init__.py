"""A real Kubernetes control plane with Knative Serving and Prometheus, as plain processes on loopback.

etcd, kube-apiserver, kube-controller-manager (HPA controller included), kube-scheduler, Knative's webhook,
controller and autoscaler, KWOK as kubelet and Prometheus: all real, built from the Go module proxy, no Docker,
no root. What is played: nodes and containers (KWOK), the ingress's status, and the requests (we speak the
activator's protocol to the real autoscaler). Every pod here is a record; none runs a container. When asked for:
KEDA's operator and metrics adapter (real), and the controllers of KServe and Argo Rollouts (played).

    with Testbed() as bed:
        bed.backfill([Series("chat_concurrency", {"service": "chat"}, times, values)])  # NaN = a gap
        bed.live_metric("chat_concurrency", {"service": "chat"}, lambda now: 3.0)       # the series goes on
        service = bed.knative_service("chat", annotations={"ahpa.dev/mode": "apply"}, ready_seconds=8)
        bed.load("default", service["status"]["latestReadyRevisionName"], concurrency=25)
        bed.wait_for(lambda: bed.get("deployments", "chat-00001-deployment")["spec"]["replicas"] > 1)

`bed.kubeconfig` (a path), `bed.api_url`, `bed.token` and `bed.ca_file` reach the API server as administrator;
`bed.service_account_kubeconfig(namespace, name)` reaches it with only the rights that RBAC gives that account.
`bed.audit.writes(user)` lists what that account asked to be kept, by the API server's own log.
`bed.prometheus_url` serves the history and scrapes the live metrics and Knative's autoscaler every second.
`Testbed(knative="1.20")` is one with the older Knative. `bed.start_keda()`, `bed.play_kserve()` and
`bed.play_rollouts()` bring the others; `manifests.scaled_object` is a ScaledObject over `bed.prometheus_url`.
See docs/testbed.md for the command line and `testbed.bed.Testbed` for every method.
"""

from testbed.bed import Testbed
from testbed.kube import KubeError, condition
from testbed.openmetrics import Series

__all__ = ["KubeError", "Series", "Testbed", "condition"]
