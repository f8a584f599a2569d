"""The service's own Deployment, as whoever uninstalls it sees it."""

from __future__ import annotations

from dataclasses import dataclass

from ahpa.adapters.kubernetes.api import KubeApi, collection, path
from ahpa.ports import ClusterError

_OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Deployment:
    """One, that can be stopped by its subresource `scale` and nothing else."""

    kube: KubeApi
    namespace: str
    name: str

    def scale_to_zero(self) -> str:
        """Ask for no replicas; the selector of its pods. Empty: it is not there. Raises ClusterError."""
        where = path(*collection("apps/v1", "deployments", self.namespace), self.name, "scale")
        try:
            scale = self.kube.merge_patch(where, {"spec": {"replicas": 0}})
        except ClusterError as error:
            if error.status == 404:
                return ""
            raise
        return str((scale.get("status") or {}).get("selector", ""))

    def pods(self, selector: str) -> tuple[str, ...]:
        """The names of its pods that may still run, those that are about to end too, as of now. Raises ClusterError."""
        where = path(*collection("v1", "pods", self.namespace))
        found = self.kube.items(where, labelSelector=selector, resourceVersion="")  # a cache may not know the newest
        running = [pod for pod in found if (pod.get("status") or {}).get("phase") not in _OVER]
        return tuple(sorted(str(pod["metadata"].get("name")) for pod in running))
