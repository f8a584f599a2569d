"""What tests on the testbed read back."""

from __future__ import annotations

import yaml

from testbed import Testbed
from testbed.kube import KubeApi, KubeError, Object, condition

MIN_SCALE = "autoscaling.knative.dev/min-scale"


def replicas(bed: Testbed, deployment: str, namespace: str) -> int:
    return int(bed.get("deployments", deployment, namespace)["spec"]["replicas"])


def ready_pods(bed: Testbed, namespace: str, selector: str) -> list[Object]:
    return [pod for pod in bed.find("pods", namespace, selector) if condition(pod, "Ready") == "True"]


def token_of(bed: Testbed, namespace: str, name: str) -> str:
    config = yaml.safe_load(bed.service_account_kubeconfig(namespace, name).read_text())
    return str(config["users"][0]["user"]["token"])


def may(api: KubeApi, resource: str, namespace: str) -> bool:
    try:
        api.request("GET", f"/api/v1/namespaces/{namespace}/{resource}")
    except KubeError as error:
        if error.status != 403:
            raise
        return False
    return True
